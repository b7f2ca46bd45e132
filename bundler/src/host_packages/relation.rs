//! Relations between packages (Debian Policy, 7.1): what a package needs, and what it does not go with.

use crate::debian_version;
use std::cmp::Ordering;
use std::fmt;

/// One package of several that would do: its name, and which versions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relation<'a> {
    pub(super) name: &'a str,
    constraint: Option<(Operator, &'a str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Earlier,
    EarlierOrEqual,
    Equal,
    LaterOrEqual,
    Later,
}

/// What is to be fulfilled: each by one of its alternatives.
pub(super) fn groups(field: &str) -> impl Iterator<Item = Vec<Relation<'_>>> {
    let groups = field.split(',').map(str::trim).filter(|group| !group.is_empty());
    groups.map(|group| group.split('|').filter_map(Relation::parse).collect())
}

impl<'a> Relation<'a> {
    /// `name (>= version)`, where a name may be followed by a colon and an architecture. What has another form is no relation.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (name, rest) = text.split_at(text.find([' ', '(']).unwrap_or(text.len()));
        // `:any` lets a package of another architecture do. There is one architecture here.
        let name = name.split_once(':').map_or(name, |(name, _)| name);
        let inner = rest.trim().strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(inner, _)| inner.trim());
        let constraint = match inner {
            Some(inner) => Some(constraint(inner)?),
            None => None,
        };
        (!name.is_empty()).then_some(Self { name, constraint })
    }

    /// Whether a version of the package itself does.
    pub(super) fn accepts(&self, offered: &str) -> bool {
        let Some((operator, wanted)) = self.constraint else { return true };
        let ordering = debian_version::compare(offered, wanted);
        match operator {
            Operator::Earlier => ordering == Ordering::Less,
            Operator::EarlierOrEqual => ordering != Ordering::Greater,
            Operator::Equal => ordering == Ordering::Equal,
            Operator::LaterOrEqual => ordering != Ordering::Less,
            Operator::Later => ordering == Ordering::Greater,
        }
    }

    /// Whether a package does that provides what this `field` says (Debian Policy, 7.5).
    pub(super) fn accepts_provided(&self, field: &str) -> bool {
        let same_name = field.split(',').filter_map(Relation::parse).filter(|provided| provided.name == self.name);
        same_name.into_iter().any(|provided| match (self.constraint, provided.constraint) {
            (None, _) => true,
            (Some(_), Some((Operator::Equal, version))) => self.accepts(version),
            // Provided without a version, or with a range of them, which is no version.
            (Some(_), _) => false,
        })
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.constraint {
            None => f.write_str(self.name),
            Some((operator, version)) => write!(f, "{} ({} {version})", self.name, operator.sign()),
        }
    }
}

impl Operator {
    fn sign(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }
}

fn constraint(text: &str) -> Option<(Operator, &str)> {
    let operators = [
        ("<<", Operator::Earlier),
        ("<=", Operator::EarlierOrEqual),
        (">=", Operator::LaterOrEqual),
        (">>", Operator::Later),
        ("=", Operator::Equal),
        // Long obsolete, with the meaning that they had (deb-control(5)).
        ("<", Operator::EarlierOrEqual),
        (">", Operator::LaterOrEqual),
    ];
    operators.iter().find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?.trim())))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_groups_of_alternatives() {
        let field = "libc6 (>= 2.34), adduser,\n debconf (>= 0.5) | debconf-2.0, python3:any (<< 4) , tini(=1)";
        let names: Vec<Vec<&str>> =
            groups(field).map(|group| group.into_iter().map(|relation| relation.name).collect()).collect();
        assert_eq!(
            names,
            [vec!["libc6"], vec!["adduser"], vec!["debconf", "debconf-2.0"], vec!["python3"], vec!["tini"]]
        );
        assert_eq!(groups("").count(), 0);
    }

    #[test]
    fn versions_do_or_do_not() {
        for (relation, version, expected) in [
            ("a", "1", true),
            ("a (= 1)", "1", true),
            ("a (= 1)", "1-1", false),
            ("a (>= 1:0)", "2", false),
            ("a (<< 2)", "2~rc1", true),
            ("a (<= 2)", "2", true),
            ("a (>> 2)", "2", false),
            ("a (> 2)", "2", true),
        ] {
            assert_eq!(Relation::parse(relation).unwrap().accepts(version), expected, "{relation} {version}");
        }
        assert_eq!(Relation::parse("a (~ 1)"), None);
        for (relation, provides, expected) in [
            ("mail", "mail, other", true),
            ("mail (>= 1)", "mail", false),
            ("mail (>= 1)", "mail (= 2)", true),
            ("mail (>= 3)", "mail (= 2)", false),
            ("mail", "mailer", false),
        ] {
            assert_eq!(
                Relation::parse(relation).unwrap().accepts_provided(provides),
                expected,
                "{relation} {provides}"
            );
        }
    }
}
