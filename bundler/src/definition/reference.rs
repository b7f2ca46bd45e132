//! `docs/definition.md`: every key of a definition, from the comments on the types that parse it.
//!
//! The test fails when the page differs. `UPDATE=1 cargo test -p landfall-bundler --lib definition::reference` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::tables::DefinitionTable;
use super::{DEFINITION_BYTES, Definition, ImageSource, Variables};
use crate::lint::LintId;
use crate::sources::SETTINGS_BYTES;
use landfall_manifests::limits;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

const UPDATE: &str = "UPDATE=1 cargo test -p landfall-bundler --lib definition::reference";

/// A definition with every key: the order of the keys in the page, and the example of each.
const EXAMPLE: &str = include_str!("../../../manifests/examples/all-keys.toml");

#[test]
fn the_definitions_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/definition.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/definition.md is not up to date: run `{UPDATE}`");
}

#[test]
fn the_example_is_a_definition() {
    let variables = Variables::new([], [("IMAGES".to_owned(), "/srv/images".to_owned())]);
    Definition::parse(EXAMPLE, Path::new("all-keys.toml"), &variables).unwrap();
}

fn page() -> String {
    let schema = schemars::schema_for!(DefinitionTable).to_value();
    let sources = schemars::schema_for!(ImageSource).to_value();
    let mut page = format!(
        "<!-- Made from the comments in bundler/src/definition by `{UPDATE}`: change those, not this page. -->\n\
         # The bundle definition\n\n{INTRODUCTION}\n## An example with every key\n\n```toml\n{EXAMPLE}```\n"
    );
    for (heading, name) in [
        ("[release]", "release"),
        ("[runtime]", "runtime"),
        ("[[image]]", "image"),
        ("[[file]]", "file"),
        ("[[package]]", "package"),
    ] {
        table(&mut page, &schema, heading, name);
    }
    writeln!(page, "\n## Image sources\n\n{SOURCES}").unwrap();
    for source in sources["oneOf"].as_array().unwrap() {
        let (form, text) = source["description"].as_str().unwrap().split_once(": ").unwrap();
        let (first, rest) = text.split_at(1);
        writeln!(page, "\n### {form}\n\n{}{rest}", first.to_uppercase()).unwrap();
    }
    page + VARIABLES + PRECEDENCE + &limits_table() + &warnings_table()
}

/// A table of the definition with all of its keys.
fn table(page: &mut String, schema: &Value, heading: &str, name: &str) {
    let property = &schema["properties"][name];
    let table = resolved(schema, property.get("items").unwrap_or(property));
    writeln!(page, "\n## `{heading}`\n\n{}", description(table)).unwrap();
    let mut keys: Vec<(&String, &Value)> = table["properties"].as_object().unwrap().iter().collect();
    keys.sort_by_key(|(key, _)| position(heading, key));
    for (key, property) in keys {
        let is_required = is_required(table, key);
        let text = description(property);
        assert!(text.contains("* Refused: "), "the comment on {key} of {heading} does not say what is refused");
        assert!(is_required || text.contains("* Default: "), "the comment on {key} of {heading} has no default");
        let need = if is_required { "required" } else { "optional" };
        writeln!(page, "\n### `{key}`\n\n{}, {need}. {text}", kind(schema, property)).unwrap();
        inner_keys(page, schema, property);
        writeln!(page, "\n```toml\n{}\n```", example(heading, key)).unwrap();
    }
}

/// The keys of an inline table.
fn inner_keys(page: &mut String, schema: &Value, property: &Value) {
    let value = resolved(schema, property);
    // Of a list, those of each value.
    let table = value.get("items").map_or(value, |items| resolved(schema, items));
    let Some(properties) = table["properties"].as_object() else { return };
    writeln!(page, "\n| key | type | meaning |\n| --- | --- | --- |").unwrap();
    for (key, property) in properties {
        let need = if is_required(table, key) { "required" } else { "optional" };
        let (kind, text) = (kind(schema, property), description(property).replace('\n', " "));
        writeln!(page, "| `{key}` | {}, {need} | {text} |", kind.to_lowercase()).unwrap();
    }
}

