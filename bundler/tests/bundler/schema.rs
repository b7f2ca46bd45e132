//! The JSON schema of definitions, as editors use it.

/// What needs Python's jsonschema besides; `make check` leaves it out.
mod needs_tools {
    use crate::workspace::Workspace;
    use std::path::Path;

    /// Prints, of each document, whether it is as the schema says.
    const VALIDATE: &str = "\
import json, jsonschema
schema, documents = json.load(open('schema.json')), json.load(open('documents.json'))
jsonschema.Draft7Validator.check_schema(schema)
print(json.dumps([jsonschema.Draft7Validator(schema).is_valid(document) for document in documents]))";

    /// Of each text of a definition, whether the schema that the bundler prints takes it.
    fn taken(texts: &[String]) -> Vec<bool> {
        let workspace = Workspace::new();
        workspace.write("schema.json", workspace.ok(&["schema"]));
        let tables: Vec<toml::Table> = texts.iter().map(|text| text.parse().unwrap()).collect();
        workspace.write("documents.json", serde_json::to_string(&tables).unwrap());
        serde_json::from_str(&workspace.tool("/usr/bin/python3", &["-c", VALIDATE])).unwrap()
    }

    const RELEASE: &str = "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\n";
    const IMAGE: &str = "[[image]]\nname = \"a\"\nsource = \"rootfs:a\"\n";

    fn tenant(port: &str) -> String {
        format!("{RELEASE}{IMAGE}tenant = {{ language = \"c\", port = {port}, health = \"tcp\" }}")
    }

    #[test]
    fn the_schema_takes_what_a_build_takes() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/examples");
        let examples =
            std::fs::read_dir(examples).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let mut texts: Vec<String> = examples.collect();
        assert!(texts.len() > 2);
        texts.extend([RELEASE.to_owned(), format!("{RELEASE}{IMAGE}"), tenant("80"), tenant("\"${PORT}\"")]);
        texts.extend([RELEASE.replace("1.0.0", "${VERSION}"), RELEASE.replace("= 1\n", "= \"${SERIAL}\"\n")]);
        let workspace = Workspace::new();
        workspace.ok(&["init", "--product", "acme", "--image", "docker://a", "--tenant", "c:80"]);
        texts.push(std::fs::read_to_string(workspace.path("acme.toml")).unwrap());
        let taken = taken(&texts);
        let refused: Vec<&String> = texts.iter().zip(taken).filter(|(_, taken)| !taken).map(|(text, _)| text).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }

    #[test]
    fn the_schema_refuses_what_editors_should_mark() {
        let texts = [
            IMAGE.to_owned(),
            RELEASE.replace("acme", "Acme Inc"),
            RELEASE.replace("1.0.0", "1.0"),
            RELEASE.replace("serial = 1", "serial = 0"),
            RELEASE.replace("serial = 1", "serial = \"one\""),
            RELEASE.replace("serial = 1\n", ""),
            format!("{RELEASE}arch = \"mips\"\n"),
            format!("{RELEASE}colour = 1\n"),
            format!("{RELEASE}[[image]]\nsource = \"rootfs:a\"\n"),
            tenant("0"),
            tenant("65536"),
            tenant("true"),
        ];
        let taken = taken(&texts);
        let accepted: Vec<&String> =
            texts.iter().zip(taken).filter(|(_, taken)| *taken).map(|(text, _)| text).collect();
        assert!(accepted.is_empty(), "{accepted:?}");
    }
}
