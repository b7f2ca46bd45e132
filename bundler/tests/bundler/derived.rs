//! Images on a base, built without an engine.

use crate::docker_archive::{gzip, hex, put};
use crate::workspace::Workspace;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use tar::{Builder, EntryType, Header};

const BUILD: [&str; 6] = ["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"];

/// A layer of folders (with `/` at the end), links (with `->`) and files.
fn layer(entries: &[&str]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
        let mut header = Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(0);
        if let Some((name, target)) = entry.split_once("->") {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, name, target).unwrap();
        } else {
            header.set_entry_type(if entry.ends_with('/') { EntryType::Directory } else { EntryType::Regular });
            builder.append_data(&mut header, entry, std::io::empty()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

/// Two layers as distributions have them: the second removes some of the first.
fn layers() -> Vec<Vec<u8>> {
    vec![
        layer(&[
            "bin->usr/bin",
            "usr/",
            "usr/bin/",
            "usr/bin/sh",
            "etc/",
            "etc/motd",
            "old->usr",
            "tmp/",
            "a/b/link->/",
        ]),
        layer(&[".wh.old", "srv/", "srv/app/"]),
    ]
}

fn base_config(layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| format!("sha256:{}", hex(layer))).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"], "Env": ["PATH=/usr/bin", "LANG=C"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": [{"created_by": "one"}, {"created_by": "two"}],
        "docker_version": "20.10",
    });
    config.to_string().into_bytes()
}

/// Writes the base as `docker save` does.
fn save(workspace: &Workspace) {
    let layers = layers();
    let mut archive = Builder::new(Vec::new());
    put(&mut archive, "config.json", &base_config(&layers));
    put(&mut archive, "0.tar", &layers[0]);
    put(&mut archive, "1.tar", &layers[1]);
    let manifest = json!([{"Config": "config.json", "RepoTags": ["base:1"], "Layers": ["0.tar", "1.tar"]}]);
    put(&mut archive, "manifest.json", manifest.to_string().as_bytes());
    workspace.write("base.tar", archive.into_inner().unwrap());
}

/// The bytes of a blob in a bundle.
fn blob(workspace: &Workspace, digest: &Value) -> Vec<u8> {
    let name = format!("blobs/sha256/{}", digest.as_str().unwrap().trim_start_matches("sha256:"));
    let mut bundle = tar::Archive::new(File::open(workspace.path("acme.tar")).unwrap());
    let mut entries = bundle.entries().unwrap().map(Result::unwrap);
    let mut entry = entries.find(|entry| entry.path_bytes() == name.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).unwrap();
    bytes
}

/// The entries of the uppermost layer of an image, as `mode user:group path`, with the target of links.
fn added(workspace: &Workspace, image: &Value) -> Vec<String> {
    let layer = image["layers"].as_array().unwrap().last().unwrap();
    let stored = blob(workspace, &layer["blob"]);
    let mut content = Vec::new();
    if layer["encoding"] == "zstd" {
        zstd::stream::copy_decode(&*stored, &mut content).unwrap();
    } else {
        flate2::read::GzDecoder::new(&*stored).read_to_end(&mut content).unwrap();
    }
    let mut archive = tar::Archive::new(&*content);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        let (header, path) = (entry.header(), entry.path().unwrap().display().to_string());
        let link = entry.link_name().unwrap().map(|to| format!(" -> {}", to.display())).unwrap_or_default();
        let (user, group) = (header.uid().unwrap(), header.gid().unwrap());
        format!("{:o} {user}:{group} {path}{link}", header.mode().unwrap())
    });
    entries.collect()
}

