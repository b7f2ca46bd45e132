#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod properties;

use super::super::decision::decide;
use super::*;
use crate::settings::tests::PACKED;

const BASE: &str = "# Settings.\n\n[api]\n# Where.\naddress = \"all\" # or one\nport = 3000\n\n[tenants]\n# How many.\npids = 512\n\
                    cpus = 2.0\n";

fn merged(mine: &str, theirs: &str) -> Merged {
    three_way(BASE, mine, theirs).unwrap()
}

fn conflicts(mine: &str, theirs: &str) -> Vec<Conflict> {
    match three_way(BASE, mine, theirs) {
        Err(SettingsError::Conflicts(Conflicts(conflicts))) => conflicts,
        other => panic!("{other:?}"),
    }
}

fn says(merged: &Merged) -> Vec<String> {
    merged.changes.iter().map(Change::to_string).collect()
}

#[test]
fn each_key_is_decided_by_what_changed_on_which_side() {
    use ConflictReason::{BothAdded, BothChanged, Dropped, TypeChanged};
    use Decision::{Add, Conflict, Drop, Follow, Stay};
    for (base, mine, theirs, expected) in [
        ("1", "1", "1", Stay),
        ("1", "1", "2", Follow),
        ("1", "1", "'x'", Follow),
        ("1", "1", "", Drop),
        ("1", "2", "1", Stay),
        ("1", "2", "2", Stay),
        ("1", "2", "3", Conflict(BothChanged)),
        ("1", "2", "'x'", Conflict(TypeChanged)),
        ("1", "2", "3.5", Conflict(BothChanged)),
        ("1", "2", "", Conflict(Dropped)),
        ("1", "", "1", Stay),
        ("1", "", "2", Follow),
        ("1", "", "", Drop),
        ("", "", "1", Add),
        ("", "1", "1", Stay),
        ("", "1", "2", Conflict(BothAdded)),
        ("", "1", "", Stay),
        ("2.0", "2", "3.0", Follow),
        ("'x'", "\"x\"", "'y'", Follow),
        ("[1, 2]", "[ 1, 2, ]", "[1]", Follow),
        ("[1, 2]", "[2, 1]", "[1]", Conflict(BothChanged)),
        ("{ a = 1, b = 2 }", "{ b = 2, a = 1 }", "{}", Follow),
        ("0x10", "16", "17", Follow),
        ("true", "false", "1", Conflict(TypeChanged)),
        ("1979-05-27", "1979-05-27", "1979-05-28", Follow),
    ] {
        let [first, second, third] = [base, mine, theirs].map(|text| text.parse::<Value>().ok());
        let decision = decide(first.as_ref(), second.as_ref(), third.as_ref());
        assert_eq!(decision, expected, "{base:?} {mine:?} {theirs:?}");
    }
}

#[test]
fn what_the_operator_decided_stays_and_the_rest_follows() {
    let mine = BASE.replace("3000", "8080 # ours").replace("# How many.", "# How many.\n# Ask Ann before raising it.");
    let theirs = BASE.replace("512", "1024").replace("# Where.", "# Where to listen.").replace("# or one", "# of them");
    let merged = merged(&mine, &theirs);
    let expected =
        mine.replace("512", "1024").replace("# Where.", "# Where to listen.").replace("# or one", "# of them");
    assert_eq!(merged.text, expected);
    assert_eq!(says(&merged), ["tenants.pids: 512 becomes 1024, the new default"]);
}

#[test]
fn what_a_release_adds_comes_in_with_its_comments_where_the_release_has_it() {
    let theirs = BASE
        .replace("port = 3000\n", "# Seconds.\ntimeout = 5 # s\nport = 3000\n\n# Who logs.\n[log]\nlevel = \"info\"\n")
        .replace("[tenants]\n", "[tenants]\n# First.\nfirst = 1\n");
    let mine = BASE.replace("3000", "8080");
    let merged = merged(&mine, &theirs);
    assert_eq!(merged.text, theirs.replace("3000", "8080"));
    assert_eq!(says(&merged), ["api.timeout: new, 5", "log.level: new, \"info\"", "tenants.first: new, 1"]);
    assert_eq!(three_way(&theirs, &merged.text, BASE).unwrap().text, mine);
}

#[test]
fn what_a_release_drops_goes_with_its_comments_and_without_the_operators() {
    let mine = BASE.replace("# How many.", "# How many.\n# Ann said so.");
    let merged = merged(&mine, "# Settings.\n\n[api]\n# Where.\naddress = \"all\" # or one\nport = 3000\n");
    assert_eq!(
        merged.text,
        "# Settings.\n\n[api]\n# Where.\naddress = \"all\" # or one\nport = 3000\n# Ann said so.\n"
    );
    assert_eq!(says(&merged), ["tenants.pids: gone, was 512", "tenants.cpus: gone, was 2.0"]);
}

