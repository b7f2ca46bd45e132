//! Which program the units run when the recovery program is damaged: their own command lines, run by the real shell.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use landfall_systemd::{EngineUnit, TEMPLATES, Values, render};
use tempfile::TempDir;

const FIRST: &str = "opt/landfall/bin/landfall-installer";
const PREVIOUS: &str = "opt/landfall/bin/landfall-installer.previous";
const TRIES: &str = "var/lib/landfall/state/tries";

/// A unit's command line that runs the recovery program.
#[derive(Debug, Clone, Copy)]
struct CommandLine {
    unit: &'static str,
    setting: &'static str,
    /// The arguments of the recovery program.
    arguments: &'static str,
}

const HOOK: CommandLine =
    CommandLine { unit: "landfall.service", setting: "ExecStartPre=-+", arguments: "recover --before-start" };
const END_HOOK: CommandLine =
    CommandLine { unit: "landfall.service", setting: "ExecStopPost=-+", arguments: "recover --after-stop" };
const RECOVERY: CommandLine =
    CommandLine { unit: "landfall-recover.service", setting: "ExecStart=", arguments: "recover" };

/// A host's file system with an unproven release and no recovery program.
struct Host {
    root: TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self { root: TempDir::new().unwrap() };
        host.write(TRIES, b"5", 0o600);
        host
    }

    fn write(&self, path: &str, bytes: &[u8], mode: u32) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Another file, as the installer replaces it: one that runs cannot be written to.
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A program that prints its name and arguments, and then does `act`.
    fn program(&self, path: &str, act: &str) {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        let text = format!(
            "#!/bin/sh\ntest \"$1\" = --version && echo landfall-installer 1.0.0 && exit\necho \"{name}: $*\"\n{act}\n"
        );
        self.write(path, text.as_bytes(), 0o755);
    }

    fn run(&self, line: CommandLine) -> Output {
        let template = TEMPLATES.iter().find(|(name, _)| *name == line.unit).unwrap().1;
        let unit = render(template, &Values { engine: EngineUnit::None }).unwrap();
        let script =
            script(&unit, line.setting).replace("/opt/", &self.prefix("opt")).replace("/var/", &self.prefix("var"));
        Command::new("/bin/sh").args(["-c", &script]).output().unwrap()
    }

    fn prefix(&self, folder: &str) -> String {
        format!("{}/", self.at(folder).display())
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }
}

/// What systemd hands to the shell: continued lines joined, quotes taken away, `$$` read as `$` (systemd.service(5)).
fn script(unit: &str, setting: &str) -> String {
    let joined = unit.replace("\\\n", " ");
    let mut lines = joined.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix("/bin/sh -c '"));
    lines.next().and_then(|line| line.strip_suffix('\'')).unwrap().replace("$$", "$")
}

/// The names of the programs that ran, and the exit code.
fn outcome(host: &Host, line: CommandLine) -> (Vec<String>, Option<i32>) {
    let output = host.run(line);
    let printed = String::from_utf8(output.stdout).unwrap();
    let ran = printed.lines().filter_map(|text| text.strip_suffix(&format!(": {}", line.arguments)));
    (ran.map(str::to_owned).collect(), output.status.code())
}

#[test]
fn a_documented_exit_code_does_not_start_the_fallback() {
    for line in [HOOK, END_HOOK, RECOVERY] {
        for code in 0..=8 {
            let host = Host::new();
            host.program(FIRST, &format!("exit {code}"));
            host.program(PREVIOUS, "");
            assert_eq!(outcome(&host, line), (vec!["landfall-installer".to_owned()], Some(code)), "{line:?}");
        }
    }
}

#[test]
fn the_program_before_takes_over_from_one_that_breaks_off() {
    for line in [HOOK, END_HOOK, RECOVERY] {
        // A code of nobody's, a panic, not executable, not found; then signals.
        for act in ["exit 9", "exit 101", "exit 126", "exit 127", "kill -KILL $$", "kill -SEGV $$", "kill -TERM $$"] {
            let host = Host::new();
            host.program(FIRST, act);
            host.program(PREVIOUS, "exit 5");
            let both = ["landfall-installer", "landfall-installer.previous"].map(str::to_owned).to_vec();
            assert_eq!(outcome(&host, line), (both, Some(5)), "{line:?}: {act}");
        }
    }
}

#[test]
fn the_program_before_takes_over_from_one_that_cannot_run() {
    let own = fs::read(std::env::current_exe().unwrap()).unwrap();
    // Its ELF header names another machine (elf(5), `e_machine`).
    let foreign = [&own[..18], &[0xb7, 0], &own[20..4096]].concat();
    let contents: [(&str, &[u8], u32); 6] = [
        ("empty", b"", 0o755),
        ("zeros", &[0; 4096], 0o755),
        ("cut off", &own[..4096], 0o755),
        ("of another machine", &foreign, 0o755),
        ("another program", b"#!/bin/sh\necho something else\n", 0o755),
        ("not executable", b"#!/bin/sh\necho landfall-installer 1.0.0\n", 0o644),
    ];
    for line in [HOOK, END_HOOK, RECOVERY] {
        let host = Host::new();
        host.program(PREVIOUS, "");
        let previous = (vec!["landfall-installer.previous".to_owned()], Some(0));
        assert_eq!(outcome(&host, line), previous, "{line:?}: missing");
        for (what, bytes, mode) in contents {
            host.write(FIRST, bytes, mode);
            assert_eq!(outcome(&host, line), previous, "{line:?}: {what}");
        }
    }
}

#[test]
fn a_host_without_another_program_says_how_its_only_one_ended() {
    for line in [HOOK, END_HOOK, RECOVERY] {
        let host = Host::new();
        assert_eq!(outcome(&host, line), (Vec::new(), Some(127)), "{line:?}");
        host.program(FIRST, "exit 101");
        assert_eq!(outcome(&host, line), (vec!["landfall-installer".to_owned()], Some(101)), "{line:?}");
    }
}

#[test]
fn a_release_that_was_marked_good_is_not_counted() {
    let host = Host::new();
    host.program(FIRST, "");
    fs::remove_file(host.at(TRIES)).unwrap();
    for line in [HOOK, END_HOOK] {
        assert_eq!(outcome(&host, line), (Vec::new(), Some(0)), "{line:?}");
    }
}

#[test]
fn the_limits_of_both_programs_stay_below_that_of_their_unit() {
    for (unit, name, limit) in
        [(HOOK, "TimeoutStartSec", 90), (END_HOOK, "TimeoutStopSec", 30), (RECOVERY, "TimeoutStartSec", 32 * 60)]
    {
        let template = TEMPLATES.iter().find(|(name, _)| *name == unit.unit).unwrap().1;
        let words: Vec<String> = script(template, unit.setting).split_whitespace().map(str::to_owned).collect();
        // `timeout -k AFTER LIMIT PROGRAM`, for each of two programs.
        let limits =
            words.windows(4).filter(|words| words[0] == "timeout").map(|words| seconds(&words[2]) + seconds(&words[3]));
        let together = 2 * limits.sum::<u64>();
        assert!(together < limit, "{unit:?}: {together} s");
        let setting = template.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
        assert_eq!(seconds(setting.trim_end_matches("in").trim_end_matches('s')), limit, "{unit:?}");
    }
}

/// `90` or `15m`.
fn seconds(text: &str) -> u64 {
    text.strip_suffix('m').map_or_else(|| text.parse().unwrap(), |minutes| minutes.parse::<u64>().unwrap() * 60)
}
