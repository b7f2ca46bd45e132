use crate::fixture::{Parts, Scene};
use serde_json::Value;
use std::path::Path;

#[test]
fn a_good_bundle_is_verified_and_nothing_is_changed() {
    let scene = Scene::new();
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let before = scene.tree();
    let key = scene.key.public_key().to_line();
    let outcome = scene.run(&["verify", bundle.to_str().unwrap(), "--trust", &key, "--json"]).ok();
    assert_eq!(outcome.json()["verified"], true);
    assert_eq!((&outcome.json()["patch"], &outcome.json()["patched"]), (&Value::Null, &Value::from(0)));
    assert_eq!(outcome.json()["signers"][0], scene.key.public_key().id().to_string());
    assert_eq!(scene.tree(), before);
}

#[test]
fn a_request_overwrites_only_requests() {
    let scene = Scene::new();
    let bytes = Parts::new("1.0.0", 1).pack(&scene.key);
    let bundle = scene.put("bundle.tar", &bytes[..bytes.len() - 1]);
    let request = scene.stick().join("request.json");
    let key = scene.key.public_key().to_line();
    let asks = |file: &Path| {
        let words = [bundle.to_str().unwrap(), "--request", file.to_str().unwrap(), "--trust", &key, "--json"];
        scene.run(&[&["verify"][..], &words].concat())
    };
    assert_eq!(asks(&bundle).exits(2).says("it is not replaced").json()["error"]["code"], "exists");
    assert_eq!(std::fs::read(&bundle).unwrap(), &bytes[..bytes.len() - 1]);
    asks(&request).exits(3).says("landfall-bundler repair request.json");
    asks(&request).exits(3).says("landfall-bundler repair request.json");
    let outcome = asks(&scene.stick().join("none/request.json")).exits(3).says("the repair request was not written");
    assert_eq!(outcome.json()["error"]["code"], "damaged");
}

#[test]
fn verify_without_a_key_uses_the_pinned_root() {
    let scene = Scene::new();
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let verify = ["verify", bundle.to_str().unwrap()];
    scene.run(&verify).exits(4).says("trusts no key yet").says("--trust");
    scene.install(&bundle).ok();
    scene.run(&verify).ok();
}

#[test]
fn a_threshold_needs_as_many_signers() {
    let scene = Scene::new();
    let bundle = scene.put("good.tar", &Parts::new("1.0.0", 1).pack(&scene.key));
    let other = landfall_keys::SecretKey::generate().unwrap().public_key().to_line();
    let own = scene.key.public_key().to_line();
    let verify = ["verify", bundle.to_str().unwrap(), "--trust", &own, "--trust", &other];
    scene.run(&verify).ok();
    scene.run(&[&verify[..], &["--threshold", "2"]].concat()).exits(4).says("signed by 1 of the trusted keys, but 2");
}

#[test]
fn every_changed_byte_is_found() {
    let scene = Scene::new();
    let good = Parts::new("1.0.0", 1).pack(&scene.key);
    let key = scene.key.public_key().to_line();
    // Every 997th byte and the last: each run is a process of its own.
    for place in (0..good.len()).step_by(997).chain([good.len() - 1]) {
        let mut bytes = good.clone();
        bytes[place] ^= 1;
        let bundle = scene.put("changed.tar", &bytes);
        let outcome = scene.run(&["verify", bundle.to_str().unwrap(), "--trust", &key]);
        assert!([3, 4].contains(&outcome.exit), "byte {place}: exit {}", outcome.exit);
    }
}
