//! A build, from the plan to the bundle in its place.

use crate::assemble::{self, AssembleError, Packed, WrittenBundle};
use crate::blob_store::{BlobStore, StoreError, default_workers};
use crate::cache::Cache;
use crate::delta::{self, Bases};
use crate::error::{Error, Result};
use crate::evidence::{self, ImagePackages, Inputs};
use crate::host_packages::{self, FoundPackage};
use crate::layer_scan::LayerFacts;
use crate::lint::{self, Lint};
use crate::lock_file::LockFile;
use crate::partial_folder::PartialFolder;
use crate::plan::{self, PROVENANCE_PATH, Plan};
use crate::registry::{Reference, Registries, RegistryArgs};
use crate::sources::{self, Archives, EvidenceFile, FoundFile, PackContext, PackedFiles, PackedImage};
use landfall_console::{Console, message_with_causes};
use landfall_keys::{RootLink, SecretKey};
use landfall_manifests::parts::Ranges;
use landfall_manifests::{BundlePath, File, Package, Release, Signed, sbom};
use landfall_media::{CopyError, Destination, UnverifiedBundle, folder_of};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// One bundle in the making.
#[derive(Clone)]
pub(crate) struct Build<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) trust: Vec<RootLink>,
    pub(crate) keys: &'a [SecretKey],
    pub(crate) out: Destination<'a>,
    pub(crate) lock: &'a LockFile,
    /// The references that the lock file may pin.
    pub(crate) open: Vec<Reference>,
    pub(crate) registries: RegistryArgs,
    pub(crate) cache: Arc<Cache>,
    pub(crate) console: Console,
}

/// A bundle that was made.
pub(crate) struct Built {
    pub(crate) written: WrittenBundle,
    pub(crate) lints: Vec<Lint>,
    /// The lock file with what its references were found to stand for.
    pub(crate) pinned: LockFile,
}

