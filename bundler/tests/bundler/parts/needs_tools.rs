//! What needs strace besides; `make check` leaves it out.

use super::*;

#[test]
fn killed_at_any_rename_old_and_new_parts_are_never_there_together() {
    let (workspace, old) = with_bundle();
    workspace.define_as("1.1.0", "[[file]]\nsource = \"docs\"\npath = \"docs\"\n");
    workspace.write("docs/more.txt", "more\n");
    fs::create_dir(workspace.path("new")).unwrap();
    let new = workspace.build("new/acme.tar");
    let (old_size, new_size) = (old.len() / 5, new.len() / 3);
    let whole: Vec<Vec<&[u8]>> = vec![old.chunks(old_size).collect(), new.chunks(new_size).collect()];
    let new_size = new_size.to_string();
    let again = ["split", "new/acme.tar", "--size", &new_size, "--out", "p", "--quiet"];
    for killed_at in 1.. {
        fs::remove_dir_all(workspace.path("p")).ok();
        split(&workspace, old_size, "p");
        let inject = format!("inject=/^rename:signal=KILL:when={killed_at}");
        let mut run = std::process::Command::new("strace");
        run.args(["-qq", "-f", "-o", "trace", "-e", "trace=/^rename", "-e", &inject, BUNDLER]).args(again);
        let finished = run.current_dir(workspace.folder.path()).status().expect("this test needs strace").success();
        let there: Vec<Vec<u8>> =
            (1..20).map_while(|number| fs::read(workspace.path(&format!("p/acme.tar.part{number:03}"))).ok()).collect();
        let visible = fs::read_dir(workspace.path("p"))
            .unwrap()
            .filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
        assert_eq!(visible.count(), there.len(), "no part lies behind a gap: {killed_at}");
        let of = whole.iter().find(|of| there.iter().zip(*of).all(|(found, part)| found == part));
        let of = of.unwrap_or_else(|| panic!("old and new are mixed: {killed_at}"));
        let expected = match there.len() {
            0 => Some(2),
            some if some < of.len() => Some(3),
            _ => Some(0),
        };
        assert_eq!(workspace.run(&["verify", "p/acme.tar", "--trust", "k.pub"]).status.code(), expected, "{killed_at}");
        workspace.ok(&again);
        workspace.tool("sh", &["-c", "cat p/acme.tar.part* | cmp - new/acme.tar"]);
        assert_eq!(fs::read_dir(workspace.path("p")).unwrap().count(), whole[1].len(), "nothing is left: {killed_at}");
        if finished {
            assert_eq!(killed_at, whole[0].len() + whole[1].len() + 1, "each rename was a point");
            return;
        }
    }
}

#[test]
fn no_failure_and_no_kill_loses_a_bundle() {
    let (workspace, bytes) = with_bundle();
    workspace.ok(&["keygen", "--out", "second"]);
    let size = (bytes.len() / 3 + 1).to_string();
    let whole = ["build", "acme.toml", "--key", "k.key", "--no-cache", "--quiet", "--out", "f/b.tar"];
    let cut = [&whole[..], &["--split", &size]].concat();
    let sign = ["sign", "f/b.tar.part001", "--key", "second.key", "--quiet"];
    for (before, args) in [(&whole[..], &cut[..]), (&cut, &sign)] {
        for fault in [
            "fsync:error=EIO:when=",
            "/^rename:error=ENOSPC:when=",
            "/^rename:error=ENOSPC:when=+",
            "fsync:signal=KILL:when=",
            "/^rename:signal=KILL:when=",
        ] {
            for nth in 1.. {
                fs::remove_dir_all(workspace.path("f")).ok();
                fs::create_dir(workspace.path("f")).unwrap();
                workspace.ok(before);
                let fault = match fault.strip_suffix('+') {
                    Some(fault) => format!("inject={fault}{nth}+"),
                    None => format!("inject={fault}{nth}"),
                };
                let mut run = std::process::Command::new("strace");
                run.args(["-qq", "-f", "-o", "trace", "-e", "trace=fsync,/^rename", "-e", &fault, BUNDLER]).args(args);
                let output = run.current_dir(workspace.folder.path()).output().expect("this test needs strace");
                let verify = || workspace.ok(&["verify", "f/b.tar", "--trust", "k.pub"]);
                if output.status.success() {
                    assert!(nth > 3, "{fault} happened");
                    verify();
                    break;
                }
                if !fault.contains("KILL") && !fault.ends_with('+') {
                    verify();
                }
                // Another bundle in that folder puts back what is left in a temporary one.
                workspace.ok(&["build", "acme.toml", "--key", "k.key", "--quiet", "--out", "f/c.tar"]);
                verify();
                let left = fs::read_dir(workspace.path("f")).unwrap().map(|entry| entry.unwrap().file_name());
                let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
                assert!(left.is_empty(), "{fault}: {left:?}");
            }
        }
    }
}
