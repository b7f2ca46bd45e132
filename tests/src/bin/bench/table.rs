use anyhow::Result;
use std::fmt;

/// How often each thing is measured; the median counts.
pub(crate) const ROUNDS: usize = 5;

/// The limit of a measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// At most this many times the alternative, measured in turn with it, and `fixed` on top: what does not grow with the work. `goal` is
    /// the factor that is wanted.
    Times { alternative: f64, factor: f64, fixed: f64, goal: f64 },
    /// At most this much.
    AtMost(f64),
}

/// A figure and its limit.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) against: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    pub(crate) limit: Limit,
}

impl Row {
    /// Whether the figure is within its limit.
    pub(crate) fn passes(&self) -> bool {
        match self.limit {
            Limit::Times { alternative, factor, fixed, .. } => self.ours <= alternative * factor + fixed,
            Limit::AtMost(most) => self.ours <= most,
        }
    }

    /// Whether it is as small as is wanted.
    pub(crate) fn reaches_goal(&self) -> bool {
        match self.limit {
            Limit::Times { alternative, goal, fixed, .. } => self.ours <= alternative * goal + fixed,
            Limit::AtMost(most) => self.ours <= most,
        }
    }
}

/// A line of a Markdown table.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, against, unit, ours) = (self.what, self.against, self.unit, self.ours);
        let verdict = match (self.passes(), self.reaches_goal()) {
            (false, _) => "FAIL",
            (true, false) => "short of the goal",
            (true, true) => "pass",
        };
        match self.limit {
            Limit::Times { alternative, factor, fixed, goal } => {
                let ratio = ours / alternative;
                let with_fixed = |factor: f64| {
                    if fixed > 0.0 { format!("{factor}, and {fixed} {unit}") } else { factor.to_string() }
                };
                let (goal, limit) = (with_fixed(goal), with_fixed(factor));
                write!(
                    f,
                    "| {what} | {ours:.2} {unit} | {against}: {alternative:.2} {unit} | {ratio:.2} | {goal} | {limit} | {verdict} |"
                )
            }
            Limit::AtMost(most) => {
                write!(f, "| {what} | {ours:.2} {unit} | {against} | | | {most} {unit} | {verdict} |")
            }
        }
    }
}

/// What stands above the rows.
pub(crate) const HEADER: &str =
    "| what | Landfall | alternative | ratio | goal | limit | |\n| --- | --- | --- | --- | --- | --- | --- |";

/// Measures ours and the alternative in turn, and returns the medians: whatever the machine is doing meanwhile, it does to both.
pub(crate) fn in_turn(
    mut ours: impl FnMut() -> Result<f64>,
    mut theirs: impl FnMut() -> Result<f64>,
) -> Result<(f64, f64)> {
    let mut figures = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        figures.0.push(ours()?);
        figures.1.push(theirs()?);
    }
    Ok((median(figures.0), median(figures.1)))
}

/// Measures one thing, and returns the median.
pub(crate) fn repeated(mut measure: impl FnMut() -> Result<f64>) -> Result<f64> {
    let figures = (0..ROUNDS).map(|_| measure()).collect::<Result<Vec<f64>>>()?;
    Ok(median(figures))
}

/// The middle one of the figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    // NaN is within no limit: a measurement of nothing fails.
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_compared_with_its_limit() {
        let row = |ours, limit| Row { what: "verify", against: "sha256sum", unit: "s", ours, limit };
        let times = Limit::Times { alternative: 2.0, factor: 0.8, fixed: 0.0, goal: 0.7 };
        assert!(row(1.6, times).passes() && !row(1.7, times).passes() && !row(f64::NAN, times).passes());
        assert!(row(64.0, Limit::AtMost(64.0)).passes() && !row(64.1, Limit::AtMost(64.0)).passes());
        let with_fixed = row(1.9, Limit::Times { alternative: 2.0, factor: 0.8, fixed: 0.5, goal: 0.7 });
        assert!(with_fixed.passes() && with_fixed.to_string().contains("| 0.8, and 0.5 s | pass |"), "{with_fixed}");
        let line = row(1.7, times).to_string();
        assert_eq!(line, "| verify | 1.70 s | sha256sum: 2.00 s | 0.85 | 0.7 | 0.8 | FAIL |");
        let line = row(1.5, times).to_string();
        assert_eq!(line, "| verify | 1.50 s | sha256sum: 2.00 s | 0.75 | 0.7 | 0.8 | short of the goal |");
    }

    #[test]
    fn the_median_forgives_an_outlier() {
        let mut figures = [3.0, 900.0, 1.0, 2.0, 4.0].into_iter();
        assert_eq!(repeated(|| Ok(figures.next().unwrap_or_default())).ok(), Some(3.0));
    }
}
