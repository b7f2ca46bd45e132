//! No two files of a crate import each other, by however many steps; and no file is too long to be read at one go.
//!
//! Imports are read as text: each `use` that begins with `crate::`, `super::` or `self::`, and each path of that kind in the code. A path
//! leads to the file whose module is its longest known beginning. A folder's own file, `mod.rs` or the file of the folder's name,
//! stands for its folder: that it names its modules, and they its types, is no circle.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::workspace;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The crates of the workspace that ship, by their folders.
const CRATES: [&str; 10] =
    ["bundler", "console", "engine", "host", "installer", "keys", "manifests", "media", "runtime", "systemd"];

/// The most lines that a file may have.
const MOST_LINES: usize = 400;

/// A module: the names from the crate's root to it.
type Module = Vec<String>;

/// The files of a crate with their modules, tests aside.
fn modules(source: &Path) -> Result<BTreeMap<Module, String>> {
    let mut found = BTreeMap::new();
    for path in rust_files(source)? {
        let relative = path.strip_prefix(source)?.with_extension("");
        let mut module: Module = relative.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|name| name == "mod" || (module.len() == 1 && name == "lib")) {
            module.pop();
        }
        let is_test = module.iter().any(|name| name == "tests");
        if !is_test && module != ["main"] && module.first().is_none_or(|name| name != "bin") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            found.insert(module, without_tests(&text));
        }
    }
    Ok(found)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("target") {
            files.append(&mut rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The code of a file, without its tests, which come last, and without comments.
fn without_tests(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// All paths in `text` that begin with `crate`, `super` or `self`, with the braces of `use` taken apart.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            let is_whole_word = !text[..at].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before));
            if is_whole_word {
                expand(&text[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Reads one path, or a group in braces, and returns what follows it.
fn expand<'a>(text: &'a str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let depth = before.len();
    let mut rest = text.trim_start();
    loop {
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        before.push(rest[..length].to_owned());
        rest = &rest[length..];
        let Some(after) = rest.strip_prefix("::") else { break };
        rest = after.trim_start();
        if let Some(group) = rest.strip_prefix('{') {
            rest = group.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = expand(rest, before, found).trim_start();
                // `as name`, and what else stands before the comma.
                rest = rest.trim_start_matches(|c: char| c != ',' && c != '}').trim_start_matches(',').trim_start();
            }
            rest = rest.strip_prefix('}').unwrap_or(rest);
            break;
        }
    }
    found.push(before.clone());
    before.truncate(depth);
    rest
}

/// The module that a path in the file of `from` leads to.
fn target(from: &Module, path: &[String], modules: &BTreeMap<Module, String>) -> Option<Module> {
    let mut absolute = from.clone();
    let mut names = path.iter();
    for name in names.by_ref() {
        match name.as_str() {
            "crate" => absolute.clear(),
            "self" => {}
            "super" => drop(absolute.pop()?),
            other => {
                absolute.push(other.to_owned());
                break;
            }
        }
    }
    absolute.extend(names.cloned());
    while !modules.contains_key(&absolute) {
        absolute.pop()?;
    }
    Some(absolute)
}

/// Which files import which. A file does not import those that it is in, or that are in it: see above.
fn imports(modules: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let nested = |one: &Module, other: &Module| one.starts_with(other) || other.starts_with(one);
    let of = |(from, text): (&Module, &String)| {
        let targets = paths(text).into_iter().filter_map(|path| target(from, &path, modules));
        (from.clone(), targets.filter(|to| !nested(from, to)).collect())
    };
    modules.iter().map(of).collect()
}

/// A file from which imports lead back to it, with the way, if there is one.
fn circle(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    let mut settled = BTreeSet::new();
    imports.keys().find_map(|start| walk(start, imports, &mut Vec::new(), &mut settled))
}

fn walk(
    from: &Module,
    imports: &BTreeMap<Module, BTreeSet<Module>>,
    way: &mut Vec<Module>,
    settled: &mut BTreeSet<Module>,
) -> Option<Vec<Module>> {
    if let Some(at) = way.iter().position(|before| before == from) {
        return Some(way[at..].to_vec());
    }
    if settled.contains(from) {
        return None;
    }
    way.push(from.clone());
    let found = imports.get(from).into_iter().flatten().find_map(|next| walk(next, imports, way, settled));
    way.pop();
    settled.insert(from.clone());
    found
}

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() -> Result<()> {
    let mut circles = Vec::new();
    for name in CRATES {
        let modules = modules(&workspace::root().join(name).join("src"))?;
        if let Some(way) = circle(&imports(&modules)) {
            let way: Vec<String> = way.iter().map(|module| module.join("::")).collect();
            circles.push(format!("{name}: {} → …", way.join(" → ")));
        }
    }
    ensure!(circles.is_empty(), "files import each other:\n{}", circles.join("\n"));
    Ok(())
}

#[test]
fn no_file_is_longer_than_400_lines() -> Result<()> {
    let root = workspace::root();
    let mut long = Vec::new();
    for folder in CRATES.iter().chain(["tenants", "tests"].iter()) {
        for path in rust_files(&root.join(folder))? {
            let lines = std::fs::read_to_string(&path)?.lines().count();
            if lines > MOST_LINES {
                long.push(format!("{}: {lines} lines", path.strip_prefix(root)?.display()));
            }
        }
    }
    ensure!(long.is_empty(), "longer than {MOST_LINES} lines:\n{}", long.join("\n"));
    Ok(())
}

#[test]
fn a_circle_is_found_through_braces_and_over_several_files() {
    let module =
        |path: &str| -> Module { path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect() };
    let crate_of = |files: &[(&str, &str)]| {
        files.iter().map(|(path, text)| (module(path), without_tests(text))).collect::<BTreeMap<_, _>>()
    };
    let files = crate_of(&[
        ("", "mod a;"),
        ("a", "use crate::{b::{One, Two as Three}, c};\nmod d;"),
        ("a/d", "use super::c::X; // use crate::a::Y;"),
        ("b", "use super::c::deep::Name;\n#[cfg(test)]\nmod tests { use crate::a::Z; }"),
        ("c", "fn f() {}"),
    ]);
    assert_eq!(circle(&imports(&files)), None);
    let mut circular = files;
    circular.insert(module("c"), "fn f() { let x = crate::a::d::X; }".to_owned());
    circular.insert(module("a/d"), "use crate::b::One;".to_owned());
    let way = circle(&imports(&circular)).map(|way| way.iter().map(|module| module.join("::")).collect::<Vec<_>>());
    assert_eq!(way, Some(vec!["b".to_owned(), "c".to_owned(), "a::d".to_owned()]));
}
