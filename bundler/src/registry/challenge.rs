use std::collections::BTreeMap;

/// A way to authenticate that a registry offers (RFC 9110, section 11.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge {
    /// In lower case, such as `bearer`.
    pub(crate) scheme: String,
    /// By their names in lower case.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// The challenges of one `WWW-Authenticate` header. What follows anything that has no such form is ignored.
pub(crate) fn parse(header: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (token, after) = rest.split_at(rest.find(|c| !is_token(c)).unwrap_or(rest.len()));
        if token.is_empty() {
            return challenges;
        }
        let name = token.to_ascii_lowercase();
        // An equals sign tells a parameter from the next scheme.
        rest = match (after.trim_start_matches([' ', '\t']).strip_prefix('='), challenges.last_mut()) {
            (Some(from), Some(challenge)) => {
                let (value, after) = value(from.trim_start_matches([' ', '\t']));
                challenge.parameters.insert(name, value);
                after
            }
            (Some(_), None) => return challenges,
            (None, _) => {
                challenges.push(Challenge { scheme: name, parameters: BTreeMap::new() });
                after
            }
        };
    }
}

/// A token or a quoted text, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, after) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return (token.to_owned(), after);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// RFC 9110, section 5.6.2.
fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(header: &str) -> String {
        let one = |challenge: Challenge| format!("{} {:?}", challenge.scheme, challenge.parameters);
        parse(header).into_iter().map(one).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
                r#"bearer {"realm": "https://auth.docker.io/token", "scope": "repository:a/b:pull,push", "service": "registry.docker.io"}"#,
            ),
            (r#"Basic realm="Registry Realm""#, r#"basic {"realm": "Registry Realm"}"#),
            ("BASIC Realm=x", r#"basic {"realm": "x"}"#),
            (
                r#"Basic realm="a, \"b\"", Bearer realm=c , service = "d""#,
                r#"basic {"realm": "a, \"b\""}; bearer {"realm": "c", "service": "d"}"#,
            ),
            ("Negotiate", "negotiate {}"),
            ("Negotiate, Basic realm=\"x\"", "negotiate {}; basic {\"realm\": \"x\"}"),
            ("", ""),
            ("realm=\"x\"", ""),
            ("\"x\"", ""),
            (r#"Basic realm="x"#, r#"basic {"realm": "x"}"#),
            (r#"Basic realm="x\"#, r#"basic {"realm": "x"}"#),
            ("Basic realm=", r#"basic {"realm": ""}"#),
            ("Basic \u{e9}=x", "basic {}"),
        ] {
            assert_eq!(shown(header), expected, "{header}");
        }
    }
}
