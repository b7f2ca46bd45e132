use landfall_manifests::Digest;
use landfall_readers::Target;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Where things lie.
#[derive(Debug)]
pub(crate) struct Folders {
    /// The crate of the fuzz targets.
    pub(crate) fuzz: PathBuf,
    /// Where its programs lie once they are built.
    programs: PathBuf,
}

impl Folders {
    pub(crate) fn find() -> io::Result<Self> {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz");
        let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
        Ok(Self { programs: fuzz.join("target").join(triple).join("release"), fuzz: fuzz.canonicalize()? })
    }

    pub(crate) fn program(&self, target: &Target) -> PathBuf {
        self.programs.join(target.name)
    }

    /// The inputs that are known to lead somewhere: seeds, and what earlier runs have found on their way.
    pub(crate) fn corpus(&self, target: &Target) -> PathBuf {
        self.fuzz.join("corpus").join(target.name)
    }

    /// Inputs for which a property does not hold, and the fuzzer's log.
    pub(crate) fn artifacts(&self, target: &Target) -> io::Result<PathBuf> {
        let folder = self.fuzz.join("artifacts").join(target.name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    pub(crate) fn write_seeds(&self, target: &Target) -> io::Result<()> {
        let folder = self.corpus(target);
        fs::create_dir_all(&folder)?;
        for seed in (target.seeds)().into_iter().chain((target.findings)()) {
            fs::write(folder.join(Digest::of(&seed).hex()), seed)?;
        }
        Ok(())
    }
}
