//! Line endings and byte order mark of a text: taken off before a merge, and restored after it.

/// A byte order mark, which TOML allows at the start (toml.io, "Spec", 1.1).
const MARK: char = '\u{feff}';

/// Whether a text has a byte order mark, CRLF line ends, and a last line without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineEndings {
    mark: bool,
    crlf: bool,
    unterminated: bool,
}

impl LineEndings {
    /// The text as lines that end in LF, and how to restore it. A text that mixes LF and CRLF keeps them.
    pub(super) fn normalize(text: &str) -> (String, Self) {
        let bare = text.strip_prefix(MARK);
        let (mark, text) = (bare.is_some(), bare.unwrap_or(text));
        let ends = text.matches('\n').count();
        // Only where all lines end so: restoring a mixture would change lines that nobody edited.
        let crlf = ends > 0 && text.matches("\r\n").count() == ends;
        let mut lines = if crlf { text.replace("\r\n", "\n") } else { text.to_owned() };
        let unterminated = !lines.is_empty() && !lines.ends_with(['\n', '\r']);
        if unterminated {
            lines.push('\n');
        }
        (lines, Self { mark, crlf, unterminated })
    }

    /// Plain lines in this line_endings.
    pub(super) fn restore(self, mut lines: String) -> String {
        if self.unterminated && lines.ends_with('\n') {
            lines.pop();
        }
        if self.crlf {
            lines = lines.replace('\n', "\r\n");
        }
        if self.mark {
            lines.insert(0, MARK);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restores_what_it_normalized() {
        for (text, plain) in [
            ("", ""),
            ("a = 1\n", "a = 1\n"),
            ("a = 1", "a = 1\n"),
            ("a = 1\r\nb = 2\r\n", "a = 1\nb = 2\n"),
            ("a = 1\r\nb = 2", "a = 1\nb = 2\n"),
            ("a = 1\r\nb = 2\n", "a = 1\r\nb = 2\n"),
            ("\u{feff}a = 1\n", "a = 1\n"),
            ("\u{feff}", ""),
        ] {
            let (lines, endings) = LineEndings::normalize(text);
            assert_eq!(lines, plain, "{text:?}");
            assert_eq!(endings.restore(lines), text);
        }
    }
}
