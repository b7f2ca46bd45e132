//! The packages of an image, from what its layers show.

use crate::layer_scan::LayerFacts;
use crate::packages::{Distro, Package};
use std::collections::BTreeMap;

/// What an image has, as its uppermost layers leave it.
#[derive(Debug, Default)]
pub(crate) struct ImagePackages<'a> {
    pub(crate) distro: Option<&'a Distro>,
    /// By package URL.
    pub(crate) packages: BTreeMap<String, Seen<'a>>,
    /// Databases that are there and are not read.
    pub(crate) unread: Vec<&'a str>,
    /// Whether there is more than is remembered.
    pub(crate) is_cut: bool,
}

/// A package, and the files that tell of it.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) package: &'a Package,
    pub(crate) paths: Vec<&'a str>,
}

impl<'a> ImagePackages<'a> {
    /// What layers have together, base first.
    pub(crate) fn of(layers: &[&'a LayerFacts]) -> Self {
        // A layer above may have replaced a file, or removed it (OCI image specification, "Whiteouts").
        let is_seen = |layer: usize, path: &str| !layers[layer + 1..].iter().any(|above| above.entries.hides(path));
        let files = || {
            let each = layers.iter().enumerate();
            each.flat_map(|(layer, facts)| facts.findings.files.iter().map(move |file| (layer, file)))
                .filter(|(layer, file)| is_seen(*layer, &file.path))
        };
        // os-release(5): the one below /etc comes first.
        let distro = |path: &str| {
            files().filter_map(|(_, file)| (*file.path == *path).then_some(file.distro.as_ref())?).next_back()
        };
        let distro = distro("etc/os-release").or_else(|| distro("usr/lib/os-release"));
        let mut packages: BTreeMap<String, Seen<'a>> = BTreeMap::new();
        for (_, file) in files() {
            for package in &file.packages {
                let seen = packages.entry(package.purl(distro)).or_insert(Seen { package, paths: Vec::new() });
                seen.paths.push(&file.path);
            }
        }
        for seen in packages.values_mut() {
            seen.paths.sort_unstable();
            seen.paths.dedup();
        }
        let unread = layers.iter().enumerate().flat_map(|(layer, facts)| {
            let paths = facts.findings.unread.iter().map(String::as_str);
            paths.filter(move |path| is_seen(layer, path))
        });
        Self { distro, packages, unread: unread.collect(), is_cut: layers.iter().any(|facts| facts.findings.is_cut) }
    }

    /// The packages that files of a release tell of, each with its path.
    pub(crate) fn of_files(files: impl Iterator<Item = (&'a str, &'a [Package])>) -> Self {
        let mut found = Self::default();
        for (path, packages) in files {
            for package in packages {
                let seen = found.packages.entry(package.purl(None)).or_insert(Seen { package, paths: Vec::new() });
                seen.paths.push(path);
            }
        }
        found
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::layer_scan::LayerScan;

    /// What is seen of a layer with these files.
    fn layer(files: &[(&str, &str)]) -> LayerFacts {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        let mut scan = LayerScan::default();
        archive.into_inner().unwrap().chunks(700).for_each(|piece| scan.update(piece));
        scan.finish()
    }

    #[test]
    fn upper_layers_replace_and_remove_what_is_below_them() {
        let dpkg = |name: &str| format!("Package: {name}\nVersion: 1\n\n");
        let npm = |version: u32| format!(r#"{{"name": "b", "version": "{version}"}}"#);
        let (a, ab) = (dpkg("a"), dpkg("a") + &dpkg("b"));
        let (one, two) = (npm(1), npm(2));
        let base = layer(&[
            ("var/lib/dpkg/status", &a),
            ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
            ("app/node_modules/b/package.json", &one),
            ("var/lib/rpm/Packages", "x"),
        ]);
        let found = |above: &[(&str, &str)]| {
            let above = layer(above);
            let packages = ImagePackages::of(&[&base, &above]);
            let names: Vec<String> =
                packages.packages.keys().map(|purl| purl.replace("?distro=debian-12", "")).collect();
            (names.join(" "), packages.unread.len())
        };
        let [deb_a, deb_b] = ["a", "b"].map(|name| format!("pkg:deb/debian/{name}@1"));
        for (above, expected) in [
            (vec![], format!("{deb_a} pkg:npm/b@1")),
            (vec![("var/lib/dpkg/status", ab.as_str())], format!("{deb_a} {deb_b} pkg:npm/b@1")),
            (vec![("app/node_modules/b/package.json", two.as_str())], format!("{deb_a} pkg:npm/b@2")),
            (vec![("app/.wh.node_modules", "")], deb_a.clone()),
            (vec![("app/.wh..wh..opq", "")], deb_a.clone()),
            (vec![("app/c/node_modules/b/package.json", one.as_str())], format!("{deb_a} pkg:npm/b@1")),
            (vec![("var/lib/dpkg/status", "")], "pkg:npm/b@1".to_owned()),
        ] {
            assert_eq!(found(&above), (expected, 1), "{above:?}");
        }
        assert_eq!(found(&[("var/.wh.lib", "")]).1, 0);
        let twice = layer(&[("app/c/node_modules/b/package.json", &one)]);
        assert_eq!(ImagePackages::of(&[&base, &twice]).packages["pkg:npm/b@1"].paths.len(), 2);
    }
}
