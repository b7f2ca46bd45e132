use crate::definition::Process;
use crate::sources::image::json;
use landfall_manifests::Digest;
use landfall_manifests::oci::{Platform, RootFs};
use serde::Serialize;

/// OCI image specification, "Image Configuration", "Properties".
#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    architecture: &'a str,
    os: &'a str,
    config: Execution<'a>,
    rootfs: RootFs,
    history: [History<'a>; 1],
}

/// "Execution parameters".
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Execution<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
}

#[derive(Serialize)]
struct History<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<&'a str>,
    created_by: &'a str,
}

/// The configuration of an image of one layer.
pub(super) fn config(process: &Process, platform: &Platform, created: Option<&str>, diff_id: Digest) -> Vec<u8> {
    json(&Document {
        created,
        architecture: &platform.architecture,
        os: &platform.os,
        config: Execution {
            user: process.user.as_deref(),
            env: process.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
            entrypoint: process.entrypoint.as_deref(),
            cmd: process.cmd.as_deref(),
            working_dir: process.workdir.as_deref(),
        },
        rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
        history: [History { created, created_by: "landfall-bundler" }],
    })
}
