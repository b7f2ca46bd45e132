#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use landfall_manifests::HealthCheck;

fn tenant() -> Tenant {
    Tenant::new("c", 80, HealthCheck::Tcp)
}

fn found(tenant: &Tenant, config: &serde_json::Value, layers: &[LayerFacts]) -> Vec<Lint> {
    let layers: Vec<&LayerFacts> = layers.iter().collect();
    image(&"app".parse().unwrap(), Some(tenant), config.to_string().as_bytes(), &layers)
}

fn ids(config: &serde_json::Value, layers: &[LayerFacts]) -> Vec<&'static str> {
    found(&tenant(), config, layers).iter().map(|lint| lint.id.word()).collect()
}

fn users(users: Users) -> LayerFacts {
    LayerFacts { users, ..LayerFacts::default() }
}

#[test]
fn warns_of_what_no_tenant_can_run() {
    let named = || users(Users::Named(vec!["root".to_owned(), "node".to_owned()]));
    let runs = |user: &str| serde_json::json!({"config": {"Cmd": ["/a"], "User": user}});
    for (config, layers, expected) in [
        (serde_json::json!({}), vec![], vec!["no-command", "root-user"]),
        (serde_json::json!({"config": {"Cmd": [], "Entrypoint": null, "User": "1"}}), vec![], vec!["no-command"]),
        (serde_json::json!({"config": {"Entrypoint": ["/a"]}}), vec![], vec!["root-user"]),
        (runs("root"), vec![], vec!["root-user"]),
        (runs("0:0"), vec![], vec!["root-user"]),
        (runs("00"), vec![], vec!["root-user"]),
        (runs(":1000"), vec![], vec!["root-user"]),
        (runs("01"), vec![], vec![]),
        (runs("1000:1000"), vec![], vec![]),
        (runs("node"), vec![], vec!["unknown-user"]),
        (runs("node:node"), vec![named(), LayerFacts::default()], vec![]),
        (runs("app"), vec![named()], vec!["unknown-user"]),
        (runs("node"), vec![named(), users(Users::Removed)], vec!["unknown-user"]),
        (runs("app"), vec![named(), users(Users::Unknown)], vec![]),
    ] {
        assert_eq!(ids(&config, &layers), expected, "{config}");
    }
    let told = image(&"base".parse().unwrap(), None, b"{}", &[]);
    assert_eq!(told, [], "no tenant is made from it");
}

#[test]
fn warns_of_files_that_a_host_takes_otherwise() {
    let path = || vec!["a\u{1b}b".to_owned()];
    let facts = LayerFacts { pax_sparse: path(), untimed_python: path(), ..LayerFacts::default() };
    let config = serde_json::json!({"config": {"Cmd": ["/a"], "User": "1"}});
    let told = found(&tenant(), &config, std::slice::from_ref(&facts));
    assert_eq!(told.iter().map(|lint| lint.id.word()).collect::<Vec<_>>(), ["sparse-file", "untimed-python"]);
    assert_eq!(
        told[0].to_string(),
        "image app: it has files with holes, which take their whole size on a host: \"a\\u{1b}b\" [sparse-file]"
    );
}

