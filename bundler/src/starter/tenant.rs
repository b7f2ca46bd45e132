use std::str::FromStr;

/// The port of a tenant whose answer has none.
const PORT: u16 = 3000;

/// How tenants pick and reach an image: `LANGUAGE[/FRAMEWORK][:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StarterTenant {
    pub(super) language: String,
    pub(super) framework: Option<String>,
    pub(super) port: u16,
}

impl FromStr for StarterTenant {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not LANGUAGE[/FRAMEWORK][:PORT], such as node/express:3000");
        let (words, port) = match text.split_once(':') {
            Some((words, port)) => (words, port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?),
            None => (text, PORT),
        };
        let (language, framework) = match words.split_once('/') {
            Some((language, framework)) => (language, Some(framework)),
            None => (words, None),
        };
        let is_word = |word: &str| {
            let is_fit = |character: char| !character.is_control() && !character.is_whitespace() && character != '/';
            !word.is_empty() && word.chars().all(is_fit)
        };
        if !is_word(language) || !framework.is_none_or(is_word) {
            return Err(wrong());
        }
        Ok(Self { language: language.to_owned(), framework: framework.map(str::to_owned), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_a_language_and_perhaps_a_framework_and_a_port() {
        let tenant = |language: &str, framework: Option<&str>, port| {
            Some(StarterTenant { language: language.to_owned(), framework: framework.map(str::to_owned), port })
        };
        for (text, expected) in [
            ("rust", tenant("rust", None, 3000)),
            ("node/express:8080", tenant("node", Some("express"), 8080)),
            ("c++:1", tenant("c++", None, 1)),
            ("", None),
            ("/express", None),
            ("node/", None),
            ("node/a/b", None),
            ("node:", None),
            ("node:0", None),
            ("node:65536", None),
            ("node:80:80", None),
            ("no de", None),
            ("node\u{1b}[2J", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text:?}");
        }
    }
}
