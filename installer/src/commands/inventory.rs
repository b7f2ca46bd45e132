use crate::errors::Error;
use crate::host_context::HostArgs;
use crate::layout::Layout;
use crate::plan::policy::Refusal;
use crate::receipts;
use crate::state::installed::{Installed, InstalledRelease};
use crate::store::Store;
use landfall_console::{Console, Exit, Failure, message_with_causes};
use landfall_keys::SecretKey;
use landfall_manifests::{Arch, Blob, Inventory, InventoryRelease, Os, SignedInventory};

/// Write what this host has to standard output, signed by its key: `landfall-bundler build --base` makes a delta without it
///
/// The store is hashed: what is damaged there is not listed, and comes with the delta. Changes nothing. The file names the installation, its
/// releases and digests; no settings, no tenants, no secrets.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  landfall-installer inventory > host.json

Exit codes: 0 done, 5 nothing is installed, 6 this user may not read the host's key")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, host_args: &HostArgs, console: Console) -> Result<(), Error> {
    let layout = host_args.layout()?;
    let Some(installed) = Installed::read(&layout)? else {
        return Err(Refusal::NotInstalled("take an inventory of").into());
    };
    let key = host_key(&layout)?;
    let store = Store::new(&layout);
    let sizes = store.sizes()?;
    let progress = console.progress("Checking the store", Some(sizes.values().sum()));
    let blobs = sizes.into_iter().map(|(digest, size)| Blob { digest, size });
    let is_right = |blob: &Blob| {
        progress.add(blob.size);
        store.holds(blob)
    };
    let blobs = blobs.filter(is_right).map(|blob| blob.digest).collect();
    progress.finish();
    let release = |release: &InstalledRelease| InventoryRelease {
        version: release.version.clone(),
        serial: release.serial,
        manifest: release.manifest,
    };
    let inventory = Inventory {
        schema: 1,
        product: installed.current.product.clone(),
        os: Os::Linux,
        arch: Arch::of_this_program()
            .ok_or_else(|| failed("there are no releases for this machine's processor".to_owned()))?,
        installation: installed.installation.to_string(),
        releases: installed.releases().map(release).collect(),
        blobs,
    };
    let signed = SignedInventory::new(&inventory, &key).map_err(|error| failed(message_with_causes(&error)))?;
    let text = serde_json::to_string_pretty(&signed).map_err(|error| failed(error.to_string()))?;
    console.result(&signed, text + "\n")
}

/// The key that signs this host's receipts.
fn host_key(layout: &Layout) -> Result<SecretKey, Failure> {
    let unfit = |message: String| {
        let hint = "run it as root; a host that lost its key gets another one with its next receipt, such as that of an update";
        Failure::new(Exit::Unfit, "host_key", message).hint(hint)
    };
    let key = receipts::host_key::read(layout).map_err(|error| unfit(message_with_causes(&error)))?;
    key.ok_or_else(|| unfit("this host has no key".to_owned()))
}

fn failed(message: String) -> Failure {
    Failure::new(Exit::Unexpected, "inventory", message)
}
