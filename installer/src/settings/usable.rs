//! What an automatic revert leaves of the operator's text: nobody is there to correct a value that the older release does not take.

use super::Layers;
use toml_edit::{DocumentMut, Item};

/// The operator's text without the values that the release does not take; `None` if it takes all of them.
pub(crate) fn usable(release: &str, operator: &str) -> Option<String> {
    let is_taken = |text: &str| Layers::parse(release, text).is_ok();
    if is_taken(operator) {
        return None;
    }
    let Ok(mut document) = operator.parse::<DocumentMut>() else { return Some(String::new()) };
    let sections: Vec<String> = document.iter().map(|(section, _)| section.to_owned()).collect();
    for section in sections {
        let keys = |document: &DocumentMut| -> Vec<String> {
            let table = document.get(&section).and_then(Item::as_table_like);
            table.into_iter().flat_map(|table| table.iter().map(|(key, _)| key.to_owned())).collect()
        };
        for key in keys(&document) {
            // Each value alone over the release's.
            let mut alone = DocumentMut::new();
            alone[&section][&key] = document[&section][&key].clone();
            if !is_taken(&alone.to_string())
                && let Some(table) = document.get_mut(&section).and_then(Item::as_table_like_mut)
            {
                table.remove(&key);
            }
        }
        if document.get(&section).and_then(Item::as_table_like).is_none() {
            document.remove(&section);
        }
    }
    // Values that are valid each for itself may contradict each other.
    Some(document.to_string()).filter(|text| is_taken(text)).or_else(|| Some(String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_a_release_does_not_take_are_left_out() {
        for (operator, expected) in [
            ("[api]\nport = 80\n", None),
            (
                "# mine\n[api]\nport = 70000\naddress = \"127.0.0.1\"\n",
                Some("# mine\n[api]\naddress = \"127.0.0.1\"\n"),
            ),
            ("[api\n", Some("")),
            ("api = 1\n[tenants]\npids = 20\n", Some("[tenants]\npids = 20\n")),
            ("[tenants]\nfirst_port = 3999\nlast_port = 3001\n", Some("")),
            ("[unknown]\nkey = 1\n[tenants]\npids = 1\n", Some("[unknown]\nkey = 1\n[tenants]\n")),
        ] {
            assert_eq!(usable("", operator).as_deref(), expected, "{operator}");
        }
    }
}
