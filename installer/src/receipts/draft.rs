//! What a receipt will say, decided before the first step.

use super::body::{Act, Receipt, SCHEMA};
use super::chain::{self, Found};
use super::counter::{Counter, MAX_RECEIPTS};
use super::folder::Folder;
use super::who::By;
use super::{host_key, last};
use crate::installed::InstalledRelease;
use crate::layout::Layout;
use landfall_console::Console;
use landfall_keys::{PublicKey, Signer, TrustRoot, TrustedKeys};
use landfall_manifests::Digest;
use serde::{Deserialize, Serialize};

/// How long the reason for a gap may be, in characters: a sentence with a path or two.
const REASON_CHARS: usize = 512;

/// A receipt that is not signed yet, as the journal holds it: whoever finishes the transition, whenever and however often,
/// writes these bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Draft {
    pub(super) counter: Counter,
    /// The file.
    pub(super) body: String,
    /// What its signature says besides.
    pub(super) comment: String,
}

/// What is about to be done.
pub(crate) struct Happening<'a> {
    pub(crate) act: Act,
    pub(crate) from: Option<&'a InstalledRelease>,
    pub(crate) to: &'a InstalledRelease,
    /// The trusted keys that signed the release.
    pub(crate) signers: &'a [Signer],
    /// The root by which it is accepted.
    pub(crate) trust: &'a TrustRoot,
}

/// Where the next receipt goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footing {
    pub(super) counter: Counter,
    pub(super) previous: Option<Digest>,
    pub(super) gap: Option<String>,
}

impl Draft {
    /// Never fails: what was done before may be in disorder, and what is to be done must not wait for that.
    pub(crate) fn decide(happening: &Happening<'_>, layout: &Layout, console: Console) -> Self {
        let footing = look(layout, happening.from);
        if let Some(why) = &footing.gap {
            console.warn(format_args!("the receipt of this will not go on from the one before: {why}"));
        }
        let receipt = Receipt {
            schema: SCHEMA,
            counter: footing.counter,
            time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            operation: happening.act,
            by: By::asking(happening.act == Act::Revert),
            product: happening.to.product.clone(),
            from: happening.from.map(Into::into),
            to: happening.to.into(),
            signers: happening.signers.iter().map(Into::into).collect(),
            trust: happening.trust.into(),
            installer: env!("CARGO_PKG_VERSION").to_owned(),
            previous: footing.previous,
            gap: footing.gap,
        };
        Self { counter: footing.counter, body: receipt.to_json(), comment: receipt.comment() }
    }
}

/// What is known of the receipts from before.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// The counter that was given last, by its record.
    pub(super) recorded: Result<Option<Counter>, String>,
    /// The highest counter in the folder.
    pub(super) highest: Result<Option<Counter>, String>,
    /// The key that signs them.
    pub(super) key: Result<Option<PublicKey>, String>,
    /// The manifest of the release that runs.
    pub(super) from: Option<Digest>,
}

fn look(layout: &Layout, from: Option<&InstalledRelease>) -> Footing {
    let folder = Folder::new(layout.receipts());
    let counters = folder.check().and_then(|()| folder.counters());
    let known = Known {
        recorded: last::read(layout).map_err(reason),
        highest: counters.map(|counters| counters.last().copied()).map_err(reason),
        key: host_key::read(layout).map(|key| key.map(|key| key.public_key())).map_err(reason),
        from: from.map(|release| release.manifest),
    };
    footing(&known, |counter| folder.read(counter).map_err(reason))
}

/// Where the next receipt goes on from: the highest counter that was ever given, and that receipt, if the host signed it.
pub(super) fn footing(known: &Known, read: impl Fn(Counter) -> Result<Found, String>) -> Footing {
    let last = known.last(&read);
    let counter = last.map_or(Some(Counter::FIRST), Counter::next);
    let goes_on = match counter {
        Some(_) => known.goes_on(last, read),
        None => Err(format!("the host has left {MAX_RECEIPTS}, and counts from the first again")),
    };
    let counter = counter.unwrap_or(Counter::FIRST);
    match goes_on {
        Ok(previous) => Footing { counter, previous, gap: None },
        Err(why) => {
            let why = why.chars().map(|char| if char.is_control() { ' ' } else { char }).take(REASON_CHARS).collect();
            Footing { counter, previous: None, gap: Some(why) }
        }
    }
}

impl Known {
    /// The counter that was given last. A file beyond the recorded one says so only if the host has signed it: anybody can give a
    /// file a name.
    fn last(&self, read: impl Fn(Counter) -> Result<Found, String>) -> Option<Counter> {
        let (recorded, highest) = (self.recorded.as_ref().ok().copied().flatten(), self.highest.clone().ok().flatten());
        match (recorded, highest) {
            (Some(recorded), Some(highest)) if highest > recorded => {
                let signed = read(highest).and_then(|found| self.signed(&found));
                Some(if signed.is_ok() { highest } else { recorded })
            }
            (recorded, highest) => recorded.or(highest),
        }
    }

    /// The digest of the `last` receipt, if the next one goes on from there; else why not.
    fn goes_on(
        &self,
        last: Option<Counter>,
        read: impl Fn(Counter) -> Result<Found, String>,
    ) -> Result<Option<Digest>, String> {
        const GONE: &str = "the receipts from before are gone";
        const EARLIER: &str = "this host had releases before it kept receipts, or they are gone";
        self.recorded.clone()?;
        let highest = self.highest.clone()?;
        let key = self.key.clone()?;
        match (last, key, self.from) {
            (None, None, None) => Ok(None),
            (None, None, Some(_)) => Err(EARLIER.to_owned()),
            (None, Some(_), _) => Err(GONE.to_owned()),
            (Some(_), ..) if highest.is_none() => Err(GONE.to_owned()),
            (Some(_), None, _) => Err("the key that signed the receipts from before is gone".to_owned()),
            (Some(last), Some(_), from) => {
                let signed = self.signed(&read(last)?)?;
                // One of a later form is not understood, and goes on all the same.
                let to = Receipt::parse(&signed).map(|receipt| receipt.to.manifest).ok();
                match to.zip(from) {
                    Some((to, from)) if to != from => Err(format!("what was done after receipt {last} has left none")),
                    _ => Ok(Some(Digest::of(&signed))),
                }
            }
        }
    }

    /// The bytes of a receipt that the host's key has signed.
    fn signed(&self, found: &Found) -> Result<Vec<u8>, String> {
        let keys = TrustedKeys::new(self.key.clone()?.into_iter().collect(), 1).map_err(reason)?;
        Ok(chain::verified(&keys, found).map_err(reason)?.into_inner())
    }
}

fn reason(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