fn is_required(table: &Value, key: &str) -> bool {
    table["required"].as_array().is_some_and(|required| required.iter().any(|name| name == key))
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_else(|| panic!("{schema} has no comment")).to_owned()
}

/// The schema that a reference leads to, without the `null` that stands for a key that is left out.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str() {
        return root.pointer(name.trim_start_matches('#')).unwrap();
    }
    match schema["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null")) {
        Some(one) => resolved(root, one),
        None => schema,
    }
}

/// The type of a key, for people.
fn kind(root: &Value, schema: &Value) -> String {
    let schema = resolved(root, schema);
    if let Some(forms) = schema["anyOf"].as_array() {
        return match forms.as_slice() {
            [one, list] if list["type"] == "array" => format!("{}, or a list of them", kind(root, one)),
            _ => "Text or table".to_owned(),
        };
    }
    if let Some(one_of) = schema["oneOf"].as_array() {
        if one_of.iter().any(|one| one["type"] == "object") {
            return "Table".to_owned();
        }
        let names: Vec<String> = one_of.iter().map(|one| format!("`{}`", one["const"].as_str().unwrap())).collect();
        return names.join(" or ");
    }
    let name = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap();
    match name {
        "string" => "Text".to_owned(),
        "array" => format!("List of {}", kind(root, &schema["items"]).to_lowercase()),
        "object" if schema["properties"].is_object() => "Table".to_owned(),
        "object" => format!("Table of {}", kind(root, &schema["additionalProperties"]).to_lowercase()),
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("Integer from {least} to {most}"),
            _ => "Integer".to_owned(),
        },
        other => panic!("a definition has no {other}"),
    }
}

/// The lines of the example in all tables of this heading.
fn section(heading: &str) -> impl Iterator<Item = &'static str> {
    let tables = EXAMPLE.split("\n[").skip(1).filter_map(move |table| table.strip_prefix(&heading[1..]));
    tables.flat_map(str::lines)
}

fn is_of(line: &str, key: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| name.trim() == key)
}

/// Where a key stands in the example, which has every key.
fn position(heading: &str, key: &str) -> usize {
    let found = section(heading).position(|line| is_of(line, key));
    found.unwrap_or_else(|| panic!("manifests/examples/all-keys.toml has no {key} in {heading}"))
}

fn example(heading: &str, key: &str) -> &'static str {
    section(heading).find(|line| is_of(line, key)).unwrap_or_default()
}

const INTRODUCTION: &str = "\
`landfall-bundler build acme.toml --key acme.key` makes a bundle from a definition: a TOML 1.0 file that names the release, its
images and its files. Paths are relative to the folder of the definition. Keys that are not on this page are errors; every error
names the definition's file and line. What is wrong in the definition ends with exit code 2, a damaged image with 3, and an engine
or registry that does not answer, or wants a login, with 6. The same inputs give the same bytes, on every machine.

`landfall-bundler init` writes one to begin with. `landfall-bundler lint acme.toml` says all that is wrong with a definition and its
sources at once, and packs nothing. Editors with Taplo, such as VS Code with Even Better TOML, check and complete a definition by the
[JSON schema](definition.schema.json), which `landfall-bundler schema` prints, if its first line names the file:

```toml
#:schema ./landfall-bundler.schema.json
```
";

const SOURCES: &str = "\
`source` of an image, and so its `from`, begins with a transport, as in skopeo. Layers that several images share are stored once. Compressed layers
are stored as they come, so that an image keeps the digest that it has in a registry; uncompressed layers are compressed as
`compression` says. Names after the path are only needed where the source holds several images.";

const VARIABLES: &str = "
## Variables

