//! Files of settings as text: UTF-8, or the first line that is not.

/// A file of settings that is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not UTF-8")]
pub struct NotText {
    /// The first line that is not.
    line: usize,
    /// What the file holds.
    content: Vec<u8>,
}

impl NotText {
    /// What the file holds.
    pub fn into_content(self) -> Vec<u8> {
        self.content
    }
}

/// The text of a file of settings.
///
/// # Errors
/// It is not UTF-8.
pub fn text(content: Vec<u8>) -> Result<String, NotText> {
    String::from_utf8(content).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let content = error.into_bytes();
        let line = content[..valid].split(|byte| *byte == b'\n').count();
        NotText { line, content }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_is_no_text_is_named() {
        for (content, line) in [(&b"a = 1\n"[..], None), (b"\xff", Some(1)), (b"a = 1\nb = 2 # \xfc\n", Some(2))] {
            let found = text(content.to_vec()).err();
            assert_eq!(found.as_ref().map(|error| error.line), line, "{content:?}");
            assert!(found.is_none_or(|error| error.into_content() == content));
        }
    }
}
