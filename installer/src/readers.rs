//! The readers of outside input as functions of that input, for fuzzing. Their results can be compared with the input.

use crate::content::{Decoder, Expected};
use crate::receipts::{Chain, Counter, Receipt, UnverifiedReceipt};
use crate::settings::Layers;
use crate::settings::overrides::{self, Override};
use crate::settings::usable::usable;
use landfall_host::settings::Effective;
use landfall_keys::PublicKey;
use landfall_manifests::{Digest, Encoding};
use std::error::Error;
use std::io::{Cursor, Read as _};

/// Why an input is refused.
pub type Refused = Box<dyn Error>;

/// Checks the receipts of a host from the first one on, each given as its bytes and those of its signature, and returns each as a
/// host writes it.
///
/// # Errors
/// One is no receipt, was not signed by the host, or does not continue the one before.
pub fn receipts(host: PublicKey, found: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<String>, Refused> {
    let mut chain = Chain::new(vec![host])?;
    let receipts = (1..).zip(found).map(|(number, (body, signature))| -> Result<String, Refused> {
        let counter = Counter::try_from(number)?;
        let found = UnverifiedReceipt { counter, body: body.clone(), signature: Some(signature.clone()) };
        Ok(chain.check_next(&found).ok_or("it is not the next receipt of this host")?.to_json())
    });
    receipts.collect()
}

/// The trusted comment that the signature of a receipt must have.
///
/// # Errors
/// The bytes are no receipt.
pub fn receipt_comment(body: &[u8]) -> Result<String, Refused> {
    Ok(Receipt::parse(body)?.comment())
}

/// Unpacks a stored blob, whose content has to have `digest` and `size`.
///
/// # Errors
/// It does not decompress to that.
pub fn blob(stored: Vec<u8>, encoding: Encoding, digest: Digest, size: u64) -> Result<Vec<u8>, Refused> {
    let mut content = Vec::new();
    Decoder::new(Cursor::new(stored), Expected { encoding: Some(encoding), digest, size })?
        .read_to_end(&mut content)?;
    Ok(content)
}

/// The operator's settings over a release's: what counts, and what an automatic revert to that release would leave of the text.
///
/// # Errors
/// The release does not take one of the values.
pub fn settings(release: &str, operator: &str) -> Result<Vec<Effective>, Refused> {
    Ok(Layers::parse(release, operator)?.effective())
}

/// What an automatic revert to the release leaves of the operator's text; `None` if that is all of it.
pub fn usable_settings(release: &str, operator: &str) -> Option<String> {
    usable(release, operator)
}

/// The operator's text with the answers of a file in it.
///
/// # Errors
/// One of the texts does not parse, or an answer fits no setting.
pub fn answers(release: &str, operator: &str, answers: &str) -> Result<String, Refused> {
    Ok(overrides::set(release, operator, &Override::parse_answers(answers)?)?)
}

/// Reads an answer as it stands on a command line.
///
/// # Errors
/// It is not of the form `section.key=value`.
pub fn answer(text: &str) -> Result<(), Refused> {
    Override::parse(text)?;
    Ok(())
}

/// Parses an exported receipt, and writes it again as a host does.
///
/// # Errors
/// It is too long, does not parse, or would deceive a terminal.
pub fn receipt(bytes: &[u8]) -> Result<String, Refused> {
    Ok(Receipt::parse(bytes)?.to_json())
}