impl Build<'_> {
    /// Makes the bundle. Where what an earlier build has noted turns out not to be true any more, all is packed anew.
    pub(crate) fn run(self) -> Result<Built> {
        // Standard input is read once, however often is packed.
        let archives = Archives::new(self.console);
        let made = match self.attempt(&archives) {
            Err(Error::Assemble(AssembleError::Store(StoreError::Stale { digest, path }))) => {
                self.cache.forget(&digest);
                let stale = StoreError::Stale { digest, path };
                self.console.say(format_args!("{stale}: packing everything anew"));
                Build { cache: Arc::default(), ..self.clone() }.attempt(&archives)
            }
            other => other,
        };
        self.cache.prune();
        made
    }

    /// Makes a delta against `bases`: the full bundle first, beside it, out of which it is cut.
    pub(crate) fn run_delta(self, bases: &Bases) -> Result<Built> {
        let Self { keys, out, console, .. } = self;
        let failed = |source: io::Error| CopyError::Write { path: out.path.to_owned(), source: source.into() };
        let partial = PartialFolder::new(folder_of(out.path)).map_err(failed)?;
        let path = partial.path().join("full");
        let built = Build { out: Destination { path: &path, part_size: None }, ..self }.run()?;
        let full = UnverifiedBundle::open_file(&path)?;
        Ok(Built { written: delta::cut(&full, bases, keys, out, console)?, ..built })
    }

    fn attempt(&self, archives: &Archives) -> Result<Built> {
        let Self { plan, keys, out, .. } = *self;
        let store = BlobStore::new(out, default_workers(), plan.layer_encoding)?.at_level(plan.compression_level);
        let mut store = store.with_cache(Arc::clone(&self.cache));
        let registries = Registries::new(self.registries.clone(), self.console).with_cache(Arc::clone(&self.cache));
        // 1. Whatever is missing is told now, and not after minutes of packing what is there.
        let mut files = sources::find_files(plan)?;
        let images = sources::find_images(plan, &registries, archives, &store)?;
        let packages = host_packages::choose(plan, &registries, self.console)?;
        let outline = host_packages::outline(&packages);
        sources::download_files(&mut files, &registries, &store, self.console)?;
        let packages = host_packages::fetch(packages, &registries, &store, self.console)?;
        let evidence = sources::find_evidence(plan, &registries)?;
        let files = sources::with_made(files, &evidence);
        // 2. What comes before the blobs is written last, into the room that is left for it now.
        let kept = assemble::kept_bytes(&images);
        let bound = assemble::bound(plan, self.trust.clone(), &files, images, outline)?;
        let room = Signed::room_for(&bound, keys)?;
        drop(bound);
        // More parts than can be named are refused now, if that is certain before anything is compressed.
        let at_least = room.saturating_add(kept);
        out.part_size.map(|size| Ranges::cut(at_least, size)).transpose().map_err(Error::PartSize)?;
        store.leave_room(room);
        // 3. Each blob is written where it stays.
        let (files, images) = self.pack(&files, &mut store, &registries, archives)?;
        let packages = self.pack_packages(&packages, &mut store)?;
        let release = assemble::release(plan, self.trust.clone(), &store, Packed { files, images, packages })?;
        let lints = lints(plan, &release, &store)?;
        // 4. The bundle gets its name when the disk has all of it.
        let progress = self.console.progress("Writing the bundle", None);
        let written = assemble::write(release, keys, &store, room, out)?;
        progress.finish();
        for lint in &lints {
            self.console.warn(lint);
        }
        Ok(Built { written, lints, pinned: self.pin(&registries) })
    }

    /// Notes what references stand for.
    fn pin(&self, registries: &Registries) -> LockFile {
        let lock = self.lock.with(self.open.iter(), registries);
        if lock != *self.lock
            && let Err(error) = lock.write(self.lock)
        {
            let error = message_with_causes(&error);
            self.console.warn(format_args!("{error}: the next build looks its images up again"));
        }
        lock
    }

    fn pack_packages(&self, found: &[FoundPackage<'_>], store: &mut BlobStore) -> Result<Vec<Package>> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let progress = self.console.progress("Reading packages", None);
        let packed = host_packages::pack(found, store, &progress)?;
        progress.finish();
        Ok(packed)
    }

    fn pack(
        &self,
        files: &[FoundFile<'_>],
        store: &mut BlobStore,
        registries: &Registries,
        archives: &Archives,
    ) -> Result<(Vec<File>, Vec<PackedImage>)> {
        let Self { plan, console, .. } = *self;
        // The settings lie before all other blobs. Other files follow the images: what the compressors of files have used stays with the
        // allocator, beside the windows that layers in zstd need.
        let (settings, others) = files.split_at(1);
        let mut packed = self.pack_files(settings, store)?;
        let mut images = Vec::new();
        for job in &plan.jobs {
            images.extend(PackContext::new(plan, store, registries, archives, console).run(job)?);
        }
        PackContext::new(plan, store, registries, archives, console).derive(&plan.derived, &mut images)?;
        packed.extend(self.pack_files(others, store)?);
        if plan.evidence {
            self.pack_evidence(&mut packed, &images, store, registries)?;
        }
        Ok((packed.files, images))
    }

    fn pack_files(&self, files: &[FoundFile<'_>], store: &mut BlobStore) -> Result<PackedFiles> {
        let progress = self.console.progress("Reading files", None);
        let packed = sources::pack_files(files, self.plan.release.arch, store, &progress)?;
        progress.finish();
        Ok(packed)
    }

    /// Adds what tells what was packed, and where it came from. One document is made after the other, for the sake of memory.
    fn pack_evidence(
        &self,
        packed: &mut PackedFiles,
        images: &[PackedImage],
        store: &mut BlobStore,
        registries: &Registries,
    ) -> Result<()> {
        let release = &self.plan.release;
        let mut serials = BTreeMap::new();
        for image in images {
            let layers: Vec<&LayerFacts> =
                image.layers.iter().filter_map(|layer| store.facts_of(&layer.blob)).collect();
            let bom = evidence::image_bom(release, image, &ImagePackages::of(&layers));
            let path = sbom::image_path(&image.name);
            serials.extend(bom.serial_number.clone().map(|serial| (path.clone(), serial)));
            self.pack_made(path, bom.to_json(), packed, store)?;
        }
        let bom = evidence::bundle_bom(self.plan, packed, images, &serials).to_json();
        let inputs = Inputs { plan: self.plan, registries };
        self.pack_made(plan::own_path(sbom::BUNDLE_PATH), bom, packed, store)?;
        let statement = evidence::provenance(&inputs, &packed.files, images);
        self.pack_made(plan::own_path(PROVENANCE_PATH), statement, packed, store)
    }

    /// Packs a document that was made here.
    fn pack_made(
        &self,
        path: BundlePath,
        content: Vec<u8>,
        packed: &mut PackedFiles,
        store: &mut BlobStore,
    ) -> Result<()> {
        let made = [EvidenceFile { path, content }];
        let progress = Console::unattended().progress("Evidence", None);
        let arch = self.plan.release.arch;
        packed.extend(sources::pack_files(&sources::with_made(Vec::new(), &made), arch, store, &progress)?);
        Ok(())
    }
}

/// What is to be said of the images.
fn lints(plan: &Plan, release: &Release, store: &BlobStore) -> Result<Vec<Lint>, StoreError> {
    let mut found = Vec::new();
    for image in &release.images {
        let facts = image.layers.iter().filter_map(|layer| store.facts_of(&layer.blob));
        let facts: Vec<&LayerFacts> = facts.collect();
        let config = store.read(&image.config)?;
        // As the definition has it: the release's has the image's volumes, too.
        let planned = plan.images.iter().find(|planned| planned.name == image.name);
        let tenant = planned.and_then(|planned| planned.tenant.as_ref());
        found.extend(lint::image(&image.name, tenant, &config, &facts));
        found.extend(lint::encodings(image, plan.layer_encoding));
    }
    Ok(found)
}
