//! The firewall between tenants and the host, as static nftables rules.
//!
//! They match the prefix of the tenants' bridges, so that they stay the same as tenants come and go. Their hooks run before those of
//! Docker, firewalld and others (priority `filter - 10`): a packet that they drop is not accepted later; one that they accept may still
//! be dropped by later tables.
//!
//! The rules exist twice, and a packet must pass both tables. [`TABLE`] has an owner: a flush of the ruleset does not remove it, but it
//! is removed when its owner ends. [`STANDBY`] has none: a flush removes it, but it outlives the process that loaded it. So neither a
//! flush nor a restart of the holder leaves the host open. [`Holder`] keeps both in place, [`clear`] removes them. It also adds those chains
//! again that the engine misses after a flush.

mod engine_chains;
mod holder;
mod nft;

pub use holder::Holder;
pub use nft::HoldError;

use crate::engine::labels::BRIDGE_PREFIX;

/// The table that is removed when its holder ends.
pub const TABLE: &str = "inet landfall";

/// The table that stays when its holder ends, until [`clear`] removes it or the host shuts down.
pub const STANDBY: &str = "inet landfall_standby";

/// New calls of the API by one tenant in a row, and each second after that.
const CALLS: &str = "20/second burst 100 packets";

/// Tenants whose calls are counted at a time: all that the pool of the default settings has room for.
const TENANTS: u32 = 8192;

/// What keeps others from removing [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The kernel: the table has the flag `owner`. Only the process that created it can change it, and the kernel removes it when that
    /// process ends (nft(8), "Tables"; Linux 5.12).
    Owner,
    /// Nothing: the holder looks at the table each second and loads it again.
    Watch,
}

impl Guard {
    /// The guard's name in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Watch => "watch",
        }
    }
}

/// The rules of [`TABLE`]. Tenants reach the API's `port` at their own gateway and nothing else of the host; without a port, nothing.
pub fn render(port: Option<u16>, guard: Guard) -> String {
    match guard {
        Guard::Owner => text(TABLE, "    flags owner\n", port),
        Guard::Watch => text(TABLE, "", port),
    }
}

/// The rules of [`STANDBY`]: the same, without an owner.
pub fn render_standby(port: Option<u16>) -> String {
    text(STANDBY, "", port)
}

/// Removes both tables, where they exist. Fails while a [`Holder`] owns one.
pub fn clear() -> Result<(), HoldError> {
    nft::run(&["-f", "-"], &format!("{}{}", removal(TABLE), removal(STANDBY)))
}

fn text(table: &str, flags: &str, port: Option<u16>) -> String {
    // `fib daddr . iif type local`: the destination is an address of the bridge that the packet came in on, which is the tenant's own
    // gateway. Another tenant's gateway is local to the host, too, but not to this bridge.
    // `ct state established,related`: tenants answer the host, whose proxy and health checks connect to them. Nothing
    // is forwarded: a tenant reaches no other, and nothing beyond the host.
    // A flood of calls costs the service's time, which no tenant's limit of CPU time counts: beyond as many as it answers, a call is dropped
    // before the service learns of it. Each bridge, which is each tenant, is counted for itself.
    let api = port.map(|port| {
        format!(
            r"        tcp dport {port} tcp flags & (syn | ack) == syn update @callers {{ iifname limit rate over {CALLS} }} drop
        tcp dport {port} fib daddr . iif type local accept
"
        )
    });
    let api = api.unwrap_or_default();
    // The kernel remembers each connection for minutes after its end, in one table for the whole host, which a few tenants could fill by
    // calling the API. So their calls are not tracked at all: the rule above needs no state. What else they send is dropped before it
    // gets an entry, and the entries of the host's own connections to them are as many as the tenants' ports take clients.
    let objects = port.map(|port| {
        format!(
            r#"    set callers {{
        type ifname
        size {TENANTS}
        flags dynamic,timeout
        timeout 1m
    }}
    chain untracked_calls {{
        type filter hook prerouting priority raw; policy accept;
        iifname "{BRIDGE_PREFIX}*" tcp dport {port} fib daddr . iif type local notrack
    }}
    chain untracked_answers {{
        type filter hook output priority raw; policy accept;
        oifname "{BRIDGE_PREFIX}*" tcp sport {port} notrack
    }}
"#
        )
    });
    let objects = objects.unwrap_or_default();
    format!(
        r#"table {table} {{
{flags}{objects}    chain from_tenants {{
        type filter hook input priority filter - 10; policy accept;
        iifname != "{BRIDGE_PREFIX}*" return
        ct state established,related accept
{api}        drop
    }}
    chain between_tenants {{
        type filter hook forward priority filter - 10; policy accept;
        iifname "{BRIDGE_PREFIX}*" drop
        oifname "{BRIDGE_PREFIX}*" drop
    }}
}}
"#
    )
}

/// The commands that remove a table, whether or not it exists. They fail where another process owns it.
fn removal(table: &str) -> String {
    format!("add table {table}\ndelete table {table}\n")
}

/// The commands as one line: an interactive nft runs each line as a transaction of its own.
fn one_line(commands: &str) -> String {
    let mut line = String::with_capacity(commands.len());
    for command in commands.lines().map(str::trim) {
        line.push_str(command);
        line.push_str(if command.ends_with(['{', ';']) { " " } else { "; " });
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_reach_the_api_at_their_own_gateway_and_nothing_else() {
        let expected = r#"table inet landfall {
    flags owner
    set callers {
        type ifname
        size 8192
        flags dynamic,timeout
        timeout 1m
    }
    chain untracked_calls {
        type filter hook prerouting priority raw; policy accept;
        iifname "lft*" tcp dport 8080 fib daddr . iif type local notrack
    }
    chain untracked_answers {
        type filter hook output priority raw; policy accept;
        oifname "lft*" tcp sport 8080 notrack
    }
    chain from_tenants {
        type filter hook input priority filter - 10; policy accept;
        iifname != "lft*" return
        ct state established,related accept
        tcp dport 8080 tcp flags & (syn | ack) == syn update @callers { iifname limit rate over 20/second burst 100 packets } drop
        tcp dport 8080 fib daddr . iif type local accept
        drop
    }
    chain between_tenants {
        type filter hook forward priority filter - 10; policy accept;
        iifname "lft*" drop
        oifname "lft*" drop
    }
}
"#;
        assert_eq!(render(Some(8080), Guard::Owner), expected);
        let plain = expected.replace("    flags owner\n", "");
        assert_eq!(render(Some(8080), Guard::Watch), plain);
        assert_eq!(render_standby(Some(8080)), plain.replace("inet landfall", "inet landfall_standby"));
    }

    #[test]
    fn without_a_port_tenants_reach_nothing() {
        let rules = render(None, Guard::Owner);
        assert!(!rules.contains("dport") && !rules.contains("callers"));
        assert!(rules.contains("        ct state established,related accept\n        drop\n"));
    }

    #[test]
    fn a_transaction_is_one_line() {
        let line = one_line("add table inet x\ntable inet x {\n    chain y {\n        policy accept;\n    }\n}\n");
        assert_eq!(line, "add table inet x; table inet x { chain y { policy accept; }; }; \n");
    }
}
