use super::host_key_args::HostKeyArgs;
use super::variable_args::VariableArgs;
use crate::build::{Build, Built};
use crate::build_host::BuildHost;
use crate::build_report::{self, BuildReport};
use crate::build_stats::BuildStats;
use crate::cache::{Cache, CacheArgs};
use crate::definition::Definition;
use crate::delta::{self, Bases};
use crate::error::{Error, Result};
use crate::job_summary::{self, SummaryFile};
use crate::key_files::{self, PasswordArgs};
use crate::lock_file::LockFile;
use crate::plan::Plan;
use crate::registry::RegistryArgs;
use crate::trust::TrustFolder;
use crate::{byte_size, output};
use landfall_console::Console;
use landfall_keys::{PublicKey, RootLink};
use landfall_media::{Destination, folder_of};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Pack a bundle from a definition, and sign it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The definition is a TOML file; paths in it are relative to it. ${NAME} in its strings is replaced by --set NAME=VALUE, \
or from the environment. The same inputs give the same bytes, also on a machine with more cores; the release has a \
time only if the definition has `created`, or the environment SOURCE_DATE_EPOCH.

Temporary files are beside the bundle, in a folder that is removed at the end (the lists of a mirror of packages alone are in TMPDIR while they are read); the next run removes what a killed run left, and puts a bundle back that it had set aside. \
An existing bundle, whole or in parts, is replaced; any other file is not. A folder that is packed must not contain the bundle \
or a secret key.

Where `arch` in [release] is a list, each architecture gets a bundle of its own, in the folder --out. The programs of another architecture than this machine's have to be \
named in [runtime], as with binary = \"programs/${TARGETARCH}/landfall\".

With `trust = \"DIR\"` in [release], the bundle carries the trust roots that `trust` keeps in that folder: hosts that trust an \
older one follow to the newest, and new hosts are offered the newest.

Images of registries (docker://REF) need no engine. Logins are taken from REGISTRY_AUTH_FILE, or else from where `podman login` and \
`docker login` keep them; proxies from HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Certificates are checked against Mozilla's authorities, \
this machine's, --ca-file, and those in HOST's folder below ~/.config/containers/certs.d, /etc/containers/certs.d or /etc/docker/certs.d, \
which may have a client's certificate, too (containers-certs.d(5)).

What a tag stands for is noted in landfall.lock, beside the definition: later builds pack the same images, until `update` moves them. Keep the file under \
version control; with --locked, a build takes nothing that is not in it. What was pulled and compressed is kept in a cache, from which later builds take it \
when its digest is right: they do not look at an image's layers again that they know, so that damage to those in a source goes unnoticed there. Where a bundle would not change, none is written.

With --base OLD, the bundle is a delta: for hosts that run the release of OLD, without what they have (`delta --help`). The full bundle is \
made on the way, in a temporary file beside the delta, and is not kept: `build` without --base and then `delta` give both.

Examples:
  landfall-bundler build acme.toml --key acme.key
  landfall-bundler build acme.toml --key a.key --key b.key --out /srv/bundles/ --set VERSION=1.4.0
  landfall-bundler build acme.toml --key acme.key --registry-mirror docker.io=mirror.lan:5000 --ca-file lan.crt
  landfall-bundler build acme.toml --key acme.key --split 4095MiB   # FAT32 holds files below 4 GiB
  landfall-bundler build acme.toml --key acme.key --base acme-1.0.0-linux-amd64.landfall.tar
  landfall-bundler build acme.toml --key ci.key --output json --summary \"$GITHUB_STEP_SUMMARY\"")]
pub(crate) struct Args {
    /// The bundle definition
    definition: PathBuf,
    /// A secret key file to sign with; may be given several times
    #[arg(long = "key", value_name = "FILE", required = true)]
    keys: Vec<PathBuf>,
    /// Make a delta, for hosts that run an earlier release: leave out what its bundle OLD has, or a host by what its `inventory` wrote; may be given several times
    #[arg(long = "base", value_name = "OLD|HOST.json")]
    bases: Vec<PathBuf>,
    #[command(flatten)]
    hosts: HostKeyArgs,
    /// The bundle's file, or its folder [default: PRODUCT-VERSION-OS-ARCH.landfall.tar here; with --base, .delta.landfall.tar]
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    variables: VariableArgs,
    /// Cut the bundle into parts of SIZE, such as 700MB or 4095MiB: BUNDLE.part001 and so on, which `cat` joins
    #[arg(long, value_name = "SIZE", value_parser = byte_size::parse)]
    split: Option<u64>,
    /// Show what the build took: time, memory, bytes read and written
    #[arg(long)]
    stats: bool,
    /// Add what was built to FILE, in Markdown: images with their digests, sizes, keys and warnings
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    #[command(flatten)]
    password: PasswordArgs,
    /// Take no image of a registry whose digest is not in landfall.lock, and look nothing up
    #[arg(long)]
    locked: bool,
    #[command(flatten)]
    registries: RegistryArgs,
    #[command(flatten)]
    cache: CacheArgs,
}

