//! Which crate may use which: the arrows of ARCHITECTURE.md, read from `cargo metadata`.

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};
use landfall_tests::Command;
use std::collections::{BTreeMap, BTreeSet};

/// What the bundler and the installer may use: both read bundles, and both know the units.
const ALL_LIBRARIES: &[&str] = &[
    "landfall-console",
    "landfall-engine",
    "landfall-host",
    "landfall-keys",
    "landfall-manifests",
    "landfall-media",
    "landfall-systemd",
];

/// What each crate of the workspace may use of the workspace. The tests may use all.
const ARROWS: &[(&str, &[&str])] = &[
    ("hello", &[]),
    ("landfall", &["landfall-console", "landfall-engine", "landfall-host", "landfall-keys", "landfall-manifests"]),
    ("landfall-bundler", ALL_LIBRARIES),
    ("landfall-console", &[]),
    ("landfall-engine", &["landfall-keys", "landfall-manifests"]),
    ("landfall-host", &["landfall-console", "landfall-keys", "landfall-manifests"]),
    ("landfall-installer", ALL_LIBRARIES),
    ("landfall-keys", &[]),
    ("landfall-manifests", &["landfall-keys"]),
    ("landfall-media", &["landfall-console", "landfall-host", "landfall-keys", "landfall-manifests"]),
    ("landfall-systemd", &["landfall-console", "landfall-host", "landfall-keys", "landfall-manifests"]),
];

/// What must not be found anywhere below a crate, for whatever reason.
const NEVER: &[(&str, &[&str])] = &[
    // Pure data and streams: whoever reads a bundle chooses how to wait for it.
    ("landfall-manifests", &["tokio", "async-std", "smol", "rustix", "walkdir", "tempfile"]),
    ("landfall-keys", &["tokio", "landfall-manifests"]),
    ("landfall-systemd", &["tokio"]),
    ("landfall-console", &["tokio"]),
    // Hosts are reached by sticks alone.
    ("landfall-installer", &["ureq", "reqwest", "rustls"]),
    ("landfall", &["ureq", "reqwest", "rustls"]),
    // A tenant's image is as small as can be.
    ("hello", &["tokio", "hyper", "serde"]),
];

/// Packages that one crate of the workspace alone names: another container engine, or another client, has one place to go.
const OWNED: &[(&str, &str)] = &[("bollard", "landfall-engine")];

/// What ships: for every package of the graph, the packages that it depends on, tests aside.
struct Graph {
    names: BTreeMap<PackageId, String>,
    edges: BTreeMap<String, BTreeSet<PackageId>>,
}

impl Graph {
    fn read() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .current_dir(landfall_tests::workspace::root())
            .other_options([
                "--locked".to_owned(),
                "--filter-platform".to_owned(),
                landfall_tests::workspace::triple()?.to_owned(),
            ])
            .exec()?;
        let names: BTreeMap<_, _> = metadata.packages.iter().map(|p| (p.id.clone(), p.name.to_string())).collect();
        let mut edges = BTreeMap::new();
        for node in metadata.resolve.context("cargo resolved nothing")?.nodes {
            let shipped =
                |kinds: &[cargo_metadata::DepKindInfo]| kinds.iter().any(|k| k.kind == DependencyKind::Normal);
            let below = node.deps.iter().filter(|d| shipped(&d.dep_kinds)).map(|d| d.pkg.clone()).collect();
            edges.insert(node.id.repr, below);
        }
        Ok(Self { names, edges })
    }

    /// All that is below the crate of the workspace called `name`, directly or not.
    fn below(&self, name: &str) -> Result<BTreeSet<&str>> {
        let start = self.names.iter().find(|(id, known)| *known == name && id.repr.starts_with("path+"));
        let mut todo = vec![start.with_context(|| format!("no crate {name} in the workspace"))?.0];
        let mut seen = BTreeSet::new();
        while let Some(id) = todo.pop() {
            for next in self.edges.get(&id.repr).into_iter().flatten() {
                if seen.insert(next) {
                    todo.push(next);
                }
            }
        }
        Ok(seen.into_iter().filter_map(|id| self.names.get(id)).map(String::as_str).collect())
    }

    /// The crates of the workspace that name the package `name` themselves.
    fn users_of(&self, name: &str) -> BTreeSet<&str> {
        let names_it = |id: &PackageId| {
            let mut used = self.edges.get(&id.repr).into_iter().flatten();
            used.any(|used| self.names.get(used).is_some_and(|used| used == name))
        };
        let users = self.names.iter().filter(|(id, _)| id.repr.starts_with("path+") && names_it(id));
        users.map(|(_, user)| user.as_str()).collect()
    }

    fn workspace(&self) -> BTreeSet<&str> {
        self.names.iter().filter(|(id, _)| id.repr.starts_with("path+")).map(|(_, name)| name.as_str()).collect()
    }
}