#[test]
fn warns_of_programs_whose_capabilities_a_tenant_does_not_have() {
    let (bind, raw) = (1 << Capability::NetBindService.number(), 1 << 13);
    let file = |path: &str, needed| CapableFile { path: path.to_owned(), needed };
    let config = serde_json::json!({"config": {"Cmd": ["/a"], "User": "1"}});
    let told = |capabilities: &[Capability], capable: &[CapableFile]| {
        let tenant = Tenant { capabilities: capabilities.iter().copied().collect(), ..tenant() };
        let facts = LayerFacts { capable: capable.to_vec(), ..LayerFacts::default() };
        let found = found(&tenant, &config, &[facts]);
        found.into_iter().map(|lint| lint.message).collect::<Vec<_>>()
    };
    let (caddy, ping) = (file("usr/bin/caddy", bind), file("bin/ping", raw));
    let said = told(&[], std::slice::from_ref(&caddy));
    assert!(said[0].ends_with("\"usr/bin/caddy\"; capabilities = [\"NET_BIND_SERVICE\"] allows it"), "{said:?}");
    assert_eq!(told(&[Capability::NetBindService], std::slice::from_ref(&caddy)), [""; 0]);
    let said = told(&[Capability::NetBindService], &[caddy, ping]);
    assert!(
        said[0].ends_with(": \"bin/ping\"; no tenant can have all of these: take them from the files with `setcap -r`"),
        "{said:?}"
    );
    // What is allowed already stays allowed.
    let said = told(&[Capability::Chown], &[file("usr/bin/caddy", bind)]);
    assert!(said[0].ends_with("capabilities = [\"CHOWN\", \"NET_BIND_SERVICE\"] allows it"), "{said:?}");
}

/// A layer that has, removes or replaces something, as an archive has it.
fn layer(entries: &[(tar::EntryType, &str)]) -> LayerFacts {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, path) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(*kind);
        if *kind == tar::EntryType::Symlink {
            builder.append_link(&mut header, path, "elsewhere").unwrap();
        } else {
            builder.append_data(&mut header, path, std::io::empty()).unwrap();
        }
    }
    let mut scan = layer_scan::LayerScan::default();
    scan.update(&builder.into_inner().unwrap());
    scan.finish()
}

#[test]
fn programs_that_an_upper_layer_replaces_or_removes_are_not_told() {
    let config = serde_json::json!({"config": {"Cmd": ["/a"], "User": "1"}});
    let ping = CapableFile { path: "usr/bin/ping".to_owned(), needed: 1 << 13 };
    let base = LayerFacts { capable: vec![ping], ..layer(&[(tar::EntryType::Regular, "usr/bin/ping")]) };
    for (upper, is_told) in [
        (vec![], true),
        (vec![(tar::EntryType::Directory, "usr/bin"), (tar::EntryType::Regular, "usr/bin/pong")], true),
        (vec![(tar::EntryType::Regular, "usr/bin/ping")], false),
        (vec![(tar::EntryType::Symlink, "usr/bin/ping")], false),
        (vec![(tar::EntryType::Regular, "usr/bin/.wh.ping")], false),
        (vec![(tar::EntryType::Regular, "usr/bin/.wh..wh..opq")], false),
        (vec![(tar::EntryType::Regular, ".wh.usr")], false),
    ] {
        let told = found(&tenant(), &config, &[base.clone(), layer(&upper), LayerFacts::default()]);
        assert_eq!(!told.is_empty(), is_told, "{upper:?}: {told:?}");
    }
}

#[test]
fn warns_of_writable_paths_that_are_links_or_files_in_the_image() {
    use tar::EntryType::{Directory, Regular, Symlink};
    let config = |volume: &str| serde_json::json!({"config": {"Cmd": ["/a"], "User": "1", "Volumes": {volume: {}}}});
    let base = layer(&[(Directory, "var"), (Symlink, "var/run"), (Regular, "var/file"), (Directory, "var/lib")]);
    for (path, upper, expected) in [
        ("/var/lib", vec![], None),
        ("/new/lib", vec![], None),
        ("/var/run", vec![], Some("writable-link: /var/run is a symbolic link in it")),
        (
            "/var/run/app",
            vec![],
            Some("writable-link: /var/run/app is writable, and /var/run is a symbolic link in it"),
        ),
        ("/var/run", vec![(Directory, "var/run")], None),
        ("/var/run", vec![(Regular, "var/.wh.run")], None),
        ("/var/lib", vec![(Symlink, "var/lib")], Some("writable-link: /var/lib is a symbolic link")),
        ("/var/file", vec![], Some("writable-file: /var/file is a file in it")),
        (
            "/app/data/db",
            vec![(Symlink, "app")],
            Some("writable-link: /app/data/db is writable, and /app is a symbolic"),
        ),
    ] {
        let layers = [base.clone(), layer(&upper)];
        let writable = Writable::Volume { path: path.parse().unwrap() };
        let by_table = found(&Tenant { writable: vec![writable], ..tenant() }, &config("/x"), &layers);
        let by_volume = found(&tenant(), &config(&format!("{path}/")), &layers);
        for told in [by_table, by_volume] {
            let told: Vec<String> = told.iter().map(|lint| format!("{}: {}", lint.id.word(), lint.message)).collect();
            let is_as_expected = match expected {
                None => told.is_empty(),
                Some(expected) => !told.is_empty() && told[0].starts_with(expected),
            };
            assert!(is_as_expected, "{path}, {upper:?}: {told:?}");
        }
    }
}