#[test]
fn what_the_operator_left_out_stays_out() {
    let theirs = BASE.replace("512", "1024").replace("cpus = 2.0\n", "cpus = 2.0\nswap = 0\n").replace("3000", "4000");
    let mine = "[api]\nport = 3000";
    let merged = merged(mine, &theirs);
    assert_eq!(merged.text, "[api]\nport = 4000");
    assert_eq!(
        says(&merged),
        [
            "api.port: 3000 becomes 4000, the new default",
            "tenants.pids: 512 becomes 1024, the new default",
            "tenants.swap: new, 0",
        ]
    );
    assert_eq!(three_way(&theirs, &merged.text, BASE).unwrap().text, mine);
    assert_eq!(three_way(BASE, "", &theirs).unwrap().text, "");
}

#[test]
fn dotted_keys_are_the_same_settings() {
    let mine = "tenants.pids = 512\napi.port = 8080 # ours\n";
    let theirs = BASE.replace("512", "1024").replace("cpus = 2.0", "cpus = 2.0\nswap = 0");
    assert_eq!(merged(mine, &theirs).text, mine.replace("512", "1024"));
    assert_eq!(merged(mine, "[api]\nport = 3000\n").text, "api.port = 8080 # ours\n");
}

#[test]
fn all_conflicts_are_shown_with_what_stands_on_each_side() {
    let mine = BASE.replace("3000", "8080").replace("512", "99").replace("2.0", "1.5").replace("\"all\"", "\"mine\"");
    let theirs = BASE.replace("3000", "4000").replace("pids = 512\n", "").replace("2.0", "\"half\"");
    let found = conflicts(&mine, &theirs);
    let kinds: Vec<_> = found.iter().map(|conflict| (conflict.key.as_str(), conflict.why)).collect();
    assert_eq!(
        kinds,
        [
            ("api.port", ConflictReason::BothChanged),
            ("tenants.cpus", ConflictReason::TypeChanged),
            ("tenants.pids", ConflictReason::Dropped),
        ]
    );
    assert_eq!(
        Conflicts(found).to_string(),
        "config.toml and the new release contradict each other:\n\
         - api.port: config.toml has 8080; the old release 3000, the new one 4000\n\
         - tenants.cpus: config.toml has 1.5; the old release 2.0, the new one \"half\", another type of value\n\
         - tenants.pids: config.toml has 99; the old release 512, the new one nothing, which no longer knows this setting"
    );
}

#[test]
fn a_conflict_ends_when_the_operator_takes_either_side_or_lets_go() {
    let theirs = BASE.replace("3000", "4000").replace("pids = 512\n", "");
    let clash = BASE.replace("3000", "8080").replace("512", "99");
    assert_eq!(conflicts(&clash, &theirs).len(), 2);
    for port in ["port = 3000\n", "port = 4000\n", ""] {
        for pids in ["pids = 512\n", ""] {
            let mine = BASE.replace("port = 3000\n", port).replace("pids = 512\n", pids);
            let text = merged(&mine, &theirs).text;
            assert_eq!(text.contains("port = 4000"), !port.is_empty(), "{text}");
            assert!(!text.contains("pids"), "{text}");
        }
    }
}

#[test]
fn settings_that_cannot_be_edited_by_lines_are_refused_not_damaged() {
    for (mine, key) in
        [("api = { port = 1 }\n", "api"), ("[[api]]\nport = 1\n", "api"), ("[api]\nport = 1\n[[log]]\n", "log")]
    {
        let error = three_way(BASE, mine, BASE).unwrap_err();
        assert!(matches!(&error, SettingsError::Shape { key: found, .. } if found == key), "{mine}: {error}");
    }
    for (base, mine, theirs, what) in [
        ("[", "", "", "the old release's config.toml"),
        ("", "[", "", "config.toml"),
        ("", "", "[", "the new release's config.toml"),
    ] {
        let error = three_way(base, mine, theirs).unwrap_err();
        assert!(matches!(error, SettingsError::Parse { what: found, .. } if found == what), "{what}");
    }
}

#[test]
fn the_packed_settings_gain_and_lose_a_section_without_a_trace() {
    let old = PACKED.split_once("\n[update]").unwrap().0;
    let mine = old.replace("port = 3000", "port = 8080");
    let there = three_way(old, &mine, PACKED).unwrap();
    assert_eq!(there.text, PACKED.replace("port = 3000", "port = 8080"));
    assert_eq!(there.changes.len(), 3);
    assert_eq!(three_way(PACKED, &there.text, old).unwrap().text, mine);
}

#[test]
fn a_file_that_nests_without_end_is_refused() {
    let keys = format!("{} = 1\n", vec!["a"; 60_000].join("."));
    let header = format!("[{}]\n", vec!["a"; 60_000].join("."));
    let list = format!("a = {}1{}\n", "[".repeat(60_000), "]".repeat(60_000));
    for text in [keys, header, list] {
        assert!(matches!(three_way(BASE, &text, BASE), Err(SettingsError::Parse { .. })));
    }
}
