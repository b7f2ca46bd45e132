//! The modules of a Go program, as its build information lists them (Go, runtime/debug, `ParseBuildInfo`).

use super::elf_data::BuildInfo;
use super::package::{Package, PackageKind};

/// What comes before and behind the list, in bytes.
const MARK: usize = 16;

pub(super) fn packages(info: &BuildInfo) -> Vec<Package> {
    let mut found: Vec<Package> = Vec::new();
    let lines = info.modules.get(MARK..info.modules.len().saturating_sub(MARK)).unwrap_or_default();
    for line in lines.lines() {
        let mut fields = line.split('\t');
        let (kind, name, version) =
            (fields.next(), fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        // As a program is built in its own folder.
        let version = if version == "(devel)" { "" } else { version };
        let module = Package::new(PackageKind::Golang, name, version);
        match kind {
            Some("mod" | "dep") => found.extend(module),
            // What stands in for the module before.
            Some("=>") => {
                // A folder stands in for it, which has no name that others know.
                let is_folder = name.starts_with(['.', '/']);
                if let Some((last, module)) = found.last_mut().zip(module.filter(|_| !is_folder)) {
                    *last = module;
                }
            }
            _ => {}
        }
    }
    let version = info.go_version.split(' ').next().unwrap_or_default();
    found.extend(Package::new(PackageKind::Golang, "stdlib", version.trim_start_matches("go")));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_the_modules_and_the_standard_library() {
        let lines = "path\texample.com/app/cmd\nmod\texample.com/app\t(devel)\t\ndep\tgithub.com/a/b\tv1.0.0\th1:x=\n\
                     dep\tgithub.com/c/d\tv1.0.0\n=>\tgithub.com/fork/d\tv1.0.1\th1:y=\ndep\tlocal.org/e\tv0.0.0\n=>\t./e\t(devel)\t\n\
                     build\t-compiler=gc\n";
        let modules = format!("{0}{lines}{0}", "-".repeat(MARK));
        let found = packages(&BuildInfo { go_version: "go1.22.1 X:boringcrypto".to_owned(), modules });
        let found: Vec<String> = found.iter().map(|package| package.purl(None)).collect();
        insta::assert_snapshot!(found.join("\n"), @r"
        pkg:golang/example.com/app
        pkg:golang/github.com/a/b@v1.0.0
        pkg:golang/github.com/fork/d@v1.0.1
        pkg:golang/local.org/e@v0.0.0
        pkg:golang/stdlib@1.22.1
        ");
    }
}
