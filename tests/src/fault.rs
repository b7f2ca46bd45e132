//! What can be wrong with a release of the tests. A file in the release's folder lists its faults by name.

/// The file in a release's folder that orders faults, a word a line.
pub const ORDER: &str = "fault.txt";

/// One thing that a release does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `serve` ends at once, with exit code 1.
    ExitsAtOnce,
    /// `serve` ends at once, and says that it does not understand its settings: systemd does not try again.
    MisunderstandsItsSettings,
    /// `serve` never says that it is ready.
    HangsBeforeReady,
    /// `serve` says that it is ready, and answers nothing.
    HangsAfterReady,
    /// `serve` answers, and says that it cannot do its work.
    AnswersUnhealthy,
    /// `serve` answers that all is well, and that it is another release.
    AnswersAsAnother,
    /// `serve` is well until its update is committed; from then on it ends two seconds after each start.
    CrashLoopsOnceCommitted,
    /// `serve` fills the file system of the database, and what it wrote stays.
    FillsTheDisk,
    /// The migration to its schema fails halfway.
    FailsToMigrate,
    /// The migration to its schema is declared reversible, and loses a column when it is reversed.
    LosesAColumn,
    /// The migration to its schema cannot be reversed, and the release says so.
    CannotGoBack,
    /// `migrate` never ends.
    HangsInMigrate,
    /// `selfcheck` finds something wrong.
    FailsItsSelfcheck,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::ExitsAtOnce,
        Self::MisunderstandsItsSettings,
        Self::HangsBeforeReady,
        Self::HangsAfterReady,
        Self::AnswersUnhealthy,
        Self::AnswersAsAnother,
        Self::CrashLoopsOnceCommitted,
        Self::FillsTheDisk,
        Self::FailsToMigrate,
        Self::LosesAColumn,
        Self::CannotGoBack,
        Self::HangsInMigrate,
        Self::FailsItsSelfcheck,
    ];

    /// Its word: letters and dashes, so that it can be part of a version.
    pub fn word(self) -> &'static str {
        match self {
            Self::ExitsAtOnce => "exits-at-once",
            Self::MisunderstandsItsSettings => "misunderstands-its-settings",
            Self::HangsBeforeReady => "hangs-before-ready",
            Self::HangsAfterReady => "hangs-after-ready",
            Self::AnswersUnhealthy => "answers-unhealthy",
            Self::AnswersAsAnother => "answers-as-another",
            Self::CrashLoopsOnceCommitted => "crash-loops-once-committed",
            Self::FillsTheDisk => "fills-the-disk",
            Self::FailsToMigrate => "fails-to-migrate",
            Self::LosesAColumn => "loses-a-column",
            Self::CannotGoBack => "cannot-go-back",
            Self::HangsInMigrate => "hangs-in-migrate",
            Self::FailsItsSelfcheck => "fails-its-selfcheck",
        }
    }

    /// The faults that the text of an [`ORDER`] asks for.
    pub fn ordered(text: &str) -> Vec<Self> {
        Self::ALL.into_iter().filter(|fault| text.lines().any(|line| line == fault.word())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_file_names_its_faults() {
        assert_eq!(Fault::ordered(""), []);
        assert_eq!(Fault::ordered("cannot-go-back\nexits-at-once\n"), [Fault::ExitsAtOnce, Fault::CannotGoBack]);
        for fault in Fault::ALL {
            assert_eq!(Fault::ordered(fault.word()), [fault]);
        }
    }
}
