//! How many attacks ended how.

use std::collections::BTreeMap;
use std::fmt;

/// Counts by command and exit code.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    ends: BTreeMap<&'static str, BTreeMap<i32, usize>>,
    skipped: usize,
}

impl Counts {
    /// Counts one end.
    pub(crate) fn add(&mut self, command: &'static str, exit: i32) {
        *self.ends.entry(command).or_default().entry(exit).or_default() += 1;
    }

    /// Counts a change that changed nothing.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Takes in another one's counts.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (command, exits) in other.ends {
            for (exit, count) in exits {
                *self.ends.entry(command).or_default().entry(exit).or_default() += count;
            }
        }
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exits = |exits: &BTreeMap<i32, usize>| {
            exits.iter().map(|(exit, count)| format!("exit {exit} × {count}")).collect::<Vec<_>>().join(", ")
        };
        let commands: Vec<String> =
            self.ends.iter().map(|(command, ends)| format!("{command} {}", exits(ends))).collect();
        formatter.write_str(&commands.join("; "))?;
        if self.skipped > 0 {
            write!(formatter, "; {} would have changed nothing", self.skipped)?;
        }
        Ok(())
    }
}

#[test]
fn counts_read_as_a_sentence() {
    let (mut one, mut other) = (Counts::default(), Counts::default());
    one.add("verify", 3);
    one.add("verify", 4);
    other.add("install", 3);
    other.add("verify", 3);
    other.skip();
    one.absorb(other);
    let expected = "install exit 3 × 1; verify exit 3 × 2, exit 4 × 1; 1 would have changed nothing";
    assert_eq!(one.to_string(), expected);
}
