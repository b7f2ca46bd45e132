//! What an image is made of beside its files' content: attributes, times and owners; and what a build warns of.

use crate::docker_archive::{Form, hex, layer as layer_of, put, save};
use crate::workspace::Workspace;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Read as _;
use std::time::{Duration, SystemTime};

const IMAGE: &str = "[[image]]\nname = \"app\"\nsource = \"rootfs:root\"\nentrypoint = [\"/a\"]\n";

/// An entry of a layer: path, owner, time, and attributes by name.
type LayerEntry = (String, u64, u64, Vec<(String, Vec<u8>)>);

/// The entries of the only image's only layer in a bundle that `more` is built with.
fn layer(workspace: &Workspace, more: &str) -> Vec<LayerEntry> {
    workspace.define(&format!("{IMAGE}{more}"));
    let build = ["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"];
    let run = workspace.bundler().args(build).env("SOURCE_DATE_EPOCH", "1600000000").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let digest = workspace.release("acme.tar")["images"][0]["layers"][0]["blob"].clone();
    let name = format!("blobs/sha256/{}", digest.as_str().unwrap().trim_start_matches("sha256:"));
    let mut bundle = tar::Archive::new(File::open(workspace.path("acme.tar")).unwrap());
    let entries = bundle.entries().unwrap().map(Result::unwrap);
    let mut blob = entries.into_iter().find(|entry| entry.path_bytes() == name.as_bytes()).unwrap();
    let mut stored = Vec::new();
    blob.read_to_end(&mut stored).unwrap();
    let content = zstd::decode_all(&*stored).unwrap();
    let mut archive = tar::Archive::new(&*content);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let records = entry.pax_extensions().unwrap().into_iter().flatten().map(|record| {
            let record = record.unwrap();
            (record.key().unwrap().to_owned(), record.value_bytes().to_vec())
        });
        let records = records.collect();
        let header = entry.header();
        let (uid, mtime) = (header.uid().unwrap(), header.mtime().unwrap());
        (entry.path().unwrap().display().to_string(), uid, mtime, records)
    });
    entries.collect()
}

#[test]
fn files_keep_their_times_up_to_the_releases() {
    let workspace = Workspace::new();
    for (name, seconds) in [("old", 1_500_000_000), ("young", 1_700_000_000)] {
        workspace.write(&format!("root/d/{name}"), name);
        let file = File::options().write(true).open(workspace.path(&format!("root/d/{name}"))).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    let times: Vec<(String, u64)> = layer(&workspace, "").into_iter().map(|(path, _, time, _)| (path, time)).collect();
    let expected = [("d/", 1_600_000_000), ("d/old", 1_500_000_000), ("d/young", 1_600_000_000)];
    assert_eq!(times, expected.map(|(path, time)| (path.to_owned(), time)));
}

#[test]
fn a_name_that_engines_take_for_a_removal_is_refused() {
    let workspace = Workspace::new();
    workspace.write("root/etc/.wh.passwd", "");
    workspace.define(IMAGE);
    let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key"]);
    assert_eq!(error["code"], "whiteout", "{error}");
    assert!(error["message"].as_str().unwrap().contains("root/etc/.wh.passwd"), "{error}");
}

#[test]
fn a_build_warns_of_what_no_tenant_can_run() {
    let workspace = Workspace::new();
    workspace.write("root/lib/a.pyc", "compiled");
    let tenant = "tenant = { language = \"c\", port = 1, health = \"/\" }\n";
    workspace.define(&format!("{}user = \"app\"\n{tenant}", IMAGE.replace("entrypoint = [\"/a\"]\n", "")));
    let run = workspace.run(&["build", "acme.toml", "--key", "k.key", "--out", "acme.tar", "--json"]);
    let built: Value = serde_json::from_slice(&run.stdout).unwrap();
    let ids: Vec<&str> = built["warnings"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["no-command", "unknown-user", "untimed-python"]);
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(said.contains("warning: image app: it has neither Entrypoint nor Cmd"), "{said}");
    workspace.write("root/etc/passwd", "root:x:0:0::/:\napp:x:7:7::/:\n");
    workspace.define(&format!("{IMAGE}user = \"app\"\n{tenant}"));
    let built: Value =
        serde_json::from_str(&workspace.ok(&["build", "acme.toml", "--key", "k.key", "--out", "acme.tar", "--json"]))
            .unwrap();
    assert_eq!(built["warnings"].as_array().unwrap().len(), 1, "{built}");
}

#[test]
fn the_volumes_of_an_image_are_in_the_release_and_those_that_no_tenant_can_have_are_refused() {
    let workspace = Workspace::new();
    let saved = |volumes: Value| {
        let layer = layer_of("etc/motd", 10);
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux",
            "config": {"Cmd": ["/app"], "User": "1000", "Volumes": volumes},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", hex(&layer))]},
        });
        let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["layer.tar"]}]);
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in [
            ("layer.tar", layer),
            ("config.json", config.to_string().into_bytes()),
            ("manifest.json", manifest.to_string().into_bytes()),
        ] {
            put(&mut archive, name, &content);
        }
        workspace.write("saved.tar", archive.into_inner().unwrap());
    };
    let image = "[[image]]\nname = \"app\"\nsource = \"docker-archive:saved.tar\"\n";
    let tenant = "tenant = { language = \"c\", port = 1, health = \"tcp\", writable = [{ path = \"/cache\", kind = \"tmpfs\" }] }\n";
    saved(serde_json::json!({"/var/lib/app/": {}, "/cache": {}, "/cache/kept": {}, "/app/data/db": {}}));
    workspace.define(&format!("{image}{tenant}"));
    let built = workspace.ok(&["build", "acme.toml", "--key", "k.key", "--out", "acme.tar", "--json"]);
    let built: Value = serde_json::from_str(&built).unwrap();
    assert_eq!(built["warnings"][0]["id"], "volume-in-tmpfs", "{built}");
    let tenant_object = workspace.release("acme.tar")["images"][0]["tenant"].clone();
    assert_eq!(
        tenant_object["writable"],
        serde_json::json!([
            {"kind": "tmpfs", "path": "/cache", "size": 64 << 20},
            {"kind": "volume", "path": "/cache/kept"},
            {"kind": "volume", "path": "/var/lib/app"},
        ])
    );
    assert_eq!(tenant_object["canary"], true);
    assert!(workspace.ok(&["inspect", "acme.tar"]).contains("volume /var/lib/app, canary"));

    saved(serde_json::json!({"/proc/app": {}}));
    let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key"]);
    assert_eq!(error["code"], "volume", "{error}");
    assert!(error["message"].as_str().unwrap().contains("\"/proc/app\""), "{error}");
    // What is no tenant's has no volumes.
    workspace.define(image);
    workspace.build("acme.tar");
    assert_eq!(workspace.release("acme.tar")["images"][0].get("tenant"), None);
}

