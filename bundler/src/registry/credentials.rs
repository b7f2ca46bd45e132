//! Logins for registries, as `docker login` and `podman login` leave them: in a file, or with a credential helper.

use data_encoding::BASE64;
use landfall_host::regular;
use landfall_host::subprocess::Subprocess;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// An auth file, in bytes: thousands of logins fit.
const FILE_BYTES: u64 = 1 << 20;
/// What Docker calls Docker Hub in its files and to its helpers.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// What a helper says that has no login for a host.
const NOT_FOUND: &str = "credentials not found";

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    Password {
        user: String,
        password: Secret,
    },
    /// An OAuth 2 refresh token.
    Identity(Secret),
    /// A token that is sent as it is.
    Bearer(Secret),
}

/// Text that is wiped after its use, and shown nowhere.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(super) struct Secret(Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A login cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CredentialsError {
    #[error("the logins in {} cannot be read: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("the credential helper {program} gave no login for {host}: {reason}")]
    Helper { program: String, host: String, reason: String },
}

/// `config.json` of Docker, and `auth.json` of Podman, which has the same form (containers-auth.json(5)).
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AuthFile {
    auths: BTreeMap<String, AuthEntry>,
    creds_store: String,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthEntry {
    auth: Secret,
    username: String,
    password: Secret,
    identitytoken: Secret,
    registrytoken: Secret,
}

/// What a helper prints (docker-credential-helpers, `get`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: Secret,
}

/// The files that may have logins, the first to be looked at first.
pub(super) fn files(variable: impl Fn(&str) -> Option<PathBuf>, uid: u32) -> Vec<PathBuf> {
    if let Some(named) = variable("REGISTRY_AUTH_FILE") {
        return vec![named];
    }
    let home = variable("HOME");
    let in_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
    let runtime = variable("XDG_RUNTIME_DIR").unwrap_or_else(|| PathBuf::from(format!("/run/user/{uid}")));
    let podman = [
        Some(runtime.join("containers")),
        // Where Podman keeps them if there is no session.
        Some(PathBuf::from(format!("/run/containers/{uid}"))),
        variable("XDG_CONFIG_HOME").or_else(|| in_home(".config")).map(|folder| folder.join("containers")),
    ];
    let docker = variable("DOCKER_CONFIG").or_else(|| in_home(".docker")).map(|folder| folder.join("config.json"));
    podman.into_iter().flatten().map(|folder| folder.join("auth.json")).chain(docker).collect()
}

