//! Debian's docker-registry, to which skopeo pushes; `make check` leaves it out.

mod cosign;

use super::*;
use crate::docker_archive::{Form, save};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A registry that runs until it is dropped.
struct Registry {
    process: Child,
    /// `localhost` and its port.
    host: String,
}

impl Registry {
    /// Starts a registry whose blobs are in the workspace, with these further lines of its settings for HTTP and authentication.
    fn start(workspace: &Workspace, http: &str, auth: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = workspace.path("registry").display().to_string();
        let settings = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}}}}}\n\
             http:\n  addr: 127.0.0.1:{port}\n{http}{auth}"
        );
        let settings = workspace.write("registry.yml", settings);
        let mut process = Command::new("docker-registry");
        process.arg("serve").arg(settings).stdout(Stdio::null()).stderr(Stdio::null());
        let process = process.spawn();
        let mut registry =
            Self { process: process.expect("this test needs docker-registry"), host: format!("localhost:{port}") };
        // It takes connections when it is ready.
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(registry.process.try_wait().unwrap().is_none(), "the registry has ended");
            thread::sleep(Duration::from_millis(20));
        }
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Pushes an image of three layers as `team/app:1`.
fn push(workspace: &Workspace, registry: &Registry, further: &[&str]) {
    let layers = vec![crate::docker_archive::layer("base", 700_000), layer("noise", 5 << 20), layer("app", 1000)];
    save(workspace, "saved.tar", Form::Legacy, &[("app:1", layers)]);
    let target = format!("docker://{}/team/app:1", registry.host);
    workspace.tool("skopeo", &[&["copy"], further, &["docker-archive:saved.tar", &target]].concat());
}

fn define_pushed(workspace: &Workspace, registry: &Registry) {
    workspace.define(&format!("[[image]]\nname = \"app\"\nsource = \"docker://{}/team/app:1\"\n", registry.host));
}

fn inspect(workspace: &Workspace, of: &str) -> String {
    let inspected = workspace.tool("skopeo", &["inspect", "--tls-verify=false", "--format", "{{.Digest}}", of]);
    inspected.trim().to_owned()
}

#[test]
fn images_of_a_real_registry_keep_their_digests() {
    let workspace = Workspace::new();
    let registry = Registry::start(&workspace, "", "");
    for format in ["oci", "v2s2"] {
        push(&workspace, &registry, &["--dest-tls-verify=false", "--format", format]);
        let upstream = inspect(&workspace, &format!("docker://{}/team/app:1", registry.host));
        define_pushed(&workspace, &registry);
        workspace.ok(&["update", "acme.toml"]);
        let images = built(&workspace);
        assert_eq!(images[0]["manifest"], upstream, "{format}");
        assert!(images[0]["layers"].as_array().unwrap().iter().all(|layer| layer["encoding"] == "gzip"));
    }
    workspace.define(&format!("[[image]]\nname = \"app\"\nsource = \"docker://{}/team/gone:1\"\n", registry.host));
    let error = refused(&workspace, 2, &[]);
    assert_eq!(error["code"], "no_such_image", "{error}");
}

/// A server between the bundler and a real registry, which changes its answers.
fn between(registry: &Registry, change: impl Fn(&Request, Response) -> Response + Send + Sync + 'static) -> Server {
    let host = registry.host.clone();
    Server::start(move |request| change(request, forward(&host, request)))
}

/// The real registry's answer, by curl.
fn forward(host: &str, request: &Request) -> Response {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--include", "--header", "Connection: close"]);
    for name in ["accept", "range"] {
        if let Some(value) = request.header(name) {
            curl.arg("--header").arg(format!("{name}: {value}"));
        }
    }
    let output = curl.arg(format!("http://{host}{}", request.path)).output().expect("this test needs curl");
    let end = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer");
    let head = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut response = Response::new(status, &output.stdout[end + 4..]);
    for name in ["Content-Type", "Content-Range", "Docker-Content-Digest"] {
        let is_it = |line: &&str| line.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase());
        let value = head.lines().find(is_it).and_then(|line| line.split_once(": "));
        response = value.map_or(response.clone(), |(_, value)| response.with(name, value));
    }
    response
}

