/// `text` without the power to move the cursor, to colour or to hide: every control character but the line's end and the tab
/// is shown as an escape (`\u{1b}`). What is printed may quote a file that nobody has verified.
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
    fn shows_what_would_steer_a_terminal() {
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
