use std::fmt::{self, Write as _};

/// Text of a file that nobody has verified, on one line: control characters, line ends among them, are shown as escapes, so that it
/// cannot pass for what the program itself says.
#[derive(Debug, Clone, Copy)]
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| {
            if moves_text(character) { write!(f, "{}", character.escape_default()) } else { f.write_char(character) }
        })
    }
}

/// `text` with every control character except line feed and tab shown as an escape (`\u{1b}`). Results and messages may quote
/// unverified files, which must not move the cursor, set colours or hide text (ECMA-48 control functions).
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if moves_text(character) && !matches!(character, '\n' | '\t') {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// The same for JSON. What it has between its texts is no such character but the line feed, so that all others are in texts, where
/// an escape means the same (RFC 8259, section 7).
pub(crate) fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if moves_text(character) && character != '\n' {
            // All of them are in the Basic Multilingual Plane.
            _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Control characters, and those that change the direction of the text around them (Unicode Standard Annex 9, "Explicit Directional
/// Formatting Characters"): both show a person another text than is there.
fn moves_text(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn escapes_terminal_control_sequences() {
        for (text, expected) in [
            ("plain – ü\n\tsecond", "plain – ü\n\tsecond"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("over\rwritten\u{8}", "over\\rwritten\\u{8}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{202e}txt.exe", "\\u{202e}txt.exe"),
        ] {
            assert_eq!(escaped(text), expected);
        }
        assert_eq!(OneLine("a\nsigned   by\t\u{1b}[0m").to_string(), "a\\nsigned   by\\t\\u{1b}[0m");
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({"a\u{9b}": "\u{1b}\u{7f}\u{9b}\u{202e}\n\t\"\\ü"});
        let text = escaped_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|character| moves_text(character) && character != '\n'), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
