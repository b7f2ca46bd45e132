use crate::error::Result;
use crate::key_files;
use landfall_keys::PublicKey;

/// Whose inventories are taken.
#[derive(Debug, clap::Args)]
pub(crate) struct HostKeyArgs {
    /// Take inventories only of the host with this public key, a line or a file (host.pub); may be given several times
    #[arg(long = "host-key", value_name = "KEY|FILE", requires = "bases")]
    host_keys: Vec<String>,
}

impl HostKeyArgs {
    /// The keys; none where any host's word is taken.
    pub(crate) fn read(&self) -> Result<Vec<PublicKey>> {
        self.host_keys.iter().map(|text| Ok(key_files::public(text)?)).collect()
    }
}
