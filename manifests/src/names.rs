use crate::limits;

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

/// Text of one form, whose only constructor checks it.
macro_rules! checked_text {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $rule:literal, $is_valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::NameError;

            fn from_str(text: &str) -> Result<Self, $crate::NameError> {
                let is_valid: fn(&str) -> bool = $is_valid;
                if is_valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::NameError::new($kind, $rule, text))
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use checked_text;

checked_text!(
    /// The product that a bundle carries. It is part of file names and image tags.
    Product,
    "product name",
    "at most 32 lower-case letters and digits, in words joined by -",
    |text| is_words(text, &['-'], limits::PRODUCT_BYTES)
);

checked_text!(
    /// The name of an image in a bundle: `org.opencontainers.image.ref.name` in its index (OCI image specification, annotations).
    ImageName,
    "image name",
    "at most 64 lower-case letters and digits, in words joined by one of - . _",
    |text| is_words(text, &['-', '.', '_'], limits::IMAGE_NAME_BYTES)
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
