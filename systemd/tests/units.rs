//! The rendered units: what they look like, and what the real systemd makes of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use landfall_systemd::{EngineUnit, TEMPLATES, UnitName, Values, render};
use tempfile::TempDir;

const ENGINES: [EngineUnit; 3] = [EngineUnit::Docker, EngineUnit::Podman, EngineUnit::None];

/// The programs that the units start, and what a host has around them.
const PROGRAMS: [&str; 4] =
    ["opt/landfall/current/bin/landfall", "opt/landfall/bin/landfall-installer", "usr/bin/test", "bin/sh"];
const HOST_UNITS: [(&str, &str); 9] = [
    ("basic.target", "[Unit]\n"),
    ("multi-user.target", "[Unit]\n"),
    ("network.target", "[Unit]\n"),
    ("shutdown.target", "[Unit]\n"),
    ("sysinit.target", "[Unit]\n"),
    ("system.slice", "[Slice]\n"),
    ("-.slice", "[Slice]\n"),
    ("docker.service", "[Service]\nExecStart=/usr/bin/test\n"),
    ("podman.socket", "[Socket]\nListenStream=/run/podman/podman.sock\nService=docker.service\n"),
];

/// A host's file system with our units rendered into it.
fn host(engine: EngineUnit) -> TempDir {
    let root = TempDir::new().unwrap();
    for (name, text) in HOST_UNITS {
        write(&root.path().join("usr/lib/systemd/system").join(name), text, 0o644);
    }
    for program in PROGRAMS {
        write(&root.path().join(program), "#!/bin/sh\n", 0o755);
    }
    for (name, template) in TEMPLATES {
        let unit = render(template, &Values { engine }).unwrap();
        write(&root.path().join("etc/systemd/system").join(name), &unit, 0o644);
    }
    root
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn systemd_analyze(arguments: &[&str]) -> Output {
    let outcome = Command::new("systemd-analyze").args(arguments).env("LC_ALL", "C").output();
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("this test needs `systemd-analyze`: install the package `systemd`")
        }
        other => other.unwrap(),
    }
}

/// All that systemd says about the units: nothing, if it has no objection.
fn verify(root: &Path, unit: &str) -> String {
    let root = format!("--root={}", root.display());
    let output = systemd_analyze(&["verify", &root, "--man=no", "--recursive-errors=yes", unit]);
    let printed = [output.stdout, output.stderr].concat();
    format!("{}{}", String::from_utf8_lossy(&printed), if output.status.success() { "" } else { "(failed)" })
}

/// What systemd acts on: the unit without its comments.
fn settings(unit: &str) -> String {
    let lines = unit.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_settings_are_those_that_were_reviewed() {
    for (name, template) in TEMPLATES {
        let unit = render(template, &Values { engine: EngineUnit::Docker }).unwrap();
        insta::assert_snapshot!(*name, settings(&unit));
    }
}

#[test]
fn only_the_lines_of_the_engine_differ_between_engines() {
    let changed = |template: &str, engine: EngineUnit| -> Vec<String> {
        let unit = render(template, &Values { engine }).unwrap();
        template.lines().filter(|line| !unit.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    for (name, template) in TEMPLATES {
        for engine in ENGINES {
            assert!(changed(template, engine).iter().all(|line| line.contains("=@ENGINE_UNIT@")), "{name}");
        }
    }
    let unit = render(TEMPLATES[0].1, &Values { engine: EngineUnit::Podman }).unwrap();
    assert!(unit.contains("\nAfter=podman.socket\n"));
}

#[test]
fn every_unit_that_is_enabled_has_a_template() {
    for unit in UnitName::ENABLED {
        assert!(TEMPLATES.iter().any(|(name, _)| *name == unit.as_str()), "{unit}");
    }
}

/// `→ Overall exposure level for landfall.service: 1.6 OK 🙂`
fn exposure(report: &str) -> Option<f64> {
    let line = report.lines().find(|line| line.contains("Overall exposure level"))?;
    line.split_whitespace().find_map(|word| word.parse().ok())
}

/// What needs the real systemd-analyze besides; `make check` leaves it out.
mod needs_tools {
    use super::*;

    #[test]
    fn systemd_has_nothing_to_say_about_the_units() {
        for engine in ENGINES {
            let root = host(engine);
            for (name, _) in TEMPLATES {
                assert_eq!(verify(root.path(), name), "", "{name} with {engine:?}");
            }
        }
    }

    #[test]
    fn systemd_would_say_something_about_a_unit_with_a_mistake() {
        let root = host(EngineUnit::Docker);
        let path = root.path().join("etc/systemd/system/landfall.service");
        let unit = fs::read_to_string(&path).unwrap().replace("ProtectHome=yes", "ProtectHomes=yes");
        fs::write(&path, unit).unwrap();
        assert!(verify(root.path(), "landfall.service").contains("Unknown key"));
    }

    #[test]
    fn the_units_are_exposed_by_3_0_at_most() {
        let root = host(EngineUnit::Docker);
        for (name, _) in TEMPLATES {
            let path = root.path().join("etc/systemd/system").join(name);
            let output = systemd_analyze(&[
                "security",
                "--offline=true",
                "--no-pager",
                "--threshold=30",
                path.to_str().unwrap(),
            ]);
            let report = String::from_utf8_lossy(&output.stdout);
            let score = exposure(&report).unwrap_or_else(|| panic!("no exposure level for {name}:\n{report}"));
            println!("{name}: {score}");
            assert!(score <= 3.0 && output.status.success(), "{name} has {score}:\n{report}");
        }
    }
}
