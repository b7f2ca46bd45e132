//! Images that a key of cosign has to have signed. openssl signs here as cosign does; the real one does in `tests/tests/hosts`.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::{Arc, Mutex};

const STATEMENT: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// A registry with an image `app:1`, and a workspace with the keys `own` and `other`.
struct Signed {
    images: Arc<Mutex<Images>>,
    _server: Server,
    workspace: Workspace,
    manifest: Vec<u8>,
}

impl Signed {
    fn new() -> Self {
        let mut images = Images::default();
        let manifest = images.image("app:1", &[layer("base", 1000)]);
        let images = Arc::new(Mutex::new(images));
        let answering = Arc::clone(&images);
        let server = Server::start(move |request| answering.lock().unwrap().answer(request));
        let workspace = Workspace::new();
        for name in ["own", "other"] {
            let (key, public) = (format!("{name}.pem"), format!("{name}.pub"));
            workspace.tool("openssl", &["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", &key]);
            workspace.tool("openssl", &["ec", "-in", &key, "-pubout", "-out", &public]);
        }
        workspace.define(&format!(
            "[[image]]\nname = \"app\"\nsource = \"docker://{}/app:1\"\ncosign = \"own.pub\"\n",
            server.address
        ));
        Self { images, _server: server, workspace, manifest }
    }

    /// Puts statements beside the image, each about a digest and signed with a key.
    fn sign(&self, statements: &[(&str, &str)]) {
        let mut images = self.images.lock().unwrap();
        let layers: Vec<Value> =
            statements.iter().map(|(digest, key)| self.statement(&mut images, digest, key)).collect();
        let config = b"{}".to_vec();
        images.blob("app", &config);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor("", &config), "layers": layers});
        let tag = format!("app:{}.sig", digest(&self.manifest).replace(':', "-"));
        images.tag(&tag, MANIFEST, manifest.to_string().as_bytes());
    }

    fn statement(&self, images: &mut Images, digest: &str, key: &str) -> Value {
        let critical = json!({"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature"});
        let payload = json!({"critical": critical, "optional": null}).to_string();
        self.workspace.write("payload", &payload);
        let key = format!("{key}.pem");
        self.workspace.tool("openssl", &["dgst", "-sha256", "-sign", &key, "-out", "signature", "payload"]);
        let signature = STANDARD.encode(fs::read(self.workspace.path("signature")).unwrap());
        images.blob("app", payload.as_bytes());
        let mut layer = descriptor(STATEMENT, payload.as_bytes());
        layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
        layer
    }
}

#[test]
fn an_image_is_packed_with_the_proof_that_its_key_signed_it() {
    let signed = Signed::new();
    let digest = digest(&signed.manifest);
    // Others may sign, too.
    signed.sign(&[(&digest, "other"), (&digest, "own")]);
    built(&signed.workspace);
    let files = signed.workspace.release("acme.tar")["files"].clone();
    let proof = files.as_array().unwrap().iter().find(|file| file["path"] == "evidence/images/app.cosign.json");
    let blob = proof.unwrap()["blob"].as_str().unwrap().replace("sha256:", "blobs/sha256/");
    signed.workspace.tool("tar", &["-xf", "acme.tar", &blob]);
    let proof = zstd::decode_all(&*fs::read(signed.workspace.path(&blob)).unwrap()).unwrap();
    let proof: Value = serde_json::from_slice(&proof).unwrap();
    assert_eq!(
        (&proof["digest"], &proof["key"]),
        (&digest.into(), &fs::read_to_string(signed.workspace.path("own.pub")).unwrap().into())
    );
    // By hand, as docs/security.md has it.
    for name in ["payload", "signature"] {
        signed.workspace.write(name, STANDARD.decode(proof[name].as_str().unwrap()).unwrap());
    }
    signed.workspace.tool("openssl", &["dgst", "-sha256", "-verify", "own.pub", "-signature", "signature", "payload"]);
}

#[test]
fn an_image_that_its_key_has_not_signed_is_refused() {
    let signed = Signed::new();
    let error = refused(&signed.workspace, 4, &[]);
    assert_eq!(error["code"], "no_signature");
    let digest = digest(&signed.manifest);
    let another = self::digest(b"another image");
    for statements in [&[][..], &[(&digest, "other")], &[(&another, "own")], &[(&digest, "other"), (&another, "own")]] {
        let statements: Vec<(&str, &str)> =
            statements.iter().map(|(digest, key): &(&String, &str)| (digest.as_str(), *key)).collect();
        signed.sign(&statements);
        let error = refused(&signed.workspace, 4, &[]);
        assert!(error["code"] == "signature" && message(&error).contains(&digest), "{error}");
    }
    // A statement that was changed after it was signed.
    signed.sign(&[(&digest, "own")]);
    let text = fs::read_to_string(signed.workspace.path("payload")).unwrap();
    let mut images = signed.images.lock().unwrap();
    let signature = STANDARD.encode(fs::read(signed.workspace.path("signature")).unwrap());
    let changed = text.replace("\"optional\":null", "\"optional\":{}");
    let mut layer = descriptor(STATEMENT, changed.as_bytes());
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": signature});
    images.blob("app", changed.as_bytes());
    let manifest = json!({"schemaVersion": 2, "config": descriptor("", b"{}"), "layers": [layer]}).to_string();
    images.tag(&format!("app:{}.sig", digest.replace(':', "-")), MANIFEST, manifest.as_bytes());
    drop(images);
    assert_eq!(refused(&signed.workspace, 4, &[])["code"], "signature");
}

#[test]
fn a_key_that_is_none_and_a_source_that_has_no_signatures_are_refused() {
    let signed = Signed::new();
    let text = fs::read_to_string(signed.workspace.path("acme.toml")).unwrap();
    for (key, exit, code) in [("gone.pub", 2, "cosign_key"), ("k.pub", 2, "cosign_key"), (".", 2, "cosign_key")] {
        signed.workspace.write("acme.toml", text.replace("own.pub", key));
        assert_eq!(refused(&signed.workspace, exit, &[])["code"], code, "{key}");
    }
    signed.workspace.define("[[image]]\nname = \"app\"\nsource = \"oci:app\"\ncosign = \"own.pub\"\n");
    assert!(message(&refused(&signed.workspace, 2, &[])).contains("cosign is for images of registries"));
    signed.workspace.define("[[file]]\nsource = \"own.pub\"\npath = \"evidence/images/app.cosign.json\"\n");
    assert!(message(&refused(&signed.workspace, 2, &[])).contains("a file cannot be at evidence/"));
}
