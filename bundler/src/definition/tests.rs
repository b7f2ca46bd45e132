#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn variables() -> Variables {
    let pairs = [("NAME", "hello"), ("IMAGES", "/srv/images"), ("VERSION", "1.1.0"), ("ROOTFS", "/srv/root")];
    Variables::new([], pairs.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn parse(text: &str) -> Result<Definition, DefinitionError> {
    Definition::parse(text, Path::new("defs/acme.toml"), &variables())
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
    assert_eq!(zeta.source, ImageSource::DockerArchive { file: "/srv/images/node.tar".into(), reference: None });
    assert_eq!(
        zeta.source_text, "docker-archive:${IMAGES}/node.tar",
        "what machine it was built on is nobody's business"
    );
    assert_eq!(definition.files[0].source.path, PathBuf::from("defs/docs"));
}

#[test]
fn reads_the_examples() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/examples");
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let definition = Definition::read(&path, &variables()).unwrap();
        assert!(definition.images.iter().any(|image| image.tenant.is_some()), "{}", path.display());
        read += 1;
    }
    assert_eq!(read, 3);
}

#[test]
fn names_the_line_of_what_is_wrong() {
    let wrong = [
        "[relase]\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\n",
        "[release]\nproduct = \"Acme Inc\"\nversion = \"1.0.0\"\nserial = 1\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0\"\nserial = 1\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 0\n",
        "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\narch = \"mips\"\n",
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
        "[[image]]\nname = \"a\"\nsource = \"docker://debian:12\"\n",
        "[[image]]\nname = \"a\"\nsource = \"debian:12\"\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:\"\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\nport = 3\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\n[[image]]\nname = \"a\"\nsource = \"rootfs:b\"\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\nuser = \"1\"\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\ntenant = { language = \"c\", port = 0, health = \"/\" }\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\ntenant = { language = \"c\", port = 1, health = \"up\" }\n",
        "[[image]]\nname = \"a\"\nsource = \"oci:a\"\ntenant = { language = \"c\", port = 70000, health = \"/\" }\n",
        "[[image]]\nname = \"a\"\nsource = \"rootfs:${NONE}\"\n",
        "[[image]]\nname = \"a\"\nsource = \"\"\"rootfs:\\\n  ${OPEN\"\"\"\n",
        "[[file]]\nsource = \"a\"\npath = \"../a\"\n",
        "[[file]]\nsource = \"a\"\npath = \"bin/a\"\n",
        "[[file]]\nsource = \"a\"\npath = \"landfall.json.bak\"\n",
        "[[file]]\nsource = \"\"\npath = \"a\"\n",
    ];
    let said: Vec<String> = wrong.iter().map(|body| format!("{body}=> {}\n", error(body))).collect();
    insta::assert_snapshot!(said.join("\n"));
}
