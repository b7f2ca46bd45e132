//! What a receipt will say, decided before the first step.

use super::body::{Act, Receipt, SCHEMA};
use super::chain::{self, Found};
use super::counter::{Counter, MAX_RECEIPTS};
use super::folder::Folder;
use super::host_key;
use super::who::By;
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
    /// None where no more receipts are taken.
    pub(super) counter: Option<Counter>,
    pub(super) previous: Option<Digest>,
    pub(super) gap: Option<String>,
}

impl Draft {
    /// Never fails: what was done before may be in disorder, and what is to be done must not wait for that. There is none when
    /// the host has as many as it can have.
    pub(crate) fn decide(happening: &Happening<'_>, layout: &Layout, console: Console) -> Option<Self> {
        let footing = look(layout);
        let Some(counter) = footing.counter else {
            console.warn(format_args!("this leaves no receipt: the host has {MAX_RECEIPTS}, which is all it can have"));
            return None;
        };
        if let Some(why) = &footing.gap {
            console.warn(format_args!("the receipt of this will not go on from the one before: {why}"));
        }
        let receipt = Receipt {
            schema: SCHEMA,
            counter,
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
        Some(Self { counter, body: receipt.to_json(), comment: receipt.comment() })
    }
}

fn look(layout: &Layout) -> Footing {
    let folder = Folder::new(layout.receipts());
    let key = host_key::read(layout).map(|key| key.map(|key| key.public_key()));
    footing(folder.highest().map_err(reason), key.map_err(reason), |last| folder.read(last).map_err(reason))
}

/// Where the next receipt goes on from: the highest counter that was ever given, as far as the folder tells, and that
/// receipt, if the host's `key` signed it.
pub(super) fn footing(
    highest: Result<Option<Counter>, String>,
    key: Result<Option<PublicKey>, String>,
    read: impl FnOnce(Counter) -> Result<Found, String>,
) -> Footing {
    let gap = |counter, why: &str| {
        let why = why.chars().map(|char| if char.is_control() { ' ' } else { char }).take(REASON_CHARS).collect();
        Footing { counter, previous: None, gap: Some(why) }
    };
    let last = match highest {
        Ok(last) => last,
        Err(why) => return gap(Some(Counter::FIRST), &why),
    };
    let counter = last.map_or(Some(Counter::FIRST), Counter::next);
    match (last, key) {
        (None, Ok(None)) => Footing { counter, previous: None, gap: None },
        (None, Ok(Some(_))) => gap(counter, "the receipts from before are gone"),
        (_, Err(why)) => gap(counter, &why),
        (Some(_), Ok(None)) => gap(counter, "the key that signed the receipts from before is gone"),
        (Some(last), Ok(Some(key))) => match read(last).and_then(|found| digest_of(&found, key)) {
            Ok(digest) => Footing { counter, previous: Some(digest), gap: None },
            Err(why) => gap(counter, &why),
        },
    }
}

/// The digest of a receipt, if `key` signed it. What it says may be of a later form than this program reads.
fn digest_of(found: &Found, key: PublicKey) -> Result<Digest, String> {
    let keys = TrustedKeys::new(vec![key], 1).map_err(reason)?;
    let verified = chain::verified(&keys, found).map_err(reason)?;
    Ok(Digest::of(verified.get()))
}

fn reason(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
