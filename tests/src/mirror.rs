//! Where this machine gets Debian's packages from: read from apt's own configuration, whose formats are those of
//! sources.list(5).

use anyhow::{Context as _, Result, ensure};
use std::path::Path;

/// The keys of Debian's archive, which mmdebstrap verifies by, too.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The distribution of this machine, as apt knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mirror {
    /// The release's code name, such as `bookworm`.
    pub(crate) suite: String,
    /// One-line entries: the release, its updates and its security fixes.
    pub(crate) sources: Vec<String>,
}

/// One source of packages.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    uri: String,
    suite: String,
    components: Vec<String>,
}

impl Mirror {
    /// This machine's.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let release = std::fs::read_to_string("/etc/os-release").context("read /etc/os-release")?;
        let mut lists = vec![Path::new("/etc/apt/sources.list").to_owned()];
        for entry in std::fs::read_dir("/etc/apt/sources.list.d").context("read apt's sources")? {
            lists.push(entry?.path());
        }
        // read_dir has no order, and the Debian image is named after its sources.
        lists.sort();
        let mut entries = Vec::new();
        for list in lists.iter().filter(|list| list.is_file()) {
            let text = std::fs::read_to_string(list).with_context(|| format!("read {}", list.display()))?;
            match list.extension().and_then(|extension| extension.to_str()) {
                Some("list") => entries.extend(text.lines().filter_map(one_line)),
                Some("sources") => entries.extend(deb822(&text)),
                _ => {}
            }
        }
        for entry in &mut entries {
            if let Some(list) = entry.uri.strip_prefix("mirror+file:") {
                entry.uri = first_mirror(Path::new(list))?;
            }
        }
        Self::choose(&release, &entries)
    }

    /// The same mirror's packages of another release.
    pub(crate) fn of_suite(&self, suite: &str) -> Self {
        let renamed = |line: &String| {
            let words = line.split(' ').map(|word| match word.strip_prefix(&self.suite) {
                // The second word, with what follows the code name: `-updates`, `-security`.
                Some(rest) if rest.is_empty() || rest.starts_with('-') => format!("{suite}{rest}"),
                _ => word.to_owned(),
            });
            words.collect::<Vec<_>>().join(" ")
        };
        Self { suite: suite.to_owned(), sources: self.sources.iter().map(renamed).collect() }
    }

    /// The mirror of the release itself as a table of a definition, which gets these packages for `system`.
    pub(crate) fn package_table(&self, system: &str, names: &[&str]) -> Result<String> {
        let words: Vec<Vec<&str>> = self.sources.iter().map(|line| line.split(' ').collect()).collect();
        let own =
            words.iter().find(|words| words[2] == self.suite).context("apt has no source of the release itself")?;
        // Its updates, if they come from there: a table has one mirror.
        let suites: Vec<&str> = words.iter().filter(|words| words[1] == own[1]).map(|words| words[2]).collect();
        Ok(format!(
            "\n[[package]]\nfor = \"{system}\"\nnames = {names:?}\nmirror = \"{}\"\nsuites = {suites:?}\nkeyring = \"{KEYRING}\"\n",
            own[1]
        ))
    }

    /// The entries of the distribution itself: those of other vendors have suites or components of their own.
    fn choose(release: &str, entries: &[Entry]) -> Result<Self> {
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or_default();
        let suite = suite.trim_matches('"').to_owned();
        let suites = [suite.clone(), format!("{suite}-updates"), format!("{suite}-security")];
        let ours = |entry: &&Entry| suites.contains(&entry.suite) && entry.components.iter().any(|name| name == "main");
        let sources: Vec<String> = entries.iter().filter(ours).map(Entry::line).collect();
        ensure!(!sources.is_empty(), "apt has no source for {suite:?}: is this Debian or a descendant?");
        Ok(Self { suite, sources })
    }
}

impl Entry {
    fn line(&self) -> String {
        format!("deb {} {} {}", self.uri, self.suite, self.components.join(" "))
    }
}

/// The first of a list of mirrors (apt-transport-mirror(1)).
fn first_mirror(list: &Path) -> Result<String> {
    let text = std::fs::read_to_string(list).with_context(|| format!("read {}", list.display()))?;
    let mut mirrors =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_whitespace().next());
    Ok(mirrors.next().with_context(|| format!("{} names no mirror", list.display()))?.to_owned())
}

/// `deb [ option=value … ] uri suite component …`
fn one_line(line: &str) -> Option<Entry> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(options) => options.split_once(']')?.1,
        None => rest,
    };
    // What follows a # is a comment (sources.list(5)).
    let mut words = rest.split('#').next()?.split_whitespace().map(str::to_owned);
    Some(Entry { uri: words.next()?, suite: words.next()?, components: words.collect() })
}

/// Stanzas of `Field: value`, with every combination of their URIs and suites.
fn deb822(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for stanza in lines.split(|line| line.trim().is_empty()) {
        let field = |name: &str| -> Vec<String> {
            let prefix = format!("{}:", name.to_ascii_lowercase());
            let value = stanza.iter().find(|line| line.to_ascii_lowercase().starts_with(&prefix));
            value.map(|line| line[prefix.len()..].split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
        };
        if !field("Types").contains(&"deb".to_owned()) || field("Enabled") == ["no"] {
            continue;
        }
        for uri in field("URIs") {
            for suite in field("Suites") {
                entries.push(Entry { uri: uri.clone(), suite, components: field("Components") });
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const RELEASE: &str = "ID=debian\nVERSION_CODENAME=bookworm\n";

    #[test]
    fn reads_both_formats_and_leaves_other_vendors_out() {
        let stanzas = "# a mirror\nTypes: deb deb-src\nURIs: http://mirror/debian\nSuites: bookworm bookworm-updates\n\
                       Components: main contrib\n\nTypes: deb\nURIs: http://other\nSuites: bookworm\nComponents: stable\n\n\
                       Enabled: no\nTypes: deb\nURIs: http://off\nSuites: bookworm\nComponents: main\n";
        let lines =
            "deb [arch=amd64 signed-by=/k] http://sec bookworm-security main # fixes\ndeb-src http://s bookworm main\n";
        let mut entries = deb822(stanzas);
        entries.extend(lines.lines().filter_map(one_line));
        let mirror = Mirror::choose(RELEASE, &entries).unwrap();
        assert_eq!(mirror.suite, "bookworm");
        let expected = [
            "deb http://mirror/debian bookworm main contrib",
            "deb http://mirror/debian bookworm-updates main contrib",
            "deb http://sec bookworm-security main",
        ];
        assert_eq!(mirror.sources, expected);
        let next = mirror.of_suite("trixie");
        assert_eq!(next.suite, "trixie");
        assert_eq!(next.sources[2], "deb http://sec trixie-security main");
    }

    #[test]
    fn a_machine_without_a_package_source_is_an_error() {
        let error = Mirror::choose(RELEASE, &[]).unwrap_err();
        assert_eq!(error.to_string(), "apt has no source for \"bookworm\": is this Debian or a descendant?");
    }
}
