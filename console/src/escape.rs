/// `text` with every control character except line feed and tab shown as an escape (`\u{1b}`). Messages may quote unverified
/// files, which must not move the cursor, set colours or hide text (ECMA-48 control functions).
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_terminal_control_sequences() {
        for (text, expected) in [
            ("plain – ü\n\tsecond", "plain – ü\n\tsecond"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("over\rwritten\u{8}", "over\\rwritten\\u{8}"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
