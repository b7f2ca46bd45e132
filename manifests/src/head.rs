use crate::exact_read::{read_exact, read_up_to};
use crate::release::{KEYS_KEPT, LINKS_KEPT};
use crate::{Bundle, ReadError, Release, ReleaseError, Signed, archive, limits};
use landfall_keys::{PublicKey, RootLink, Signature, TrustError, TrustedKeys, Verified, at_most};
use std::io::Read;

/// The first entries of a bundle, read within their limits and not yet verified: the manifest's bytes and its signatures.
#[derive(Debug, Clone)]
pub struct Head {
    bytes: Vec<u8>,
    signatures: Vec<(String, Signature)>,
    sizes: Vec<u64>,
    next: [u8; 512],
}

impl Head {
    /// Reads the manifest and the signatures, and the header after them.
    ///
    /// These are the only entries whose sizes are taken from the media; both have small limits.
    pub fn read(source: &mut impl Read) -> Result<Self, ReadError> {
        // 1. The manifest, whose size is limited before it is read into memory.
        let mut at = Cursor { source, offset: 0 };
        let block = at.block(archive::MANIFEST_NAME)?;
        let size = match archive::parse_header(&block) {
            Some((name, size)) if name == archive::MANIFEST_NAME && size <= limits::MANIFEST_BYTES => size,
            _ => return Err(ReadError::NotABundle),
        };
        let bytes = at.content(archive::MANIFEST_NAME, size)?;
        let mut head = Self { bytes, signatures: Vec::new(), sizes: Vec::new(), next: [0; 512] };
        // 2. Signatures up to the first header of another kind, which belongs to the image layout and is checked once the
        //    manifest is verified.
        loop {
            let offset = at.offset;
            head.next = at.block("the entry after the manifest")?;
            let Some((name, size)) =
                archive::parse_header(&head.next).filter(|(name, _)| archive::is_signature_name(name))
            else {
                return Ok(head);
            };
            head.add_signature(&mut at, name, size, offset)?;
        }
    }

    fn add_signature(
        &mut self,
        at: &mut Cursor<'_, impl Read>,
        name: String,
        size: u64,
        offset: u64,
    ) -> Result<(), ReadError> {
        let refused = |reason: String| ReadError::Signature { entry: name.clone(), offset, reason };
        if size > limits::SIGNATURE_BYTES || self.signatures.len() == limits::SIGNATURES {
            return Err(refused("it is larger than 4 KiB, or one of more than 16".to_owned()));
        }
        // Names rise strictly: the same signers give the same bytes, and none is there twice.
        if self.signatures.last().is_some_and(|(last, _)| *last >= name) {
            return Err(refused("it is there twice or out of order".to_owned()));
        }
        let text = at.content(&name, size)?;
        let signature = Signature::parse_canonical(&text).map_err(|error| refused(error.to_string()))?;
        // A name is signed by nobody: it must agree with the id by which the signature is checked.
        if archive::signature_name(&signature.key_id().to_string()) != name {
            return Err(refused(format!("it was made by key {}", signature.key_id())));
        }
        self.signatures.push((name, signature));
        self.sizes.push(size);
        Ok(())
    }

    /// The keys that the bundle names as its signers and that have signed it. They are *unverified*: anyone can sign a bundle
    /// with a key of their own. Show them to a person, who compares them with those received out of band.
    pub fn offered_keys(&self) -> Vec<PublicKey> {
        #[derive(serde::Deserialize)]
        struct Offer {
            #[serde(default, deserialize_with = "at_most::<_, _, KEYS_KEPT>")]
            keys: Vec<String>,
        }
        let offer = serde_json::from_slice::<Offer>(&self.bytes).map(|offer| offer.keys).unwrap_or_default();
        let keys = offer.iter().take(limits::OFFERED_KEYS).filter_map(|line| line.parse::<PublicKey>().ok());
        keys.filter(|key| self.check_signature_of(key).is_ok()).collect()
    }

    /// The trust roots that the bundle carries. They are *unverified*: pass them to [`landfall_keys::TrustRoot::follow`] or
    /// [`landfall_keys::TrustRoot::adopt`], which check their signatures, and to nothing else. The list is cut to its limit plus
    /// one while it is parsed, so that those refuse it.
    pub fn offered_chain(&self) -> Vec<RootLink> {
        #[derive(serde::Deserialize)]
        struct Offer {
            #[serde(default, deserialize_with = "at_most::<_, _, LINKS_KEPT>")]
            trust: Vec<RootLink>,
        }
        serde_json::from_slice::<Offer>(&self.bytes).map(|offer| offer.trust).unwrap_or_default()
    }

    /// Whether enough of `keys` have signed the manifest. What else is in the bundle is not looked at.
    pub fn is_signed_by(&self, keys: &TrustedKeys) -> bool {
        keys.verify(self.bytes.as_slice(), &self.signatures()).is_ok()
    }

