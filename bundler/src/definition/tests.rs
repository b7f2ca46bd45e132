#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod images;

use super::*;
use landfall_manifests::{Capability, Writable};

fn variables() -> Variables {
    let pairs = [("NAME", "hello"), ("IMAGES", "/srv/images"), ("VERSION", "1.1.0"), ("ROOTFS", "/srv/root")];
    Variables::new([], pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn parse(text: &str) -> Result<Definition, DefinitionError> {
    super::examination::tests::parse(text, Path::new("defs/acme.toml"), &variables())
}

const RELEASE: &str = "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\n";

fn error(body: &str) -> String {
    let text = if body.contains("[release]") { body.to_owned() } else { format!("{RELEASE}{body}") };
    parse(&text).map_or_else(|error| error.to_string(), |definition| format!("accepted: {definition:?}"))
}

#[test]
fn reads_what_the_design_shows() {
    let text = r#"
[release]
product = "acme"
version = "${VERSION}"
serial = 12
arch = "arm64"
min_upgrade_from = "1.0.0"
created = "2026-11-22T00:00:00Z"
trust = "trust"
[runtime]
binary = "target/landfall"
database = { schema = 2, reversible_to = 1 }
[[image]]
name = "zeta"
source = "docker-archive:${IMAGES}/node.tar"
tenant = { language = "node", framework = "express", port = 3000, health = "/health" }
[[image]]
name = "${NAME}"
source = "rootfs:root"
entrypoint = ["/bin/${NAME}", "$${literal}"]
[[file]]
source = "docs"
path = "docs"
"#;
    let definition = parse(text).unwrap();
    assert_eq!(definition.release.version.to_string(), "1.1.0");
    let binary = definition.runtime.binary.unwrap();
    assert_eq!(definition.runtime.database, Some(Database { schema: 2, reversible_to: 1 }));
    assert_eq!((binary.path, binary.line.number), (PathBuf::from("defs/target/landfall"), 11));
    let trust = definition.release.trust.unwrap();
    assert_eq!((trust.path, trust.line.number), (PathBuf::from("defs/trust"), 9));
    let names: Vec<&str> = definition.images.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(names, ["hello", "zeta"], "sorted");
    let [hello, zeta] = definition.images.as_slice() else { panic!("two images") };
    assert_eq!(hello.process.entrypoint.as_deref().unwrap(), ["/bin/hello", "${literal}"]);
    assert_eq!(hello.line.number, 18);
    assert_eq!(
        zeta.source,
        ImageSource::DockerArchive { file: ArchivePath::File("/srv/images/node.tar".into()), reference: None }
    );
    assert_eq!(
        zeta.source_text, "docker-archive:${IMAGES}/node.tar",
        "what machine it was built on is nobody's business"
    );
    assert!(
        matches!(&definition.files[0].source, FileSource::Path { source, digest: None } if source.path == Path::new("defs/docs"))
    );
}

#[test]
fn a_variable_may_stand_for_a_number() {
    let variables = [("SERIAL", "0012"), ("PORT", "3000"), ("WORD", "one"), ("EMPTY", "")];
    let variables = Variables::new([], variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let parse = |serial: &str, port: &str| {
        let release = format!("[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = {serial}\n");
        let image = "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nenv = { port = \"${PORT}\" }\n";
        let text = format!("{release}{image}tenant = {{ language = \"${{PORT}}\", port = {port}, health = \"/\" }}\n");
        Definition::parse(&text, Path::new("acme.toml"), &variables)
    };
    let definition = parse("\"${SERIAL}\"", "'3${EMPTY}000'").unwrap();
    let image = &definition.images[0];
    let tenant = image.tenant.as_ref().unwrap();
    assert_eq!((u64::from(definition.release.serial), tenant.port, tenant.language.as_str()), (12, 3000, "3000"));
    assert_eq!(image.process.env["port"], "3000", "what is text stays text");
    for (serial, port, told) in [
        ("\"${WORD}\"", "1", "acme.toml:4: "),
        ("\"${NONE}\"", "1", "acme.toml:4: the variable ${NONE} is not defined"),
        ("\"12\"", "1", "acme.toml:4: "),
        ("1", "\"${SERIAL}x\"", "acme.toml:9: "),
        ("1", "\"\"\"\n${PORT}\"\"\"", "acme.toml:9: "),
    ] {
        let error = parse(serial, port).unwrap_err().to_string();
        assert!(error.starts_with(told), "{serial}, {port}: {error}");
    }
}

#[test]
fn every_key_that_is_a_number_takes_variables() {
    fn integers(schema: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let kinds = [&property["type"], &property["type"][0]];
            let reference = property["$ref"].as_str().unwrap_or_default();
            if kinds.iter().any(|kind| *kind == "integer") || reference.ends_with("/Serial") {
                found.insert(name.clone());
            }
        }
        schema.as_object().into_iter().flatten().for_each(|(_, inner)| integers(inner, found));
    }
    let mut found = std::collections::BTreeSet::new();
    integers(&schemars::schema_for!(tables::DefinitionTable).to_value(), &mut found);
    assert_eq!(found, expand::NUMBERS.map(str::to_owned).into());
}

#[test]
fn each_architecture_has_a_bundle_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.toml");
    let own = Arch::of_this_program().unwrap();
    let both = [Arch::Amd64, Arch::Arm64];
    for (arch, expected) in [
        ("", vec![(None, own)]),
        ("arch = \"arm64\"", vec![(Some(Arch::Arm64), Arch::Arm64)]),
        ("arch = [\"amd64\"]", vec![(Some(Arch::Amd64), Arch::Amd64)]),
        ("arch = [\"amd64\", \"arm64\"]", both.map(|arch| (Some(arch), arch)).to_vec()),
        ("arch = [\"${ONE}\", \"arm64\"]", both.map(|arch| (Some(arch), arch)).to_vec()),
    ] {
        let release = format!("[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\n{arch}\n");
        let text = format!("{release}[[file]]\nsource = \"programs/${{TARGETARCH}}\"\npath = \"tools\"\n");
        std::fs::write(&path, text).unwrap();
        let pairs = [("ONE", "amd64"), ("TARGETARCH", "the environment's")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let definitions = Definition::read_each(&path, &Variables::new(pairs, [])).unwrap();
        assert_eq!(definitions.len(), expected.len(), "{arch}");
        for (definition, (named, built_for)) in definitions.iter().zip(expected) {
            assert_eq!(definition.archs(), named.as_slice(), "{arch}");
            let FileSource::Path { source, .. } = &definition.files[0].source else { panic!("{arch}") };
            assert!(source.path.ends_with(format!("programs/{}", built_for.name())), "{arch}");
        }
    }
}

#[test]
fn tells_where_an_image_came_from_without_the_folders_of_the_machine_that_builds() {
    for (written, told) in [
        ("docker-archive:/home/me/images/node.tar:node:1", "docker-archive:node.tar:node:1"),
        ("oci:/srv/layout:app", "oci:layout:app"),
        ("rootfs:/build/root:fs/", "rootfs:root:fs"),
        ("rootfs:/", "rootfs:/"),
        ("docker-archive:../images/node.tar", "docker-archive:../images/node.tar"),
        ("oci-archive:${IMAGES}/node.tar", "oci-archive:${IMAGES}/node.tar"),
        ("docker-daemon:registry/app:1", "docker-daemon:registry/app:1"),
    ] {
        let definition = parse(&format!("{RELEASE}[[image]]\nname = \"a\"\nsource = \"{written}\"\n")).unwrap();
        assert_eq!(definition.images[0].source_text, told);
    }
}

#[test]
fn reads_the_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/examples");
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let definition = Definition::read_each(&path, &variables()).unwrap().remove(0);
        assert!(definition.images.iter().any(|image| image.tenant.is_some()), "{}", path.display());
        read += 1;
    }
    assert_eq!(read, 3);
}

