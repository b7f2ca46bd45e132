use crate::limits;
use std::fmt;
use std::str::FromStr;

/// The text is not a valid name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid {kind}: {rule}")]
pub struct NameError {
    kind: &'static str,
    rule: &'static str,
    text: String,
}

impl NameError {
    /// The `text` breaks the `rule` of its kind.
    pub(crate) fn new(kind: &'static str, rule: &'static str, text: &str) -> Self {
        // What comes from outside may be as long as a manifest.
        Self { kind, rule, text: text.chars().take(80).collect() }
    }
}

/// Runs of lower-case letters and digits with one of `separators` between them.
fn is_words(text: &str, separators: &[char], longest: usize) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    // A separator at an end, or two in a row, leave an empty word.
    text.len() <= longest && text.split(separators).all(word)
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $separators:expr, $longest:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_words(text, $separators, $longest) {
                    return Ok(Self(text.to_owned()));
                }
                Err(NameError::new($kind, $rule, text))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The product that a bundle carries. It is part of file names and image tags.
    Product,
    "product name",
    &['-'],
    limits::PRODUCT_BYTES,
    "at most 32 lower-case letters and digits, in words joined by -"
);

name!(
    /// The name of an image in a bundle: `org.opencontainers.image.ref.name` in its index (OCI image specification, annotations).
    ImageName,
    "image name",
    &['-', '.', '_'],
    limits::IMAGE_NAME_BYTES,
    "at most 64 lower-case letters and digits, in words joined by one of - . _"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_words_only() {
        for (text, product, image) in [
            ("acme", true, true),
            ("acme-2", true, true),
            ("node.20_lts", false, true),
            ("", false, false),
            ("-acme", false, false),
            ("acme-", false, false),
            ("a--b", false, false),
            ("Acme", false, false),
            ("a/b", false, false),
            ("..", false, false),
            ("a\n", false, false),
            (&"a".repeat(33), false, true),
            (&"a".repeat(65), false, false),
        ] {
            assert_eq!(text.parse::<Product>().is_ok(), product, "product {text:?}");
            assert_eq!(text.parse::<ImageName>().is_ok(), image, "image {text:?}");
        }
    }
}
