use super::{
    FileRecord, FileRecorder, FileSystem, GUIDE_NAME, Guide, INSTALLER_NAME, MediumPlan, PartRecorder, RootFile,
    SplitPlan, StickError, overwrite_check, read_back,
};
use crate::{elf, regular};
use landfall_console::Progress;
use landfall_keys::PublicKey;
use landfall_manifests::{Digest, Signed};
use landfall_media::{ParityEncoder, ParityError, RecoveryReport, UnverifiedBundle};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// How much of the installer is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// What is put on the medium, opened and not yet read.
pub(crate) struct Payload {
    bundle: UnverifiedBundle,
    signed: Signed,
    keys: Vec<PublicKey>,
    root: Option<RootFile>,
    installer: Installer,
    /// Makes the parity file, if one is wanted.
    encoder: Option<ParityEncoder>,
}

struct Installer {
    path: PathBuf,
    file: File,
    /// In bytes.
    size: u64,
}

/// What is on the medium, under temporary names.
pub(crate) struct WrittenFiles {
    /// The bundle's files, the installer, the root if there is one, and the guide.
    pub(crate) records: Vec<FileRecord>,
    guide: String,
}

impl Payload {
    /// Opens the installer, which must run on the release's processor. `root` is the one of [`RootFile::choose`].
    pub(crate) fn new(
        bundle: UnverifiedBundle,
        installer: PathBuf,
        root: Option<RootFile>,
    ) -> Result<Self, StickError> {
        let signed = bundle.head().clone().into_signed_without_verifying()?;
        let keys = bundle.head().offered_keys();
        // Opened once and read twice from the same file, when it is written and when it is compared.
        let installer = Installer::open(installer)?;
        let header = installer.read(0, elf::HEADER_BYTES.min(usize::try_from(installer.size).unwrap_or(usize::MAX)))?;
        elf::check(&header, signed.release().arch)
            .map_err(|source| StickError::InstallerArch { path: installer.path.clone(), source })?;
        Ok(Self { bundle, signed, keys, root, installer, encoder: None })
    }

    /// The same with a parity file, of at least so many percent of the bundle's size.
    pub(crate) fn with_parity(self, percent: u32) -> Result<Self, StickError> {
        let encoder = ParityEncoder::new(&self.signed, percent).map_err(ParityError::from)?;
        Ok(Self { encoder: Some(encoder), ..self })
    }

    /// The size of the largest gap in the bundle that the parity file fills, in bytes.
    pub(crate) fn recoverable(&self) -> Option<u64> {
        let geometry = self.encoder.as_ref().map(ParityEncoder::geometry);
        geometry.map(|geometry| geometry.recovery_blocks() * u64::from(geometry.block_bytes()))
    }

    /// What was recovered by a parity file beside the bundle that is copied.
    pub(crate) fn recovery_report(&self) -> Option<RecoveryReport> {
        self.bundle.recovery_report()
    }

    /// Why a parity file beside the bundle that is copied is not used.
    pub(crate) fn unused_parity(&self) -> Option<String> {
        self.bundle.unused_parity()
    }

    /// The manifest with its signatures.
    pub(crate) fn signed(&self) -> &Signed {
        &self.signed
    }

    /// The keys that the bundle names and that signed it.
    pub(crate) fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The root that hosts are given.
    pub(crate) fn root(&self) -> Option<&RootFile> {
        self.root.as_ref()
    }

    /// How many bytes are copied, and read once more for the parity file.
    pub(crate) fn bytes(&self) -> u64 {
        let passes = if self.encoder.is_some() { 2 } else { 1 };
        self.signed.bundle_bytes().saturating_mul(passes).saturating_add(self.installer.size)
    }

    /// Plans how the bundle is cut on the medium that is mounted at `folder`. `split` is the size of parts that is asked for,
    /// in bytes. What a killed run left behind must be removed before.
    ///
    /// # Errors
    /// The payload does not fit, or would replace what this program did not write.
    pub(crate) fn plan(&self, folder: &Path, split: Option<u64>) -> Result<MediumPlan, StickError> {
        let look = |source| StickError::Inspect { path: folder.to_owned(), source };
        let medium = FileSystem::of(folder).map_err(look)?;
        let (name, size) = (self.signed.release().file_name(), self.signed.bundle_bytes());
        let plan = MediumPlan::new(name, size, self.encoder.as_ref(), split, &medium)?;
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(look)?;
        let mut there: Vec<String> =
            entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        there.sort_unstable();
        // An older, longer copy's last parts would be read as the end of this one.
        if let Some(stale) = plan.stale(&there) {
            return Err(StickError::StalePart { path: folder.join(stale) });
        }
        overwrite_check::check(folder, &plan, self.signed.release().arch, self.root())?;
        let needed = plan.room(self.installer.size, medium.block);
        if medium.free < needed {
            return Err(StickError::NoSpace { path: folder.to_owned(), needed, free: medium.free });
        }
        Ok(plan)
    }

