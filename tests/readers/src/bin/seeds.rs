//! Writes the seeds of every target into `DIR/<target>/`, where a fuzzer begins: `seeds DIR`.

use landfall_manifests::Digest;
use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: seeds DIR");
        return ExitCode::from(2);
    };
    match write(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: seeds cannot be written below {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &std::path::Path) -> io::Result<()> {
    for target in landfall_readers::TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for seed in (target.seeds)().into_iter().chain((target.findings)()) {
            fs::write(folder.join(Digest::of(&seed).hex()), seed)?;
        }
    }
    Ok(())
}
