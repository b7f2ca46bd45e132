use super::*;
use crate::engine::{About, ApiVersion};
use crate::plan::{Amount, Need, Reuse};
use landfall_manifests::Digest;
use std::path::PathBuf;

const GIB: u64 = 1 << 30;

fn plan(space: &[(&str, u64)]) -> Plan {
    let need = |(folder, bytes): &(&str, u64)| Need { what: "it", folder: folder.into(), bytes: *bytes, inodes: 1 };
    Plan {
        product: "acme".to_owned(),
        release: "1.0.0-1".to_owned(),
        manifest: Digest::of(b""),
        read: 0,
        base: None,
        reuse: Reuse::default(),
        stage: Amount::default(),
        unfold: Amount::default(),
        packages: Vec::new(),
        images: Vec::new(),
        new_blobs: Vec::new(),
        folders: Vec::new(),
        settings: Vec::new(),
        trust: None,
        units: Vec::new(),
        ports: Vec::new(),
        space: space.iter().map(need).collect(),
        changes: None,
    }
}

fn about() -> About {
    let (api, version) = (ApiVersion::parse("1.41"), "20.10".to_owned());
    About { version, api, data_root: None, takes_partial_archives: true, missing_limits: Vec::new() }
}

fn facts(systems: &[(&str, u64, u64)]) -> Facts {
    let system = |(folder, device, free_bytes): &(&str, u64, u64)| {
        let mount = PathBuf::from(folder);
        (
            mount.clone(),
            FileSystem { device: *device, mount, free_bytes: *free_bytes, free_inodes: None, read_only: false },
        )
    };
    Facts {
        file_systems: systems.iter().map(system).collect(),
        controllers: Some(["cpu", "memory", "pids"].map(str::to_owned).to_vec()),
        engine: Some(Ok(about())),
        seconds_since_1970: PLAUSIBLE_TIME,
        ..Facts::default()
    }
}

#[test]
fn a_fit_host_has_no_problems() {
    let needs = [("opt", GIB), ("var", GIB)];
    assert_eq!(judge(&plan(&needs), &facts(&[("opt", 1, 3 * GIB), ("var", 1, 3 * GIB)])), (vec![], vec![]));
}

#[test]
fn adds_up_what_lies_on_the_same_file_system() {
    let needs = [("opt", GIB), ("var", GIB)];
    let together = judge(&plan(&needs), &facts(&[("opt", 1, 2 * GIB), ("var", 1, 2 * GIB)])).0;
    assert_eq!(together, [Problem::Room { at: "opt".into(), needed: 2 * GIB + MARGIN, free: 2 * GIB }]);
    assert!(together[0].to_string().ends_with("16.00 MiB (16777216 bytes) are missing"), "{}", together[0]);
    assert_eq!(judge(&plan(&needs), &facts(&[("opt", 1, 2 * GIB), ("var", 2, 2 * GIB)])).0, []);
}

#[test]
fn the_last_byte_counts() {
    for (free, fits) in [(GIB + MARGIN, true), (GIB + MARGIN - 1, false)] {
        let problems = judge(&plan(&[("opt", GIB)]), &facts(&[("opt", 1, free)])).0;
        assert_eq!(problems.is_empty(), fits, "{free}");
    }
}

#[test]
fn lists_everything_that_is_missing_at_once() {
    let mut facts = facts(&[("opt", 1, 0), ("var", 2, GIB)]);
    facts.needs_root = true;
    facts.lacks_systemd = true;
    facts.taken_ports = vec![(3000, "in use".to_owned())];
    facts.occupied = vec!["/opt/landfall/current".into()];
    facts.controllers = Some(vec!["cpu".to_owned()]);
    if let Some(system) = facts.file_systems.get_mut(&PathBuf::from("var")) {
        system.read_only = true;
    }
    facts.engine = Some(Ok(About { api: ApiVersion::parse("1.40"), missing_limits: vec!["cpu"], ..about() }));
    let (problems, _) = judge(&plan(&[("opt", 1), ("var", 1)]), &facts);
    let expected = [
        Problem::NotRoot,
        Problem::Occupied("/opt/landfall/current".into()),
        Problem::Room { at: "opt".into(), needed: 1 + MARGIN, free: 0 },
        Problem::ReadOnly("var".into()),
        Problem::Port(3000, "in use".to_owned()),
        Problem::NoSystemd,
        Problem::EngineTooOld { version: "20.10".to_owned(), api: ApiVersion::parse("1.40") },
        Problem::Controller("memory"),
        Problem::Controller("cpu"),
        Problem::Controller("pids"),
    ];
    assert_eq!(problems, expected);
}

#[test]
fn without_an_engine_nothing_is_asked_of_one() {
    let mut facts = facts(&[]);
    (facts.engine, facts.controllers) = (None, Some(Vec::new()));
    assert_eq!(judge(&plan(&[]), &facts).0, []);
    facts.engine = Some(Err("nothing at /run/docker.sock".to_owned()));
    assert_eq!(judge(&plan(&[]), &facts).0, [Problem::Engine("nothing at /run/docker.sock".to_owned())]);
}

#[test]
fn a_clock_that_is_not_set_is_only_a_warning() {
    let mut facts = facts(&[]);
    facts.seconds_since_1970 = 0;
    assert_eq!(judge(&plan(&[]), &facts), (vec![], vec![Warning::Clock]));
}
