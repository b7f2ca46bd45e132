//! `receipts --verify`: checks the chain of receipts.

use super::{Args, usage};
use crate::durable;
use crate::errors::Error;
use crate::layout::Layout;
use crate::receipts::{Chain, ChainReport, Counter, ExpectedEnd, Finding, Findings, Folder, host_key, last_counter};
use crate::state::installed::Installed;
use crate::trust;
use landfall_console::{Console, Exit, Failure};
use landfall_keys::PublicKey;
use std::fmt::{self, Display, Formatter};

/// What an auditor can do about a receipt that fails the check.
const COMPARE: &str =
    "compare with receipts that were exported earlier; those before the first one named here are valid";

/// The result of a check without faults.
#[derive(Debug)]
pub(super) struct Verified {
    /// Gaps that the host itself recorded, with its reasons.
    pub(super) gaps: Vec<Finding>,
    /// How many more gaps there are than those listed.
    pub(super) more_gaps: usize,
    /// Whether the host's records confirm that the newest receipt is the last that was issued.
    pub(super) to_the_end: bool,
}

impl Display for Verified {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let end = if self.to_the_end { "" } else { " up to the newest one there" };
        write!(f, "none is missing{end}, none was changed, each is signed by the host")?;
        match self.gaps.len() + self.more_gaps {
            0 => Ok(()),
            gaps => write!(f, "; gaps that the host itself recorded: {gaps}"),
        }
    }
}

/// Checks the receipts of a folder.
///
/// # Errors
/// All faults, one a line: exit code 3.
pub(super) fn verify(
    args: &Args,
    folder: &Folder,
    counters: &[Counter],
    layout: &Layout,
    console: Console,
) -> Result<Verified, Error> {
    let is_own = args.from.is_none();
    let (keys, end) = (keys(args, layout)?, recorded_end(is_own, folder, layout, console)?);
    let to_the_end = is_own && end.is_some();
    let report = check(folder, counters, keys, &end.unwrap_or_default())?;
    if !report.faults.is_empty() {
        return Err(faulty(&report.faults, &report.gaps));
    }
    for gap in &report.gaps.listed {
        console.warn(format_args!("the host recorded a gap before receipt {}: {}", gap.counter, gap.message));
    }
    Ok(Verified { gaps: report.gaps.listed, more_gaps: report.gaps.more, to_the_end })
}

/// The keys to verify with: those of `--host-key`, else this host's own. A key file beside exported receipts proves nothing.
fn keys(args: &Args, layout: &Layout) -> Result<Vec<PublicKey>, Error> {
    if args.host_keys.is_empty() && args.from.is_none() {
        return host_key::all_public(layout)
            .map_err(|error| unverifiable(landfall_console::message_with_causes(&error)));
    }
    if args.host_keys.is_empty() {
        let message = "--from needs --host-key: whoever can change receipts can change the key that lies beside them";
        return Err(usage("host_key", message.to_owned()));
    }
    let read = |argument: &String| {
        trust::read_key(argument).map_err(|error| usage("host_key", format!("--host-key: {error}")))
    };
    args.host_keys.iter().map(read).collect()
}

/// The recorded end of the chain; `None` during an operation, whose receipt may not be written yet.
fn recorded_end(
    is_own: bool,
    folder: &Folder,
    layout: &Layout,
    console: Console,
) -> Result<Option<ExpectedEnd>, Error> {
    if is_own && durable::exists(&layout.journal())? {
        console.warn("an operation is running or was interrupted: missing newest receipts are not reported");
        return Ok(None);
    }
    let signature = folder.highest_signature()?;
    if !is_own {
        return Ok(Some(ExpectedEnd { signature, ..ExpectedEnd::default() }));
    }
    let recorded =
        last_counter::read(layout).map_err(|error| unverifiable(landfall_console::message_with_causes(&error)))?;
    let current = Installed::read(layout)?.map(|installed| installed.current.manifest);
    Ok(Some(ExpectedEnd { recorded, signature, current }))
}

/// Checks the whole chain.
fn check(
    folder: &Folder,
    counters: &[Counter],
    keys: Vec<PublicKey>,
    expected: &ExpectedEnd,
) -> Result<ChainReport, Error> {
    if counters.is_empty() {
        expected.check(None, None).map_err(|fault| unverifiable(fault.to_string()))?;
        let path = folder.path().display();
        // A host has a key since its first receipt: none at all is what it looks like when all were removed.
        let has_signed = unverifiable(format!("{path} holds no receipts, but this host has signed some"));
        return if keys.is_empty() { Ok(ChainReport::default()) } else { Err(has_signed) };
    }
    if keys.is_empty() {
        let path = folder.path().display();
        return Err(unverifiable(format!("{path} holds receipts, but this host has no key: give it with --host-key")));
    }
    let mut chain = Chain::new(keys).map_err(|error| usage("host_key", format!("--host-key: {error}")))?;
    for counter in counters {
        match folder.read(*counter) {
            Ok(found) => drop(chain.check_next(&found)),
            Err(error) => chain.skip_unreadable(*counter, landfall_console::message_with_causes(&error)),
        }
    }
    Ok(chain.finish(expected))
}

fn faulty(faults: &Findings, gaps: &Findings) -> Error {
    let failure = Failure::new(Exit::Damaged, "receipts", faults.lines()).hint(COMPARE);
    failure.detail("faults", &faults.listed).detail("gaps", &gaps.listed).into()
}

/// There is no chain to check.
fn unverifiable(message: String) -> Error {
    Failure::new(Exit::Damaged, "receipts", message).hint(COMPARE).detail("faults", [(); 0]).into()
}
