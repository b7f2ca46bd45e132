//! Whether nobody changed the list.

use super::{Args, usage};
use crate::durable;
use crate::layout::Layout;
use crate::receipts::{Chain, Counter, Finding, Findings, Folder, Tail, Verdict, host_key, last};
use crate::state::installed::Installed;
use crate::trust;
use landfall_console::{Console, Exit, Failure};
use landfall_keys::PublicKey;
use std::fmt::{self, Display, Formatter};

/// What an auditor does when a receipt is not as it should be.
const COMPARE: &str =
    "compare with the receipts that were carried out before; those before the first that is named here stand";

/// Receipts that hold together.
#[derive(Debug)]
pub(super) struct Verified {
    /// Where the host itself says that the chain is broken, and why.
    pub(super) gaps: Vec<Finding>,
    /// How many gaps there are besides.
    pub(super) more_gaps: usize,
    /// Whether the host's own records say that the last one is the last that there was.
    pub(super) to_the_end: bool,
}

impl Display for Verified {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let end = if self.to_the_end { "" } else { " up to the last of them" };
        write!(f, "none is missing{end}, none was changed, each is signed by the host")?;
        match self.gaps.len() + self.more_gaps {
            0 => Ok(()),
            gaps => write!(f, "; the host itself says of {gaps} that the chain is broken before it"),
        }
    }
}

/// Checks what `--verify` asks for.
///
/// # Errors
/// All that is wrong, a line each: exit code 3.
pub(super) fn verify(
    args: &Args,
    folder: &Folder,
    counters: &[Counter],
    layout: &Layout,
    console: Console,
) -> anyhow::Result<Verified> {
    let own = args.from.is_none();
    let (keys, tail) = (keys(args, layout)?, tail(own, folder, layout, console)?);
    let to_the_end = own && tail.is_some();
    let verdict = follow(folder, counters, keys, &tail.unwrap_or_default())?;
    if !verdict.faults.is_empty() {
        return Err(broken(&verdict.faults, &verdict.gaps));
    }
    for gap in &verdict.gaps.listed {
        console.warn(format_args!("receipt {} says that the chain is broken before it: {}", gap.counter, gap.message));
    }
    Ok(Verified { gaps: verdict.gaps.listed, more_gaps: verdict.gaps.more, to_the_end })
}

/// The keys that count: what is given, else this host's own. What lies beside receipts proves nothing about them.
fn keys(args: &Args, layout: &Layout) -> anyhow::Result<Vec<PublicKey>> {
    if args.host_keys.is_empty() && args.from.is_none() {
        return host_key::all_public(layout)
            .map_err(|error| broken_because(format!("{:#}", anyhow::Error::from(error))));
    }
    if args.host_keys.is_empty() {
        let message = "--from needs --host-key: whoever can change receipts can change a key that lies beside them";
        return Err(usage("host_key", message.to_owned()));
    }
    let read = |argument: &String| {
        trust::read_key(argument).map_err(|error| usage("host_key", format!("--host-key: {error}")))
    };
    args.host_keys.iter().map(read).collect()
}

/// What is known of the end of the list besides. While something is under way its receipt may be missing: then nothing is.
fn tail(own: bool, folder: &Folder, layout: &Layout, console: Console) -> anyhow::Result<Option<Tail>> {
    if own && durable::exists(&layout.journal())? {
        console.warn(
            "an operation is under way or was interrupted: whether the newest receipts are missing is not checked",
        );
        return Ok(None);
    }
    let signature = folder.highest_signature()?;
    if !own {
        return Ok(Some(Tail { signature, ..Tail::default() }));
    }
    let recorded = last::read(layout).map_err(|error| broken_because(format!("{:#}", anyhow::Error::from(error))))?;
    let current = Installed::read(layout)?.map(|installed| installed.current.manifest);
    Ok(Some(Tail { recorded, signature, current }))
}

/// Follows the whole chain.
fn follow(folder: &Folder, counters: &[Counter], keys: Vec<PublicKey>, tail: &Tail) -> anyhow::Result<Verdict> {
    if counters.is_empty() {
        tail.check(None, None).map_err(|fault| broken_because(fault.to_string()))?;
        let path = folder.path().display();
        let has_signed = broken_because(format!("{path} holds no receipts, but this host has signed some"));
        return if keys.is_empty() { Ok(Verdict::default()) } else { Err(has_signed) };
    }
    if keys.is_empty() {
        let path = folder.path().display();
        return Err(broken_because(format!(
            "{path} holds receipts, but this host has no key: give it with --host-key"
        )));
    }
    let mut chain = Chain::new(keys).map_err(|error| usage("host_key", format!("--host-key: {error}")))?;
    for counter in counters {
        match folder.read(*counter) {
            Ok(found) => drop(chain.follow(&found)),
            Err(error) => chain.pass(*counter, format!("{:#}", anyhow::Error::from(error))),
        }
    }
    Ok(chain.end(tail))
}

fn broken(faults: &Findings, gaps: &Findings) -> anyhow::Error {
    let failure = Failure::new(Exit::Damaged, "receipts", faults.lines()).hint(COMPARE);
    failure.detail("faults", &faults.listed).detail("gaps", &gaps.listed).into()
}

/// There is no chain that could be followed.
fn broken_because(message: String) -> anyhow::Error {
    Failure::new(Exit::Damaged, "receipts", message).hint(COMPARE).detail("faults", [(); 0]).into()
}
