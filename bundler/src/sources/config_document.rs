//! The configurations of images that are made here (OCI image specification, "Image Configuration").

use super::SourceError;
use super::image::json;
use crate::definition::Process;
use crate::image_config::{ConfigError, Execution};
use landfall_manifests::Digest;
use landfall_manifests::oci::Platform;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The keys that are changed here. Engines match keys without regard to case, so that one in another case would count as well.
const KEYS: [&str; 4] = ["config", "created", "history", "rootfs"];
const EXECUTION_KEYS: [&str; 9] =
    ["Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "StopSignal", "User", "Volumes", "WorkingDir"];

type Object = Map<String, Value>;

/// The configuration of an image that consists of these layers.
pub(super) fn made(
    process: &Process,
    platform: &Platform,
    created: Option<&str>,
    diff_ids: &[Digest],
) -> Result<Vec<u8>, SourceError> {
    let nothing = serde_json::json!({
        "architecture": platform.architecture, "os": platform.os, "rootfs": {"type": "layers", "diff_ids": []},
    });
    derived(&json(&nothing), process, created, diff_ids)
}

/// The configuration of an image on a base with these further layers. What the base's says besides is kept.
pub(super) fn derived(
    base: &[u8],
    process: &Process,
    created: Option<&str>,
    diff_ids: &[Digest],
) -> Result<Vec<u8>, SourceError> {
    change(base, process, created, diff_ids).map_err(SourceError::BaseConfig)
}

fn change(base: &[u8], process: &Process, created: Option<&str>, diff_ids: &[Digest]) -> Result<Vec<u8>, ConfigError> {
    // What an engine would read otherwise than this program is an error, and not changed into what this program reads.
    Execution::of(base)?;
    let mut document: Object = serde_json::from_slice(base).map_err(ConfigError::Form)?;
    check_spelling(&document, &KEYS)?;
    let mut execution: Object = take(&mut document, "config")?;
    check_spelling(&execution, &EXECUTION_KEYS)?;
    change_execution(&mut execution, process)?;
    document.insert("config".to_owned(), execution.into());

    let mut root: Object = take(&mut document, "rootfs")?;
    let mut all: Vec<Value> = take(&mut root, "diff_ids")?;
    all.extend(diff_ids.iter().map(|digest| digest.to_string().into()));
    root.insert("diff_ids".to_owned(), all.into());
    document.insert("rootfs".to_owned(), root.into());

    let mut history: Vec<Value> = take(&mut document, "history")?;
    history.push(step(created, diff_ids.is_empty()));
    document.insert("history".to_owned(), history.into());
    if let Some(created) = created {
        document.insert("created".to_owned(), created.into());
    }
    Ok(json(&document))
}

/// What this build is in the image's history.
fn step(created: Option<&str>, is_without_layer: bool) -> Value {
    let mut step = Object::new();
    step.extend(created.map(|created| ("created".to_owned(), created.into())));
    step.insert("created_by".to_owned(), "landfall-bundler".into());
    if is_without_layer {
        step.insert("empty_layer".to_owned(), true.into());
    }
    step.into()
}

fn change_execution(execution: &mut Object, process: &Process) -> Result<(), ConfigError> {
    // As in a Dockerfile: the arguments of the base's program are not those of another one.
    if process.entrypoint.is_some() {
        execution.remove("Cmd");
    }
    let texts = [("User", &process.user), ("WorkingDir", &process.workdir), ("StopSignal", &process.stop_signal)];
    let texts = texts.into_iter().map(|(key, text)| (key, text.clone().map(Value::from)));
    let lists = [("Entrypoint", &process.entrypoint), ("Cmd", &process.cmd)];
    let lists = lists.into_iter().map(|(key, words)| (key, words.clone().map(Value::from)));
    execution.extend(texts.chain(lists).filter_map(|(key, value)| Some((key.to_owned(), value?))));

    let variables = with_variables(take(execution, "Env")?, &process.env);
    if !variables.is_empty() {
        execution.insert("Env".to_owned(), variables.into());
    }
    let nothing = || Value::from(Object::new());
    merge(execution, "ExposedPorts", process.ports.iter().map(|port| (port.clone(), nothing())))?;
    merge(execution, "Volumes", process.volumes.iter().map(|path| (path.clone(), nothing())))?;
    merge(execution, "Labels", process.labels.iter().map(|(name, text)| (name.clone(), text.clone().into())))
}

/// The base's variables, of which those that are set again change where they stand.
fn with_variables(variables: Vec<String>, set: &BTreeMap<String, String>) -> Vec<Value> {
    let mut left = set.clone();
    let mut changed: Vec<Value> = Vec::new();
    for variable in variables {
        let name = variable.split('=').next().unwrap_or_default();
        if let Some(value) = left.remove(name) {
            changed.push(format!("{name}={value}").into());
        } else if !set.contains_key(name) {
            changed.push(variable.into());
        }
    }
    changed.extend(left.iter().map(|(name, value)| Value::from(format!("{name}={value}"))));
    changed
}

fn merge(execution: &mut Object, key: &str, more: impl Iterator<Item = (String, Value)>) -> Result<(), ConfigError> {
    let mut merged: Object = take(execution, key)?;
    merged.extend(more);
    if !merged.is_empty() {
        execution.insert(key.to_owned(), merged.into());
    }
    Ok(())
}

/// Takes the value of a key out; that of a key that is not there, or is null, is empty.
fn take<T: DeserializeOwned + Default>(object: &mut Object, key: &str) -> Result<T, ConfigError> {
    let value = object.remove(key).unwrap_or(Value::Null);
    Ok(serde_json::from_value::<Option<T>>(value).map_err(ConfigError::Form)?.unwrap_or_default())
}

fn check_spelling(object: &Object, keys: &[&'static str]) -> Result<(), ConfigError> {
    let misspelled = |found: &String| {
        let known = keys.iter().find(|known| known.eq_ignore_ascii_case(found) && *known != found);
        known.map(|expected| ConfigError::Spelling { found: found.clone(), expected })
    };
    object.keys().find_map(misspelled).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use serde_json::json;

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn derive(base: &Value, process: &Process, diff_ids: &[Digest]) -> Result<Value, String> {
        let made = change(base.to_string().as_bytes(), process, Some("2026-11-22T00:00:00Z"), diff_ids);
        made.map(|bytes| serde_json::from_slice(&bytes).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_of_the_image_replaces_what_the_base_says_and_all_else_is_kept() {
        let digests = [Digest::of(b"base"), Digest::of(b"new")].map(|digest| digest.to_string());
        let base = json!({
            "architecture": "amd64", "os": "linux", "variant": "v8", "created": "1999-01-01T00:00:00Z",
            "config": {
                "Env": ["PATH=/bin", "A=1", "PATH=/sbin", "BARE"], "Cmd": ["-v"], "Entrypoint": ["/old"], "User": "1",
                "Labels": {"a": "1", "b": "1"}, "ExposedPorts": {"80/tcp": {}}, "Volumes": null, "OnBuild": ["x"],
                "Healthcheck": {"Test": ["NONE"]},
            },
            "rootfs": {"type": "layers", "diff_ids": [digests[0]]},
            "history": [{"created_by": "base", "comment": "kept"}], "moby.buildkit.cache.v0": "x",
        });
        let process = Process {
            entrypoint: Some(vec!["/new".to_owned()]),
            env: texts(&[("PATH", "/new"), ("B", "2"), ("BARE", "")]),
            workdir: Some("/www".to_owned()),
            ports: ["53/udp".to_owned()].into(),
            volumes: ["/data".to_owned()].into(),
            labels: texts(&[("b", "2")]),
            stop_signal: Some("SIGQUIT".to_owned()),
            ..Process::default()
        };
        let expected = json!({
            "architecture": "amd64", "os": "linux", "variant": "v8", "created": "2026-11-22T00:00:00Z",
            "config": {
                "Env": ["PATH=/new", "A=1", "BARE=", "B=2"], "Entrypoint": ["/new"], "User": "1", "WorkingDir": "/www",
                "Labels": {"a": "1", "b": "2"}, "ExposedPorts": {"80/tcp": {}, "53/udp": {}}, "Volumes": {"/data": {}},
                "OnBuild": ["x"], "Healthcheck": {"Test": ["NONE"]}, "StopSignal": "SIGQUIT",
            },
            "rootfs": {"type": "layers", "diff_ids": digests},
            "history": [
                {"created_by": "base", "comment": "kept"},
                {"created": "2026-11-22T00:00:00Z", "created_by": "landfall-bundler"},
            ],
            "moby.buildkit.cache.v0": "x",
        });
        assert_eq!(derive(&base, &process, &[Digest::of(b"new")]).unwrap(), expected);
        let user = Process { user: Some("2".to_owned()), ..Process::default() };
        let made = derive(&base, &user, &[]).unwrap();
        assert_eq!((&made["config"]["User"], &made["config"]["Cmd"]), (&json!("2"), &json!(["-v"])));
        assert_eq!(made["rootfs"], base["rootfs"]);
        assert_eq!(made["history"][1]["empty_layer"], true);
    }

    #[test]
    fn a_base_that_engines_would_read_otherwise_is_an_error() {
        for (base, problem) in [
            (json!([]), "OCI image specification"),
            (json!({"config": []}), "OCI image specification"),
            (json!({"config": {"Env": {"A": "1"}}}), "OCI image specification"),
            (json!({"config": {"Labels": ["a"]}}), "OCI image specification"),
            (json!({"config": {}, "history": {}}), "OCI image specification"),
            (json!({"config": {"env": []}}), "\"env\" is to be spelled Env"),
            (json!({"Config": {}}), "\"Config\" is to be spelled config"),
        ] {
            let error = derive(&base, &Process::default(), &[]).unwrap_err();
            assert!(error.contains(problem), "{base}: {error}");
        }
        assert!(derive(&json!({"config": null}), &Process::default(), &[]).is_ok());
    }
}