#[test]
fn crates_use_each_other_in_one_direction() -> Result<()> {
    let graph = Graph::read()?;
    for (name, allowed) in ARROWS {
        let used: BTreeSet<&str> = graph.below(name)?.intersection(&graph.workspace()).copied().collect();
        let beyond: Vec<&&str> = used.iter().filter(|used| !allowed.contains(used)).collect();
        ensure!(beyond.is_empty(), "{name} uses {beyond:?}, which ARCHITECTURE.md does not allow");
    }
    Ok(())
}

#[test]
fn every_crate_is_listed_with_its_dependencies() -> Result<()> {
    let graph = Graph::read()?;
    let known: BTreeSet<&str> = ARROWS
        .iter()
        .map(|(name, _)| *name)
        .chain(["landfall-fixtures", "landfall-readers", "landfall-tests"])
        .collect();
    ensure!(graph.workspace() == known, "{:?} are the crates, {known:?} have arrows", graph.workspace());
    Ok(())
}

#[test]
fn one_crate_names_the_container_client() -> Result<()> {
    let graph = Graph::read()?;
    for (package, owner) in OWNED {
        let users = graph.users_of(package);
        ensure!(users == BTreeSet::from([*owner]), "{users:?} depend on {package}, which is for {owner} alone");
    }
    Ok(())
}

#[test]
fn pure_crates_stay_pure() -> Result<()> {
    let graph = Graph::read()?;
    for (name, never) in NEVER {
        let below = graph.below(name)?;
        let found: Vec<&&str> = never.iter().filter(|never| below.contains(**never)).collect();
        ensure!(found.is_empty(), "{name} depends on {found:?}");
    }
    Ok(())
}

#[test]
fn the_three_programs_never_depend_on_one_another() -> Result<()> {
    let graph = Graph::read()?;
    let programs = ["landfall", "landfall-bundler", "landfall-installer"];
    for program in programs {
        let below = graph.below(program)?;
        let others: Vec<&&str> = programs.iter().filter(|other| below.contains(**other)).collect();
        ensure!(others.is_empty(), "{program} depends on {others:?}: they meet in the bundle format alone");
    }
    Ok(())
}

#[test]
fn programs_and_tests_share_what_is_built() -> Result<()> {
    let packages = |edges: &str| -> Result<BTreeSet<String>> {
        let tree = Command::new("cargo").args(["tree", "--workspace", "--locked", "--prefix", "none", "--target"]);
        let tree = tree.args([landfall_tests::workspace::triple()?, "--format", "{p} {f}", "--edges", edges]);
        let printed = tree.current_dir(landfall_tests::workspace::root()).quiet().ok()?;
        Ok(printed.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect())
    };
    let (shipped, tested) = (packages("normal,build")?, packages("normal,build,dev")?);
    let twice: Vec<_> = shipped.difference(&tested).collect();
    ensure!(
        twice.is_empty(),
        "tests build these with further features, which belong into [workspace.dependencies]: {twice:?}"
    );
    Ok(())
}
