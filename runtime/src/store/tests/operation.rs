//! Operations on a database that run in a process of their own, so that it can be killed. That process is this test program, with an
//! environment variable that names the operation.

use super::test_database::{IRREVERSIBLE, NEXT, with};
use crate::store::{Migrations, Store, migrate, reclaim, restore};
use std::path::Path;
use std::process::Command;

const OPERATION: &str = "LANDFALL_TEST_OPERATION";
const DATABASE: &str = "LANDFALL_TEST_DATABASE";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Open the database as the next release does.
    Forward,
    /// Migrate it back to this release's schema.
    Back,
    /// Restore this release's snapshot.
    Restore,
    /// Restore the next release's snapshot.
    RestoreNewer,
    /// Reclaim the next release's database, which was set aside.
    Reclaim,
    /// Write a row, and be killed before closing the database.
    WriteAndDie,
}

impl Operation {
    const ALL: [Self; 6] =
        [Self::Forward, Self::Back, Self::Restore, Self::RestoreNewer, Self::Reclaim, Self::WriteAndDie];

    pub(super) fn run(self, path: &Path) {
        match self {
            Self::Forward => drop(Store::open(path, &with(NEXT)).unwrap()),
            Self::Back => drop(migrate(path, &with(NEXT), 1).unwrap()),
            Self::Restore => drop(restore(path, &Migrations::OWN, 1).unwrap()),
            Self::RestoreNewer => drop(restore(path, &with(NEXT), 2).unwrap()),
            Self::Reclaim => drop(reclaim(path, &with(IRREVERSIBLE), Path::new("landfall.db.aside-schema-2")).unwrap()),
            Self::WriteAndDie => {
                let connection = rusqlite::Connection::open(path).unwrap();
                connection.pragma_update(None, "journal_mode", "WAL").unwrap();
                let row = "INSERT INTO organizations (name, createdAt) VALUES ('late', 'now')";
                connection.execute_batch(row).unwrap();
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
            }
        }
    }

    /// The command that runs the operation, as an argument of the command `through`.
    pub(super) fn command(self, path: &Path, through: &[&str]) -> Command {
        let this = std::env::current_exe().unwrap();
        let test = "store::tests::operation::runs_an_operation";
        let mut words = through.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
        words.push(this.into());
        words.extend(["--exact", test, "--ignored", "--test-threads=1"].map(Into::into));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env(OPERATION, format!("{self:?}")).env(DATABASE, path);
        command
    }
}

#[test]
#[ignore = "the process that other tests start and kill"]
fn runs_an_operation() {
    let operation = std::env::var(OPERATION).unwrap();
    let operation = Operation::ALL.into_iter().find(|known| format!("{known:?}") == operation).unwrap();
    operation.run(Path::new(&std::env::var_os(DATABASE).unwrap()));
}
