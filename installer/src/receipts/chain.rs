//! Whether receipts form one chain: counters without gaps, each receipt signed by the host and holding the digest of the one
//! before it.

use super::counter::Counter;
use super::fault::ReceiptFault;
use super::receipt::Receipt;
use super::report::ChainReport;
use landfall_keys::{PublicKey, Signature, TrustedKeys, TrustedKeysError, Verified};
use landfall_manifests::Digest;

/// The files of one receipt, as read from a folder and not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnverifiedReceipt {
    /// From the file name.
    pub(crate) counter: Counter,
    pub(crate) body: Vec<u8>,
    pub(crate) signature: Option<Vec<u8>>,
}

/// Checks receipts one by one in the order of their counters, and keeps only the last one.
#[derive(Debug)]
pub(crate) struct Chain {
    keys: TrustedKeys,
    /// The last receipt, and the digest of its bytes if they could be read.
    last: Option<(Counter, Option<Digest>)>,
    /// The last receipt, if it is verified.
    receipt: Option<Receipt>,
    report: ChainReport,
}

/// What a host records about the end of its chain, apart from the receipts.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExpectedEnd {
    /// The last counter that was used, from `last-receipt`.
    pub(crate) recorded: Option<Counter>,
    /// The highest counter in the name of a signature.
    pub(crate) signature: Option<Counter>,
    /// The manifest of the installed release.
    pub(crate) current: Option<Digest>,
}

impl Chain {
    /// A chain whose receipts are signed by one of `keys`: a host has one key, and another after it lost the first.
    pub(crate) fn new(keys: Vec<PublicKey>) -> Result<Self, TrustedKeysError> {
        Ok(Self { keys: TrustedKeys::new(keys, 1)?, last: None, receipt: None, report: ChainReport::default() })
    }

    /// Checks the next receipt, and returns it if it is well-formed, signed and continues the last one. After a fault the check
    /// goes on from this receipt.
    pub(crate) fn check_next(&mut self, found: &UnverifiedReceipt) -> Option<Receipt> {
        let counter = found.counter;
        // Of the bytes as they are, signed or not: the next receipt names the digest of its predecessor's file.
        let last = self.last.replace((counter, Some(Digest::of(&found.body))));
        self.receipt = None;
        let in_order = in_order(last.map(|(last, _)| last), counter);
        // The receipt before this one is missing, which is reported already: its digest cannot be compared.
        let last = if in_order.is_ok() { last } else { Some((counter, None)) };
        let is_in_order = self.report.note(counter, in_order).is_some();
        let receipt = self.verified_receipt(found).and_then(|receipt| continues(last, receipt));
        let receipt = self.report.note(counter, receipt)?;
        self.receipt = Some(receipt.clone());
        self.report.gaps.add(gap(&receipt), counter);
        is_in_order.then_some(receipt)
    }

    /// Reports a receipt that exists and cannot be read, and goes on behind it.
    pub(crate) fn skip_unreadable(&mut self, counter: Counter, why: String) {
        let order = in_order(self.last.map(|(last, _)| last), counter);
        self.report.note(counter, order);
        self.last = Some((counter, None));
        self.receipt = None;
        self.report.faults.add(Some(why), counter);
    }

    /// Checks the end of the chain and returns the findings.
    pub(crate) fn finish(mut self, expected: &ExpectedEnd) -> ChainReport {
        let last = self.last.map(|(last, _)| last);
        if let Err(fault) = expected.check(last, self.receipt.as_ref()) {
            self.report.note::<()>(last.unwrap_or(Counter::FIRST), Err(fault));
        }
        self.report
    }

    /// The parsed receipt, if the host signed it.
    fn verified_receipt(&self, found: &UnverifiedReceipt) -> Result<Receipt, ReceiptFault> {
        let (counter, signed) = (found.counter, verified(&self.keys, found)?);
        let receipt = Receipt::parse(signed.get()).map_err(|source| ReceiptFault::Body { counter, source })?;
        // `minisign -V` shows a person the comment, which is signed as well: it must not be that of another receipt.
        let comment = receipt.comment();
        if signed.signers().iter().any(|signer| signer.trusted_comment() != comment) {
            return Err(ReceiptFault::Comment(counter));
        }
        if receipt.counter != counter {
            return Err(ReceiptFault::Name { name: counter, counter: receipt.counter });
        }
        Ok(receipt)
    }
}

impl ExpectedEnd {
    /// Checks that the `last` receipt in the folder, whose content is known if it is verified, is the last that the host issued.
    pub(crate) fn check(&self, last: Option<Counter>, receipt: Option<&Receipt>) -> Result<(), ReceiptFault> {
        let first = last.map_or(Some(Counter::FIRST), Counter::next);
        match (self.recorded, self.signature) {
            (Some(recorded), _) if Some(recorded) > last => {
                return Err(ReceiptFault::Gone { first: first.unwrap_or(recorded), last: recorded });
            }
            (_, Some(signature)) if Some(signature) > last => return Err(ReceiptFault::Bodiless(signature)),
            _ => {}
        }
        match (last, receipt, self.current) {
            (None, _, Some(_)) => Err(ReceiptFault::NoReceipt),
            (Some(last), Some(receipt), Some(current)) if receipt.runs_after() != Some(current) => {
                Err(ReceiptFault::Stale(last))
            }
            _ => Ok(()),
        }
    }
}

/// The receipt, if it names the digest of the last one.
fn continues(last: Option<(Counter, Option<Digest>)>, receipt: Receipt) -> Result<Receipt, ReceiptFault> {
    let counter = receipt.counter;
    match (&receipt.gap, receipt.previous, last) {
        // It states a gap, it is the first, or the bytes of the one before could not be read.
        (Some(_), ..) | (None, None, None) | (None, _, Some((_, None))) => Ok(receipt),
        (None, Some(_), None) => Err(ReceiptFault::First(counter)),
        (None, Some(previous), Some((_, Some(digest)))) if previous == digest => Ok(receipt),
        (None, _, Some((last, _))) => Err(ReceiptFault::Previous { last, counter }),
    }
}

/// Why the host itself says that the chain is interrupted before this receipt.
fn gap(receipt: &Receipt) -> Option<String> {
    let begins_late = receipt.counter == Counter::FIRST && receipt.from.is_some();
    receipt.gap.clone().or_else(|| begins_late.then(|| "this host had a release before it kept receipts".to_owned()))
}

/// The bytes of a receipt, verified with `keys`.
pub(super) fn verified(keys: &TrustedKeys, found: &UnverifiedReceipt) -> Result<Verified<Vec<u8>>, ReceiptFault> {
    let counter = found.counter;
    let signature = found.signature.as_deref().ok_or(ReceiptFault::Unsigned(counter))?;
    let signature = Signature::parse(signature).map_err(|source| ReceiptFault::Signature { counter, source })?;
    keys.verify(found.body.clone(), &[signature]).map_err(|source| ReceiptFault::Signer { counter, source })
}

fn in_order(last: Option<Counter>, found: Counter) -> Result<(), ReceiptFault> {
    let expected = last.map_or(Some(Counter::FIRST), Counter::next);
    match (expected, last) {
        (Some(expected), _) if expected == found => Ok(()),
        (Some(missing), _) if missing < found => Err(ReceiptFault::Missing { missing, found }),
        (_, last) => Err(ReceiptFault::Order { last: last.unwrap_or(found), found }),
    }
}
