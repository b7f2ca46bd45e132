//! How a text is spelt apart from its lines: what an editor adds that has no meaning, and that a merge gives back as it was.

/// A byte order mark, which TOML allows at the start (toml.io, "Spec", 1.1).
const MARK: char = '\u{feff}';

/// Byte order mark, line ends, and whether the last line has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spelling {
    mark: bool,
    crlf: bool,
    open: bool,
}

impl Spelling {
    /// The text as plain lines, each with its end, and what it takes to spell it as it was. A text that mixes both kinds of
    /// line ends keeps them.
    pub(super) fn plain(text: &str) -> (String, Self) {
        let bare = text.strip_prefix(MARK);
        let (mark, text) = (bare.is_some(), bare.unwrap_or(text));
        let ends = text.matches('\n').count();
        let crlf = ends > 0 && text.matches("\r\n").count() == ends;
        let mut lines = if crlf { text.replace("\r\n", "\n") } else { text.to_owned() };
        let open = !lines.is_empty() && !lines.ends_with(['\n', '\r']);
        if open {
            lines.push('\n');
        }
        (lines, Self { mark, crlf, open })
    }

    /// Plain lines in this spelling.
    pub(super) fn spell(self, mut lines: String) -> String {
        if self.open && lines.ends_with('\n') {
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
    fn gives_back_what_it_took_apart() {
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
            let (lines, spelling) = Spelling::plain(text);
            assert_eq!(lines, plain, "{text:?}");
            assert_eq!(spelling.spell(lines), text);
        }
    }
}