/// A definition in which a key has a value.
type TextWith<'a> = &'a dyn Fn(&str, &str) -> String;

/// A value of each type of TOML.
const VALUES: [&str; 10] =
    ["1", "-1", "99999999999999999999", "1.5", "true", "\"x\"", "2026-01-01", "[1]", "[[]]", "{ x = 1 }"];
/// What libraries say of such values.
const LIBRARIES: [&str; 16] = [
    "invalid type",
    "invalid value",
    "invalid length",
    "tagged",
    "i128",
    "u16",
    "u32",
    "u64",
    "struct",
    "enum",
    "sequence",
    "unknown",
    "missing field",
    "wanted",
    "$",
    "`",
];

fn release(key: &str, value: &str) -> String {
    let lines = ["product = \"acme\"", "version = \"1.0.0\"", "serial = 1"];
    let others = lines.into_iter().filter(|line| !line.starts_with(key));
    format!("[release]\n{}\n{key} = {value}\n", others.collect::<Vec<_>>().join("\n"))
}

/// Each key of each table with a value of each type of TOML.
#[test]
fn a_value_of_another_type_is_told_by_its_key_and_in_no_librarys_words() {
    let image = "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\n";
    let tenant = |key: &str, value: &str| {
        let pairs = ["language = \"c\"", "port = 1", "health = \"tcp\""];
        let others = pairs.into_iter().filter(|pair| !pair.starts_with(key));
        format!("{image}tenant = {{ {}, {key} = {value} }}\n", others.collect::<Vec<_>>().join(", "))
    };
    let tables: [(&[&str], TextWith<'_>); 11] = [
        (&["release", "runtime", "image", "file"], &|key, value| match key {
            "release" => format!("# [release]\n{key} = {value}\n"),
            _ => format!("{key} = {value}\n{RELEASE}"),
        }),
        (
            &[
                "product",
                "version",
                "serial",
                "arch",
                "min_upgrade_from",
                "created",
                "compression",
                "compression_level",
                "keys",
                "trust",
            ],
            &release,
        ),
        (&["binary", "installer", "config", "database"], &|key, value| format!("[runtime]\n{key} = {value}\n")),
        (&["schema", "reversible_to"], &|key, value| {
            let other = if key == "schema" { "reversible_to" } else { "schema" };
            format!("[runtime]\nbinary = \"a\"\ndatabase = {{ {other} = 1, {key} = {value} }}\n")
        }),
        (
            &[
                "entrypoint",
                "cmd",
                "env",
                "user",
                "owners",
                "workdir",
                "ports",
                "volumes",
                "labels",
                "stop_signal",
                "tenant",
            ],
            &|key, value| format!("{image}{key} = {value}\n"),
        ),
        (&["from", "add"], &|key, value| format!("[[image]]\nname = \"a\"\n{key} = {value}\n")),
        (&["source", "path", "owner", "owners"], &|key, value| {
            let pairs = ["source = \"a\"", "path = \"/a\""];
            let others = pairs.into_iter().filter(|pair| !pair.starts_with(key));
            let pairs = others.collect::<Vec<_>>().join(", ");
            format!("[[image]]\nname = \"a\"\nfrom = \"oci:a\"\nadd = [{{ {pairs}, {key} = {value} }}]\n")
        }),
        (
            &[
                "language",
                "framework",
                "port",
                "health",
                "start_period",
                "writable",
                "capabilities",
                "memory",
                "canary",
            ],
            &tenant,
        ),
        (&["path", "kind", "size"], &|key, value| {
            let pairs = ["path = \"/x\"", "kind = \"tmpfs\""];
            let others = pairs.into_iter().filter(|pair| !pair.starts_with(key));
            tenant("writable", &format!("[{{ {}, {key} = {value} }}]", others.collect::<Vec<_>>().join(", ")))
        }),
        (&["sha256"], &|key, value| format!("[[file]]\nsource = \"a\"\npath = \"a\"\n{key} = {value}\n")),
        (&["source", "path"], &|key, value| {
            let other = if key == "source" { "path" } else { "source" };
            format!("[[file]]\n{other} = \"a\"\n{key} = {value}\n")
        }),
    ];
    let mut said = Vec::new();
    for (keys, text) in tables {
        for (key, value) in keys.iter().flat_map(|key| VALUES.map(|value| (*key, value))) {
            let error = error(&text(key, value));
            let Some((_, message)) = error.split_once(": ").filter(|_| !error.starts_with("accepted")) else {
                continue;
            };
            let library = LIBRARIES.iter().find(|library| message.contains(**library));
            assert!(library.is_none(), "{key} = {value}: {error}");
            let names = [key, value, "no key x", "x is 1"];
            assert!(names.iter().any(|name| message.contains(name)), "{key} = {value}: {error}");
            if ["true", "[1]"].contains(&value) {
                said.push(format!("{key} = {value}\n=> {message}\n"));
            }
        }
    }
    insta::assert_snapshot!(said.join("\n"));
}

/// An image whose tenants need something.
fn needs(what: &str) -> String {
    format!(
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\ntenant = {{ language = \"c\", port = 1, health = \"tcp\", {what} }}\n"
    )
}

/// An image on a base, to which something is added.
fn adds(what: &str) -> String {
    format!("[[image]]\nname = \"a\"\nfrom = \"oci:a\"\nadd = [{what}]\n")
}

#[test]
fn names_the_line_of_what_is_wrong() {
    let wrong: &[&str] = &[
        "[relase]\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\n",
        "[release]\nproduct = \"Acme Inc\"\nversion = \"1.0.0\"\nserial = 1\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0\"\nserial = 1\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 0\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\narch = \"mips\"\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\narch = [\"amd64\", \"mips\"]\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\narch = [\"amd64\", \"amd64\"]\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\narch = []\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\ncreated = \"yesterday\"\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\nkeys = [\"RWx\"]\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\ntrust = \"\"\n",
        "colour = 1\n",
        "product = \"twice\"\n",
        "[runtime.database]\nschema = 1\nreversible_to = 1\n",
        "[runtime]\nbinary = \"a\"\ndatabase = { schema = 1, reversible_to = 2 }\n",
        "[runtime]\nbinary = \"a\"\ndatabase = { schema = 1 }\n",
        "[[image]\n",
        "[[image]]\nname = \"a\"\n",
        "[[image]]\nname = \"A\"\nsource = \"rootfs:a\"\n",
        "[[image]]\nname = \"a\"\nsource = \"docker-hub:debian:12\"\n",
        "[[image]]\nname = \"a\"\nsource = \"debian:12\"\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:\"\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nport = 3\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\n[[image]]\nname = \"a\"\nsource = \"rootfs:b\"\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\nuser = \"1\"\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\nstop_signal = \"TERM\"\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\nfrom = \"oci:b\"\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nadd = []\n",
        "[[image]]\nname = \"a\"\nfrom = \"oci:a\"\n",
        "[[image]]\nname = \"a\"\nfrom = \"debian\"\nuser = \"1\"\n",
        "[[image]]\nname = \"a\"\nfrom = \"oci:a\"\nowners = \"keep\"\n",
        &adds("{ source = \"a\", path = \"www\" }"),
        &adds("{ source = \"a\", path = \"/../www\" }"),
        &adds("{ source = \"\", path = \"/www\" }"),
        &adds("{ source = \"a\" }"),
        &adds("{ source = \"a\", path = \"/a\", owner = \"www-data\" }"),
        &adds("{ source = \"a\", path = \"/a\", owner = \"1:1\", owners = \"keep\" }"),
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nports = [\"http\"]\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nvolumes = [\"/\"]\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nvolumes = [\"data\"]\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nstop_signal = \"STOPPED\"\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nenv = { \"A=B\" = \"1\" }\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\ntenant = { language = \"c\", port = 0, health = \"/\" }\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\ntenant = { language = \"c\", port = 1, health = \"up\" }\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\ntenant = { language = \"c\", port = 70000, health = \"/\" }\n",
        &needs("memory = \"1KiB\""),
        &needs("memory = 512"),
        &needs("start_period = 0"),
        &needs("capabilities = [\"NET_RAW\"]"),
        &needs("writable = [{ path = \"/var/x\" }]"),
        &needs("writable = [{ path = \"var/x\", kind = \"tmpfs\" }]"),
        &needs("writable = [{ path = \"/proc/x\", kind = \"tmpfs\" }]"),
        &needs("writable = [{ path = \"/x\", kind = \"volume\", size = \"1GiB\" }]"),
        &needs("writable = [{ path = \"/x\", kind = \"tmpfs\", size = \"1\" }]"),
        &needs("writable = [{ path = \"/x\", kind = \"tmpfs\" }, { path = \"/x\", kind = \"volume\" }]"),
        &needs("writable = [{ path = \"/app/data/users\", kind = \"tmpfs\" }]"),
        &[needs("canary = true"), needs("canary = true").replace("name = \"a\"", "name = \"b\"")].concat(),
        "[[image]]\nname = \"a\"\nsource = \"rootfs:${NONE}\"\n",
        "[[image]]\nname = \"a\"\nsource = \"\"\"rootfs:\\\n  ${OPEN\"\"\"\n",
        "[[file]]\nsource = \"a\"\npath = \"../a\"\n",
        "[[file]]\nsource = \"a\"\npath = \"bin/a\"\n",
        "[[file]]\nsource = \"a\"\npath = \"landfall.json.bak\"\n",
        "[[file]]\nsource = \"\"\npath = \"a\"\n",
        "[[file]]\nsource = \"https://files.lan/a\"\npath = \"a\"\n",
        "[[file]]\nsource = \"https://me:pw@files.lan/a\"\npath = \"a\"\nsha256 = \"\"\n",
        "[[file]]\nsource = \"https://\"\npath = \"a\"\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\ncompression_level = 0\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\ncompression_level = 20\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\ncompression = \"gzip\"\ncompression_level = 10\n",
        "[[image]]\nname = \"a\"\nsource = \"docker-archive:-\"\n[[image]]\nname = \"b\"\nsource = \"oci-archive:-\"\n",
    ];
    let said: Vec<String> = wrong.iter().map(|body| format!("{body}=> {}\n", error(body))).collect();
    insta::assert_snapshot!(said.join("\n"));
}
