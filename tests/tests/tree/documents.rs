//! What the documents claim is there: each row of the threat model names tests that exist.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::workspace;
use std::collections::BTreeSet;
use std::path::Path;

/// Folders of sources.
const SOURCES: [&str; 11] =
    ["bundler", "console", "engine", "host", "installer", "keys", "manifests", "media", "runtime", "systemd", "tests"];

/// The names of all functions that are tests.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            tests_below(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let attributes =
                text.split("#[").filter(|after| after.starts_with("test]") || after.starts_with("tokio::test"));
            found.extend(attributes.filter_map(name).map(str::to_owned));
        }
    }
    Ok(())
}

/// The name of the function that `text` begins with, attributes aside.
fn name(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("fn ")?;
    rest.split('(').next()
}

/// What stands between backticks in the last column of the table row.
fn proofs(row: &str) -> impl Iterator<Item = &str> {
    let last = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
    last.split('`').skip(1).step_by(2)
}

#[test]
fn each_defence_names_tests_that_exist() -> Result<()> {
    let root = workspace::root();
    let document = std::fs::read_to_string(root.join("docs/security.md"))?;
    let makefile = std::fs::read_to_string(root.join("Makefile"))?;
    let mut tests = BTreeSet::new();
    SOURCES.iter().try_for_each(|folder| tests_below(&root.join(folder), &mut tests))?;

    let attackers = document.split("\n## ").find(|section| section.starts_with("Attackers"));
    let rows = attackers.context("a section on attackers")?.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<&str> = rows.filter(|row| !row.contains("---") && !row.contains("| shown by |")).collect();
    ensure!(rows.len() > 10, "the threat model has {} rows", rows.len());
    for row in rows {
        ensure!(proofs(row).next().is_some(), "no test shows this: {row}");
        for proof in proofs(row) {
            let there = match proof.strip_prefix("make ") {
                Some(target) => makefile.contains(&format!("\n{target}:")),
                None => tests.contains(proof),
            };
            ensure!(there, "there is no {proof}, which is to show: {row}");
        }
    }
    Ok(())
}