    /// Writes everything into `folder` and syncs it. The guide is written last: it lists the others.
    pub(crate) fn write(
        &self,
        plan: &MediumPlan,
        folder: &Path,
        progress: &Progress,
    ) -> Result<WrittenFiles, StickError> {
        let mut encoder = self.encoder.clone();
        let mut records = in_parts(folder, &plan.bundle, |parts| match &mut encoder {
            None => Ok(self.bundle.copy_to(&self.signed, parts, progress).map(drop)?),
            Some(encoder) => Ok(self.bundle.copy_to(&self.signed, encoder.recording(parts), progress).map(drop)?),
        })?;
        if let (Some(encoder), Some(parity)) = (encoder, &plan.parity) {
            let parity = in_parts(folder, parity, |parts| Ok(encoder.write(&self.bundle, parts, progress)?));
            records.extend(parity?);
        }
        records.push(self.write_installer(folder, progress)?);
        if let Some(root) = &self.root {
            records.push(write(folder, root.name(), root.bytes())?);
        }
        let guide = Guide {
            release: self.signed.release(),
            manifest: Digest::of(self.signed.bytes()),
            keys: &self.keys,
            root: self.root(),
            bundle: plan.bundle.bundle(),
            parts: plan.bundle.parts(),
            parity: plan.parity.as_ref().map(SplitPlan::bundle),
            files: &records,
        };
        let guide = guide.to_string();
        records.push(write(folder, GUIDE_NAME, guide.as_bytes())?);
        // All of it is on the medium before anything is read back: a
        // read from memory would show nothing about the medium.
        sync(folder)?;
        Ok(WrittenFiles { records, guide })
    }

    fn write_installer(&self, folder: &Path, progress: &Progress) -> Result<FileRecord, StickError> {
        let mut recorder = FileRecorder::create(folder, INSTALLER_NAME, 0o755)?;
        let mut offset = 0;
        while offset < self.installer.size {
            let length = usize::try_from(self.installer.size - offset).unwrap_or(PIECE).min(PIECE);
            recorder.write_all(&self.installer.read(offset, length)?)?;
            progress.add(length as u64);
            offset += length as u64;
        }
        recorder.finish()
    }

    /// Reads everything in `folder` back from the medium.
    pub(crate) fn check(
        &self,
        plan: &MediumPlan,
        written: &WrittenFiles,
        folder: &Path,
        progress: &Progress,
    ) -> Result<(), StickError> {
        let mut faults = Vec::new();
        // The bundle's files are the first records: for these alone it is a place in the bundle.
        let mut start = 0;
        let bundle = plan.bundle.names();
        for record in &written.records {
            let root = self.root().filter(|root| root.name() == record.name);
            let mut origin = |offset: u64, length: usize| match (record.name.as_str(), root) {
                (INSTALLER_NAME, _) => self.installer.read(offset, length).map_err(io::Error::other),
                (GUIDE_NAME, _) => Ok(slice(written.guide.as_bytes(), offset, length)),
                (_, Some(root)) => Ok(slice(root.bytes(), offset, length)),
                (name, None) if bundle.iter().any(|part| part == name) => self.read_bundle(start + offset, length),
                // The parity file was computed: it is not there a second time.
                _ => Err(io::ErrorKind::Unsupported.into()),
            };
            faults.extend(read_back(folder, record, &mut origin, progress).err());
            start = start.saturating_add(plan.bundle.part_size());
        }
        if faults.is_empty() { Ok(()) } else { Err(StickError::ReadBack { path: folder.to_owned(), faults }) }
    }

    fn read_bundle(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.bundle.at(offset).read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Installer {
    fn open(path: PathBuf) -> Result<Self, StickError> {
        match regular::open(&path) {
            Ok((file, metadata)) => Ok(Self { path, file, size: metadata.len() }),
            Err(source) => Err(StickError::Installer { path, source }),
        }
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, StickError> {
        let mut bytes = vec![0; length];
        let read = self.file.read_exact_at(&mut bytes, offset);
        read.map_err(|source| StickError::Installer { path: self.path.clone(), source }).map(|()| bytes)
    }
}

impl WrittenFiles {
    /// Renames everything in `partial` into `folder`. The guide is last: where it is, everything else is.
    pub(crate) fn publish(&self, partial: &Path, folder: &Path) -> Result<(), StickError> {
        for record in &self.records {
            let path = folder.join(&record.name);
            fs::rename(partial.join(&record.name), &path).map_err(|source| StickError::Write { path, source })?;
        }
        sync(folder)
    }
}

/// Makes the names in a folder durable, and everything else that its file system has in memory.
fn sync(folder: &Path) -> Result<(), StickError> {
    let synced = File::open(folder).and_then(|opened| {
        opened.sync_all()?;
        Ok(rustix::fs::syncfs(&opened)?)
    });
    synced.map_err(|source| StickError::Write { path: folder.to_owned(), source })
}

/// Has `write` write what is cut into the files of `plan`, in `folder`.
fn in_parts(
    folder: &Path,
    plan: &SplitPlan,
    write: impl FnOnce(&mut PartRecorder<'_>) -> Result<(), StickError>,
) -> Result<Vec<FileRecord>, StickError> {
    let mut parts = PartRecorder::new(folder, plan.names(), plan.part_size());
    let written = write(&mut parts);
    // Of a failure of the medium, `write` knows only that its output failed.
    match parts.failure() {
        Some(failure) => Err(failure),
        None => written.and_then(|()| parts.finish()),
    }
}

/// Writes a small file.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<FileRecord, StickError> {
    let mut recorder = FileRecorder::create(folder, name, 0o644)?;
    recorder.write_all(bytes)?;
    recorder.finish()
}

fn slice(bytes: &[u8], offset: u64, length: usize) -> Vec<u8> {
    bytes[usize::try_from(offset).unwrap_or_default()..][..length].to_vec()
}
