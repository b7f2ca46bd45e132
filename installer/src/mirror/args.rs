use super::{MirrorAddress, MirrorError, MirroredBundle, newest};
use crate::layout::Layout;
use crate::media::{Media, MediaArgs, MediaError};
use crate::plan::policy::Refusal;
use crate::state::installed::Installed;
use landfall_console::Console;
use std::path::PathBuf;

/// Where a bundle is, or where to look for one.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BundleArgs {
    /// The bundle; where it is cut into parts, any of them, or its name without .partNNN
    #[arg(required_unless_present = "from")]
    file: Option<PathBuf>,
    /// One more folder in which its parts may be; may be repeated
    #[arg(long, value_name = "DIR", requires = "file")]
    parts: Vec<PathBuf>,
    /// A patch bundle: what it holds is not read from the bundle, which may be damaged there
    #[arg(long, value_name = "FILE", requires = "file")]
    patch: Option<PathBuf>,
    /// Take the newest bundle that may come in here from a folder with an index (`landfall-bundler index`), or from an HTTP server, such as `http://10.0.0.7/acme`
    #[arg(long, value_name = "DIR|URL", value_parser = MirrorAddress::parse, conflicts_with = "file")]
    from: Option<MirrorAddress>,
}

/// A bundle, before it is opened.
#[derive(Debug)]
pub(crate) enum Located {
    Named(MediaArgs),
    Mirrored(MirroredBundle),
}

impl BundleArgs {
    /// Where the bundle is; none if a mirror has nothing newer for this host.
    pub(crate) fn locate(
        &self,
        layout: &Layout,
        installed: Option<&Installed>,
        console: Console,
    ) -> Result<Option<Located>, MirrorError> {
        let Self { file, parts, patch, from } = self.clone();
        let Some(address) = from else {
            return Ok(file.map(|file| Located::Named(MediaArgs { file, parts, patch })));
        };
        let installed = installed.ok_or(Refusal::NotInstalled("update"))?;
        Ok(newest(&address, layout, installed, console)?.map(Located::Mirrored))
    }
}

impl Located {
    pub(crate) fn open(&self, console: Console) -> Result<Media, MediaError> {
        match self {
            Self::Named(args) => args.open(console),
            Self::Mirrored(bundle) => bundle.open(console),
        }
    }

    /// Checks that a manifest that was verified is the one that was looked for.
    pub(crate) fn check(&self, manifest: &[u8]) -> Result<(), MirrorError> {
        match self {
            Self::Named(_) => Ok(()),
            Self::Mirrored(bundle) => bundle.check(manifest),
        }
    }
}

impl From<MediaArgs> for Located {
    fn from(args: MediaArgs) -> Self {
        Self::Named(args)
    }
}