#[test]
fn a_real_registry_behind_a_bad_line_gives_the_same_bundle() {
    let workspace = Workspace::new();
    let registry = Registry::start(&workspace, "", "");
    push(&workspace, &registry, &["--dest-tls-verify=false"]);
    let times = std::sync::atomic::AtomicUsize::new(0);
    let line = between(&registry, move |request, response| {
        let number = times.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match number % 4 {
            1 => Response::new(503, "").with("Retry-After", "0"),
            _ if request.path.contains("/blobs/") && response.body.len() > 1_100_000 => response.cut(1_100_000),
            _ => response,
        }
    });
    define_pushed(&workspace, &registry);
    workspace.define(&format!("[[image]]\nname = \"app\"\nsource = \"docker://{}/team/app:1\"\n", line.address));
    let images = built(&workspace);
    assert_eq!(images[0]["manifest"], inspect(&workspace, &format!("docker://{}/team/app:1", registry.host)));
    assert!(line.seen().iter().filter(|request| request.offset().is_some()).count() >= 4, "nothing went on");

    let line = between(&registry, |request, mut response| {
        if request.path.contains("/blobs/") && response.body.len() > 1_000_000 {
            response.body[1_000_000] ^= 1;
        }
        response
    });
    workspace.define(&format!("[[image]]\nname = \"app\"\nsource = \"docker://{}/team/app:1\"\n", line.address));
    assert_eq!(refused(&workspace, 3, &[])["code"], "damaged_image");
}

#[test]
fn a_real_registry_takes_a_password() {
    let workspace = Workspace::new();
    let line = workspace.tool("htpasswd", &["-Bbn", "ann", "s3cr3t"]);
    let file = workspace.write("htpasswd", line);
    let auth = format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", file.display());
    let registry = Registry::start(&workspace, "", &auth);
    push(&workspace, &registry, &["--dest-tls-verify=false", "--dest-creds", "ann:s3cr3t"]);
    define_pushed(&workspace, &registry);
    let error = refused(&workspace, 6, &[]);
    assert_eq!(error["code"], "registry_login", "{error}");
    // As skopeo writes it, which is Podman's form.
    let login = ["login", "--tls-verify=false", "--authfile", "auth.json", "-u", "ann", "-p", "s3cr3t", &registry.host];
    workspace.tool("skopeo", &login);
    let built = workspace.bundler().args(BUILD).env("REGISTRY_AUTH_FILE", "auth.json").status().unwrap();
    assert!(built.success());
}

/// A key and a certificate for localhost, signed by an authority of its own: `ca.pem`, `host.pem`, `host.key`.
fn certificates(workspace: &Workspace) {
    let openssl = |args: &[&str]| _ = workspace.tool("openssl", args);
    let authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority", "-days", "36500"];
    openssl(&[&["req", "-x509", "-newkey", "rsa:2048", "-noenc"], &authority[..]].concat());
    let asked = ["-keyout", "host.key", "-out", "host.csr", "-subj", "/CN=localhost"];
    openssl(&[&["req", "-newkey", "rsa:2048", "-noenc"], &asked[..]].concat());
    workspace.write("names", "subjectAltName = DNS:localhost, IP:127.0.0.1\n");
    let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "36500"];
    openssl(&[&["x509", "-req", "-in", "host.csr", "-out", "host.pem"], &signed[..]].concat());
}

#[test]
fn a_real_registry_with_a_certificate_of_the_house_is_trusted_when_it_is_named() {
    let workspace = Workspace::new();
    certificates(&workspace);
    let at = |name: &str| workspace.path(name).display().to_string();
    let tls = format!("  tls: {{certificate: {}, key: {}}}\n", at("host.pem"), at("host.key"));
    let registry = Registry::start(&workspace, &tls, "");
    push(&workspace, &registry, &["--dest-tls-verify=false"]);
    define_pushed(&workspace, &registry);
    for further in [&[][..], &["--insecure-registry", "localhost"]] {
        let error = refused(&workspace, 6, further);
        assert_eq!(error["code"], "registry_certificate", "{error}");
        assert!(error["hint"].as_str().unwrap().contains("--ca-file"), "{error}");
    }
    for (file, code) in [("gone.pem", "ca_file"), ("k.pub", "ca_file")] {
        assert_eq!(refused(&workspace, 2, &["--ca-file", file])["code"], code);
    }
    workspace.ok(&[&BUILD[..], &["--ca-file", "ca.pem"]].concat());
    let whole = workspace.bundler().args(BUILD).env("SSL_CERT_FILE", "ca.pem").status().unwrap();
    assert!(whole.success());
}

