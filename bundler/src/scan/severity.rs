use serde::Serialize;

/// How bad a vulnerability is (CVSS 3.1, "Qualitative Severity Rating Scale").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Nobody says.
    Unknown,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// As databases say it in a word.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "low" => Some(Self::Low),
            "medium" | "moderate" => Some(Self::Medium),
            "high" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }

    fn of_score(score: f64) -> Self {
        match score {
            9.0.. => Self::Critical,
            7.0.. => Self::High,
            4.0.. => Self::Medium,
            _ => Self::Low,
        }
    }
}

/// The severity of a vector of CVSS 3.0 or 3.1, by its base score (CVSS 3.1, section 7.1).
pub(super) fn of_vector(vector: &str) -> Option<Severity> {
    Some(Severity::of_score(base_score(vector)?))
}

fn base_score(vector: &str) -> Option<f64> {
    let metrics = vector.strip_prefix("CVSS:3.0/").or_else(|| vector.strip_prefix("CVSS:3.1/"))?;
    let metric = |name: &str| metrics.split('/').find_map(|metric| metric.strip_prefix(name)?.strip_prefix(':'));
    let changed = metric("S")? == "C";
    let access = match metric("AV")? {
        "N" => 0.85,
        "A" => 0.62,
        "L" => 0.55,
        "P" => 0.2,
        _ => return None,
    };
    let complexity = if metric("AC")? == "L" { 0.77 } else { 0.44 };
    let privileges = match (metric("PR")?, changed) {
        ("N", _) => 0.85,
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => return None,
    };
    let interaction = if metric("UI")? == "N" { 0.85 } else { 0.62 };
    let loss = |name: &str| {
        Some(match metric(name)? {
            "H" => 0.56,
            "L" => 0.22,
            _ => 0.0,
        })
    };
    let sub_score: f64 = 1.0 - (1.0 - loss("C")?) * (1.0 - loss("I")?) * (1.0 - loss("A")?);
    let impact =
        if changed { 7.52 * (sub_score - 0.029) - 3.25 * (sub_score - 0.02).powi(15) } else { 6.42 * sub_score };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let exploitability = 8.22 * access * complexity * privileges * interaction;
    let sum = impact + exploitability;
    let sum = if changed { 1.08 * sum } else { sum };
    // Up, to one decimal.
    Some((sum.min(10.0) * 10.0 - 1e-4).ceil() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_have_the_scores_of_the_calculator() {
        for (vector, score) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(9.8)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Some(10.0)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(6.1)),
            ("CVSS:3.0/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:H", Some(5.9)),
            ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", Some(7.8)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0.0)),
            ("CVSS:4.0/AV:N", None),
            ("CVSS:3.1/AV:N", None),
            ("", None),
        ] {
            assert_eq!(base_score(vector), score, "{vector}");
        }
        assert_eq!(of_vector("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), Some(Severity::Critical));
        assert_eq!(Severity::of_word("MODERATE"), Some(Severity::Medium));
    }
}
