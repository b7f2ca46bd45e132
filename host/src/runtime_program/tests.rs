#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use landfall_console::Exit;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

/// A host whose release 1.0.0-1 has a program that runs `script`.
fn program(script: &str) -> (TempDir, RuntimeProgram) {
    let root = tempfile::tempdir().unwrap();
    let (layout, id) = (Layout::new(root.path()), "1.0.0-1".parse().unwrap());
    let path = layout.release(&id).join(PROGRAM);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    (root, RuntimeProgram::of(&layout, &id))
}

#[test]
fn every_failure_of_a_migration_is_known_by_its_code() {
    for failure in MigrateFailure::ALL {
        assert_eq!(MigrateFailure::of_code(failure.code()), Some(failure));
        assert!(matches!(failure.exit(), Exit::Unfit | Exit::Usage));
    }
    assert_eq!(MigrateFailure::of_code("of_a_later_release"), None);
}

#[test]
fn a_migration_is_asked_for_by_arguments() {
    for (migrate, args) in [
        (Migrate::To(None), ""),
        (Migrate::To(Some(2)), "--to 2"),
        (Migrate::Rehearse(None), "--rehearse"),
        (Migrate::Rehearse(Some(1)), "--rehearse --to 1"),
        (Migrate::Restore(Some(3)), "--restore --to 3"),
        (Migrate::Reclaim("landfall.db.aside-schema-2"), "--reclaim landfall.db.aside-schema-2"),
    ] {
        assert_eq!(migrate.args().join(" "), args);
    }
}

#[test]
fn reads_what_the_program_prints() {
    let (root, program) = program(r#"echo '{"from": 1, "to": 2, "later": true, "aside": "/x", "args": "'"$*"'"}'"#);
    let report = program.migrate(&Migrate::Rehearse(None)).unwrap();
    assert_eq!((report.schema_before(), report.to, report.aside), (Some(1), 2, Some("/x".into())));
    assert_eq!(MigrateReport::default().schema_before(), None);
    assert!(program.exists().unwrap());
    drop(root);
    assert!(!program.exists().unwrap());
}

#[test]
fn a_failure_is_reported_by_its_error_object_or_else_by_all_output() {
    let object = r#"echo '{"error": {"code": "no_snapshot", "exit": 6, "message": "none", "hint": null}}'; exit 6"#;
    let error = program(object).1.migrate(&Migrate::Restore(None)).unwrap_err();
    assert_eq!(error.to_string(), "`landfall migrate --restore` ends with 6: none");
    assert_eq!(error.migrate_failure(), Some(MigrateFailure::NoSnapshot));
    let error = program("echo out; echo bad >&2; exit 3").1.selfcheck(Duration::from_mins(1)).unwrap_err();
    assert_eq!(error.to_string(), "`landfall selfcheck` ends with 3: out bad");
    assert_eq!(error.migrate_failure(), None);
    let error = program("echo '[]'").1.images().unwrap_err();
    assert_eq!(error.to_string(), "the output of `landfall images` does not parse");
}