#[test]
fn warns_where_the_table_and_the_images_configuration_disagree() {
    let config = |ports: &[&str], volumes: &[&str]| {
        let keys = |keys: &[&str]| -> serde_json::Map<String, serde_json::Value> {
            keys.iter().map(|key| ((*key).to_owned(), serde_json::json!({}))).collect()
        };
        let (ports, volumes) = (keys(ports), keys(volumes));
        serde_json::json!({"config": {"Cmd": ["/a"], "User": "1", "ExposedPorts": ports, "Volumes": volumes}})
    };
    for (ports, expected) in [
        (&[][..], &[][..]),
        (&["80/tcp"], &[]),
        (&["80"], &[]),
        (&["80/TCP"], &[]),
        (&["80/UDP"], &["unexposed-port"]),
        (&["443/tcp", "80/tcp"], &[]),
        (&["8000-8010/tcp"], &[]),
        (&["8080/tcp"], &["unexposed-port"]),
        (&["80/udp"], &["unexposed-port"]),
    ] {
        assert_eq!(ids(&config(ports, &[]), &[]), expected, "{ports:?}");
    }
    let memory = Writable::Tmpfs { path: "/var/cache".parse().unwrap(), size: 4096 };
    for (volume, expected) in [("/var/cache/x/", &["volume-in-tmpfs"][..]), ("/var/cached", &[]), ("/var/cache", &[])] {
        let mut tenant = Tenant { writable: vec![memory.clone()], ..tenant() };
        let said = found(&tenant, &config(&[], &[volume]), &[]);
        assert_eq!(said.iter().map(|lint| lint.id.word()).collect::<Vec<_>>(), expected, "{volume}");
        // The definition says itself what is meant.
        tenant.writable.push(Writable::Volume { path: volume.trim_end_matches('/').parse().unwrap() });
        assert_eq!(found(&tenant, &config(&[], &[volume]), &[]), [], "{volume}");
    }
}

#[test]
fn warns_of_layers_in_zstd_where_gzip_is_asked_for() {
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let image = |encoding: &str| -> Image {
        let layer = serde_json::json!({"blob": digest("1"), "encoding": encoding, "diffId": digest("2"), "size": 9});
        let image = serde_json::json!({
            "name": "app", "platform": "linux/amd64", "mediaType": "", "source": "", "manifest": digest("3"), "config": digest("4"), "layers": [layer],
        });
        serde_json::from_value(image).unwrap()
    };
    let told = encodings(&image("zstd"), Encoding::Gzip).unwrap();
    assert_eq!((told.id.word(), told.message.contains(&digest("2"))), ("zstd-layer", true));
    for (has, wanted) in [("gzip", Encoding::Gzip), ("zstd", Encoding::Zstd), ("gzip", Encoding::Zstd)] {
        assert_eq!(encodings(&image(has), wanted), None);
    }
}

#[test]
fn each_warning_has_the_word_that_json_has() {
    for (id, _) in LintId::ALL {
        assert_eq!(serde_json::to_value(id).unwrap(), id.word());
    }
}
