//! Values that come from verified bytes.

use crate::public_key::PublicKey;

/// A value that comes from bytes which enough trusted keys have signed.
///
/// The only way to one is [`TrustedKeys::verify`](crate::TrustedKeys::verify), and from there
/// [`Verified::try_map`]. A function that takes a `Verified<T>` cannot be called with anything else:
///
/// ```compile_fail,E0451
/// use landfall_keys::Verified;
/// let forged = Verified { value: vec![1, 2, 3], signers: Vec::new() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    signers: Vec<Signer>,
}

/// A trusted key that signed, and its trusted comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    key: PublicKey,
    trusted_comment: String,
}

impl<T> Verified<T> {
    pub(super) fn seal(value: T, signers: Vec<Signer>) -> Self {
        Self { value, signers }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The value alone: what it was verified by is forgotten.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// The trusted keys that signed, each once, at least as many as the threshold.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// Turns the value into what it means, for example bytes into the manifest that they spell. The
    /// result is as verified as the value was, so `f` must derive it from the value alone.
    pub fn try_map<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        Ok(Verified { value: f(self.value)?, signers: self.signers })
    }
}

impl Signer {
    pub(super) fn seal(key: PublicKey, trusted_comment: &str) -> Self {
        Self { key, trusted_comment: trusted_comment.to_owned() }
    }

    /// The key that signed.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The trusted comment that the key signed along with the bytes.
    pub fn trusted_comment(&self) -> &str {
        &self.trusted_comment
    }
}
