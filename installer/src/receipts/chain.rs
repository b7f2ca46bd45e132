//! Whether receipts belong together: one after the other, each signed by the host, each holding the digest of the one before.

use super::body::{Receipt, ReceiptError};
use super::counter::Counter;
use super::verdict::Verdict;
use landfall_keys::{PublicKey, Signature, SignatureError, TrustError, TrustedKeys, TrustedKeysError, Verified};
use landfall_manifests::Digest;

/// The files of one receipt, as they were found. Nothing in them is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// By its name.
    pub(crate) counter: Counter,
    pub(crate) body: Vec<u8>,
    pub(crate) signature: Option<Vec<u8>>,
}

/// Why a receipt cannot be believed, or not as the next one after those before it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("receipt {missing} is missing: the next one there is {found}")]
    Missing { missing: Counter, found: Counter },
    #[error("receipt {found} does not come after {last}")]
    Order { last: Counter, found: Counter },
    #[error("receipt {counter} cannot be read")]
    Body {
        counter: Counter,
        #[source]
        source: ReceiptError,
    },
    #[error("receipt {name} says that it is receipt {counter}")]
    Name { name: Counter, counter: Counter },
    #[error("receipt {0} has no signature")]
    Unsigned(Counter),
    #[error("the signature of receipt {counter} cannot be read")]
    Signature {
        counter: Counter,
        #[source]
        source: SignatureError,
    },
    #[error("receipt {counter} is not signed by this host's key")]
    Signer {
        counter: Counter,
        #[source]
        source: TrustError,
    },
    #[error("the signature of receipt {0} speaks of another one")]
    Comment(Counter),
    #[error("receipt {counter} does not go on from {last}: one of them was replaced")]
    Previous { last: Counter, counter: Counter },
    #[error("receipt {0} goes on from one before the first")]
    First(Counter),
    #[error("{}: this host has left {last}", missing(*.first, *.last))]
    Gone { first: Counter, last: Counter },
    #[error("receipt {0} is missing, and its signature is there")]
    Bodiless(Counter),
    #[error("receipts after {0} are missing: another release is installed than the one that it speaks of")]
    Stale(Counter),
    #[error(
        "there is no receipt of the release that is installed: it came before this host kept them, or they are gone"
    )]
    NoReceipt,
}

impl Fault {
    /// The receipt that is missing, if one is.
    pub(super) fn about(&self) -> Option<Counter> {
        match self {
            Self::Missing { missing: counter, .. } | Self::Gone { first: counter, .. } | Self::Bodiless(counter) => {
                Some(*counter)
            }
            _ => None,
        }
    }
}

/// For messages: which are missing.
fn missing(first: Counter, last: Counter) -> String {
    if first == last { format!("receipt {last} is missing") } else { format!("receipts {first} to {last} are missing") }
}

/// Follows receipts one by one, so that none but the last has to be remembered.
#[derive(Debug)]
pub(crate) struct Chain {
    keys: TrustedKeys,
    /// The last one, and the digest of its bytes if they could be read.
    last: Option<(Counter, Option<Digest>)>,
    /// The release of the last one, if it is believed.
    to: Option<Digest>,
    verdict: Verdict,
}

/// What the host knows besides of the receipts that it has left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    /// The counter that was given last.
    pub(crate) recorded: Option<Counter>,
    /// The highest counter that a signature has.
    pub(crate) signature: Option<Counter>,
    /// The manifest of the release that runs.
    pub(crate) current: Option<Digest>,
}

impl Chain {
    /// For receipts that one of `keys` has signed: a host has one, and another after it lost the first.
    pub(crate) fn new(keys: Vec<PublicKey>) -> Result<Self, TrustedKeysError> {
        Ok(Self { keys: TrustedKeys::new(keys, 1)?, last: None, to: None, verdict: Verdict::default() })
    }

    /// Takes the next receipt, and returns it if it is one, signed, and follows the last. After a fault it goes on from what
    /// was found.
    pub(crate) fn follow(&mut self, found: &Found) -> Option<Receipt> {
        let counter = found.counter;
        let last = self.last.replace((counter, Some(Digest::of(&found.body))));
        self.to = None;
        let in_order = in_order(last.map(|(last, _)| last), counter);
        // What is missing cannot be gone on from, and it has been said.
        let last = if in_order.is_ok() { last } else { Some((counter, None)) };
        let is_in_order = self.verdict.take(counter, in_order).is_some();
        let receipt = self.signed(found).and_then(|receipt| goes_on(last, receipt));
        let receipt = self.verdict.take(counter, receipt)?;
        self.to = Some(receipt.to.manifest);
        self.verdict.gaps.extend(gap(&receipt), counter);
        is_in_order.then_some(receipt)
    }

