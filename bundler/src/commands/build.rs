use crate::assemble::WrittenBundle;
use crate::blob_store::{BlobStore, StoreError, default_workers};
use crate::build_host::BuildHost;
use crate::definition::{Definition, Variables, is_name};
use crate::error::{Error, Result};
use crate::key_files::{self, PasswordArgs};
use crate::layer_scan::LayerFacts;
use crate::lint::{self, Lint};
use crate::plan::Plan;
use crate::registry::{Registries, RegistryArgs};
use crate::sources::{self, FoundFile, PackContext, PackedImage};
use crate::trust::{TrustFolder, UnverifiedRoot};
use crate::{assemble, byte_size, output};
use landfall_console::{Console, Count, Size};
use landfall_keys::{PublicKey, RootLink, SecretKey};
use landfall_manifests::parts::Ranges;
use landfall_manifests::{File, Release, Signed};
use landfall_media::{Destination, folder_of};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Pack a bundle from a definition, and sign it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The definition is a TOML file; paths in it are relative to it. ${NAME} in its strings is replaced by --set NAME=VALUE, \
or from the environment. The same inputs give the same bytes, also on a machine with more cores; the release has a \
time only if the definition has `created`, or the environment SOURCE_DATE_EPOCH.

Temporary files are beside the bundle, in a folder that is removed at the end; the next run removes what a killed run left, and puts a bundle back that it had set aside. \
An existing bundle, whole or in parts, is replaced; any other file is not. A folder that is packed must not contain the bundle \
or a secret key.

With `trust = \"DIR\"` in [release], the bundle carries the trust roots that `trust` keeps in that folder: hosts that trust an \
older one follow to the newest, and new hosts are offered the newest.

