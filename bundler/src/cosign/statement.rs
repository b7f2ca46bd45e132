use landfall_manifests::Digest;
use serde::Deserialize;

/// What cosign says in `critical.type`.
const KIND: &str = "cosign container image signature";

/// A statement that an image was signed ("simple signing", containers/image, docs/containers-signature.5.md).
#[derive(Debug, Deserialize)]
struct Statement {
    critical: Critical,
}

#[derive(Debug, Deserialize)]
struct Critical {
    #[serde(rename = "type")]
    kind: String,
    image: Image,
}

#[derive(Debug, Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: Digest,
}

/// The digest that a statement is about, if it is one.
pub(super) fn digest_of(statement: &[u8]) -> Option<Digest> {
    let statement: Statement = serde_json::from_slice(statement).ok()?;
    (statement.critical.kind == KIND).then_some(statement.critical.image.digest)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn statement(kind: &str, digest: &Digest) -> Vec<u8> {
        let critical = json!({
            "identity": {"docker-reference": "localhost/app"}, "image": {"docker-manifest-digest": digest}, "type": kind,
        });
        serde_json::to_vec(&json!({"critical": critical, "optional": null})).unwrap()
    }

    #[test]
    fn only_a_statement_of_cosign_has_a_digest() {
        let digest = Digest::of(b"image");
        assert_eq!(digest_of(&statement(KIND, &digest)), Some(digest));
        assert_eq!(digest_of(&statement("atomic container signature", &digest)), None);
        for wrong in [&b""[..], b"{}", b"null", br#"{"critical": {"type": "cosign container image signature"}}"#] {
            assert_eq!(digest_of(wrong), None);
        }
    }
}
