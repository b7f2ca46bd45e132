use landfall_console::Exit;

/// What `landfall migrate` is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate<'a> {
    /// Bring the database to a schema, or to the latest that the program knows.
    To(Option<u32>),
    /// Try that on a copy, also while the service runs.
    Rehearse(Option<u32>),
    /// Set the database aside, and put the snapshot with a schema in its place, or the one with the program's own.
    Restore(Option<u32>),
    /// Put a database that was set aside in its place again, by its name in the database's folder.
    Reclaim(&'a str),
}

impl Migrate<'_> {
    /// The arguments after `landfall migrate`.
    pub(super) fn args(&self) -> Vec<String> {
        let (flag, to) = match self {
            Self::To(to) => (None, to),
            Self::Rehearse(to) => (Some("--rehearse"), to),
            Self::Restore(to) => (Some("--restore"), to),
            Self::Reclaim(name) => return vec!["--reclaim".to_owned(), (*name).to_owned()],
        };
        let to = to.map(|schema| ["--to".to_owned(), schema.to_string()]);
        flag.map(str::to_owned).into_iter().chain(to.into_iter().flatten()).collect()
    }
}

/// Why `landfall migrate` failed. Its error object names it by [`code`](Self::code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrateFailure {
    /// The disk is full. The database is unchanged.
    DiskFull,
    /// Another process has the database open.
    InUse,
    /// The migration cannot be reversed.
    Irreversible,
    /// A step failed, or the database or the snapshot fails its integrity check. The database is unchanged.
    MigrationFailed,
    /// A migration and its reversal would lose data. The database is unchanged.
    LosesContent,
    /// The program does not know the schema that was asked for.
    UnknownSchema,
    /// There is no snapshot with the schema.
    NoSnapshot,
    /// What is to be reclaimed does not have the name of a database that was set aside.
    NotSetAside,
    /// What is to be reclaimed does not exist.
    SetAsideMissing,
    /// What is to be reclaimed has another schema than the program writes.
    WrongSchema,
    /// The database was written by a later release.
    TooNew,
    /// Anything else that the database refuses.
    Database,
}

impl MigrateFailure {
    pub(super) const ALL: [Self; 12] = [
        Self::DiskFull,
        Self::InUse,
        Self::Irreversible,
        Self::MigrationFailed,
        Self::LosesContent,
        Self::UnknownSchema,
        Self::NoSnapshot,
        Self::NotSetAside,
        Self::SetAsideMissing,
        Self::WrongSchema,
        Self::TooNew,
        Self::Database,
    ];

    /// The stable word for scripts.
    pub fn code(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::InUse => "database_in_use",
            Self::Irreversible => "irreversible",
            Self::MigrationFailed => "migration_failed",
            Self::LosesContent => "migration_loses",
            Self::UnknownSchema => "unknown_schema",
            Self::NoSnapshot => "no_snapshot",
            Self::NotSetAside => "no_aside_name",
            Self::SetAsideMissing => "no_aside",
            Self::WrongSchema => "wrong_schema",
            Self::TooNew => "database_too_new",
            Self::Database => "database",
        }
    }

    /// The exit code.
    pub fn exit(self) -> Exit {
        match self {
            // What was asked for cannot be: the command line is wrong, not the database.
            Self::UnknownSchema | Self::NotSetAside => Exit::Usage,
            Self::DiskFull
            | Self::InUse
            | Self::Irreversible
            | Self::MigrationFailed
            | Self::LosesContent
            | Self::NoSnapshot
            | Self::SetAsideMissing
            | Self::WrongSchema
            | Self::TooNew
            | Self::Database => Exit::Unfit,
        }
    }

    /// The failure with this code.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.code() == code)
    }

    /// Whether no snapshot can be restored however often it is tried: there is none, or it is not sound.
    pub fn has_no_snapshot(self) -> bool {
        matches!(self, Self::NoSnapshot | Self::MigrationFailed)
    }
}