#[test]
fn a_layer_that_no_engine_unpacks_is_refused_however_it_is_compressed() {
    let workspace = Workspace::new();
    let mut sparse = tar::Builder::new(Vec::new());
    put(&mut sparse, "first", b"content");
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(0);
    sparse.append_data(&mut header, "var/core", std::io::empty()).unwrap();
    let layers = vec![sparse.into_inner().unwrap()];
    for form in [Form::Legacy, Form::Gzip] {
        save(&workspace, "saved.tar", form, &[("app:1", layers.clone())]);
        workspace.define("[[image]]\nname = \"app\"\nsource = \"docker-archive:saved.tar\"\n");
        let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key"]);
        assert_eq!(error["code"], "sparse_layer", "{error}");
        assert!(error["message"].as_str().unwrap().contains("\"var/core\""), "{error}");
    }
}

/// What sets owners and attributes as only root may.
mod needs_root {
    use super::*;
    use rustix::fs::{XattrFlags, setxattr};

    /// cap_net_bind_service=ep (linux/capability.h, `VFS_CAP_REVISION_2`).
    const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    /// u::rwx,u:1000:r--,g::r-x,m::r-x,o::r-- (acl(5); linux/posix_acl_xattr.h).
    const ACL: [u8; 44] = [
        2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0, 4, 0, 5, 0, 255, 255, 255, 255, 16, 0, 5,
        0, 255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255,
    ];

    #[test]
    fn capabilities_access_lists_and_a_users_attributes_are_kept_and_others_refused() {
        let workspace = Workspace::new();
        let program = workspace.write("root/a", "program");
        for (name, value) in
            [("security.capability", &CAPABILITY[..]), ("system.posix_acl_access", &ACL), ("user.note", b"a\0b")]
        {
            setxattr(&program, name, value, XattrFlags::empty()).unwrap();
        }
        let records = layer(&workspace, "").pop().unwrap().3;
        let expected = [
            ("SCHILY.xattr.security.capability", &CAPABILITY[..]),
            ("SCHILY.xattr.system.posix_acl_access", &ACL),
            ("SCHILY.xattr.user.note", b"a\0b"),
        ];
        assert_eq!(records, expected.map(|(name, value)| (name.to_owned(), value.to_vec())));
        setxattr(&program, "trusted.any", b"1", XattrFlags::empty()).unwrap();
        let error = workspace.refused(2, &["build", "acme.toml", "--key", "k.key"]);
        assert_eq!(error["code"], "attribute");
        assert!(error["message"].as_str().unwrap().contains("\"trusted.any\""), "{error}");
    }

    #[test]
    fn an_image_belongs_to_root_unless_its_owners_are_kept() {
        let workspace = Workspace::new();
        let file = workspace.write("root/a", "program");
        std::os::unix::fs::chown(&file, Some(1234), Some(1234)).unwrap();
        assert_eq!(layer(&workspace, "")[0].1, 0);
        assert_eq!(layer(&workspace, "owners = \"keep\"\n")[0].1, 1234);
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn what_an_unverified_bundle_says_cannot_move_the_cursor_or_pass_for_the_programs_own_words() {
    use landfall_manifests::{Release, Signed, Writer};
    let workspace = Workspace::new();
    workspace.write("root/a", "a");
    workspace.define("[[image]]\nname = \"hello\"\nsource = \"rootfs:root\"\nentrypoint = [\"/a\"]\n");
    let bytes = workspace.build("acme.tar");
    let head = landfall_manifests::Head::read(&mut bytes.as_slice()).unwrap();
    let mut release: Release = head.into_signed_without_verifying().unwrap().release().clone();
    release.images[0].source = "rootfs:a\u{1b}[2J\u{9b}31m\nsigned   by TRUSTED\u{202e}".to_owned();
    release.created = Some("\r\u{8}today".to_owned());
    let key = landfall_keys::SecretKey::generate().unwrap();
    release.keys = vec![key.public_key().to_line()];
    let signed = Signed::new(release, &[key]).unwrap();
    // Only its head is read, so that it needs no blobs.
    let mut forged = Vec::new();
    drop(Writer::begin(&mut forged, &signed).unwrap());
    workspace.write("forged.tar", forged);
    for flags in [&["inspect", "forged.tar"][..], &["inspect", "forged.tar", "--json"]] {
        let told = workspace.ok(flags);
        let moves = |c: &char| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c);
        assert!(!told.chars().any(|c| moves(&c)), "{told:?}");
        assert!(!told.lines().any(|line| line.starts_with("signed   by TRUSTED")), "{told}");
    }
}
