//! The installer outside the releases, `/opt/landfall/bin/landfall-installer`, which recovers the host when a release cannot.
//!
//! It is replaced only in the commit, and the last one stays beside it: `landfall-recover.service` falls back to that.

use crate::durable::{self, At as _, PathError};
use crate::host_context::HostContext;
use crate::layout::Layout;
use crate::plan::policy::INSTALLER;
use crate::state::installed::InstalledRelease;
use crate::state::journal::Kind;
use landfall_host::regular::{self, NotRegular};
use landfall_host::subprocess::{Subprocess, SubprocessError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the program may take to say what is installed: a machine that is busy with its own start takes its time, and only a
/// program that hangs takes longer.
const LIMIT: Duration = Duration::from_secs(30);
/// How much of its answer is read, in bytes.
const ANSWER_BYTES: usize = 1 << 20;

/// An installer cannot be relied on to recover this host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoveryError {
    /// It gave no answer.
    #[error(transparent)]
    Program(#[from] SubprocessError),
    /// It failed.
    #[error("{} ends with {code}: {stderr_tail}", .program.display())]
    Failed { program: PathBuf, code: i32, stderr_tail: String },
    /// It answered something else than a status.
    #[error("what {} answers is no status", .program.display())]
    Answer {
        program: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    /// It is of a release that does not know this form of the journal.
    #[error("{} does not understand the journal", .0.display())]
    Journal(PathBuf),
}

/// Places the release's installer. Where the same one is in place already, nothing changes, so the last one stays the last one.
pub(crate) fn place(layout: &Layout, release: &InstalledRelease) -> Result<(), PathError> {
    let (place, last) = (layout.installer(), layout.previous_installer());
    let source = layout.release(&release.id()).join(INSTALLER);
    if !durable::exists(&source)? || is_same(&source, &place).at("compare", &place)? {
        return Ok(());
    }
    // 1. The program that is in place gets its second name, by a link first: it has the first one until the new program
    //    takes that over, so there is a program to recover with at every moment.
    if durable::exists(&place)? {
        let link = durable::partial(&last);
        durable::remove_entry(&link)?;
        std::fs::hard_link(&place, &link).at("link", &place)?;
        durable::rename(&link, &last)?;
        // Renaming one of two names of a file over the other does nothing (rename(2)): a run before this one was cut off.
        durable::remove_entry(&link)?;
    }
    // 2. The new program, whole and synced before it has the name.
    let partial = durable::partial(&place);
    let (mut from, mut to) = (regular::open(&source).at("open", &source)?.0, durable::create(&partial, 0o755)?);
    io::copy(&mut from, &mut to).at("copy", &source)?;
    to.sync_all().at("sync", &partial)?;
    durable::rename(&partial, &place)
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, about_one) = regular::open(one)?;
    let (other, about_other) = match regular::open(other) {
        Err(error) if error.kind() == io::ErrorKind::NotFound || NotRegular::caused(&error) => return Ok(false),
        other => other?,
    };
    if about_one.len() != about_other.len() {
        return Ok(false);
    }
    // The lengths are equal, so that neither of the two ends before the other.
    let mut bytes = io::Read::bytes(io::BufReader::new(one)).zip(io::Read::bytes(io::BufReader::new(other)));
    bytes.try_fold(true, |same, (one, other)| Ok(same && one? == other?))
}

/// Checks that an installer can recover this host: it runs, and understands the journal of the operation that is under way. Below
/// a root whose programs are not run, nothing is known about it.
pub(crate) fn check(host: &HostContext, program: &Path, doing: Option<Kind>) -> Result<(), RecoveryError> {
    if !host.runs_programs {
        return Ok(());
    }
    let root = host.layout.at("");
    // `status` reads the journal like `recover` does, and changes nothing.
    let status = Subprocess::new(program).args(["--root".as_ref(), root.as_os_str()]).args(["status", "--json"]);
    let answer = status.timeout(LIMIT).output_limit(ANSWER_BYTES).run()?;
    // The program may be of another release: one field of its answer is read, and the others may be anything.
    let status = serde_json::from_slice::<serde_json::Value>(&answer.stdout);
    let is_status = status.as_ref().is_ok_and(|status| status.get("interrupted").is_some());
    // A status that finds a service failed ends with another code, and is one all the same.
    if answer.code != 0 && !is_status {
        let (program, code, stderr_tail) = (program.to_owned(), answer.code, answer.stderr_tail);
        return Err(RecoveryError::Failed { program, code, stderr_tail });
    }
    let status = status.map_err(|source| RecoveryError::Answer { program: program.to_owned(), source })?;
    // A program that cannot parse the journal names no operation, and so does not name the one that is under way.
    let understood = status.get("interrupted").and_then(serde_json::Value::as_str);
    if understood == doing.map(Kind::name) { Ok(()) } else { Err(RecoveryError::Journal(program.to_owned())) }
}
