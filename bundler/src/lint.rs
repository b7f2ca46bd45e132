//! What a build warns of: an image that packs, and that would not do on a host what its publisher expects.
//!
//! Pure: it judges what is remembered of the layers while they pass by, and the image's configuration.

use crate::layer_scan::{LayerFacts, Users};
use landfall_manifests::ImageName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A warning, with the word that scripts know it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LintId {
    NoCommand,
    UnknownUser,
    SparseFile,
    FileCapabilities,
    UntimedPython,
}

impl LintId {
    /// All of them, each with what `docs/definition.md` says of it.
    #[cfg(test)]
    pub(crate) const ALL: [(Self, &str); 5] = [
        (Self::NoCommand, "A tenant image has neither `Entrypoint` nor `Cmd`: no container of it can start."),
        (
            Self::UnknownUser,
            "A tenant image names a user that its own `/etc/passwd` does not have: no container of it can start.",
        ),
        (
            Self::SparseFile,
            "A layer has a file with holes (pax headers `GNU.sparse.*`). Engines store the holes too, so that a host needs far more room \
             than the layer's size.",
        ),
        (
            Self::FileCapabilities,
            "A program in a tenant image has capabilities (`setcap`). Tenants have none, and the kernel may refuse to run it.",
        ),
        (
            Self::UntimedPython,
            "Compiled Python files have the time 1970, so that Python compiles their sources anew at each start. In `rootfs:` images, \
             files keep their own times if the release has one (`created` or `SOURCE_DATE_EPOCH`).",
        ),
    ];

    /// The word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NoCommand => "no-command",
            Self::UnknownUser => "unknown-user",
            Self::SparseFile => "sparse-file",
            Self::FileCapabilities => "file-capabilities",
            Self::UntimedPython => "untimed-python",
        }
    }
}

/// A warning about an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Lint {
    pub(crate) id: LintId,
    pub(crate) image: String,
    pub(crate) message: String,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image {}: {} [{}]", self.image, self.message, self.id.word())
    }
}

/// The parts of an image's configuration that say what runs in it (OCI image specification, "Image Configuration", `config`).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Execution {
    user: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    config: Option<Execution>,
}

/// What is to be said of an image with this configuration and these layers, base first.
pub(crate) fn image(name: &ImageName, is_tenant: bool, config: &[u8], layers: &[&LayerFacts]) -> Vec<Lint> {
    let execution = serde_json::from_slice::<Document>(config).unwrap_or_default().config.unwrap_or_default();
    let mut found = Vec::new();
    let mut warn = |id, message| found.push(Lint { id, image: name.to_string(), message });
    let is_empty = |words: &Option<Vec<String>>| words.as_ref().is_none_or(Vec::is_empty);
    if is_tenant && is_empty(&execution.entrypoint) && is_empty(&execution.cmd) {
        warn(LintId::NoCommand, "it has neither Entrypoint nor Cmd, so that no tenant of it can start".to_owned());
    }
    if let Some(user) = execution.user.as_deref().filter(|_| is_tenant).and_then(|user| unknown_user(user, layers)) {
        warn(
            LintId::UnknownUser,
            format!("its user {user:?} is not in its /etc/passwd, so that no tenant of it can start"),
        );
    }
    let paths = |of: fn(&LayerFacts) -> &Vec<String>| -> Option<String> {
        let paths: Vec<String> = layers.iter().flat_map(|facts| of(facts)).map(|path| format!("{path:?}")).collect();
        (!paths.is_empty()).then(|| paths.join(", "))
    };
    if let Some(paths) = paths(|facts| &facts.pax_sparse) {
        warn(LintId::SparseFile, format!("it has files with holes, which take their whole size on a host: {paths}"));
    }
    if let Some(paths) = paths(|facts| &facts.capable).filter(|_| is_tenant) {
        warn(LintId::FileCapabilities, format!("these programs have capabilities, and tenants have none: {paths}"));
    }
    if let Some(paths) = paths(|facts| &facts.untimed_python) {
        warn(
            LintId::UntimedPython,
            format!("Python compiles anew at each start what belongs to {paths}: they are of 1970"),
        );
    }
    found
}

/// The user's name, if it is one and the image's users are known and do not include it. A number needs no entry.
fn unknown_user<'a>(user: &'a str, layers: &[&LayerFacts]) -> Option<&'a str> {
    let name = user.split(':').next().unwrap_or_default();
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The uppermost layer that touches the file decides.
    match layers.iter().map(|facts| &facts.users).rfind(|users| **users != Users::Untouched) {
        Some(Users::Unknown) => None,
        Some(Users::Named(names)) if names.iter().any(|known| known == name) => None,
        _ => Some(name),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn ids(config: &serde_json::Value, layers: &[LayerFacts]) -> Vec<&'static str> {
        let layers: Vec<&LayerFacts> = layers.iter().collect();
        let found = image(&"app".parse().unwrap(), true, config.to_string().as_bytes(), &layers);
        found.iter().map(|lint| lint.id.word()).collect()
    }

    fn users(users: Users) -> LayerFacts {
        LayerFacts { users, ..LayerFacts::default() }
    }

    #[test]
    fn warns_of_what_no_tenant_can_run() {
        let named = || users(Users::Named(vec!["root".to_owned(), "node".to_owned()]));
        let runs = |user: &str| serde_json::json!({"config": {"Cmd": ["/a"], "User": user}});
        for (config, layers, expected) in [
            (serde_json::json!({}), vec![], vec!["no-command"]),
            (serde_json::json!({"config": {"Cmd": [], "Entrypoint": null}}), vec![], vec!["no-command"]),
            (serde_json::json!({"config": {"Entrypoint": ["/a"]}}), vec![], vec![]),
            (runs("1000:1000"), vec![], vec![]),
            (runs("node"), vec![], vec!["unknown-user"]),
            (runs("node:node"), vec![named(), LayerFacts::default()], vec![]),
            (runs("app"), vec![named()], vec!["unknown-user"]),
            (runs("node"), vec![named(), users(Users::Removed)], vec!["unknown-user"]),
            (runs("app"), vec![named(), users(Users::Unknown)], vec![]),
        ] {
            assert_eq!(ids(&config, &layers), expected, "{config}");
        }
        let told = image(&"base".parse().unwrap(), false, b"{}", &[]);
        assert_eq!(told, [], "no tenant is made from it");
    }

    #[test]
    fn warns_of_files_that_a_host_takes_otherwise() {
        let path = || vec!["a\u{1b}b".to_owned()];
        let facts = LayerFacts { pax_sparse: path(), capable: path(), untimed_python: path(), ..LayerFacts::default() };
        let config = serde_json::json!({"config": {"Cmd": ["/a"]}});
        assert_eq!(ids(&config, std::slice::from_ref(&facts)), ["sparse-file", "file-capabilities", "untimed-python"]);
        let told = image(&"app".parse().unwrap(), true, config.to_string().as_bytes(), &[&facts]);
        assert_eq!(
            told[0].to_string(),
            "image app: it has files with holes, which take their whole size on a host: \"a\\u{1b}b\" [sparse-file]"
        );
    }

    #[test]
    fn each_warning_has_the_word_that_json_has() {
        for (id, _) in LintId::ALL {
            assert_eq!(serde_json::to_value(id).unwrap(), id.word());
        }
    }
}
