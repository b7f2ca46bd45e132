//! What the documents claim is there: each row of the threat model names tests that exist, each link leads somewhere, and the README
//! says how everything is tried.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::workspace;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
fn tests_of(row: &str) -> impl Iterator<Item = &str> {
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
    let mut missing = Vec::new();
    for row in rows {
        ensure!(tests_of(row).next().is_some(), "no test shows this: {row}");
        missing.extend(tests_of(row).filter(|test| match test.strip_prefix("make ") {
            Some(target) => !makefile.contains(&format!("\n{target}:")),
            None => !tests.contains(*test),
        }));
    }
    ensure!(missing.is_empty(), "docs/security.md names tests that do not exist: {missing:?}");
    Ok(())
}

/// The Markdown files below `folder`.
fn markdown_below(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&&*name) {
            markdown_below(&path, found)?;
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
    Ok(())
}

/// Where the links of a Markdown text lead to, but for those that lead out of the tree.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|after| after.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

/// The name by which a link leads to a heading (as GitHub makes it).
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn each_link_of_a_document_leads_somewhere() -> Result<()> {
    let (mut documents, mut lost) = (Vec::new(), Vec::new());
    markdown_below(workspace::root(), &mut documents)?;
    for document in documents {
        let text = std::fs::read_to_string(&document)?;
        for link in links(&text) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = document.parent().unwrap_or(Path::new("")).join(file);
            let target = if file.is_empty() { document.clone() } else { target };
            let is_there = target.exists()
                && (heading.is_empty()
                    || std::fs::read_to_string(&target)?
                        .lines()
                        .any(|line| line.starts_with('#') && anchor(line.trim_start_matches('#')) == heading));
            if !is_there {
                lost.push(format!("{}: {link}", document.strip_prefix(workspace::root())?.display()));
            }
        }
    }
    ensure!(lost.is_empty(), "links that lead nowhere:\n{}", lost.join("\n"));
    Ok(())
}

#[test]
fn the_readme_names_make_demo_and_make_test() -> Result<()> {
    let readme = std::fs::read_to_string(workspace::root().join("README.md"))?;
    for target in ["make demo", "make test"] {
        ensure!(readme.contains(target), "README.md does not name `{target}`");
    }
    Ok(())
}
