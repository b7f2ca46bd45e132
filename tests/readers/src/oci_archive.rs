//! An OCI image layout in a tar archive, as the bundler takes images from it. A Landfall bundle is one.

use crate::sample::Sample;
use crate::{ReadOutcome, Target, none, tar_file, transport};
use landfall_bundler::readers::Transport;

/// What the bundler takes in, the installer can unpack.
pub(crate) const TARGET: Target =
    Target { name: "oci_archive", read, seeds, findings: none, mutate: Some(tar_file::mutated) };

fn read(input: &[u8]) -> ReadOutcome {
    transport::archive(Transport::OciArchive, input)
}

fn seeds() -> Vec<Vec<u8>> {
    vec![Sample::with_image().bundle()]
}
