//! Objects by their labels.

use crate::labels::Selector;
use std::collections::HashMap;

/// The filter of a listing.
pub(super) fn filters(selector: &Selector) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), selector.filters())])
}

/// Whether an object of a listing is selected. Looked at once more: what is listed may be removed, and engines differ in how they take several
/// filters together.
pub(super) fn selects(selector: &Selector, labels: Option<&HashMap<String, String>>) -> bool {
    selector.matches(|name| labels.and_then(|labels| labels.get(name)))
}
