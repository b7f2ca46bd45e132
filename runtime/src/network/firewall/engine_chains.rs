//! The chains that the engine keeps in the host's ruleset. Docker makes them when it starts, and never again: after `nft flush ruleset`
//! it fails to add its rules for a new network, and no tenant can be spawned until it is restarted. Pure.
//!
//! Chains without rules are enough for that: what keeps tenants apart are our own tables. The rules that a flush took from networks of
//! others only come back with a restart of the engine.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The prefix of the names of the engine's chains. Podman makes its own again by itself.
const PREFIX: &str = "DOCKER";
/// Most chains that are remembered: Docker has about ten in a table.
const MAX_CHAINS: usize = 256;

/// The engine's chains, as they were listed last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct EngineChains(BTreeSet<(String, String)>);

impl EngineChains {
    /// The engine's chains in the output of `nft list chains`.
    pub(super) fn parse(listing: &str) -> Self {
        let mut table = None;
        let mut chains = BTreeSet::new();
        for line in listing.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("table ") {
                table = name.strip_suffix(" {").filter(|name| is_plain(name));
            } else if let Some(chain) = line.strip_prefix("chain ").and_then(|rest| rest.strip_suffix(" {"))
                && let Some(table) = table
                && chain.starts_with(PREFIX)
                && is_plain(chain)
                && chains.len() < MAX_CHAINS
            {
                chains.insert((table.to_owned(), chain.to_owned()));
            }
        }
        Self(chains)
    }

    /// How many of these chains `now` lacks, and the commands that add them.
    pub(super) fn missing_in(&self, now: &Self) -> (usize, String) {
        let mut commands = String::new();
        let missing: Vec<_> = self.0.difference(&now.0).collect();
        for (table, chain) in &missing {
            // Writing to a string cannot fail. `add` changes nothing where the table or the chain exists.
            let _ = writeln!(commands, "add table {table}\nadd chain {table} {chain}");
        }
        (missing.len(), commands)
    }
}

/// Whether a name can stand in a command as it is.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_ ".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "\
table inet landfall {
\tchain from_tenants {
\t\ttype filter hook input priority filter - 10; policy accept;
\t}
}
table ip filter {
\tchain DOCKER {
\t}
\tchain DOCKER-ISOLATION-STAGE-1 {
\t}
\tchain FORWARD {
\t\ttype filter hook forward priority filter; policy drop;
\t}
}
table ip nat {
\tchain DOCKER {
\t}
\tchain DOCKER;reboot {
\t}
}
";

    #[test]
    fn the_engines_chains_are_added_again_after_a_flush() {
        let before = EngineChains::parse(LISTING);
        let after = EngineChains::parse("table ip nat {\n\tchain DOCKER {\n\t}\n}\n");
        let expected = "\
add table ip filter
add chain ip filter DOCKER
add table ip filter
add chain ip filter DOCKER-ISOLATION-STAGE-1
";
        assert_eq!(before.missing_in(&after), (2, expected.to_owned()));
        assert_eq!(before.missing_in(&before), (0, String::new()));
        assert_eq!(EngineChains::default().missing_in(&before), (0, String::new()));
    }
}
