//! Debian packages in files (deb(5)): what their control files say.

use super::candidate::{Candidate, FIELDS};
use super::stanza::Stanzas;
use crate::sources::Compression;
use std::io::{self, BufReader, Read};

/// What a package begins with (ar(5)).
const MAGIC: &[u8] = b"!<arch>\n";
/// A member's header, in bytes.
const HEADER: usize = 60;
/// The first member: the version of the format, in bytes.
const FORMAT_BYTES: u64 = 64;
/// The control archive and what is in it, in bytes: those of Debian's largest packages are below 4 MiB.
const CONTROL_BYTES: u64 = 32 << 20;

/// Reads what a package's control file says. The reason is for people.
pub(crate) fn read(mut input: impl Read) -> Result<Candidate, String> {
    let mut magic = [0; MAGIC.len()];
    input.read_exact(&mut magic).map_err(|error| said(&error))?;
    if magic != MAGIC {
        return Err("it is no ar archive".to_owned());
    }
    let mut format = String::new();
    let (name, size) = member(&mut input)?;
    if name != "debian-binary" || size > FORMAT_BYTES {
        return Err("it does not begin with debian-binary".to_owned());
    }
    (&mut input).take(padded(size)).read_to_string(&mut format).map_err(|error| said(&error))?;
    if !format.starts_with("2.") {
        return Err("it is of a format other than 2".to_owned());
    }
    // Members whose names begin with an underscore may come in between (deb(5)).
    let (name, size) = loop {
        let (name, size) = member(&mut input)?;
        if size > CONTROL_BYTES {
            return Err(format!("its member {name:?} is larger than any control archive"));
        }
        if !name.starts_with('_') {
            break (name, size);
        }
        io::copy(&mut (&mut input).take(padded(size)), &mut io::sink()).map_err(|error| said(&error))?;
    };
    control(&name, input.take(size))
}

fn control(name: &str, archive: impl Read) -> Result<Candidate, String> {
    let archive: Box<dyn Read + '_> = match name {
        "control.tar" => Box::new(archive),
        "control.tar.gz" => Box::new(Compression::Gzip.unpack(archive).map_err(|error| said(&error))?),
        "control.tar.xz" => Box::new(Compression::Xz.unpack(archive).map_err(|error| said(&error))?),
        "control.tar.zst" => Box::new(Compression::Zstd.unpack(archive).map_err(|error| said(&error))?),
        other => return Err(format!("its control archive is called {other:?}")),
    };
    let mut archive = tar::Archive::new(archive.take(CONTROL_BYTES));
    for entry in archive.entries().map_err(|error| said(&error))? {
        let entry = entry.map_err(|error| said(&error))?;
        if [&b"./control"[..], b"control"].contains(&&*entry.path_bytes()) {
            let mut stanzas = Stanzas::new(BufReader::new(entry), FIELDS);
            let mut stanza = stanzas.next().map_err(|error| said(&error))?.ok_or("its control file is empty")?;
            return Candidate::of(&mut stanza).map_err(|error| error.to_string());
        }
    }
    Err("it has no control file".to_owned())
}

/// A member's name and size (ar(5)).
fn member(input: &mut impl Read) -> Result<(String, u64), String> {
    let mut header = [0; HEADER];
    input.read_exact(&mut header).map_err(|error| said(&error))?;
    let field = |bytes: &[u8]| std::str::from_utf8(bytes).map(|text| text.trim_end().to_owned()).ok();
    let (name, size) = (field(&header[..16]), field(&header[48..58]).and_then(|size| size.parse().ok()));
    match (name, size, &header[58..]) {
        // GNU's ar ends names with a slash; dpkg does not.
        (Some(name), Some(size), b"`\n") => Ok((name.trim_end_matches('/').to_owned(), size)),
        _ => Err("a member's header is damaged".to_owned()),
    }
}

/// Members begin at even offsets.
fn padded(size: u64) -> u64 {
    size + size % 2
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off".to_owned(),
        io::ErrorKind::InvalidData => "its control archive is damaged".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use super::*;
    use std::io::Write as _;

    /// A package whose control archive is called so.
    pub(in crate::host_packages) fn deb(name: &str, control: &str) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(control.len() as u64);
        tar.append_data(&mut header, "./control", control.as_bytes()).unwrap();
        let tar = tar.into_inner().unwrap();
        let packed = match name.rsplit('.').next().unwrap() {
            "gz" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&tar).unwrap();
                encoder.finish().unwrap()
            }
            "xz" => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
                encoder.write_all(&tar).unwrap();
                encoder.finish().unwrap()
            }
            "zst" => zstd::encode_all(&tar[..], 1).unwrap(),
            _ => tar,
        };
        let mut deb = MAGIC.to_vec();
        for (name, content) in [("debian-binary", &b"2.0\n"[..]), (name, &packed), ("data.tar", b"")] {
            writeln!(deb, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 100_644, content.len()).unwrap();
            deb.extend_from_slice(content);
            deb.extend(vec![b'\n'; content.len() % 2]);
        }
        deb
    }

    const CONTROL: &str =
        "Package: docker.io\nVersion: 20.10-1\nArchitecture: amd64\nInstalled-Size: 5\nDepends: runc\n";

    #[test]
    fn reads_the_control_file_however_it_is_compressed() {
        for name in ["control.tar", "control.tar.gz", "control.tar.xz", "control.tar.zst"] {
            let read = read(&deb(name, CONTROL)[..]).unwrap();
            assert_eq!(
                (read.name.as_str(), read.version.as_str(), read.installed),
                ("docker.io", "20.10-1", 5120),
                "{name}"
            );
            assert_eq!(read.needs().count(), 1);
        }
    }

    #[test]
    fn what_is_no_package_is_told_why() {
        let good = deb("control.tar.gz", CONTROL);
        assert_eq!(read(&b"PK\x03\x04 and more"[..]).unwrap_err(), "it is no ar archive");
        for cut in [0, 4, 30, 100, good.len() - 100] {
            assert!(read(&good[..cut]).is_err(), "{cut}");
        }
        let mut damaged = good.clone();
        damaged[150..160].fill(0xff);
        assert!(read(&damaged[..]).is_err());
        assert!(read(&deb("control.tar.bz2", CONTROL)[..]).unwrap_err().contains("control.tar.bz2"));
        assert!(read(&deb("control.tar", "Package: ../x\nVersion: 1\nArchitecture: all\n")[..]).is_err());
        assert!(read(&deb("control.tar", "")[..]).is_err());
    }
}
