//! `${NAME}` in the strings of a definition.

use landfall_manifests::Arch;
use std::collections::BTreeMap;

/// The variable that a build sets: BuildKit's name for the architecture that is built for.
pub(crate) const TARGET_ARCH: &str = "TARGETARCH";

/// The values of variables: `--set NAME=VALUE` first, then the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

/// A string cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VariableError {
    #[error("the variable ${{{0}}} is not defined: give it with --set {0}=VALUE or in the environment")]
    Undefined(String),
    #[error(
        "${{{0} is not a variable: names are letters, digits and _, between ${{ and }} (write $${{ for a literal ${{)"
    )]
    Malformed(String),
}

impl VariableError {
    /// The text at the place of the error.
    pub(super) fn spelling(&self) -> String {
        match self {
            Self::Undefined(name) => format!("${{{name}}}"),
            Self::Malformed(rest) => format!("${{{rest}"),
        }
    }
}

impl Variables {
    /// The environment, overridden by what was `set`.
    pub(crate) fn new(
        environment: impl IntoIterator<Item = (String, String)>,
        set: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        Self(environment.into_iter().chain(set).collect())
    }

    /// These, and the architecture of a bundle as `TARGETARCH`.
    pub(super) fn for_arch(&self, arch: Option<Arch>) -> Self {
        let mut variables = self.clone();
        variables.0.extend(arch.map(|arch| (TARGET_ARCH.to_owned(), arch.name().to_owned())));
        variables
    }

    /// The text with each `${NAME}` replaced and each `$${` turned into `${`. Values are not expanded again.
    pub(super) fn expand(&self, text: &str) -> Result<String, VariableError> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let after = &rest[at + 2..];
            if let Some(before) = rest[..at].strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("${");
                rest = after;
                continue;
            }
            expanded.push_str(&rest[..at]);
            // A name that takes up all of the rest has no } after it.
            let name = after.split('}').next().filter(|name| name.len() < after.len() && is_name(name));
            let name = name.ok_or_else(|| VariableError::Malformed(after.chars().take(20).collect()))?;
            let value = self.0.get(name).ok_or_else(|| VariableError::Undefined(name.to_owned()))?;
            expanded.push_str(value);
            rest = &after[name.len() + 1..];
        }
        expanded.push_str(rest);
        Ok(expanded)
    }
}

/// A name as the shell has it (POSIX.1-2017, 3.235 "Name").
pub(crate) fn is_name(text: &str) -> bool {
    let word = text.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    word && text.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_each_name_once() {
        let pairs = |list: &[(&str, &str)]| list.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let environment: Vec<_> = pairs(&[("A", "env"), ("HOME", "/home/a"), ("LOOP", "${A}")]);
        let set: Vec<_> = pairs(&[("A", "set"), ("EMPTY", "")]);
        let variables = Variables::new(environment, set);
        let undefined = |name: &str| Err(VariableError::Undefined(name.to_owned()));
        let malformed = |rest: &str| Err(VariableError::Malformed(rest.to_owned()));
        for (text, expected) in [
            ("", Ok("")),
            ("plain $A $ }", Ok("plain $A $ }")),
            ("${A}", Ok("set")),
            ("a${A}b${HOME}c", Ok("asetb/home/ac")),
            ("${LOOP}", Ok("${A}")),
            ("x${EMPTY}y", Ok("xy")),
            ("$${A}", Ok("${A}")),
            ("$${${A}", Ok("${set")),
            ("${NONE}", undefined("NONE")),
            ("${A", malformed("A")),
            ("${}", malformed("}")),
            ("${1}", malformed("1}")),
            ("${a-b}", malformed("a-b}")),
        ] {
            assert_eq!(variables.expand(text), expected.map(str::to_owned), "{text:?}");
        }
    }
}
