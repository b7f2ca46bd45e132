//! Data without an end: refused before a fraction of it is read, within little memory, whatever the medium claims.

use super::publisher::Publisher;
use anyhow::{Context as _, Result, ensure};
use landfall_manifests::{archive, limits};
use landfall_tests::tar::Entry;
use landfall_tests::{Command, FolderHost, SmallRelease};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the installer may take, all threads' stacks included.
const ADDRESS_SPACE: &str = "--as=402653184";
/// Far less than reading and hashing all of it would take.
const LIMIT: Duration = Duration::from_mins(10);
const TEBIBYTE: u64 = 1 << 40;

/// With little memory, and not without end.
fn bounded(command: Command) -> Command {
    command.under("prlimit", [ADDRESS_SPACE]).limit(LIMIT)
}

fn refused(publisher: &Publisher, host: &FolderHost, bundle: &Path, code: &str) -> Result<String> {
    host.refuses(bounded(host.install(bundle, &publisher.key(0))), 3, code)
}

/// A bundle that is followed, or whose head is followed, by zeros up to 1 TiB: a hole in a file.
fn with_hole(publisher: &Publisher, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = publisher.scratch.put(name, bytes)?;
    File::options().write(true).open(&path)?.set_len(TEBIBYTE)?;
    Ok(path)
}

#[test]
fn endless_data_behind_a_good_bundle() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let (host, bundle) = (publisher.scratch.host("host")?, publisher.release("1.0.0", 1)?);
    let bytes = std::fs::read(&bundle)?;
    let message = refused(&publisher, &host, &with_hole(&publisher, "endless", &bytes)?, "damaged")?;
    ensure!(message.contains(&format!("offset {}", bytes.len())), "{message}");
    bounded(host.install(&bundle, &publisher.key(0))).ok().context("the bundle alone, under the same bounds").map(drop)
}

#[test]
fn endless_data_in_place_of_a_manifest() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.scratch.host("host")?;
    let claimed = |size| with_hole(&publisher, "endless", &archive::header(archive::MANIFEST_NAME, size));
    for size in [limits::MANIFEST_BYTES + 1, (1 << 33) - 1, TEBIBYTE] {
        let refused = refused(&publisher, &host, &claimed(size)?, "not_a_bundle");
        refused.with_context(|| format!("a manifest of {size} bytes"))?;
    }
    // As large as it may be, of zeros, and signed by nobody.
    let install = host.install(&claimed(limits::MANIFEST_BYTES)?, &publisher.key(0));
    host.refuses(bounded(install), 4, "untrusted")?;
    refused(&publisher, &host, &with_hole(&publisher, "zeros", b"")?, "not_a_bundle").map(drop)
}

#[test]
fn endless_data_in_place_of_signatures() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let (host, key) = (publisher.scratch.host("host")?, &publisher.keys[0]);
    let (manifest, signature) = SmallRelease::new("1.0.0", 1)?.manifest(&[key], key)?;
    let name = archive::signature_name(&signature.key_id().to_string());
    let Entry { header, content } = Entry::file(archive::MANIFEST_NAME, &manifest);
    let head = [header, content].concat();
    for size in [limits::SIGNATURE_BYTES + 1, TEBIBYTE] {
        let bytes = [head.as_slice(), &archive::header(&name, size)].concat();
        let bundle = with_hole(&publisher, "endless", &bytes)?;
        host.refuses(bounded(host.install(&bundle, &publisher.key(0))), 3, "damaged")
            .or_else(|_| host.refuses(bounded(host.install(&bundle, &publisher.key(0))), 4, "untrusted"))?;
    }
    Ok(())
}

/// A small blob that decompresses to more than the manifest says, and to far more.
#[test]
fn endless_data_out_of_a_compressed_blob() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.host_with(&publisher.release("1.0.0", 1)?)?;
    let bomb = zstd::encode_all(std::io::Read::take(std::io::repeat(0), 1 << 30), 1)?;
    ensure!(bomb.len() < 1 << 20, "the bomb has {} bytes", bomb.len());
    let mut next = SmallRelease::new("1.1.0", 2)?;
    let blob = next.blob(bomb);
    next.list("docs/bomb", "0644", b"ten bytes.", blob)?;
    let bundle = publisher.pack(&next)?;
    host.verify(&bundle).ok().context("every byte of the bundle is what was signed")?;
    let files = host.files()?;
    let output = bounded(host.update(&bundle)).run()?;
    ensure!([3, 7].contains(&output.code), "{}", output.text());
    let difference = files.difference(&host.files()?);
    ensure!(difference.is_empty(), "{difference}");
    Ok(())
}

/// What has no size at all is not even opened for reading.
#[test]
fn endless_data_from_a_pipe_or_a_device() -> Result<()> {
    let publisher = Publisher::new(1)?;
    let host = publisher.scratch.host("host")?;
    let pipe = publisher.scratch.path("pipe");
    Command::new("mkfifo").arg(&pipe).ok()?;
    for path in [pipe.as_path(), Path::new("/dev/zero"), publisher.scratch.folder()] {
        host.refuses(bounded(host.install(path, &publisher.key(0))), 2, "missing_file")?;
    }
    Ok(())
}
