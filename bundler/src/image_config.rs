//! What an image's configuration says of the containers that are made from it.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// OCI image specification, "Image Configuration", `config`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Execution {
    pub(crate) user: Option<String>,
    entrypoint: Option<Words>,
    cmd: Option<Words>,
    volumes: Option<BTreeMap<String, Value>>,
    exposed_ports: Option<BTreeMap<String, Value>>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// A command as a list, or as one word, which engines take as well.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a command that is no list of words")]
enum Words {
    One(String),
    All(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    config: Option<Execution>,
}

/// The keys of `config` that count here.
const KEYS: [&str; 5] = ["User", "Entrypoint", "Cmd", "Volumes", "ExposedPorts"];

/// An engine would read the configuration otherwise than this program, or not at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// It has not the form that the specification gives it.
    #[error("it is not as the OCI image specification has it: {0}")]
    Form(serde_json::Error),
    /// Engines match keys without regard to case.
    #[error("its key {found:?} is to be spelled {expected}")]
    Spelling {
        /// As it is spelled.
        found: String,
        /// As it should be.
        expected: &'static str,
    },
}

impl Execution {
    /// What the bytes of a configuration say.
    pub(crate) fn of(config: &[u8]) -> Result<Self, ConfigError> {
        let document: Document = serde_json::from_slice(config).map_err(ConfigError::Form)?;
        let execution = document.config.unwrap_or_default();
        let misspelled = |key: &String| KEYS.into_iter().find(|known| known.eq_ignore_ascii_case(key));
        match execution.others.keys().find_map(|key| Some((key, misspelled(key)?))) {
            Some((key, expected)) => Err(ConfigError::Spelling { found: key.clone(), expected }),
            None => Ok(execution),
        }
    }

    /// Whether there is a program to run.
    pub(crate) fn has_command(&self) -> bool {
        let has_words = |words: &Words| match words {
            Words::One(word) => !word.is_empty(),
            Words::All(words) => !words.is_empty(),
        };
        self.entrypoint.iter().chain(&self.cmd).any(has_words)
    }

    /// The paths at which engines mount a volume (`VOLUME` of a Dockerfile), without empty components and `.`, as engines take them.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = String> {
        self.volumes.iter().flat_map(BTreeMap::keys).map(|path| {
            let components = path.split('/').filter(|component| !matches!(*component, "" | "."));
            let joined = components.collect::<Vec<_>>().join("/");
            if path.starts_with('/') { format!("/{joined}") } else { joined }
        })
    }

    /// The ports that the image says it listens on, such as `80/tcp`, or `80` for the same.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &str> {
        self.exposed_ports.iter().flat_map(BTreeMap::keys).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_engines_would_read_otherwise_is_an_error() {
        for (config, problem) in [
            (r#"{"Volumes": {"/a": {}}, "Volumes": {"/b": {}}}"#, "duplicate field `Volumes`"),
            (r#"{"volumes": {"/a": {}}}"#, "\"volumes\" is to be spelled Volumes"),
            (r#"{"cmd": ["/a"]}"#, "\"cmd\" is to be spelled Cmd"),
            (r#"{"Volumes": {"/\ud800": {}}}"#, "hex escape"),
            (r#"{"Volumes": ["/a"]}"#, "expected a map"),
            (r#"{"Cmd": ["/a", null]}"#, "a command that is no list of words"),
        ] {
            let error = Execution::of(format!(r#"{{"config": {config}}}"#).as_bytes()).unwrap_err().to_string();
            assert!(error.contains(problem), "{config}: {error}");
        }
    }

    #[test]
    fn what_is_not_said_is_not_there() {
        for (config, has_command) in [
            ("{}", false),
            (r#"{"config": null}"#, false),
            (r#"{"config": {"Cmd": null, "Entrypoint": [], "Env": ["A=1"]}}"#, false),
            (r#"{"config": {"Cmd": "/a"}}"#, true),
            (r#"{"config": {"Entrypoint": ["/a"]}}"#, true),
        ] {
            let execution = Execution::of(config.as_bytes()).unwrap();
            assert_eq!((execution.has_command(), execution.volumes().count()), (has_command, 0), "{config}");
        }
    }
}
