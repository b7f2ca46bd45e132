//! The JSON schema of a definition, by which editors check and complete it.

/// Made from the tables and their comments: see the tests.
pub(crate) const SCHEMA: &str = include_str!("../../../docs/definition.schema.json");

/// What its file is called beside a definition.
pub(crate) const SCHEMA_FILE: &str = "landfall-bundler.schema.json";

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::definition::expand::NUMBERS;
    use crate::definition::tables::DefinitionTable;
    use schemars::generate::SchemaSettings;
    use serde_json::{Map, Value, json};
    use std::path::Path;

    const UPDATE: &str = "UPDATE=1 cargo test -p landfall-bundler --lib definition::schema";

    #[test]
    fn the_schema_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/definition.schema.json");
        // Of the form that Taplo reads.
        let generator = SchemaSettings::draft07().into_generator();
        let mut schema = generator.into_root_schema_for::<DefinitionTable>().to_value();
        without_null(&mut schema);
        with_variables(&mut schema);
        schema["title"] = json!("A bundle definition of Landfall");
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "docs/definition.schema.json is not up to date: run `{UPDATE}`");
    }

    /// Takes out the null by which a key is left out in JSON: TOML has none.
    fn without_null(schema: &mut Value) {
        match schema {
            Value::Object(object) => {
                object.values_mut().for_each(without_null);
                object.retain(|key, value| key != "default" || !value.is_null());
                if let Some(kinds) = object.get_mut("type").and_then(Value::as_array_mut) {
                    kinds.retain(|kind| kind != "null");
                    if let [only] = kinds.as_slice() {
                        let only = only.clone();
                        object.insert("type".to_owned(), only);
                    }
                }
                if let Some(forms) = object.get_mut("anyOf").and_then(Value::as_array_mut) {
                    forms.retain(|form| form["type"] != "null");
                    if let [only] = forms.as_slice() {
                        let only = only.as_object().unwrap().clone();
                        object.remove("anyOf");
                        object.extend(only);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(without_null),
            _ => {}
        }
    }

    /// Lets each text of a form of its own, and each number that may come from one, hold a variable instead.
    fn with_variables(schema: &mut Value) {
        match schema {
            Value::Object(object) => {
                if let Some(Value::Object(properties)) = object.get_mut("properties") {
                    let numbers = properties.iter_mut().filter(|(key, _)| NUMBERS.contains(&key.as_str()));
                    numbers.for_each(|(_, schema)| allow_variable(schema.as_object_mut().unwrap()));
                }
                object.values_mut().for_each(with_variables);
                if is_text_of_a_form(object) {
                    allow_variable(object);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(with_variables),
            _ => {}
        }
    }

    fn is_text_of_a_form(schema: &Map<String, Value>) -> bool {
        let is_text = schema.get("type").is_some_and(|kind| kind == "string");
        let names = schema.get("oneOf").and_then(Value::as_array);
        let are_names = names.is_some_and(|forms| forms.iter().all(|form| form["const"].is_string()));
        are_names || is_text && ["pattern", "enum"].iter().any(|key| schema.contains_key(*key)) && !is_variable(schema)
    }

    fn is_variable(schema: &Map<String, Value>) -> bool {
        schema.get("pattern").is_some_and(|pattern| pattern == VARIABLE)
    }

    const VARIABLE: &str = "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}";

    /// What describes a value stays outside of its forms, where editors look for it.
    fn allow_variable(schema: &mut Map<String, Value>) {
        let mut form = std::mem::take(schema);
        for key in ["title", "description", "default"] {
            schema.extend(form.remove_entry(key));
        }
        schema.insert("anyOf".to_owned(), json!([form, { "type": "string", "pattern": VARIABLE }]));
    }
}
