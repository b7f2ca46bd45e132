//! Advisories, as far as they are needed (OSV schema 1).

use super::severity::{Severity, of_vector};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Advisory {
    pub(super) id: String,
    #[serde(default)]
    pub(super) aliases: Vec<String>,
    #[serde(default)]
    pub(super) summary: String,
    /// When it was taken back.
    #[serde(default)]
    pub(super) withdrawn: Option<String>,
    #[serde(default)]
    severity: Vec<Score>,
    #[serde(default)]
    database_specific: Option<Specific>,
    #[serde(default)]
    pub(super) affected: Vec<Affected>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Affected {
    #[serde(default)]
    pub(super) package: Option<AffectedPackage>,
    #[serde(default)]
    pub(super) ranges: Vec<Range>,
    #[serde(default)]
    pub(super) versions: Vec<String>,
    #[serde(default)]
    severity: Vec<Score>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AffectedPackage {
    pub(super) ecosystem: String,
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Range {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) events: Vec<Event>,
}

/// One of these.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(default)]
    pub(super) introduced: Option<String>,
    #[serde(default)]
    pub(super) fixed: Option<String>,
    #[serde(default)]
    pub(super) last_affected: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Score {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    score: String,
}

/// What databases say in their own words.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Specific {
    Severity { severity: String },
    Other(serde::de::IgnoredAny),
}

/// Reads an advisory.
pub(super) fn read(json: &[u8]) -> Result<Advisory, serde_json::Error> {
    serde_json::from_slice(json)
}

impl Advisory {
    /// How bad it is for a package.
    pub(super) fn severity(&self, affected: &Affected) -> Severity {
        let scores = affected.severity.iter().chain(&self.severity);
        let worst = scores.filter(|score| score.kind == "CVSS_V3").filter_map(|score| of_vector(&score.score)).max();
        let said = match &self.database_specific {
            Some(Specific::Severity { severity }) => Severity::of_word(severity),
            _ => None,
        };
        worst.or(said).unwrap_or(Severity::Unknown)
    }
}
