//! Packages for hosts without an engine: from files, and from a mirror whose signature is verified.

mod needs_tools;

use crate::workspace::Workspace;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::io::Write as _;

const BUILD: [&str; 6] = ["build", "acme.toml", "--key", "k.key", "--out", "acme.tar"];

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A control file.
fn control(name: &str, version: &str, architecture: &str, more: &str) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nInstalled-Size: 3\n{more}Description: x\n"
    )
}

/// A package (deb(5)) that installs nothing.
fn deb(control: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(control.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "./control", control.as_bytes()).unwrap();
    let control = gzip(&tar.into_inner().unwrap());
    let data = gzip(&[0; 1024]);
    let mut deb = b"!<arch>\n".to_vec();
    for (name, content) in [("debian-binary", &b"2.0\n"[..]), ("control.tar.gz", &control), ("data.tar.gz", &data)] {
        writeln!(deb, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len()).unwrap();
        deb.extend_from_slice(content);
        deb.extend(vec![b'\n'; content.len() % 2]);
    }
    deb
}

/// Name and system of each package that the bundle lists.
fn listed(workspace: &Workspace) -> Vec<String> {
    let release = workspace.release("acme.tar");
    let name = |package: &Value| format!("{} {}", package["for"].as_str().unwrap(), package["name"].as_str().unwrap());
    release["packages"].as_array().unwrap().iter().map(name).collect()
}

fn arch() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

#[test]
fn files_are_packed_in_the_order_of_their_installation() {
    let workspace = Workspace::new();
    for (name, more) in [("engine", "Pre-Depends: zlib\nDepends: runc (>= 1), missing\n"), ("runc", "Depends: zlib\n")]
    {
        workspace.write(&format!("debs/{name}_1_{}.deb", arch()), deb(&control(name, "1", arch(), more)));
    }
    workspace.write("debs/zlib_1_all.deb", deb(&control("zlib", "1", "all", "")));
    workspace.write("debs/readme.txt", "no package");
    workspace.write("one.deb", deb(&control("tool", "2:1.0~rc1-1", "all", "")));
    workspace.define(
        "[[package]]\nfor = \"debian 13\"\nsource = \"one.deb\"\n[[package]]\nfor = \"debian 12\"\nsource = \"debs\"\n",
    );
    workspace.ok(&BUILD);
    workspace.ok(&["verify", "acme.tar", "--trust", "k.pub"]);
    let expected = ["debian 12 zlib", "debian 12 runc", "debian 12 engine", "debian 13 tool"];
    assert_eq!(listed(&workspace), expected);
    let release = workspace.release("acme.tar");
    assert_eq!(
        (&release["packages"][3]["version"], &release["packages"][3]["installed"]),
        (&"2:1.0~rc1-1".into(), &3072.into())
    );
    assert!(release["files"].as_array().unwrap().iter().all(|file| !file["path"].as_str().unwrap().contains("deb")));
    assert!(workspace.ok(&["inspect", "acme.tar"]).contains("packages, as they are installed: 4"));
}

#[test]
fn files_that_no_host_could_install_are_refused() {
    let workspace = Workspace::new();
    let other = if arch() == "amd64" { "arm64" } else { "amd64" };
    let good = deb(&control("a", "1", "all", ""));
    workspace.write("cut.deb", &good[..good.len() / 3]);
    workspace.write("text.deb", "no package");
    workspace.write("other.deb", deb(&control("a", "1", other, "")));
    workspace.write("name.deb", deb(&control("../a", "1", "all", "")));
    workspace.write("none/readme", "x");
    workspace.write("twice/a1.deb", &good);
    workspace.write("twice/a2.deb", deb(&control("a", "2", "all", "")));
    for (source, exit, code) in [
        ("cut.deb", 3, "damaged_package"),
        ("text.deb", 3, "damaged_package"),
        ("name.deb", 3, "damaged_package"),
        ("other.deb", 2, "wrong_arch"),
        ("none", 2, "missing_file"),
        ("gone", 2, "missing_file"),
        ("twice", 2, "definition"),
    ] {
        workspace.define(&format!("[[package]]\nfor = \"debian 12\"\nsource = \"{source}\"\n"));
        let before = workspace.names();
        let error = workspace.refused(exit, &BUILD);
        assert_eq!(error["code"], code, "{source}: {error}");
        assert!(error["message"].as_str().unwrap().contains(": packages for debian 12: "), "{error}");
        assert_eq!(workspace.names(), before, "{source}");
        assert!(workspace.run(&["lint", "acme.toml"]).status.code() == Some(exit), "{source}");
    }
}

#[test]
fn a_table_says_where_packages_are_from_and_nothing_else() {
    let workspace = Workspace::new();
    let mirror = "mirror = \"http://localhost/d\"\nsuites = [\"x\"]\nkeyring = \"k\"\n";
    for (table, reason) in [
        (String::new(), "need `source`, or `names`"),
        ("names = [\"a\"]\n".to_owned(), "need `mirror`, `suites` and `keyring`"),
        (format!("names = []\n{mirror}"), "empty"),
        (format!("source = \"a.deb\"\n{mirror}"), "only for packages that `names`"),
        (format!("source = \"a.deb\"\nnames = [\"a\"]\n{mirror}"), "either"),
        (format!("names = [\"-a\"]\n{mirror}"), "not a valid package name"),
        (format!("names = [\"a\"]\n{}", mirror.replace("http://", "ftp://")), "is no mirror"),
        (format!("names = [\"a\"]\n{}", mirror.replace("http://", "http://me@")), "no user"),
        (format!("names = [\"a\"]\n{}", mirror.replace("\"x\"", "\"../x\"")), "no name of a suite"),
        ("source = \"a.deb\"\ncolour = \"red\"\n".to_owned(), "colour"),
    ] {
        workspace.define(&format!("[[package]]\nfor = \"debian 12\"\n{table}"));
        let error = workspace.refused(2, &BUILD);
        assert!(
            error["code"] == "definition" && error["message"].as_str().unwrap().contains(reason),
            "{table}: {error}"
        );
    }
    workspace.define("[[package]]\nfor = \"debian\"\nsource = \"a.deb\"\n");
    assert!(workspace.refused(2, &BUILD)["message"].as_str().unwrap().contains("os-release"));
}
