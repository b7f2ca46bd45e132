//! The firewall between tenants and the host, as one static nftables table.
//!
//! It matches on the prefix of the tenants' bridges, so that it never changes as tenants come and go. Its hooks come before those
//! of Docker, firewalld and others (priority `filter - 10`): what it drops, nobody accepts later. What it accepts, later tables may
//! still drop.

use crate::names::BRIDGE_PREFIX;
use crate::settings::Settings;

/// The table's name.
pub const TABLE: &str = "inet landfall";

/// The commands that put the table in place of whatever it was before, in one transaction (nft(8), "Input file formats").
pub fn render(settings: &Settings) -> String {
    let port = settings.api.port();
    // `fib daddr . iif type local`: the address is one of this very bridge, that is, the tenant's own gateway.
    format!(
        r#"add table {TABLE}
delete table {TABLE}
table {TABLE} {{
    chain from_tenants {{
        type filter hook input priority filter - 10; policy accept;
        iifname != "{BRIDGE_PREFIX}*" return
        ct state established,related accept
        tcp dport {port} fib daddr . iif type local accept
        drop
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

/// The commands that remove the table, whether or not it is there.
pub fn removal() -> String {
    format!("add table {TABLE}\ndelete table {TABLE}\n")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn tenants_reach_the_api_at_their_own_gateway_and_nothing_else() {
        let rules = render(&Settings::parse("[api]\nport = 8080").unwrap());
        let expected = r#"add table inet landfall
delete table inet landfall
table inet landfall {
    chain from_tenants {
        type filter hook input priority filter - 10; policy accept;
        iifname != "lft*" return
        ct state established,related accept
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
        assert_eq!(rules, expected);
    }
}
