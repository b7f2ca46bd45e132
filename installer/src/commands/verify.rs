use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::media::{MediaArgs, is_head_damaged, request_file, verify, write_request};
use crate::plan::PlannedBase;
use crate::store::Store;
use crate::transition::PlanError;
use crate::transition::verified_bundle::{self, FirstUse, VerifiedBundle};
use crate::trust::{TrustArgs, TrustError};
use landfall_console::{Console, Count, Size};
use landfall_manifests::repair::RepairRequest;
use landfall_manifests::{Blob, Digest, ReadError};
use landfall_media::{RecoveredRange, RecoveryReport, RequestFile};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Check a bundle whole: its signatures, then every byte. Changes nothing
///
/// Without --trust the keys are those that this host has pinned. What the media no longer give back is recovered, if the bundle has a
/// parity file beside it, of which a warning tells; the exit code is 0 then.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    media: MediaArgs,
    #[command(flatten)]
    trust: TrustArgs,
    /// If the bundle is damaged, write a repair request to FILE, from which `landfall-bundler repair FILE` makes a patch. Blobs that this
    /// host holds already are not asked for
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    path: &'a Path,
    /// The patch that was read in place of what is damaged in the bundle.
    patch: Option<&'a Path>,
    /// The number of blobs that were read from it, and not looked at in the bundle.
    patched: usize,
    /// What the media did not give back, and was recovered by the parity file.
    recovered: Vec<Recovered>,
    verified: bool,
    size: u64,
    product: String,
    version: String,
    serial: u64,
    platform: String,
    signers: Vec<String>,
    blobs: usize,
    /// What the bundle, a delta, leaves out, and a host has to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<PlannedBase>,
}

/// Bytes of one of the bundle's files.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recovered {
    path: PathBuf,
    offset: u64,
    bytes: u64,
}

impl From<RecoveredRange> for Recovered {
    fn from(RecoveredRange { path, offset, bytes }: RecoveredRange) -> Self {
        Self { path, offset, bytes }
    }
}

pub(crate) fn run(args: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    // First: a name that cannot be used is better known before all of the bundle is read.
    let request = args.request.as_deref().map(request_file).transpose()?;
    let layout = host_args.layout()?;
    let verified =
        match verified_bundle::open(&args.media.clone().into(), &args.trust, &layout, console, FirstUse::Refuse) {
            // With a patch, it was the patch's head that was read: a request would ask for what the bundle may well have.
            Err(error) if args.media.patch.is_none() && may_be_damaged_in_head(&error) => {
                return Err(requested(request.as_ref(), &RepairRequest::Head, error));
            }
            other => other?,
        };
    let (media, bundle) = (&verified.media, &verified.bundle);
    let progress = console.progress("verify", Some(bundle.entries().iter().map(|entry| entry.size).sum()));
    let damage = verify(media, bundle, &progress);
    // The store is only looked into, and only if somebody wants to know: that may take reading the blobs.
    let store = request.as_ref().map(|_| Store::new(&layout));
    let holds = |blob: &Blob| store.as_ref().is_some_and(|store| store.holds(blob));
    let needed: Vec<&ReadError> = damage.iter().filter(|error| !is_in_held_content(error, holds)).collect();
    let wanted = wanted(&verified, &needed);
    let is_none_wanted = needed.is_empty() && wanted.is_empty();
    if let Err(error) = media.report(bundle, damage) {
        let error = PlanError::from(error);
        if is_none_wanted && request.is_some() {
            return Err(Error::from(error).into_failure().hint(ALL_HELD).into());
        }
        return Err(requested(request.as_ref(), &RepairRequest::of(bundle, &wanted), error));
    }
    progress.finish();
    let recovery = media.recovery_report();
    if let Some(recovered) = &recovery {
        console.warn(recovered);
    }
    let report = Report::of(&verified, recovery);
    let text = report.text();
    console.result(&report, text)
}

/// The hint instead of a request for nothing.
const ALL_HELD: &str = "no repair request is written: this host's store holds all that is damaged here, and an update to this \
                        bundle reads it there";

/// Writes the request, if one is wanted.
fn requested(file: Option<&RequestFile>, request: &RepairRequest, error: impl Into<Error>) -> Error {
    let error = error.into();
    match file {
        None => error,
        Some(file) => write_request(file, request, &error.into_failure()).into(),
    }
}

