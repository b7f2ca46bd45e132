use std::fmt::Write as _;

/// A package URL, taken apart (github.com/package-url/purl-spec): `pkg:TYPE/NAMESPACE/NAME@VERSION?QUALIFIERS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purl {
    /// Of which kind the package is, such as `deb`.
    pub kind: String,
    /// Decoded; several components are joined by `/`.
    pub namespace: Option<String>,
    /// Decoded.
    pub name: String,
    /// Decoded.
    pub version: Option<String>,
    /// Decoded, in the order of the text.
    pub qualifiers: Vec<(String, String)>,
}

impl Purl {
    /// Reads a package URL.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let rest = rest.split('#').next()?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = match rest.rsplit_once('@') {
            Some((path, version)) if !version.contains('/') => (path, Some(decode(version)?)),
            _ => (rest, None),
        };
        let mut parts = path.split('/').filter(|part| !part.is_empty()).map(decode).collect::<Option<Vec<_>>>()?;
        let name = parts.pop()?;
        if parts.is_empty() {
            return None;
        }
        let kind = parts.remove(0).to_ascii_lowercase();
        let qualifiers = query.split('&').filter_map(|pair| pair.split_once('='));
        let qualifiers = qualifiers.map(|(key, value)| Some((key.to_owned(), decode(value)?)));
        Some(Self {
            kind,
            namespace: (!parts.is_empty()).then(|| parts.join("/")),
            name,
            version,
            qualifiers: qualifiers.collect::<Option<_>>()?,
        })
    }

    /// A qualifier's value.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// The text, where what has a meaning in a package URL is replaced by its code.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                encoded.push(char::from(byte));
            }
            // Into memory, where nothing can fail.
            other => _ = write!(encoded, "%{other:02X}"),
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn is_taken_apart() {
        let purl = Purl::parse("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&upstream=openssl&distro=debian-12")
            .unwrap();
        assert_eq!(
            (purl.kind.as_str(), purl.namespace.as_deref(), purl.name.as_str()),
            ("deb", Some("debian"), "libssl3")
        );
        assert_eq!((purl.version.as_deref(), purl.qualifier("distro")), (Some("3.0.11-1~deb12u2"), Some("debian-12")));
        let purl = Purl::parse("pkg:npm/%40scope/name@1.0.0").unwrap();
        assert_eq!((purl.namespace.as_deref(), purl.name.as_str()), (Some("@scope"), "name"));
        let purl = Purl::parse("pkg:golang/github.com/a/b").unwrap();
        assert_eq!((purl.namespace.as_deref(), purl.version), (Some("github.com/a"), None));
        for wrong in ["", "pkg:", "pkg:deb", "deb/x@1", "pkg:deb/%zz@1", "pkg:deb/%f"] {
            assert_eq!(Purl::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in ["a+b", "1:2.3~rc1", "@scope/x", "é", "%", "a b&c=d?e#f"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        }
        assert_eq!(encode("1:2+b1"), "1:2%2Bb1");
    }
}