    /// Goes past a receipt that is there and cannot be read.
    pub(crate) fn pass(&mut self, counter: Counter, why: String) {
        let order = in_order(self.last.map(|(last, _)| last), counter);
        self.verdict.take(counter, order);
        self.last = Some((counter, None));
        self.to = None;
        self.verdict.faults.extend(Some(why), counter);
    }

    /// What is to be said of all that was followed.
    pub(crate) fn end(mut self, tail: &Tail) -> Verdict {
        let last = self.last.map(|(last, _)| last);
        if let Err(fault) = tail.check(last, self.to) {
            self.verdict.take::<()>(last.unwrap_or(Counter::FIRST), Err(fault));
        }
        self.verdict
    }

    /// The receipt that these bytes are, if the host signed them.
    fn signed(&self, found: &Found) -> Result<Receipt, Fault> {
        let (counter, signed) = (found.counter, verified(&self.keys, found)?);
        let receipt = Receipt::parse(signed.get()).map_err(|source| Fault::Body { counter, source })?;
        let comment = receipt.comment();
        if signed.signers().iter().any(|signer| signer.trusted_comment() != comment) {
            return Err(Fault::Comment(counter));
        }
        if receipt.counter != counter {
            return Err(Fault::Name { name: counter, counter: receipt.counter });
        }
        Ok(receipt)
    }
}

impl Tail {
    /// Whether the `last` receipt that is there, which speaks of the release `to`, is the last that there was.
    pub(crate) fn check(&self, last: Option<Counter>, to: Option<Digest>) -> Result<(), Fault> {
        let first = last.map_or(Some(Counter::FIRST), Counter::next);
        match (self.recorded, self.signature) {
            (Some(recorded), _) if Some(recorded) > last => {
                return Err(Fault::Gone { first: first.unwrap_or(recorded), last: recorded });
            }
            (_, Some(signature)) if Some(signature) > last => return Err(Fault::Bodiless(signature)),
            _ => {}
        }
        match (last, to, self.current) {
            (None, _, Some(_)) => Err(Fault::NoReceipt),
            (Some(last), Some(to), Some(current)) if to != current => Err(Fault::Stale(last)),
            _ => Ok(()),
        }
    }
}

/// The receipt, if it says that it goes on from the last one.
fn goes_on(last: Option<(Counter, Option<Digest>)>, receipt: Receipt) -> Result<Receipt, Fault> {
    let counter = receipt.counter;
    match (&receipt.gap, receipt.previous, last) {
        // The first one; one that says why it does not go on; one for which that cannot be told.
        (Some(_), ..) | (None, None, None) | (None, _, Some((_, None))) => Ok(receipt),
        (None, Some(_), None) => Err(Fault::First(counter)),
        (None, Some(previous), Some((_, Some(digest)))) if previous == digest => Ok(receipt),
        (None, _, Some((last, _))) => Err(Fault::Previous { last, counter }),
    }
}

/// Why the host itself says that the chain is broken before this receipt.
fn gap(receipt: &Receipt) -> Option<String> {
    let begins_late = receipt.counter == Counter::FIRST && receipt.from.is_some();
    receipt.gap.clone().or_else(|| begins_late.then(|| "this host had a release before it kept receipts".to_owned()))
}

/// The bytes of a receipt, if one of `keys` has signed them.
pub(super) fn verified(keys: &TrustedKeys, found: &Found) -> Result<Verified<Vec<u8>>, Fault> {
    let counter = found.counter;
    let signature = found.signature.as_deref().ok_or(Fault::Unsigned(counter))?;
    let signature = Signature::parse(signature).map_err(|source| Fault::Signature { counter, source })?;
    keys.verify(found.body.clone(), &[signature]).map_err(|source| Fault::Signer { counter, source })
}

fn in_order(last: Option<Counter>, found: Counter) -> Result<(), Fault> {
    let expected = last.map_or(Some(Counter::FIRST), Counter::next);
    match (expected, last) {
        (Some(expected), _) if expected == found => Ok(()),
        (Some(missing), _) if missing < found => Err(Fault::Missing { missing, found }),
        (_, last) => Err(Fault::Order { last: last.unwrap_or(found), found }),
    }
}
