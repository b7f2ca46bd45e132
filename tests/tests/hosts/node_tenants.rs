//! The tests that the Node.js parts bring along, run as their authors run them.

use anyhow::{Context as _, Result};
use landfall_tests::{Command, ensure_tools, workspace};

#[test]
fn the_node_parts_pass_their_own_tests() -> Result<()> {
    ensure_tools()?;
    let tenants = workspace::root().join("tenants");
    let copies = workspace::fresh_folder("node-tenants")?;
    for part in ["convergence-client", "node-express"] {
        Command::new("cp").arg("-r").args([tenants.join(part), copies.clone()]).ok()?;
    }
    let npm = |part: &str, words: &[&str]| Command::new("npm").args(words).current_dir(copies.join(part)).ok();
    npm("convergence-client", &["test"]).context("the client library")?;
    npm("node-express", &["ci", "--silent"]).context("put the starter template together")?;
    npm("node-express", &["test"]).context("the starter template")?;
    Ok(())
}
