use crate::fill::{fill, up_to};
use crate::release::{KEYS_KEPT, LINKS_KEPT};
use crate::{Bundle, ReadError, Release, ReleaseError, Signed, archive, limits};
use landfall_keys::{PublicKey, RootLink, Signature, TrustError, TrustedKeys, Verified, at_most};
use std::io::Read;

/// The first entries of a bundle, read within their limits and not yet believed: the manifest's bytes and its signatures.
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
    /// These are the only headers whose sizes are taken from the media; both are held against small limits.
    pub fn read(source: &mut impl Read) -> Result<Self, ReadError> {
        let mut at = Cursor { source, offset: 0 };
        let block = at.block(archive::MANIFEST_NAME)?;
        let size = match archive::claimed(&block) {
            Some((name, size)) if name == archive::MANIFEST_NAME && size <= limits::MANIFEST_BYTES => size,
            _ => return Err(ReadError::NotABundle),
        };
        let bytes = at.content(archive::MANIFEST_NAME, size)?;
        let mut head = Self { bytes, signatures: Vec::new(), sizes: Vec::new(), next: [0; 512] };
        loop {
            let offset = at.offset;
            head.next = at.block("the entry after the manifest")?;
            let Some((name, size)) = archive::claimed(&head.next).filter(|(name, _)| archive::is_signature_name(name))
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
        if self.signatures.last().is_some_and(|(last, _)| *last >= name) {
            return Err(refused("it is there twice or out of order".to_owned()));
        }
        let text = at.content(&name, size)?;
        let signature = Signature::parse_canonical(&text).map_err(|error| refused(error.to_string()))?;
        if archive::signature_name(&signature.key_id().to_string()) != name {
            return Err(refused(format!("it was made by key {}", signature.key_id())));
        }
        self.signatures.push((name, signature));
        self.sizes.push(size);
        Ok(())
    }

    /// The keys that the bundle says it is signed by, of which a signature is there and right. Nothing speaks for them but
    /// the bundle itself: show them to a person, who compares them with what they were told.
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

    /// The trust roots that the bundle brings. Nothing speaks for them but their own signatures, which
    /// [`landfall_keys::TrustRoot::follow`] and [`landfall_keys::TrustRoot::adopt`] look at: hand them to nothing else. Of too
    /// many, as many are given as those refuse.
    pub fn offered_chain(&self) -> Vec<RootLink> {
        #[derive(serde::Deserialize)]
        struct Offer {
            #[serde(default, deserialize_with = "at_most::<_, _, LINKS_KEPT>")]
            trust: Vec<RootLink>,
        }
        serde_json::from_slice::<Offer>(&self.bytes).map(|offer| offer.trust).unwrap_or_default()
    }

    fn check_signature_of(&self, key: &PublicKey) -> Result<(), TrustError> {
        let only = TrustedKeys::new(vec![*key], 1).map_err(|_| TrustError::BadSignature { key_id: key.id() })?;
        only.verify(self.bytes.as_slice(), &self.signatures()).map(|_| ())
    }

    /// The release names its signers: a signature under one of their ids is theirs, also where this host does not trust them.
    fn check_named_signers(&self, release: &Release) -> Result<(), TrustError> {
        let named = release.keys.iter().filter_map(|line| line.parse::<PublicKey>().ok());
        for key in named.filter(|key| self.signatures.iter().any(|(_, signature)| signature.key_id() == key.id())) {
            self.check_signature_of(&key)?;
        }
        Ok(())
    }

    /// The ids of the keys that signatures claim.
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

    /// Believes the manifest if enough trusted keys signed it, and checks it and the header that was read after it.
    pub fn verify(self, trusted: &TrustedKeys) -> Result<Bundle, ReadError> {
        let signatures = self.signatures();
        let verified = trusted.verify(self.bytes.as_slice(), &signatures)?;
        let release = Release::from_verified(verified)?;
        self.check_named_signers(release.get())?;
        Bundle::new(release, self.bytes, signatures, &self.sizes, &self.next)
    }

    /// Whether no header of an entry stands behind the signatures: then one of theirs may have been damaged, so that fewer of
    /// them were read than are there.
    pub fn is_cut_short(&self) -> bool {
        archive::claimed(&self.next).is_none()
    }

    /// Looks at the signatures alone: of the bytes of the manifest, `bundle` says what they mean, if it has the same
    /// ([`Bundle::behind`]). A large manifest is in memory once then.
    pub fn vouched(self, trusted: &TrustedKeys, bundle: &Bundle) -> Result<VouchedHead, ReadError> {
        let signers = trusted.verify(self.bytes.as_slice(), &self.signatures())?;
        let signers = signers.try_map(|_| Ok::<_, ReadError>(()))?;
        self.check_named_signers(bundle.release())?;
        Ok(VouchedHead { head: self, signers })
    }

    /// The manifest for adding a signature: it is parsed and checked, but *nobody vouches for it*.
    pub fn into_signed_without_verifying(self) -> Result<Signed, ReleaseError> {
        let release: Release = serde_json::from_slice(&self.bytes)?;
        release.check()?;
        let signatures = self.signatures();
        Ok(Signed::from_parts(self.bytes, release, signatures))
    }
}

/// A head whose bytes enough trusted keys have signed, whatever they say.
#[derive(Debug, Clone)]
pub struct VouchedHead {
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
        fill(self.source, &mut block, entry, self.offset)?;
        self.offset += archive::BLOCK;
        Ok(block)
    }

    fn content(&mut self, entry: &str, size: u64) -> Result<Vec<u8>, ReadError> {
        let padded = size + archive::padding(size);
        let mut content = up_to(self.source, padded, entry, self.offset)?;
        let read = content.len() as u64;
        if read < padded {
            return Err(ReadError::Truncated { entry: entry.to_owned(), offset: self.offset + read });
        }
        let zeros = content.split_off(usize::try_from(size).unwrap_or(usize::MAX).min(content.len()));
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(ReadError::Padding { entry: entry.to_owned(), offset: self.offset + size });
        }
        self.offset += padded;
        Ok(content)
    }
}
