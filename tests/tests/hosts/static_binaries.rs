//! What ships runs on any Linux of its architecture: each program runs where there is nothing but itself.

use anyhow::{Result, ensure};
use landfall_tests::{Command, Engine, Programs, workspace};
use std::path::Path;

#[test]
fn each_program_runs_in_an_empty_container() -> Result<()> {
    let engine = Engine::shared()?;
    let programs = Programs::build()?;
    for program in [programs.bundler()?, programs.installer()?, programs.runtime()?] {
        let printed = alone(&engine, &program)?;
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        ensure!(
            printed.starts_with(&format!("{name} {}", env!("CARGO_PKG_VERSION"))),
            "{name} --version says {printed:?}"
        );
    }
    Ok(())
}

/// Runs `program --version` in a container that holds this one file.
fn alone(engine: &Engine, program: &Path) -> Result<String> {
    let folder = workspace::fresh_folder("alone")?;
    std::fs::copy(program, folder.join("program"))?;
    let tar = workspace::testbed().join("alone.tar");
    Command::new("tar").arg("--create").arg("--file").arg(&tar).arg("--directory").arg(&folder).arg("program").ok()?;
    let image = engine.docker(["import".as_ref(), tar.as_os_str()]).ok()?;
    let printed = engine.docker(["run", "--rm", "--network", "none", image.trim(), "/program", "--version"]).ok();
    engine.docker(["image", "rm", image.trim()]).ok()?;
    std::fs::remove_file(&tar)?;
    printed
}