/// Whether the manifest or its signatures may have been damaged on their way here. What a manifest says about its publisher's roots
/// is read before it is verified.
fn may_be_damaged_in_head(error: &PlanError) -> bool {
    match error {
        PlanError::Trust(error) => matches!(error, TrustError::Chain { .. } | TrustError::CliChain(_)),
        // As above: the given keys do not suffice for the roots as they were read.
        PlanError::NoRoot(failure) => failure.code() == "trust_chain",
        PlanError::Bundle(error) => error.read_error().is_some_and(is_head_damaged),
        _ => false,
    }
}

/// What a patch has to hold: all that is damaged, and all that the patch at hand holds, so that one is always enough. Of a blob that
/// the host holds, an installation reads what surrounds it in the bundle and not its content.
fn wanted(verified: &VerifiedBundle, needed: &[&ReadError]) -> BTreeSet<Digest> {
    needed.iter().filter_map(|error| error.blob()).chain(verified.media.patched_blobs(&verified.bundle)).collect()
}

fn is_in_held_content(error: &ReadError, holds: impl Fn(&Blob) -> bool) -> bool {
    match (error, error.blob()) {
        (ReadError::Digest { size, .. }, Some(digest)) => holds(&Blob { digest, size: *size }),
        _ => false,
    }
}

impl<'a> Report<'a> {
    fn of(verified: &'a VerifiedBundle, recovery: Option<RecoveryReport>) -> Self {
        let (media, bundle) = (&verified.media, &verified.bundle);
        let release = bundle.release();
        Self {
            path: media.path(),
            patch: media.patch_path(),
            patched: media.patched_blobs(bundle).count(),
            recovered: recovery.into_iter().flat_map(|report| report.places).map(Recovered::from).collect(),
            verified: true,
            size: bundle.size(),
            product: release.product.to_string(),
            version: release.version.to_string(),
            serial: release.serial.into(),
            platform: release.platform(),
            signers: bundle.verified().signers().iter().map(|signer| signer.key().id().to_string()).collect(),
            blobs: release.blobs.len(),
            base: release.base.as_ref().map(|base| PlannedBase::of(base, release)),
        }
    }

    fn text(&self) -> String {
        let bundle = self.path.display();
        let checked = match self.patch {
            None if self.recovered.is_empty() => "all of it checked".to_owned(),
            None => {
                let bytes = self.recovered.iter().map(|place| place.bytes).sum();
                format!("all of it checked; {} of it recovered, {bundle} alone is damaged", Size(bytes))
            }
            Some(patch) => {
                format!("{} from {}; {bundle} alone is damaged", Count(self.patched, "blob"), patch.display())
            }
        };
        let base = self.base.as_ref().map_or_else(String::new, |base| {
            let (blobs, bytes) = (Count(base.omitted.count, "blob"), Size(base.omitted.bytes));
            format!("  base     {}: a host needs {blobs}, {bytes}, of it\n", base.versions.join(" or "))
        });
        format!(
            "{bundle}: verified\n  release  {} {} (serial {}) for {}\n  size     {}, {checked}\n{base}  signed   by {}\n",
            self.product,
            self.version,
            self.serial,
            self.platform,
            Size(self.size),
            self.signers.join(", "),
        )
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::media::BundleError;
    use landfall_keys::{ChainError, SecretKey, TrustError as Signatures};

    #[test]
    fn a_head_that_may_have_been_damaged_is_asked_for_and_a_strangers_is_not() {
        let signed_by = vec![SecretKey::generate().unwrap().public_key().id()];
        let stranger = Signatures::NotTrusted { signed_by, trusted: Vec::new() };
        let unsigned = Signatures::NotTrusted { signed_by: Vec::new(), trusted: Vec::new() };
        let read = |source| PlanError::from(BundleError::Read { place: "a.tar".to_owned(), source });
        for (error, expected) in [
            (read(ReadError::NotABundle), true),
            (PlanError::from(TrustError::CliChain(ChainError::TooManyLinks { found: 257 })), true),
            (read(ReadError::from(unsigned)), true),
            (read(ReadError::from(stranger)), false),
            (read(ReadError::of(std::io::Error::other("EIO"), "landfall.json", 512)), true),
            (PlanError::Declined, false),
        ] {
            assert_eq!(may_be_damaged_in_head(&error), expected, "{error}");
        }
    }
}