#[test]
fn a_real_registry_that_wants_a_certificate_gets_the_one_that_is_kept_for_it() {
    let workspace = Workspace::new();
    certificates(&workspace);
    let at = |name: &str| workspace.path(name).display().to_string();
    let plain = Registry::start(&workspace, "", "");
    push(&workspace, &plain, &["--dest-tls-verify=false"]);
    drop(plain);
    let tls =
        format!("  tls: {{certificate: {}, key: {}, clientcas: [{}]}}\n", at("host.pem"), at("host.key"), at("ca.pem"));
    let registry = Registry::start(&workspace, &tls, "");
    define_pushed(&workspace, &registry);
    let kept = format!(".config/containers/certs.d/{}", registry.host);
    let file = |from: &str, name: &str| workspace.write(&format!("{kept}/{name}"), fs::read(at(from)).unwrap());
    file("ca.pem", "ca.crt");
    let error = refused(&workspace, 6, &[]);
    assert!(["no_registry", "registry", "registry_certificate"].contains(&error["code"].as_str().unwrap()), "{error}");
    file("host.pem", "client.cert");
    let error = refused(&workspace, 2, &[]);
    assert!(error["code"] == "ca_file" && message(&error).contains("client.key cannot be read"), "{error}");
    assert!(!error.to_string().contains("PRIVATE"), "{error}");
    file("host.key", "client.key");
    built(&workspace);
}

/// A token as the registry accepts it (distribution, "Token Authentication Implementation"), signed by `host.key`.
fn token(folder: &std::path::Path, actions: &[&str]) -> String {
    let certificate = fs::read_to_string(folder.join("host.pem")).unwrap();
    let der: String = certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let access = json!([{"type": "repository", "name": "team/app", "actions": actions}]);
    let claims = json!({"iss": "issuer", "aud": "registry", "sub": "ann", "exp": 4_000_000_000_u64, "nbf": 0, "iat": 0,
        "jti": "1", "access": access});
    let header = json!({"typ": "JWT", "alg": "RS256", "x5c": [der]});
    let text = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
    let name = format!("claims-{}", actions.len());
    fs::write(folder.join(&name), &text).unwrap();
    let sign = ["dgst", "-sha256", "-sign", "host.key", "-binary", &name];
    let signed = Command::new("openssl").args(sign).current_dir(folder).output().unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signed.stdout))
}

#[test]
fn a_real_registry_takes_tokens() {
    let workspace = Workspace::new();
    certificates(&workspace);
    let [pull, push] = [&["pull"][..], &["pull", "push"]].map(|actions| token(workspace.folder.path(), actions));
    let basic = format!("Basic {}", STANDARD.encode("ann:s3cr3t"));
    let tokens = Server::start(move |request| {
        if request.header("authorization") != Some(&basic) {
            return Response::new(401, "{}");
        }
        let token = if request.path.contains("push") { &push } else { &pull };
        Response::new(200, json!({ "token": token }).to_string())
    });
    let bundle = workspace.path("ca.pem");
    let auth = format!(
        "auth: {{token: {{realm: \"http://{}/token\", service: registry, issuer: issuer, rootcertbundle: {}}}}}\n",
        tokens.address,
        bundle.display()
    );
    let registry = Registry::start(&workspace, "", &auth);
    self::push(&workspace, &registry, &["--dest-tls-verify=false", "--dest-creds", "ann:s3cr3t"]);
    define_pushed(&workspace, &registry);
    let pushed = tokens.seen().len();
    let auths = json!({"auths": {registry.host.clone(): {"auth": STANDARD.encode("ann:s3cr3t")}}});
    workspace.write(".docker/config.json", auths.to_string());
    built(&workspace);
    assert_eq!(tokens.seen().len(), pushed + 1, "one token is enough");
    fs::remove_file(workspace.path(".docker/config.json")).unwrap();
    assert_eq!(refused(&workspace, 6, &[])["code"], "registry_login");
}
