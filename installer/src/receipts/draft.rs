//! The receipt of an operation, written into the journal before the first step.

use super::actor::Actor;
use super::chain::{self, UnverifiedReceipt};
use super::counter::{Counter, MAX_RECEIPTS};
use super::folder::Folder;
use super::receipt::{Operation, Outcome, Receipt, SCHEMA};
use super::{host_key, last_counter};
use crate::layout::Layout;
use crate::state::installed::InstalledRelease;
use landfall_console::Console;
use landfall_keys::{PublicKey, Signer, TrustRoot, TrustedKeys};
use landfall_manifests::{Digest, Product};
use serde::{Deserialize, Serialize};

/// The longest reason for a gap, in characters: a sentence with a path or two.
const REASON_CHARS: usize = 512;

/// A receipt that is not signed yet, as the journal holds it. Whoever finishes the transition writes exactly these bytes, however
/// often it is repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Draft {
    pub(super) counter: Counter,
    /// The content of the receipt's file.
    pub(super) body: String,
    /// The trusted comment of its signature.
    pub(super) comment: String,
}

/// What a receipt states about an operation.
pub(crate) struct OperationFacts<'a> {
    pub(crate) operation: Operation,
    pub(crate) product: &'a Product,
    pub(crate) from: Option<&'a InstalledRelease>,
    /// `None` of an uninstallation.
    pub(crate) to: Option<&'a InstalledRelease>,
    /// The trusted keys that signed the release.
    pub(crate) signers: &'a [Signer],
    /// The trust root that accepts it.
    pub(crate) trust: &'a TrustRoot,
}

/// Where in the chain the next receipt stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChainPosition {
    pub(super) counter: Counter,
    pub(super) previous: Option<Digest>,
    pub(super) gap: Option<String>,
}

impl Draft {
    /// Drafts the receipt of an operation. Never fails: damaged earlier receipts must not stop an update, and are stated as a gap.
    pub(crate) fn new(facts: &OperationFacts<'_>, layout: &Layout, console: Console) -> Self {
        let position = current_position(layout, facts.from);
        if let Some(why) = &position.gap {
            console.warn(format_args!("the receipt of this operation will not continue the one before: {why}"));
        }
        let receipt = Receipt {
            schema: SCHEMA,
            counter: position.counter,
            time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            operation: facts.operation,
            by: Actor::current(facts.operation == Operation::Revert),
            product: facts.product.clone(),
            from: facts.from.map(Into::into),
            to: facts.to.map(Into::into),
            outcome: Outcome::Done,
            signers: facts.signers.iter().map(Into::into).collect(),
            trust: facts.trust.into(),
            installer: env!("CARGO_PKG_VERSION").to_owned(),
            previous: position.previous,
            gap: position.gap,
        };
        Self { counter: position.counter, body: receipt.to_json(), comment: receipt.comment() }
    }

    /// The receipt of the same operation, where it is taken back: always the same bytes, and the same counter, which no other receipt
    /// has by then. `None` where a journal holds something else.
    pub(crate) fn undone(&self) -> Option<Self> {
        let receipt = Receipt { outcome: Outcome::Undone, ..Receipt::parse(self.body.as_bytes()).ok()? };
        Some(Self { body: receipt.to_json(), ..self.clone() })
    }
}

/// What the host's files say about the receipts so far.
#[derive(Debug, Clone)]
pub(super) struct PriorState {
    /// The last counter that was used, from `last-receipt`.
    pub(super) recorded: Result<Option<Counter>, String>,
    /// The highest counter in the folder.
    pub(super) highest: Result<Option<Counter>, String>,
    /// The key that signs them.
    pub(super) key: Result<Option<PublicKey>, String>,
    /// The manifest of the installed release.
    pub(super) from: Option<Digest>,
}

