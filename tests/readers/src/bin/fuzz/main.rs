//! Fuzzes readers: `fuzz SECONDS JOBS [TARGET…]`, all of them where none is named.
//!
//! Seeds are written first, then the programs are built, and each target is fed for so many seconds, so many of them at a
//! time. A line for each says what came of it. The exit code is 1 if anything was found; the input that did it lies in
//! `tests/fuzz/artifacts/TARGET`, and the fuzzer's own words in `log` beside it.

mod folders;
mod run;

use folders::Folders;
use landfall_readers::{TARGETS, Target};
use run::{Outcome, run};
use std::collections::VecDeque;
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::{env, io, thread};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let Some(wanted) = Wanted::of(&args) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("usage: fuzz SECONDS JOBS [TARGET…]\ntargets: {}", names.join(", "));
        return ExitCode::from(2);
    };
    match wanted.fuzz() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What to fuzz, and for how long.
struct Wanted {
    seconds: u64,
    jobs: usize,
    targets: Vec<&'static Target>,
}

impl Wanted {
    fn of(args: &[String]) -> Option<Self> {
        let [seconds, jobs, names @ ..] = args else { return None };
        let find = |name: &String| TARGETS.iter().find(|target| target.name == name);
        let targets = match names {
            [] => TARGETS.iter().collect(),
            names => names.iter().map(find).collect::<Option<_>>()?,
        };
        Some(Self { seconds: seconds.parse().ok()?, jobs: jobs.parse().ok()?, targets })
    }

    /// Whether nothing was found.
    fn fuzz(&self) -> io::Result<bool> {
        let folders = Folders::find()?;
        for target in &self.targets {
            folders.write_seeds(target)?;
        }
        build(&folders)?;
        println!("{}", Outcome::HEAD);
        let queue = Mutex::new(self.targets.iter().copied().collect::<VecDeque<_>>());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let worker = || -> io::Result<bool> {
            let mut is_clean = true;
            while let Some(target) = next() {
                let outcome = run(target, self.seconds, &folders)?;
                println!("{outcome}");
                is_clean &= outcome.is_clean();
            }
            Ok(is_clean)
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(worker)).collect();
            let ended = workers.into_iter().map(|worker| worker.join().unwrap_or(Ok(false)));
            ended.collect::<io::Result<Vec<bool>>>().map(|clean| clean.into_iter().all(|clean| clean))
        })
    }
}

/// Builds the programs, with the toolchain and the flags that `cargo fuzz` needs.
fn build(folders: &Folders) -> io::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["+nightly", "fuzz", "build", "--fuzz-dir"]).arg(&folders.fuzz).env_remove("RUSTFLAGS");
    // What cargo tells the programs that it runs would bind the inner one to the outer one's toolchain.
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("CARGO") || name.starts_with("RUSTUP_TOOL")) {
        if name != "CARGO_HOME" {
            cargo.env_remove(name);
        }
    }
    if cargo.status()?.success() { Ok(()) } else { Err(io::Error::other("the fuzz targets cannot be built")) }
}