pub(crate) fn run(args: &Args, console: Console) -> Result<()> {
    let began = Instant::now();
    // 1. What was typed and written becomes a definition of each bundle.
    let definitions = Definition::read_each(&args.definition, &args.variables.read())?;
    let mut lock = LockFile::beside(&args.definition)?;
    if args.locked {
        definitions.iter().try_for_each(|definition| lock.check(definition))?;
    }
    // 2. Passwords are asked for now, not after minutes of packing.
    let keys = key_files::secrets(&args.keys, &args.password, console)?;
    let host = BuildHost::detect(&keys)?;
    // 3. What can be wrong is told before anything is read: each bundle must replace no other file, and no secret may be packed.
    let secrets: Vec<&Path> = args.keys.iter().chain(&args.password.password_file).map(PathBuf::as_path).collect();
    output::check_holds(args.out.as_deref(), definitions.len())?;
    let used = [Some(args.definition.as_path()), lock.path()].into_iter().flatten().chain(secrets.iter().copied());
    let used: Vec<&Path> = used.collect();
    let checked = definitions.into_iter().map(|definition| {
        let plan = Plan::new(&lock.apply(definition.clone()), &host)?;
        let name = if args.bases.is_empty() { plan.release.file_name() } else { plan.release.delta_file_name() };
        let out = output::resolve(args.out.as_deref(), &name, &plan, &secrets)?;
        let bases = bases(args, &plan, &out)?;
        args.split.map(|_| output::check_names_parts(&out)).transpose()?;
        args.summary.as_deref().map(|path| output::check_summary(path, &out, &plan, &used)).transpose()?;
        args.cache.path().map(|cache| output::check_cache(&cache, &plan)).transpose()?;
        let trust = trust(&definition, &host.keys, console)?;
        Ok::<_, Error>((definition, out, trust, bases))
    });
    let checked = checked.collect::<Result<Vec<_>>>()?;
    let mut summary = args.summary.as_deref().map(SummaryFile::open).transpose()?;
    let cache = Arc::new(Cache::open(&args.cache, console)?);
    let mut reports = Vec::new();
    for (definition, out, trust, bases) in checked {
        // 4. The plan is a pure function of definition, lock file and machine. What one bundle has pinned holds for the next.
        let open = definition.images.iter().filter_map(|image| image.source.open_reference()).cloned().collect();
        let plan = &Plan::new(&lock.apply(definition), &host)?;
        // 5. Sources are read into the store, the release is signed, and the bundle gets its name last.
        let destination = Destination { path: &out, part_size: args.split };
        let (registries, cache) = (args.registries.clone(), Arc::clone(&cache));
        let build = Build { plan, trust, keys: &keys, out: destination, lock: &lock, open, registries, cache, console };
        let made = match &bases {
            None => build.run(),
            Some(bases) => build.run_delta(bases),
        };
        let Built { written, lints, pinned } = made.map_err(|error| error.with_free_space(folder_of(&out)))?;
        lock = pinned;
        if let Some(summary) = &mut summary {
            summary.add(&job_summary::markdown(&written, &lints, &out)?)?;
        }
        reports.push(BuildReport::of(&written, lints, out));
    }
    let stats = if args.stats { BuildStats::of_this_process(began) } else { None };
    build_report::print(&reports, stats, console)
}

/// The earlier releases that the bundle is to be a delta of, if there are any: of several architectures' those of its own.
fn bases(args: &Args, plan: &Plan, out: &Path) -> Result<Option<Bases>> {
    if args.bases.is_empty() {
        return Ok(None);
    }
    let head = &plan.release;
    let bases = Bases::open(&args.bases, &[], &args.hosts.read()?)?.of_platform(&head.platform())?;
    bases.check(&head.product, &head.platform(), head.serial)?;
    delta::check_output(out, bases.files())?;
    Ok(Some(bases))
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
