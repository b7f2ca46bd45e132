//! What an image's configuration says of the containers that are made from it.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// OCI image specification, "Image Configuration", `config`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Execution {
    pub(crate) user: Option<String>,
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
    volumes: Option<BTreeMap<String, Value>>,
    exposed_ports: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    config: Option<Execution>,
}

impl Execution {
    /// What the bytes of a configuration say. What cannot be read says nothing: whether it is a configuration is checked elsewhere.
    pub(crate) fn of(config: &[u8]) -> Self {
        serde_json::from_slice::<Document>(config).unwrap_or_default().config.unwrap_or_default()
    }

    /// The paths at which engines mount a volume (`VOLUME` of a Dockerfile).
    pub(crate) fn volumes(&self) -> impl Iterator<Item = &str> {
        self.volumes.iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// The ports that the image says it listens on, such as `80/tcp`, or `80` for the same.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &str> {
        self.exposed_ports.iter().flat_map(BTreeMap::keys).map(String::as_str)
    }
}