fn files(workspace: &Workspace) {
    for file in ["site/index.html", "site/css/main.css", "tools/bin/tool", "conf"] {
        let path = workspace.write(file, file);
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    for folder in ["site", "site/css", "tools", "tools/bin"] {
        fs::set_permissions(workspace.path(folder), fs::Permissions::from_mode(0o750)).unwrap();
    }
    symlink("index.html", workspace.path("site/start.html")).unwrap();
    fs::hard_link(workspace.path("site/index.html"), workspace.path("site/css/same")).unwrap();
}

const SITE: &str = "[[image]]\nname = \"site\"\nfrom = \"docker-archive:base.tar\"\nuser = \"33\"\nenv = { LANG = \"C.UTF-8\" }\n\
    ports = [\"80\"]\nlabels = { vendor = \"Acme\" }\nstop_signal = \"SIGQUIT\"\nvolumes = [\"/var/cache/site\"]\n\
    add = [{ source = \"site\", path = \"/srv/app/www\", owner = \"33:44\" }, { source = \"tools\", path = \"/\" }, \
    { source = \"conf\", path = \"/old/\" }, { source = \"conf\", path = \"/srv/app/www/conf\" }]\n";

#[test]
fn an_image_is_its_base_with_one_layer_and_the_changes_to_its_configuration() {
    let workspace = Workspace::new();
    save(&workspace);
    files(&workspace);
    workspace.define(SITE);
    let bytes = workspace.build("acme.tar");
    workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
    let release = workspace.release("acme.tar");
    assert_eq!(release["images"].as_array().unwrap().len(), 1, "the base is no image of its own");
    let image = &release["images"][0];
    assert_eq!(image["source"], "from docker-archive:base.tar");
    assert_eq!(
        added(&workspace, image),
        [
            // No link of the base is replaced, and no folder that it has.
            "644 0:0 usr/bin/tool",
            "755 0:0 old/",
            "644 0:0 old/conf",
            "750 33:44 srv/app/www/",
            "750 33:44 srv/app/www/css/",
            "644 33:44 srv/app/www/css/main.css",
            "644 33:44 srv/app/www/css/same",
            "644 33:44 srv/app/www/index.html -> srv/app/www/css/same",
            "777 33:44 srv/app/www/start.html -> index.html",
            "644 0:0 srv/app/www/conf",
        ]
    );
    let config: Value = serde_json::from_slice(&blob(&workspace, &image["config"])).unwrap();
    assert_eq!(
        config["config"],
        json!({
            "Cmd": ["sh"], "Env": ["PATH=/usr/bin", "LANG=C.UTF-8"], "User": "33", "ExposedPorts": {"80/tcp": {}},
            "Labels": {"vendor": "Acme"}, "StopSignal": "SIGQUIT", "Volumes": {"/var/cache/site": {}},
        })
    );
    assert_eq!(config["docker_version"], "20.10");
    assert_eq!(config["history"][2], json!({"created_by": "landfall-bundler"}));
    let mut diff_ids: Vec<Value> = layers().iter().map(|layer| format!("sha256:{}", hex(layer)).into()).collect();
    diff_ids.push(image["layers"][2]["diffId"].clone());
    assert_eq!(config["rootfs"]["diff_ids"], Value::from(diff_ids));
    let of_files =
        |blob: &&Value| release["files"].as_array().unwrap().iter().any(|file| file["blob"] == blob["digest"]);
    let used = release["blobs"].as_array().unwrap().iter().filter(|blob| !of_files(blob)).count();
    assert_eq!(used, 5, "three layers, a configuration and a manifest");
    assert!(workspace.build("again.tar") == bytes, "two builds differ");
}

#[test]
fn a_base_may_be_an_image_too_and_several_images_may_have_one_base() {
    let workspace = Workspace::new();
    save(&workspace);
    files(&workspace);
    workspace.write("root/a", "a");
    let body = [
        SITE,
        "[[image]]\nname = \"base\"\nsource = \"docker-archive:base.tar\"\n",
        "[[image]]\nname = \"other\"\nfrom = \"docker-archive:base.tar:base:1\"\nentrypoint = [\"/tool\"]\n",
        "[[image]]\nname = \"rooted\"\nfrom = \"rootfs:root\"\nadd = [{ source = \"conf\", path = \"/conf\" }]\nuser = \"7\"\n",
    ];
    workspace.define(&body.concat());
    workspace.build("acme.tar");
    let release = workspace.release("acme.tar");
    let [base, other, rooted, site] = release["images"].as_array().unwrap().as_slice() else { panic!("{release}") };
    assert_eq!(base["layers"], other["layers"], "what is only configured otherwise has no layer");
    assert_eq!(base["layers"].as_array().unwrap()[..], site["layers"].as_array().unwrap()[..2]);
    assert_eq!(base["config"], format!("sha256:{}", hex(&base_config(&layers()))));
    let config: Value = serde_json::from_slice(&blob(&workspace, &other["config"])).unwrap();
    assert_eq!(config["config"], json!({"Entrypoint": ["/tool"], "Env": ["PATH=/usr/bin", "LANG=C"]}));
    assert_eq!(config["history"][2]["empty_layer"], true);
    assert_eq!(added(&workspace, rooted), ["644 0:0 conf"]);
    let config: Value = serde_json::from_slice(&blob(&workspace, &rooted["config"])).unwrap();
    assert_eq!(config["config"], json!({"User": "7"}));
}

#[test]
fn a_base_in_dockers_form_keeps_its_layers_as_they_are() {
    let workspace = Workspace::new();
    let layers = layers();
    let stored: Vec<Vec<u8>> = layers.iter().map(|layer| gzip(layer)).collect();
    let config = base_config(&layers);
    let described = |kind: &str, content: &[u8]| {
        workspace.write(&format!("layout/blobs/sha256/{}", hex(content)), content);
        let media_type = format!("application/vnd.docker.{kind}");
        json!({ "mediaType": media_type, "digest": format!("sha256:{}", hex(content)), "size": content.len() })
    };
    let listed: Vec<Value> = stored.iter().map(|layer| described("image.rootfs.diff.tar.gzip", layer)).collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": described("container.image.v1+json", &config), "layers": listed,
    });
    let manifest = described("distribution.manifest.v2+json", manifest.to_string().as_bytes());
    workspace.write("layout/index.json", json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string());
    files(&workspace);
    workspace.define(&SITE.replace("docker-archive:base.tar", "oci:layout"));
    let definition = fs::read_to_string(workspace.path("acme.toml")).unwrap();
    workspace.write("acme.toml", definition.replace("serial = 1", "serial = 1\ncompression = \"gzip\""));
    workspace.build("acme.tar");
    let image = workspace.release("acme.tar")["images"][0].clone();
    for (layer, stored) in image["layers"].as_array().unwrap().iter().zip(&stored) {
        assert_eq!(layer["blob"], format!("sha256:{}", hex(stored)));
    }
    assert_eq!(image["layers"][2]["encoding"], "gzip", "as the release asks");
    assert_eq!(image["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(added(&workspace, &image).len(), 10);
}

#[test]
fn what_a_build_warns_of_is_what_the_image_says_and_not_its_base() {
    let workspace = Workspace::new();
    save(&workspace);
    files(&workspace);
    let tenant = "tenant = { language = \"c\", port = 81, health = \"tcp\", writable = [{ path = \"/var\", kind = \"tmpfs\" }] }\n";
    workspace.define(&format!("{SITE}{tenant}"));
    let built: Value = serde_json::from_str(&workspace.ok(&[&BUILD[..], &["--json"]].concat())).unwrap();
    let ids: Vec<&str> = built["warnings"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["unexposed-port", "volume-in-tmpfs"], "{built}");
    let tenant = &workspace.release("acme.tar")["images"][0]["tenant"];
    assert_eq!(tenant["writable"][1], json!({"kind": "volume", "path": "/var/cache/site"}));
}

#[test]
fn refuses_what_would_replace_something_of_the_base_or_be_lost() {
    let workspace = Workspace::new();
    save(&workspace);
    files(&workspace);
    workspace.write("clash/etc/motd/x", "x");
    workspace.write("file-in-place/usr", "x");
    workspace.write("whiteout/.wh.etc", "x");
    fs::create_dir(workspace.path("secret")).unwrap();
    fs::copy(workspace.path("k.key"), workspace.path("secret/other.key")).unwrap();
    fs::create_dir(workspace.path("linked")).unwrap();
    symlink("/etc", workspace.path("linked/data")).unwrap();
    workspace.tool("mkfifo", &["pipe"]);
    let one = |source: &str, path: &str| format!("{{ source = \"{source}\", path = \"{path}\" }}");
    for (add, exit, code, told) in [
        (one("clash", "/"), 2, "add", "/etc/motd is a file in the base"),
        (one("conf", "/etc/motd/conf"), 2, "add", "/etc/motd is a file in the base"),
        (one("conf", "/usr"), 2, "add", "/usr is a folder in the base"),
        (one("conf", "/bin"), 2, "add", "/bin is a folder in the base"),
        (one("file-in-place", "/"), 2, "add", "/usr is a folder in the base"),
        (one("site", "/a/b/link/www"), 2, "add", "/a/b/link is a symbolic link in the base"),
        ([one("conf", "/x"), one("conf", "/x")].join(", "), 2, "add", "/x is added already"),
        ([one("conf", "/x"), one("conf", "/x/y")].join(", "), 2, "add", "/x is added already"),
        ([one("linked", "/"), one("conf", "/data/x")].join(", "), 2, "add", "/data is added already"),
        (
            [one("site", "/www"), one("conf", "/www/index.html")].join(", "),
            2,
            "add",
            "/www/index.html is added already",
        ),
        (one("whiteout", "/x"), 2, "whiteout", "whiteout/.wh.etc has a name"),
        (one("secret", "/x"), 2, "secret_key_in_source", "secret/other.key is a secret key"),
        (one("pipe", "/x"), 2, "special_file", "pipe is a device, pipe or socket"),
        (one("none", "/x"), 2, "missing_file", "none cannot be read"),
        (one(".", "/x"), 2, "output_in_source", "the bundle acme.tar would be inside it"),
    ] {
        workspace.define(&format!("[[image]]\nname = \"a\"\nfrom = \"docker-archive:base.tar\"\nadd = [{add}]\n"));
        let error = workspace.refused(exit, &BUILD);
        let message = error["message"].as_str().unwrap();
        assert!(error["code"] == code && message.contains(told), "{add}: {error}");
        assert!(!workspace.path("acme.tar").exists());
    }
    let many: Vec<Vec<u8>> = (0..127).map(|number| layer(&[&number.to_string()])).collect();
    let mut archive = Builder::new(Vec::new());
    put(&mut archive, "config.json", &base_config(&many));
    let names: Vec<String> = (0..127).map(|number| format!("{number}.tar")).collect();
    for (name, layer) in names.iter().zip(&many) {
        put(&mut archive, name, layer);
    }
    put(&mut archive, "manifest.json", json!([{"Config": "config.json", "Layers": names}]).to_string().as_bytes());
    workspace.write("base.tar", archive.into_inner().unwrap());
    workspace.define(
        "[[image]]\nname = \"a\"\nfrom = \"docker-archive:base.tar\"\nadd = [{ source = \"conf\", path = \"/x\" }]\n",
    );
    assert_eq!(workspace.refused(2, &BUILD)["code"], "too_many_layers");
}

/// What sets owners and attributes as only root may.
mod needs_root {
    use super::*;
    use rustix::fs::{XattrFlags, setxattr};

    #[test]
    fn owners_and_attributes_are_kept_or_refused() {
        let workspace = Workspace::new();
        save(&workspace);
        let file = workspace.write("data/etc/file", "x");
        std::os::unix::fs::chown(&file, Some(1234), Some(5678)).unwrap();
        let image = "[[image]]\nname = \"a\"\nfrom = \"docker-archive:base.tar\"\n\
            add = [{ source = \"data\", path = \"/\", owners = \"keep\" }, { source = \"data\", path = \"/copy\" }]\n";
        workspace.define(image);
        workspace.build("acme.tar");
        let entries = added(&workspace, &workspace.release("acme.tar")["images"][0]);
        assert!(entries.iter().any(|entry| entry.ends_with("1234:5678 etc/file")), "{entries:?}");
        assert!(entries.iter().any(|entry| entry.ends_with("0:0 copy/etc/file")), "{entries:?}");
        // The base's own folder is not touched, so that an attribute for it would be dropped.
        setxattr(workspace.path("data/etc"), "user.note", b"1", XattrFlags::empty()).unwrap();
        let error = workspace.refused(2, &BUILD);
        assert_eq!(error["code"], "attribute", "{error}");
        assert!(error["message"].as_str().unwrap().contains("which keeps its own"), "{error}");
    }
}
