//! The firewall's tables stand against everything that removes them.

use crate::firewalled_host::{API, FirewalledHost, GATEWAY, OTHER_GATEWAY, SSH, ok, signal, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// How many packets the tenant sends at the host during each restart of the holder.
const PACKETS: u64 = 1_000;

#[test]
fn nobody_but_its_holder_removes_the_table() {
    let mut host = FirewalledHost::new("owner");
    // What an earlier holder without an owner may have left behind.
    ok(host.on_host("nft").args(["add", "table", "inet", "landfall"]), "nftables");
    host.hold("");
    assert!(host.has_table() && !host.reaches(SSH) && host.reaches(API));

    assert!(host.nft("flush ruleset").status.success());
    assert!(!host.nft("delete table inet landfall").status.success());
    assert!(!host.nft("flush table inet landfall").status.success());
    assert!(host.has_table() && !host.reaches(SSH) && host.reaches(API));

    let owner = host.owner();
    signal("KILL", &owner);
    let without = wait_until(|| host.owner() != owner && host.has_table());
    println!("on the standby alone for {without:?} at most after the owner was killed");
    assert!(!host.reaches(SSH) && host.reaches(API));

    let log = host.end();
    assert!(log.contains("event=firewall_restored"), "{log}");
    assert!(!host.has_table() && host.has_standby() && !host.reaches(SSH) && host.reaches(API), "the standby stays");
}

#[test]
fn a_tenants_calls_of_the_api_leave_nothing_in_the_hosts_connection_table() {
    const CALLS: u64 = 20;
    let mut host = FirewalledHost::new("tracking");
    host.hold("");
    let before = host.tracked();
    let _calls = host.calls(API, CALLS);
    let after = host.tracked();
    assert!(after <= before, "{before} connections were tracked before {CALLS} calls, {after} after them");
}

#[test]
fn a_flood_of_calls_is_cut_down_and_another_tenants_calls_are_not() {
    let mut host = FirewalledHost::new("calls");
    host.hold("");
    host.count_calls_of_two();
    // More than pass at once, and each is repeated until it is answered.
    let _flood = host.call(GATEWAY, API, 250);
    wait_until(|| host.counted("calls", "sent1") > host.counted("calls", "passed1") + 50);
    let _calls = host.call(OTHER_GATEWAY, API, 20);
    wait_until(|| host.counted("calls", "passed2") >= 20);
    assert_eq!(host.counted("calls", "sent2"), 20, "one was dropped and sent again");
    let log = host.end();
    assert!(!log.contains("event=firewall_restored"), "what the table counts is no change of it: {log}");
}

#[test]
fn no_packet_passes_while_the_holder_is_restarted_or_killed() {
    let mut host = FirewalledHost::new("restart");
    host.count();
    let flood = host.flood();
    wait_until(|| host.counted("count", "passed") > 0);
    host.hold("");
    let (passed, sent) = (host.counted("count", "passed"), host.counted("count", "sent"));
    for round in 0..4 {
        if round % 2 == 0 {
            host.end();
        } else {
            host.kill();
        }
        wait_until(|| !host.has_table());
        let without = host.counted("count", "sent");
        wait_until(|| host.counted("count", "sent") >= without + PACKETS);
        assert!(host.has_standby() && host.reaches(API));
        host.hold("");
        assert!(host.has_table());
    }
    let sent = host.counted("count", "sent") - sent;
    assert_eq!(host.counted("count", "passed") - passed, 0, "of {sent} packets");
    println!("none of {sent} packets passed over four restarts");
    drop(flood);
}

#[test]
fn a_standby_that_was_flushed_is_back_before_the_holder_ends() {
    let mut host = FirewalledHost::new("flushed");
    host.hold("");
    // A holder that is stopped cannot put it back before anybody looks.
    host.signal("STOP");
    assert!(host.nft("flush ruleset").status.success());
    assert!(host.has_table() && !host.has_standby() && !host.reaches(SSH));
    host.signal("CONT");
    host.end();
    assert!(!host.has_table() && host.has_standby() && !host.reaches(SSH) && host.reaches(API));
}

#[test]
fn chains_that_a_flush_took_from_the_engine_are_added_again() {
    let mut host = FirewalledHost::new("chains");
    for command in ["add table ip filter", "add chain ip filter DOCKER-USER", "add chain ip filter OTHER"] {
        assert!(host.nft(command).status.success());
    }
    host.hold("");
    assert!(host.nft("flush ruleset").status.success());
    assert!(!host.nft("list chain ip filter DOCKER-USER").status.success());
    host.until_logged("event=engine_chains_restored", 1);
    assert!(host.nft("list chain ip filter DOCKER-USER").status.success());
    assert!(!host.nft("list chain ip filter OTHER").status.success(), "whoever owns it may want it gone");
}

#[test]
fn clearing_takes_everything_away_once_nobody_holds_it() {
    let mut host = FirewalledHost::new("clear");
    assert!(host.clear().status.success(), "nothing is there");
    host.hold("");
    let held = host.clear();
    assert_eq!(held.status.code(), Some(6), "{held:?}");
    assert!(host.has_table() && host.has_standby() && !host.reaches(SSH));
    host.end();
    for _ in 0..2 {
        assert!(host.clear().status.success());
        assert!(!host.has_table() && !host.has_standby() && host.reaches(SSH));
    }
}

#[test]
fn changed_settings_replace_the_table_and_invalid_ones_leave_the_host_closed() {
    let mut host = FirewalledHost::new("settings");
    host.settings("[api]\nport = yes");
    host.hold("");
    assert!(!host.reaches(SSH) && !host.reaches(API), "closed without settings");

    let owner = host.owner();
    host.settings("[api]\nport = 4000");
    host.signal("HUP");
    host.until_logged("event=firewall_replaced", 1);
    assert!(host.reaches(4000) && !host.reaches(API) && !host.reaches(SSH));
    assert_eq!(host.owner(), owner, "the same owner replaced the table");

    host.settings("[api]\nport = yes");
    host.signal("HUP");
    host.until_logged("event=invalid_settings", 2);
    assert!(host.reaches(4000) && !host.reaches(SSH), "what was valid stays");
    assert_eq!(host.end().matches("event=invalid_settings").count(), 2);
}

#[test]
fn without_owners_the_table_is_put_back_at_the_next_look() {
    let mut host = FirewalledHost::new("watch");
    // Stands before the real nft as one that does not know the flag.
    let bin = host.root.path().join("bin");
    let real = "PATH=${PATH#*:} exec nft \"$@\"";
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --check ] || {{ echo 'syntax error, unexpected owner' >&2; exit 1; }}\n{real}\n"
    );
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("nft"), script).unwrap();
    fs::set_permissions(bin.join("nft"), fs::Permissions::from_mode(0o755)).unwrap();
    host.hold(bin.to_str().unwrap());
    assert!(!host.reaches(SSH) && host.reaches(API));

    // A holder that is stopped does not look: what stands without it is seen however long that takes.
    for removal in ["delete table inet landfall", "flush table inet landfall", "delete table inet landfall_standby"] {
        host.signal("STOP");
        assert!(host.nft(removal).status.success(), "{removal}");
        assert!(!host.reaches(SSH), "the other table is there after {removal}");
        host.signal("CONT");
        wait_until(|| host.is_whole());
    }
    host.signal("STOP");
    assert!(host.nft("flush ruleset").status.success());
    assert!(host.reaches(SSH), "nothing guards the tables against a flush");
    host.signal("CONT");
    let open = wait_until(|| host.is_whole());
    println!("open for {open:?} at most after a flush");
    assert!(!host.reaches(SSH) && host.reaches(API));

    let log = host.end();
    assert_eq!(log.matches("event=firewall_unowned").count(), 1, "{log}");
    // One more where the holder was stopped between its looks at the two tables.
    assert!(log.matches("event=firewall_restored").count() >= 4, "{log}");
    assert!(!host.has_table() && !host.reaches(SSH));
}
