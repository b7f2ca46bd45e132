use crate::assemble;
use crate::build_host::BuildHost;
use crate::definition::{Definition, Examination, Variables, for_each_arch};
use crate::error::Error;
use crate::host_packages;
use crate::lint::{self, Lint};
use crate::lock_file::LockFile;
use crate::plan::Plan;
use crate::registry::Registries;
use crate::sources::{self, FoundFile, ImageOutline};
use crate::trust::TrustFolder;
use landfall_console::{Console, message_with_causes};
use landfall_keys::RootLink;
use landfall_manifests::{Arch, Package, Problem, ReleaseError, SignError, Signed};
use std::collections::BTreeSet;
use std::path::Path;

/// All that is found without packing.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What a build would stop at, in the order in which it would come to it.
    pub(super) errors: Vec<Error>,
    pub(super) warnings: Vec<Lint>,
    /// Whether there are layers that only a build looks into.
    pub(super) has_images: bool,
}

impl Findings {
    /// Looks at the definition and at all that it names, in the order in which `build` does.
    pub(super) fn of(file: &Path, variables: &Variables, registries: &Registries, locked: bool) -> Self {
        let mut findings = Self::default();
        let Some(text) = findings.keep(Definition::read_text(file)) else { return findings };
        let examine = |variables: &Variables| Examination::of(&text, file, variables);
        let archs =
            |examined: &Examination| examined.definition.as_ref().map_or_else(Vec::new, |found| found.archs().to_vec());
        for (arch, examination) in for_each_arch(variables, examine, archs) {
            findings.bundle(file, examination, arch, registries, locked);
        }
        findings.told_once()
    }

    /// What is the same for several architectures is told once.
    fn told_once(mut self) -> Self {
        let mut told = BTreeSet::new();
        self.errors.retain(|error| told.insert(message_with_causes(error)));
        let mut told = BTreeSet::new();
        self.warnings.retain(|warning| told.insert(warning.to_string()));
        self
    }

    /// Looks at the bundle for one architecture.
    fn bundle(
        &mut self,
        file: &Path,
        examination: Examination,
        arch: Option<Arch>,
        registries: &Registries,
        locked: bool,
    ) {
        // 1. What is written.
        let Examination { definition, problems } = examination;
        let is_whole = problems.is_empty();
        self.add(problems);
        let Some(definition) = definition else { return };
        let definition = definition.for_arch(arch);
        // 2. What it is built from, as a pure function of it: without keys, since nothing is signed.
        let Some(lock) = self.keep(LockFile::beside(file)) else { return };
        if locked {
            self.keep(lock.check(&definition));
        }
        let definition = lock.apply(definition);
        let Some(host) = self.keep(BuildHost::detect(&[])) else { return };
        let Some(plan) = self.keep(Plan::new(&definition, &host)) else { return };
        let trust = self.trust(&definition);
        // 3. What is there.
        let (files, errors) = sources::find_all_files(&plan);
        self.add(errors);
        self.add(sources::check_secrets(&files));
        let (images, errors) = sources::find_all_images(&plan, registries);
        // Signatures are looked for beside images that are there.
        let evidence = if errors.is_empty() { self.keep(sources::find_evidence(&plan, registries)) } else { None };
        let evidence = evidence.unwrap_or_default();
        let files = sources::with_made(files, &evidence);
        self.add(errors);
        let packages = self.keep(host_packages::choose(&plan, registries, Console::unattended()));
        let packages = host_packages::outline(&packages.unwrap_or_default());
        // 4. What it would make.
        let mut are_fit = true;
        for image in &images {
            are_fit &= self.image(&plan, image);
        }
        self.has_images |= !images.is_empty();
        if is_whole && are_fit {
            self.release(&plan, trust, (&files, images, packages));
        }
    }

    fn add<E: Into<Error>>(&mut self, errors: Vec<E>) {
        self.errors.extend(errors.into_iter().map(Into::into));
    }

    /// What there is, or else its error is noted.
    fn keep<T, E: Into<Error>>(&mut self, outcome: Result<T, E>) -> Option<T> {
        outcome.map_err(|error| self.errors.push(error.into())).ok()
    }

    /// The trust roots that the bundle would carry.
    fn trust(&mut self, definition: &Definition) -> Vec<RootLink> {
        let Some(named) = &definition.release.trust else { return Vec::new() };
        let packed = TrustFolder::open(&named.path).and_then(|folder| Ok(folder.complete()?.packed()));
        let packed =
            packed.map_err(|source| Error::DefinitionTrust { line: named.line.clone(), source: Box::new(source) });
        self.keep(packed).unwrap_or_default()
    }

    /// What an image's configuration tells; whether a release can hold the image.
    fn image(&mut self, plan: &Plan, image: &ImageOutline) -> bool {
        let planned = plan.images.iter().find(|planned| planned.name == image.name);
        let tenant = planned.and_then(|planned| planned.tenant.as_ref());
        // Some sources show it only while they are read.
        let (Some(tenant), Some(config)) = (tenant, &image.config) else { return true };
        self.warnings.extend(lint::configuration(&image.name, Some(tenant), config));
        self.keep(assemble::tenant_of(&image.name, tenant, config)).is_some()
    }

    /// What the files, images and packages come to together.
    fn release(
        &mut self,
        plan: &Plan,
        trust: Vec<RootLink>,
        (files, images, packages): (&[FoundFile<'_>], Vec<ImageOutline>, Vec<Package>),
    ) {
        let Some(bound) = self.keep(assemble::bound(plan, trust, files, images, packages)) else { return };
        self.keep(Signed::room_for(&bound, &[]));
        if let Err(ReleaseError::Problems(mut problems)) = bound.check() {
            // Digests and sizes are not known yet, and what is said of them means nothing; the rest was told already.
            problems.retain(|problem| matches!(problem, Problem::FileAndFolder(_)));
            if !problems.is_empty() {
                self.errors.push(SignError::Release(ReleaseError::Problems(problems)).into());
            }
        }
    }
}