    fn check_signature_of(&self, key: &PublicKey) -> Result<(), TrustError> {
        let only = TrustedKeys::new(vec![*key], 1).map_err(|_| TrustError::BadSignature { key_id: key.id() })?;
        only.verify(self.bytes.as_slice(), &self.signatures()).map(|_| ())
    }

    /// Checks the signatures of the keys that the release names, also of those that this host does not trust: a wrong one is damage.
    fn check_named_signers(&self, release: &Release) -> Result<(), TrustError> {
        let named = release.keys.iter().filter_map(|line| line.parse::<PublicKey>().ok());
        for key in named.filter(|key| self.signatures.iter().any(|(_, signature)| signature.key_id() == key.id())) {
            self.check_signature_of(&key)?;
        }
        Ok(())
    }

    /// The key ids in the signatures, unverified.
    pub fn signers(&self) -> Vec<String> {
        self.signatures.iter().map(|(_, signature)| signature.key_id().to_string()).collect()
    }

    /// Where the first entry after the signatures begins, in bytes from the start of the bundle.
    pub fn end(&self) -> u64 {
        let sizes = std::iter::once(self.bytes.len() as u64).chain(self.sizes.iter().copied());
        sizes.map(archive::entry_bytes).fold(0, u64::saturating_add)
    }

    /// The manifest's bytes, as they were read.
    pub fn manifest(&self) -> &[u8] {
        &self.bytes
    }

    /// The signatures, as they were read.
    pub fn signatures(&self) -> Vec<Signature> {
        self.signatures.iter().map(|(_, signature)| signature.clone()).collect()
    }

    /// Checks that enough trusted keys signed the manifest, then parses and checks it, and the header that was read after it.
    pub fn verify(self, trusted: &TrustedKeys) -> Result<Bundle, ReadError> {
        let signatures = self.signatures();
        // Signatures first: the parser and its checks see only bytes that trusted keys signed.
        let verified = trusted.verify(self.bytes.as_slice(), &signatures)?;
        let release = Release::from_verified(verified)?;
        self.check_named_signers(release.get())?;
        Bundle::new(release, self.bytes, signatures, &self.sizes, &self.next)
    }

    /// Whether no header of an entry follows the signatures: then a signature's header may be damaged, so that fewer signatures
    /// were read than the bundle has.
    pub fn may_lack_signatures(&self) -> bool {
        archive::parse_header(&self.next).is_none()
    }

    /// Checks the signatures without parsing the manifest again: `bundle` holds the parsed one, if it has the same bytes
    /// ([`Bundle::with_head`]). A large manifest is then in memory only once.
    pub fn verify_signatures(self, trusted: &TrustedKeys, bundle: &Bundle) -> Result<VerifiedHead, ReadError> {
        let signers = trusted.verify(self.bytes.as_slice(), &self.signatures())?;
        let signers = signers.try_map(|_| Ok::<_, ReadError>(()))?;
        self.check_named_signers(bundle.release())?;
        Ok(VerifiedHead { head: self, signers })
    }

    /// The manifest for adding a signature: parsed and checked, but *its signatures are not verified*.
    pub fn into_signed_without_verifying(self) -> Result<Signed, ReleaseError> {
        let release: Release = serde_json::from_slice(&self.bytes)?;
        release.check()?;
        let signatures = self.signatures();
        Ok(Signed::from_parts(self.bytes, release, signatures))
    }
}

/// A head whose bytes enough trusted keys have signed. They have not been parsed.
#[derive(Debug, Clone)]
pub struct VerifiedHead {
    pub(crate) head: Head,
    pub(crate) signers: Verified<()>,
}

/// Reads whole blocks and counts the bytes.
struct Cursor<'a, R> {
    source: &'a mut R,
    offset: u64,
}

impl<R: Read> Cursor<'_, R> {
    fn block(&mut self, entry: &str) -> Result<[u8; 512], ReadError> {
        let mut block = [0; 512];
        read_exact(self.source, &mut block, entry, self.offset)?;
        self.offset += archive::BLOCK;
        Ok(block)
    }

    fn content(&mut self, entry: &str, size: u64) -> Result<Vec<u8>, ReadError> {
        let padded = size + archive::padding(size);
        let mut content = read_up_to(self.source, padded, entry, self.offset)?;
        let read = content.len() as u64;
        if read < padded {
            return Err(ReadError::Truncated { entry: Some(entry.to_owned()), offset: self.offset + read });
        }
        let zeros = content.split_off(usize::try_from(size).unwrap_or(usize::MAX).min(content.len()));
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(ReadError::Padding { entry: entry.to_owned(), offset: self.offset + size });
        }
        self.offset += padded;
        Ok(content)
    }
}