Images of registries (docker://REF) need no engine. Logins are taken from REGISTRY_AUTH_FILE, or else from where `podman login` and \
`docker login` keep them; proxies from HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Certificates are checked against Mozilla's authorities, \
this machine's, /etc/docker/certs.d/HOST/ca.crt and --ca-file.

Examples:
  landfall-bundler build acme.toml --key acme.key
  landfall-bundler build acme.toml --key a.key --key b.key --out /srv/bundles/ --set VERSION=1.4.0
  landfall-bundler build acme.toml --key acme.key --registry-mirror docker.io=mirror.lan:5000 --ca-file lan.crt
  landfall-bundler build acme.toml --key acme.key --split 4095MiB   # FAT32 holds files below 4 GiB")]
pub(crate) struct Args {
    /// The bundle definition
    definition: PathBuf,
    /// A secret key file to sign with; may be given several times
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// The bundle's file, or its folder [default: PRODUCT-VERSION-OS-ARCH.landfall.tar here]
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    /// What ${NAME} stands for in the definition; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,
    /// Cut the bundle into parts of SIZE, such as 700MB or 4095MiB: BUNDLE.part001 and so on, which `cat` joins
    #[arg(long, value_name = "SIZE", value_parser = byte_size::parse)]
    split: Option<u64>,
    #[command(flatten)]
    password: PasswordArgs,
    #[command(flatten)]
    registries: RegistryArgs,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    if is_name(name) { Ok((name.to_owned(), value.to_owned())) } else { Err(format!("{name:?} is not a name")) }
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    // 1. What was typed and written becomes a definition.
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let variables = Variables::new(environment, args.set.clone());
    let definition = Definition::read(&args.definition, &variables)?;
    // 2. Passwords are asked for now, not after minutes of packing.
    let keys = key_files::secrets(&args.keys, &args.password, console)?;
    let host = BuildHost::detect(&keys)?;
    // 3. The plan is a pure function of definition and machine.
    let plan = Plan::new(&definition, &host)?;
    let trust = trust(&definition, &host.keys, console)?;
    // 4. The output is checked before anything is read: it must replace no other file, and no secret may be packed.
    let secrets: Vec<&Path> = args.keys.iter().chain(&args.password.password_file).map(PathBuf::as_path).collect();
    let out = output::resolve(args.out.as_deref(), &plan, &secrets)?;
    args.split.map(|_| output::check_names_parts(&out)).transpose()?;
    // 5. Sources are read into the store, the release is signed, and the bundle gets its name last.
    let folder = folder_of(&out);
    let output = Destination { path: &out, part_size: args.split };
    let registries = Registries::new(args.registries.clone(), console);
    let made = make(&plan, trust, &keys, output, &registries, console);
    let (written, lints) = made.map_err(|error| error.with_free_space(folder))?;
    report(&written, &lints, &out, console)
}

/// The trust roots that the bundle carries.
fn trust(definition: &Definition, keys: &[PublicKey], console: Console) -> Result<Vec<RootLink>> {
    let Some(named) = &definition.release.trust else { return Ok(Vec::new()) };
    let failed = |source| Error::DefinitionTrust { line: named.line.clone(), source: Box::new(source) };
    let folder = TrustFolder::open(&named.path).map_err(failed)?;
    let chain = folder.complete().map_err(failed)?;
    // A warning only: others may add their signatures to the finished bundle.
    if let Some(needs) = chain.release_needs(keys) {
        let version = chain.newest().version();
        console.warn(format_args!(
            "hosts that follow to version {version} of the trust root refuse this bundle until `landfall-bundler sign` adds \
             signatures: {needs}"
        ));
    }
    Ok(chain.packed())
}

fn make(
    plan: &Plan,
    trust: Vec<RootLink>,
    keys: &[SecretKey],
    out: Destination<'_>,
    registries: &Registries,
    console: Console,
) -> Result<(WrittenBundle, Vec<Lint>)> {
    let mut store = BlobStore::new(out, default_workers(), plan.layer_encoding)?;
    // 1. Whatever is missing is told now, and not after minutes of packing what is there.
    let files = sources::find_files(plan)?;
    let images = sources::find_images(plan, registries)?;
    // 2. What comes before the blobs is written last, into the room that is left for it now.
    let kept = assemble::kept_bytes(&images);
    let bound = assemble::bound(plan, trust.clone(), &files, images)?;
    let room = Signed::room_for(&bound, keys)?;
    drop(bound);
    // More parts than can be named are refused now, if that is certain before anything is compressed.
    let at_least = room.saturating_add(kept);
    out.part_size.map(|size| Ranges::cut(at_least, size)).transpose().map_err(Error::PartSize)?;
    store.leave_room(room);
    // 3. Each blob is written where it stays.
    let (files, images) = pack(plan, &files, &mut store, registries, console)?;
    let release = assemble::release(plan, trust, &store, files, images)?;
    let lints = lints(plan, &release, &store)?;
    for lint in &lints {
        console.warn(lint);
    }
    // 4. The bundle gets its name when the disk has all of it.
    let progress = console.progress("Writing the bundle", None);
    let written = assemble::write(release, keys, &store, room, out)?;
    progress.finish();
    Ok((written, lints))
}

fn pack(
    plan: &Plan,
    files: &[FoundFile<'_>],
    store: &mut BlobStore,
    registries: &Registries,
    console: Console,
) -> Result<(Vec<File>, Vec<PackedImage>)> {
    let pack = |files, store: &mut BlobStore| {
        let progress = console.progress("Reading files", None);
        sources::pack_files(files, plan.release.arch, store, &progress).inspect(|_| progress.finish())
    };
    // The settings lie before all other blobs. Other files follow the images: what the compressors of files have used stays with the
    // allocator, beside the windows that layers in zstd need.
    let (settings, others) = files.split_at(1);
    let mut packed = pack(settings, store)?;
    let mut images = Vec::new();
    for job in &plan.jobs {
        images.extend(PackContext::new(plan, store, registries, console).run(job)?);
    }
    packed.extend(pack(others, store)?);
    Ok((packed, images))
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildReport<'a> {
    path: &'a Path,
    #[serde(skip_serializing_if = "<[PathBuf]>::is_empty")]
    parts: &'a [PathBuf],
    size: u64,
    product: String,
    version: String,
    serial: u64,
    platform: String,
    manifest: String,
    keys: Vec<String>,
    /// The version of the newest trust root that it brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<u32>,
    blobs: usize,
    files: usize,
    images: Vec<String>,
    warnings: &'a [Lint],
}

fn report(written: &WrittenBundle, lints: &[Lint], out: &Path, console: Console) -> Result<()> {
    let WrittenBundle { signed, parts } = written;
    let release = signed.release();
    let size = signed.bundle_bytes();
    let keys: Vec<String> = signed.signatures().iter().map(|signature| signature.key_id().to_string()).collect();
    let images: Vec<String> = release.images.iter().map(|image| image.name.to_string()).collect();
    let names = if images.is_empty() { "none".to_owned() } else { images.join(", ") };
    let trust = UnverifiedRoot::of(&release.trust);
    let trusts = trust.as_ref().map(|root| format!("  trust    {root}\n")).unwrap_or_default();
    let cut = if parts.is_empty() { String::new() } else { format!(" in {} parts", parts.len()) };
    let text = format!(
        "{}\n  release  {} {} (serial {}) for {}\n  size     {:#}{cut}\n  signed   by {}\n{trusts}  holds    {}, {}\n  images   {names}\n",
        out.display(),
        release.product,
        release.version,
        release.serial,
        release.platform(),
        Size(size),
        keys.join(", "),
        Count(release.files.len(), "file"),
        Count(release.blobs.len(), "blob"),
    );
    let built = BuildReport {
        path: out,
        parts,
        size,
        product: release.product.to_string(),
        version: release.version.to_string(),
        serial: release.serial.into(),
        platform: release.platform(),
        manifest: landfall_manifests::Digest::of(signed.bytes()).to_string(),
        keys,
        trust: trust.as_ref().map(UnverifiedRoot::version),
        blobs: release.blobs.len(),
        files: release.files.len(),
        images,
        warnings: lints,
    };
    console.result(&built, text)
}
