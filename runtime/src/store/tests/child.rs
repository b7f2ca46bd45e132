//! Work that another process does, so that it can be killed: this test program, told by a variable what to do.

use super::scene::{IRREVERSIBLE, NEXT, with};
use crate::store::{Migrations, Store, migrate, reclaim, restore};
use std::path::Path;
use std::process::Command;

const ORDER: &str = "LANDFALL_TEST_ORDER";
const DATABASE: &str = "LANDFALL_TEST_DATABASE";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Open the database as the next release does.
    Forward,
    /// Bring it back to this release's schema.
    Back,
    /// Restore this release's snapshot.
    Restore,
    /// Restore the next release's snapshot.
    RestoreNewer,
    /// Put the next release's database, which was set aside, in its place again.
    Reclaim,
    /// Write a row, and die without closing the database.
    WriteAndDie,
}

impl Order {
    const ALL: [Self; 6] =
        [Self::Forward, Self::Back, Self::Restore, Self::RestoreNewer, Self::Reclaim, Self::WriteAndDie];

    pub(super) fn follow(self, path: &Path) {
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

    /// The words of the command that follows the order, and its surroundings.
    pub(super) fn command(self, path: &Path, through: &[&str]) -> Command {
        let this = std::env::current_exe().unwrap();
        let test = "store::tests::child::follows_an_order";
        let mut words = through.iter().map(std::ffi::OsString::from).collect::<Vec<_>>();
        words.push(this.into());
        words.extend(["--exact", test, "--ignored", "--test-threads=1"].map(Into::into));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env(ORDER, format!("{self:?}")).env(DATABASE, path);
        command
    }
}

#[test]
#[ignore = "the process that other tests start and kill"]
fn follows_an_order() {
    let order = std::env::var(ORDER).unwrap();
    let order = Order::ALL.into_iter().find(|known| format!("{known:?}") == order).unwrap();
    order.follow(Path::new(&std::env::var_os(DATABASE).unwrap()));
}