/// The login for a repository, in the first of `files` that has one.
pub(super) fn find(files: &[PathBuf], host: &str, repository: &str) -> Result<Option<Credentials>, CredentialsError> {
    for path in files {
        let Some(file) = read(path)? else { continue };
        if let Some(helper) = file.helper(host)
            && let Some(found) = ask(helper, host)?
        {
            return Ok(Some(found));
        }
        if let Some(found) = file.login(host, repository, path)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn read(path: &Path) -> Result<Option<AuthFile>, CredentialsError> {
    let failed = |reason: String| CredentialsError::File { path: path.to_owned(), reason };
    let bytes = match regular::read(path, FILE_BYTES) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    // Where it is wrong, and nothing of what stands there.
    let place = |error: serde_json::Error| format!("it is wrong at line {}, column {}", error.line(), error.column());
    serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(place(error)))
}

impl AuthFile {
    fn helper(&self, host: &str) -> Option<&str> {
        let own = names(host).into_iter().find_map(|name| self.cred_helpers.get(name));
        own.or(Some(&self.creds_store)).map(String::as_str).filter(|helper| !helper.is_empty())
    }

    fn login(&self, host: &str, repository: &str, path: &Path) -> Result<Option<Credentials>, CredentialsError> {
        let Some(entry) = self.entry(host, repository) else { return Ok(None) };
        let wrong = || CredentialsError::File {
            path: path.to_owned(),
            reason: format!("`auth` of {host} is not a user and a password in base64"),
        };
        if !entry.registrytoken.is_empty() {
            return Ok(Some(Credentials::Bearer(entry.registrytoken.clone())));
        }
        if !entry.identitytoken.is_empty() {
            return Ok(Some(Credentials::Identity(entry.identitytoken.clone())));
        }
        if !entry.auth.is_empty() {
            let decoded = BASE64.decode(entry.auth.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let decoded = Secret::from(decoded.ok_or_else(wrong)?);
            let (user, password) = decoded.split_once(':').ok_or_else(wrong)?;
            let password = Secret::from(password.trim_end_matches('\0').to_owned());
            return Ok(Some(Credentials::Password { user: user.to_owned(), password }));
        }
        let named = (!entry.username.is_empty()).then(|| entry.username.clone());
        Ok(named.map(|user| Credentials::Password { user, password: entry.password.clone() }))
    }

    /// Podman keeps logins for parts of a registry too, of which the most specific counts.
    fn entry(&self, host: &str, repository: &str) -> Option<&AuthEntry> {
        let mut name = format!("{host}/{repository}");
        while let Some(slash) = name.rfind('/') {
            if let Some(entry) = self.auths.get(&name) {
                return Some(entry);
            }
            name.truncate(slash);
        }
        let is_of_host = |key: &str| names(host).contains(&host_of(key));
        self.auths.iter().find(|(key, _)| is_of_host(key)).map(|(_, entry)| entry)
    }
}

/// The names that a registry may have in the files.
fn names(host: &str) -> Vec<&str> {
    if host == "docker.io" { vec!["index.docker.io", "docker.io", "registry-1.docker.io", HUB_KEY] } else { vec![host] }
}

/// Docker's older files have whole addresses as keys; what has another path is for a part of a registry.
fn host_of(key: &str) -> &str {
    let bare = key.trim_start_matches("https://").trim_start_matches("http://");
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    if matches!(path.trim_end_matches('/'), "" | "v1" | "v2") { host } else { bare }
}

/// Runs a credential helper. That it has no login is no error.
fn ask(helper: &str, host: &str) -> Result<Option<Credentials>, CredentialsError> {
    let program = format!("docker-credential-{helper}");
    let failed = |reason: String| CredentialsError::Helper { program: program.clone(), host: host.to_owned(), reason };
    if !helper.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        return Err(failed("its name is none of a program".to_owned()));
    }
    let server = if host == "docker.io" { HUB_KEY } else { host };
    let run = Subprocess::new(&program).args(["get"]).input(server).inherit_environment().run();
    let output = run.map_err(|error| failed(landfall_console::message_with_causes(&error)))?;
    let stdout = Zeroizing::new(output.stdout);
    if output.code != 0 {
        // Helpers print their errors to standard output.
        let said = String::from_utf8_lossy(&stdout);
        return if said.contains(NOT_FOUND) { Ok(None) } else { Err(failed(said.trim().to_owned())) };
    }
    let answer: HelperAnswer =
        serde_json::from_slice(&stdout).map_err(|_| failed("its answer is not a login".to_owned()))?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Credentials::Identity(answer.secret),
        _ => Credentials::Password { user: answer.username, password: answer.secret },
    }))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn password(user: &str, password: &str) -> Credentials {
        Credentials::Password { user: user.to_owned(), password: Secret::from(password.to_owned()) }
    }

    fn found(json: &str, host: &str, repository: &str) -> Option<Credentials> {
        let file: AuthFile = serde_json::from_str(json).unwrap();
        file.login(host, repository, Path::new("auth.json")).unwrap()
    }

    #[test]
    fn logins_are_found_under_every_name_that_docker_and_podman_give_a_registry() {
        let auth = |key: &str| format!(r#"{{"auths": {{"{key}": {{"auth": "{}"}}}}}}"#, BASE64.encode(b"ann:a:b"));
        for (key, host, repository) in [
            ("https://index.docker.io/v1/", "docker.io", "library/debian"),
            ("docker.io", "docker.io", "library/debian"),
            ("docker.io/library", "docker.io", "library/debian"),
            ("localhost:5000", "localhost:5000", "app"),
            ("https://localhost:5000", "localhost:5000", "app"),
            ("http://localhost:5000/v2/", "localhost:5000", "app"),
            ("a.b/c", "a.b", "c/d"),
        ] {
            assert_eq!(found(&auth(key), host, repository), Some(password("ann", "a:b")), "{key}");
        }
        for (key, host, repository) in [("a.b/c", "a.b", "d"), ("a.b", "a.b:5000", "d"), ("https://a.b/c", "a.b", "c")]
        {
            assert_eq!(found(&auth(key), host, repository), None, "{key}");
        }
        let both =
            r#"{"auths": {"a.b": {"username": "x", "password": "1"}, "a.b/c": {"username": "y", "password": "2"}}}"#;
        assert_eq!(found(both, "a.b", "c/d"), Some(password("y", "2")));
        assert_eq!(found(both, "a.b", "e"), Some(password("x", "1")));
    }

    #[test]
    fn a_login_may_be_a_token_or_be_with_a_helper() {
        let secret = |text: &str| Secret::from(text.to_owned());
        let of = |entry: &str| found(&format!(r#"{{"auths": {{"a.b": {entry}}}}}"#), "a.b", "c");
        assert_eq!(of(r#"{"identitytoken": "t"}"#), Some(Credentials::Identity(secret("t"))));
        assert_eq!(of(r#"{"registrytoken": "t"}"#), Some(Credentials::Bearer(secret("t"))));
        assert_eq!(of("{}"), None);
        let helpers = r#"{"credsStore": "store", "credHelpers": {"a.b": "own", "index.docker.io": "hub", "c.d": ""}}"#;
        let file: AuthFile = serde_json::from_str(helpers).unwrap();
        for (host, helper) in [("a.b", Some("own")), ("docker.io", Some("hub")), ("e.f", Some("store")), ("c.d", None)]
        {
            assert_eq!(file.helper(host), helper, "{host}");
        }
        assert!(ask("../evil", "a.b").unwrap_err().to_string().contains("none of a program"));
    }

    #[test]
    fn no_message_and_no_debug_output_has_a_secret_in_it() {
        let file: AuthFile = serde_json::from_str(r#"{"auths": {"a.b": {"auth": "s3cr3t"}}}"#).unwrap();
        let error = file.login("a.b", "c", Path::new("auth.json")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        assert!(!format!("{:?}", password("ann", "s3cr3t")).contains("s3cr3t"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("auth.json");
        std::fs::write(&path, r#"{"auths": {"a.b": {"auth": s3cr3t}}}"#).unwrap();
        let error = find(&[path], "a.b", "c").unwrap_err();
        assert!(error.to_string().contains("line 1") && !format!("{error} {error:?}").contains("s3cr3t"), "{error}");
    }

    #[test]
    fn the_files_of_podman_come_before_dockers_unless_one_is_named() {
        let from = |set: &[(&str, &str)]| {
            let variable = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            files(variable, 7).iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(from(&[("REGISTRY_AUTH_FILE", "/x"), ("HOME", "/h")]), "/x");
        assert_eq!(
            from(&[("HOME", "/h")]),
            "/run/user/7/containers/auth.json /run/containers/7/auth.json /h/.config/containers/auth.json /h/.docker/config.json"
        );
        assert_eq!(
            from(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r"), ("XDG_CONFIG_HOME", "/c"), ("DOCKER_CONFIG", "/d")]),
            "/r/containers/auth.json /run/containers/7/auth.json /c/containers/auth.json /d/config.json"
        );
    }
}