fn current_position(layout: &Layout, from: Option<&InstalledRelease>) -> ChainPosition {
    let folder = Folder::new(layout.receipts());
    let counters = folder.check().and_then(|()| folder.counters());
    let known = PriorState {
        recorded: last_counter::read(layout).map_err(reason),
        highest: counters.map(|counters| counters.last().copied()).map_err(reason),
        key: host_key::read(layout).map(|key| key.map(|key| key.public_key())).map_err(reason),
        from: from.map(|release| release.manifest),
    };
    chain_position(&known, |counter| folder.read(counter).map_err(reason))
}

/// The next counter is one above the highest that was ever used. The receipt before it is named by its digest, if the host signed
/// it.
pub(super) fn chain_position(
    known: &PriorState,
    read: impl Fn(Counter) -> Result<UnverifiedReceipt, String>,
) -> ChainPosition {
    let last = known.last(&read);
    let counter = last.map_or(Some(Counter::FIRST), Counter::next);
    let previous = match counter {
        Some(_) => known.previous(last, read),
        None => Err(format!("the host has issued {MAX_RECEIPTS} receipts, and counts from the first again")),
    };
    let counter = counter.unwrap_or(Counter::FIRST);
    match previous {
        Ok(previous) => ChainPosition { counter, previous, gap: None },
        Err(why) => {
            // A receipt with control characters would not be read again.
            let why = why.chars().map(|char| if char.is_control() { ' ' } else { char }).take(REASON_CHARS).collect();
            ChainPosition { counter, previous: None, gap: Some(why) }
        }
    }
}

impl PriorState {
    /// The last counter that was used. A file with a higher counter than the recorded one counts only if the host has signed it:
    /// anybody can name a file.
    fn last(&self, read: impl Fn(Counter) -> Result<UnverifiedReceipt, String>) -> Option<Counter> {
        let (recorded, highest) = (self.recorded.as_ref().ok().copied().flatten(), self.highest.clone().ok().flatten());
        match (recorded, highest) {
            (Some(recorded), Some(highest)) if highest > recorded => {
                let signed = read(highest).and_then(|found| self.signed(&found));
                Some(if signed.is_ok() { highest } else { recorded })
            }
            // A folder that lacks the newest receipts does not bring their counters back.
            (recorded, highest) => recorded.or(highest),
        }
    }

    /// The digest of the `last` receipt, for the next one to name; else the reason for a gap.
    fn previous(
        &self,
        last: Option<Counter>,
        read: impl Fn(Counter) -> Result<UnverifiedReceipt, String>,
    ) -> Result<Option<Digest>, String> {
        const GONE: &str = "the earlier receipts are gone";
        const EARLIER: &str = "this host had releases before it kept receipts, or the receipts are gone";
        self.recorded.clone()?;
        let highest = self.highest.clone()?;
        let key = self.key.clone()?;
        match (last, key, self.from) {
            (None, None, None) => Ok(None),
            (None, None, Some(_)) => Err(EARLIER.to_owned()),
            (None, Some(_), _) => Err(GONE.to_owned()),
            (Some(_), ..) if highest.is_none() => Err(GONE.to_owned()),
            (Some(_), None, _) => Err("the key that signed the earlier receipts is gone".to_owned()),
            (Some(last), Some(_), from) => {
                let signed = self.signed(&read(last)?)?;
                // A receipt of a later schema cannot be parsed, but its digest can be named all the same.
                let receipt = Receipt::parse(&signed).ok();
                match receipt.zip(from) {
                    Some((receipt, from)) if receipt.runs_after() != Some(from) => {
                        Err(format!("an operation after receipt {last} left no receipt"))
                    }
                    _ => Ok(Some(Digest::of(&signed))),
                }
            }
        }
    }

    /// The bytes of a receipt, verified with the host's key.
    fn signed(&self, found: &UnverifiedReceipt) -> Result<Vec<u8>, String> {
        // With the current key alone: a receipt by an earlier one is for the check of the whole chain.
        let keys = TrustedKeys::new(self.key.clone()?.into_iter().collect(), 1).map_err(reason)?;
        Ok(chain::verified(&keys, found).map_err(reason)?.into_inner())
    }
}

fn reason(error: impl std::error::Error) -> String {
    landfall_console::message_with_causes(&error)
}
