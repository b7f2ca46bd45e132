//! Whether receipts belong together: one after the other, each signed by the host, each holding the digest of the one before.

use super::body::{Receipt, ReceiptError};
use super::counter::Counter;
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
    #[error("receipt {counter} says that the chain is broken before it: {why}")]
    Gap { counter: Counter, why: String },
}

/// Follows receipts one by one, so that none but the last has to be remembered.
#[derive(Debug)]
pub(crate) struct Chain {
    keys: TrustedKeys,
    /// The last one, and the digest of its bytes if they could be read.
    last: Option<(Counter, Option<Digest>)>,
}

impl Chain {
    /// For receipts that one of `keys` has signed: a host has one, and another after it lost the first.
    pub(crate) fn new(keys: Vec<PublicKey>) -> Result<Self, TrustedKeysError> {
        Ok(Self { keys: TrustedKeys::new(keys, 1)?, last: None })
    }

    /// Takes the next receipt, and returns it if it is one, signed, and follows the last. After a fault it goes on from what
    /// was found.
    pub(crate) fn follow(&mut self, found: &Found) -> Result<Receipt, Fault> {
        let last = self.last.replace((found.counter, Some(Digest::of(&found.body))));
        in_order(last.map(|(last, _)| last), found.counter)?;
        let receipt = self.signed(found)?;
        let counter = receipt.counter;
        if counter != found.counter {
            return Err(Fault::Name { name: found.counter, counter });
        }
        match (&receipt.gap, receipt.previous, last) {
            (Some(why), ..) => Err(Fault::Gap { counter, why: why.clone() }),
            // The first one; or what it should go on from could not be read, and that has been said.
            (None, None, None) | (None, Some(_), Some((_, None))) => Ok(receipt),
            (None, Some(_), None) => Err(Fault::First(counter)),
            (None, Some(previous), Some((_, Some(digest)))) if previous == digest => Ok(receipt),
            (None, _, Some((last, _))) => Err(Fault::Previous { last, counter }),
        }
    }

    /// Goes past a receipt that is there and cannot be read.
    pub(crate) fn pass(&mut self, counter: Counter) {
        self.last = Some((counter, None));
    }

    /// The receipt that these bytes are, if the host signed them.
    fn signed(&self, found: &Found) -> Result<Receipt, Fault> {
        let (counter, signed) = (found.counter, verified(&self.keys, found)?);
        let receipt = Receipt::parse(signed.get()).map_err(|source| Fault::Body { counter, source })?;
        let comment = receipt.comment();
        if signed.signers().iter().any(|signer| signer.trusted_comment() != comment) {
            return Err(Fault::Comment(counter));
        }
        Ok(receipt)
    }
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