`${NAME}` in the text of a value is replaced by the value of the variable NAME; `$${` stands for `${` itself. Names are letters,
digits and `_`, and do not begin with a digit. Values are not searched for variables again. Keys and the names of tables are taken
as they are. A variable that has no value is an error. A number that comes from a variable is written in quotes, as
`serial = \"${SERIAL}\"`. `${TARGETARCH}` is the architecture of the bundle, as in BuildKit, and cannot be set.

```sh
landfall-bundler build acme.toml --key acme.key --set VERSION=1.1.0 --set IMAGES=/srv/images
```
";

const PRECEDENCE: &str = "
## Precedence

The first that is given counts.

| what | from |
| --- | --- |
| the value of a variable | `--set NAME=VALUE`; the environment |
| the time of the release | `created`; `SOURCE_DATE_EPOCH` of the environment; none |
| the architectures | `arch`; that of the machine that builds |
| the programs | `binary` and `installer`; the files beside `landfall-bundler` |
| the settings | `config`; the runtime's own |
| the engine for `docker-daemon:` | `DOCKER_HOST` of the environment; `unix:///var/run/docker.sock` |
| the login for a registry | `REGISTRY_AUTH_FILE`, and no other; `containers/auth.json` in `XDG_RUNTIME_DIR`, in `/run/containers/UID`, in `XDG_CONFIG_HOME` (`~/.config`); `config.json` in `DOCKER_CONFIG` (`~/.docker`). In each of them: `credHelpers`, `credsStore`, `auths` |
| where an image of a registry comes from | the mirrors (`--registry-mirror`), in their order; the registry |
| the file of the bundle | `--out FILE`; in the folder `--out DIR`, or else the current one, PRODUCT-VERSION-OS-ARCH.landfall.tar |
";

fn limits_table() -> String {
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let rows = [
        ("the definition", mib(DEFINITION_BYTES)),
        ("the settings that `config` names", format!("{} KiB", SETTINGS_BYTES >> 10)),
        ("`product`", format!("{} characters", limits::PRODUCT_BYTES)),
        ("`version`", format!("{} characters", limits::VERSION_BYTES)),
        ("`name` of an image", format!("{} characters", limits::IMAGE_NAME_BYTES)),
        ("`source` of an image", format!("{} bytes", limits::TEXT_BYTES)),
        ("`path` of a file", format!("{} bytes, {} each component", limits::PATH_BYTES, limits::PATH_COMPONENT_BYTES)),
        ("public keys in a release", limits::OFFERED_KEYS.to_string()),
        ("signatures", limits::SIGNATURES.to_string()),
        ("layers of an image", limits::LAYERS.to_string()),
        ("the manifest or the configuration of an image", mib(limits::IMAGE_JSON_BYTES)),
        ("the window that a zstd layer needs", mib(1 << limits::ZSTD_WINDOW_LOG)),
        ("`landfall.json`, which lists every file, layer and image", mib(limits::MANIFEST_BYTES)),
        ("parts of a bundle", limits::PARTS.to_string()),
    ];
    let mut table = String::from("\n## Limits\n\n| what | at most |\n| --- | --- |\n");
    for (what, limit) in rows {
        writeln!(table, "| {what} | {limit} |").unwrap();
    }
    table
}

fn warnings_table() -> String {
    let mut table = String::from(
        "\n## Warnings\n\nA build looks into the images for what would show on a host only, and warns of it. With `--json` the result has\n\
         `warnings`, each with its `id`, `image` and `message`. `lint` gives those for which no layer has to be read.\n\n\
         | id | given by | meaning |\n| --- | --- | --- |\n",
    );
    for (id, meaning) in LintId::ALL {
        let by = if id.needs_layers() { "`build`" } else { "`build`, `lint`" };
        writeln!(table, "| `{}` | {by} | {meaning} |", id.word()).unwrap();
    }
    table
}
