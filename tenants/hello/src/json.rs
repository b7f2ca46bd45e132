//! Writing JSON (RFC 8259).

use std::fmt::Write as _;

/// A JSON object that is being written, member by member.
#[derive(Debug, Default)]
pub(crate) struct Object(String);

impl Object {
    /// `{}`
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a string.
    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        self.raw(name, &quoted(value))
    }

    /// Adds a string, or null.
    pub(crate) fn optional(self, name: &str, value: Option<&str>) -> Self {
        self.raw(name, &value.map_or_else(|| "null".to_owned(), quoted))
    }

    /// Adds a number.
    pub(crate) fn number(self, name: &str, value: u64) -> Self {
        self.raw(name, &value.to_string())
    }

    /// Adds true or false.
    pub(crate) fn flag(self, name: &str, value: bool) -> Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    /// Adds an object.
    pub(crate) fn object(self, name: &str, value: Object) -> Self {
        self.raw(name, &value.finish())
    }

    /// The object as text.
    pub(crate) fn finish(self) -> String {
        format!("{{{}}}", self.0)
    }

    fn raw(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(value);
        self
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // RFC 8259 section 7: these must be escaped.
            control if control < ' ' => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_it_writes_is_read_back_as_it_was() {
        let hostile = "a\"b\\c\n\u{0}\u{1f}ä\u{1f600}</script>";
        let text = Object::new()
            .text("text", hostile)
            .optional("none", None)
            .number("number", u64::MAX)
            .flag("flag", true)
            .object("inner", Object::new())
            .finish();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"text": hostile, "none": null, "number": u64::MAX, "flag": true, "inner": {}})
        );
    }
}
