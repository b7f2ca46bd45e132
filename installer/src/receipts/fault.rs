//! What can be wrong with a receipt, or with its place in the chain.

use super::counter::Counter;
use super::receipt::ReceiptError;
use landfall_keys::{SignatureError, TrustError};

/// Why a receipt is not accepted as the next one of this host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiptFault {
    #[error("receipt {missing} is missing: the next one is {found}")]
    Missing { missing: Counter, found: Counter },
    #[error("receipt {found} does not come after {last}")]
    Order { last: Counter, found: Counter },
    #[error("receipt {counter} cannot be read")]
    Body {
        counter: Counter,
        #[source]
        source: ReceiptError,
    },
    #[error("receipt {name} has the counter {counter} in it")]
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
    #[error("the signature of receipt {0} was made for another one")]
    Comment(Counter),
    #[error("receipt {counter} does not continue {last}: one of them was replaced")]
    Previous { last: Counter, counter: Counter },
    #[error("receipt {0} continues one before the first")]
    First(Counter),
    #[error("{}: this host has issued {last}", missing_text(*.first, *.last))]
    Gone { first: Counter, last: Counter },
    #[error("receipt {0} is missing, but its signature is there")]
    Bodiless(Counter),
    #[error("receipts after {0} are missing: the installed release is not the one that it names")]
    Stale(Counter),
    #[error(
        "there is no receipt for the installed release: it was installed before this host kept receipts, or they were removed"
    )]
    NoReceipt,
}

impl ReceiptFault {
    /// The receipt that is missing, if one is.
    pub(super) fn missing_counter(&self) -> Option<Counter> {
        match self {
            Self::Missing { missing: counter, .. } | Self::Gone { first: counter, .. } | Self::Bodiless(counter) => {
                Some(*counter)
            }
            _ => None,
        }
    }
}

/// Which receipts are missing, for messages.
fn missing_text(first: Counter, last: Counter) -> String {
    if first == last { format!("receipt {last} is missing") } else { format!("receipts {first} to {last} are missing") }
}
