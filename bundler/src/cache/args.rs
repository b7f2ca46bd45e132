use crate::byte_size;
use std::ffi::OsString;
use std::path::PathBuf;

/// How much is kept unless the user says otherwise, in bytes.
const SIZE: u64 = 20 << 30;
/// The folder below that for what users can lose (XDG Base Directory Specification, `XDG_CACHE_HOME`).
const NAME: &str = "landfall";

/// What earlier builds found out.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Cache")]
pub(crate) struct CacheArgs {
    /// Keep what is pulled and compressed in DIR, for later builds [default: $XDG_CACHE_HOME/landfall, or ~/.cache/landfall]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Remove from the cache what was not used for the longest time when it is larger than SIZE [default: 20GiB]
    #[arg(long, value_name = "SIZE", value_parser = byte_size::parse)]
    cache_size: Option<u64>,
    /// Read nothing from a cache, and keep nothing in one
    #[arg(long, conflicts_with_all = ["cache", "cache_size"])]
    no_cache: bool,
}

impl CacheArgs {
    /// The cache's folder, whether it is there or not.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.folder(|name| std::env::var_os(name)).map(|(path, _)| path)
    }

    /// The cache's folder, and whether the user has named it, by the variables of the environment.
    pub(super) fn folder(&self, variable: impl Fn(&str) -> Option<OsString>) -> Option<(PathBuf, bool)> {
        if self.no_cache {
            return None;
        }
        if let Some(named) = &self.cache {
            return Some((named.clone(), true));
        }
        // Relative paths are to be ignored (XDG Base Directory Specification).
        let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
        Some((caches.join(NAME), false))
    }

    pub(super) fn size(&self) -> u64 {
        self.cache_size.unwrap_or(SIZE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_one_that_is_named_or_the_users_own() {
        let named = CacheArgs { cache: Some("c".into()), ..CacheArgs::default() };
        let none = CacheArgs { no_cache: true, ..CacheArgs::default() };
        let default = CacheArgs::default();
        for (args, variables, expected) in [
            (&named, &[("HOME", "/h")][..], Some(("c", true))),
            (&none, &[("HOME", "/h")], None),
            (&default, &[("HOME", "/h")], Some(("/h/.cache/landfall", false))),
            (&default, &[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")], Some(("/x/landfall", false))),
            (&default, &[("HOME", "/h"), ("XDG_CACHE_HOME", "x")], Some(("/h/.cache/landfall", false))),
            (&default, &[("HOME", "")], None),
            (&default, &[], None),
        ] {
            let variable = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into());
            let expected = expected.map(|(path, is_named)| (PathBuf::from(path), is_named));
            assert_eq!(args.folder(variable), expected, "{args:?} {variables:?}");
        }
    }
}
