//! A definition as it is written: the tables and keys that TOML text may have, and no others.
//!
//! The comments on the keys are the text of `docs/definition.md`: see `reference`, which makes that page. There, a bullet
//! beginning with "Default:" is wanted for every optional key, and one beginning with "Refused:" for every key.

use super::Owners;
use super::add_table::AddTable;
use super::arch_table::Archs;
use super::database_table::DatabaseTable;
use super::package_table::PackageTable;
use super::tenant_table::TenantTable;
use landfall_keys::PublicKey;
use landfall_manifests::{BundlePath, Encoding, ImageName, Product, Serial, Version};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct DefinitionTable {
    pub(super) release: ReleaseTable,
    #[serde(default)]
    pub(super) runtime: RuntimeTable,
    #[serde(default)]
    pub(super) image: Vec<ImageTable>,
    #[serde(default)]
    pub(super) file: Vec<FileTable>,
    #[serde(default)]
    pub(super) package: Vec<PackageTable>,
}

/// What the release is called and who may replace what with it. There is exactly one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ReleaseTable {
    /// The name of the product. A host accepts releases of the product that was installed first, and of no other.
    ///
    /// * Refused: anything but lower-case letters and digits, in words joined by `-`.
    pub(super) product: Product,
    /// The version that people see: a semantic version ([semver.org](https://semver.org) 2.0.0) without build metadata.
    ///
    /// * Refused: a version of another form, such as `1.0`.
    pub(super) version: Version,
    /// The number by which hosts order releases. Give each release a higher one than the last, whatever its version says: a
    /// host refuses a bundle whose serial is below the highest that it has accepted.
    ///
    /// * Refused: 0, and integers that JSON cannot carry exactly.
    pub(super) serial: Serial,
    /// The processor architecture of the hosts, by Go's names, or a list of several: each gets a bundle of its own. In all strings,
    /// `${TARGETARCH}` is the architecture of the bundle. Images and programs for another one are refused.
    ///
    /// * Default: the architecture of the machine that builds.
    /// * Refused: another architecture, one that is named twice, and an empty list; or none, on a machine for whose processor there are
    ///   no releases.
    #[cfg_attr(test, schemars(with = "Option<super::arch_table::ArchsForm>"))]
    pub(super) arch: Option<Archs>,
    /// The oldest version that a host may update from. A host with an older one has to pass through a release in between.
    ///
    /// * Default: any version.
    /// * Refused: a version of another form.
    pub(super) min_upgrade_from: Option<Version>,
    /// When the release was made (RFC 3339). It is written into the manifest, and the latest time of change of files in `rootfs:`
    /// images. No host compares it with a clock.
    ///
    /// * Default: `SOURCE_DATE_EPOCH` of the environment
    ///   ([reproducible-builds.org](https://reproducible-builds.org/specs/source-date-epoch/)), else none: the release then
    ///   has no time, and files are from 1970.
    /// * Refused: text that is no time of that form.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) created: Option<Spanned<String>>,
    /// How layers that arrive uncompressed are stored. Hosts install either; `gzip` is larger, slower to make, and for those who
    /// take images out of the bundle by hand: Docker before 23.0 and the umoci of Debian 12 read no zstd.
    ///
    /// * Default: `zstd`.
    /// * Refused: any other.
    pub(super) compression: Option<Encoding>,
    /// How much work `compression` takes to make layers small: 1 is fast, higher levels are slower. With `zstd`, files are compressed so, too;
    /// and from level 10 on, a build takes some hundred MiB of memory. What arrives compressed stays as it is.
    ///
    /// * Default: 3 for `zstd`, 6 for `gzip`.
    /// * Refused: with `zstd`, what is not from 1 to 19; with `gzip`, what is not from 1 to 9.
    #[cfg_attr(test, schemars(with = "Option<u32>", range(min = 1, max = 19)))]
    pub(super) compression_level: Option<Spanned<u32>>,
    /// Whether the release says what is in it and how it was built: bills of materials (CycloneDX 1.6) of each image and of the release, and a
    /// statement of provenance (SLSA), as files below `evidence/`. [Evidence](evidence.md) tells what is in them.
    ///
    /// * Default: `true`.
    /// * Refused: what is neither `true` nor `false`.
    pub(super) evidence: Option<bool>,
    /// Public keys of those who will add their signatures with `landfall-bundler sign`. The keys that sign the build are
    /// listed by themselves. Operators who are not told any key see this list, which proves nothing by itself.
    ///
    /// * Default: none.
    /// * Refused: text that is not the line of a minisign public key; more than 16 keys together with those that sign.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    pub(super) keys: Vec<PublicKey>,
    /// The folder in which `landfall-bundler trust` keeps the publisher's trust roots. The bundle brings all of
    /// them: a host that trusts an older root follows to the newest, and a new host is offered the newest.
    ///
    /// * Default: the bundle brings no trust root.
    /// * Refused: a folder without a root, or whose newest root is not signed by enough keys.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) trust: Option<Spanned<String>>,
}

/// The two programs that every release holds, and their settings. The table may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct RuntimeTable {
    /// The file of the service, `landfall`.
    ///
    /// * Default: the file `landfall` beside `landfall-bundler`.
    /// * Refused: a file that is no ELF program for the release's architecture.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) binary: Option<Spanned<String>>,
    /// The file of `landfall-installer`, by which hosts recover and go back.
    ///
    /// * Default: the file `landfall-installer` beside `landfall-bundler`.
    /// * Refused: a file that is no ELF program for the release's architecture.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) installer: Option<Spanned<String>>,
    /// The settings of the release, a TOML file over which a host's own settings go: `config.toml` of the release.
    ///
    /// * Default: the runtime's own settings.
    /// * Refused: a file of more than 256 KiB, or that is not TOML. What the settings say is not looked at.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) config: Option<Spanned<String>>,
    /// What the program of `binary` does with a host's database.
    ///
    /// * Default: what the runtime does that was built with this bundler.
    /// * Refused: without `binary`; and where `reversible_to` is not from 1 to `schema`.
    #[cfg_attr(test, schemars(with = "Option<DatabaseTable>"))]
    pub(super) database: Option<Spanned<DatabaseTable>>,
}

/// A container image. There may be any number of them, each with another name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ImageTable {
    /// The name of the image in the release, by which `spawn` finds it (`baseImage`).
    ///
    /// * Refused: a name that another image has; anything but lower-case letters and digits, in words joined by one of
    ///   `-`, `.` and `_`.
    #[cfg_attr(test, schemars(with = "ImageName"))]
    pub(super) name: Spanned<ImageName>,
    /// Where the image comes from: see [image sources](#image-sources). The manifest tells it as it is written here, with
    /// variables unreplaced, and of an absolute path its last component only.
    ///
    /// * Default: none; `from` is there instead.
    /// * Refused: together with `from`; another transport; an image for another architecture; more than 127 layers; layers that need a zstd
    ///   window of more than 32 MiB to be unpacked; a digest that does not match.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) source: Option<Spanned<String>>,
    /// The base on which the image is built: any of the [image sources](#image-sources). The image has the base's layers as they are, one
    /// layer with what `add` names, compressed as the release's `compression` says, and the base's configuration with the changes that
    /// the keys below make. No engine is needed. The base is in the release only if another image is made from it alone.
    ///
    /// * Default: none; `source` is there instead.
    /// * Refused: together with `source`; as `source`; where nothing is added or changed; a base of 127 layers to which one is added.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) from: Option<Spanned<String>>,
    /// The public key (`cosign.pub`) that has to have signed what `source` or `from` stands for: ECDSA on P-256 in PEM, as `cosign
    /// generate-key-pair` makes it. The signature is looked for in the image's registry, where `cosign sign --key` puts it, and goes into the
    /// release as `evidence/images/NAME.cosign.json`. An index of images for several platforms is signed as a whole.
    ///
    /// * Default: no signature is asked for.
    /// * Refused: for an image that is not of a registry; a file that is no such key; an image that the key has not signed.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) cosign: Option<Spanned<String>>,
    /// Folders and files that are put onto the base of `from`, in one layer. Modes, links, attributes and times are kept or refused as
    /// those of `rootfs:` are. Symbolic links of the base that the path leads through are followed, as `COPY` of a Dockerfile follows
    /// them. A folder that the base has keeps the base's mode and owner; of several that bring a folder, the one with the shortest
    /// `path` decides about it.
    ///
    /// * Default: nothing.
    /// * Refused: without `from`; a `path` that is not absolute, or has a component `.` or `..`; a file that is added twice; a file or a
    ///   link in the place of a folder, and a folder in the place of a file; links of the base that lead nowhere known; attributes of
    ///   a folder that the base has; what is refused of `rootfs:`.
    #[cfg_attr(test, schemars(with = "Option<Vec<AddTable>>"))]
    pub(super) add: Option<Spanned<Vec<Spanned<AddTable>>>>,
    /// Makes the image one that tenants run, and says how it is chosen and reached, and what a container of it needs to run.
    ///
    /// * Default: no tenant can be made from it.
    /// * Refused: port 0; a health path that does not begin with `/`, or has characters that are not visible ASCII; a writable path
    ///   that is not absolute, has a component `.` or `..`, is in `/proc`, `/sys` or `/dev`, is there twice, or is that of a volume
    ///   which every tenant has; a tmpfs of less than 4 KiB; `size` of a volume, since not every engine can limit one; other
    ///   capabilities than `CHOWN`, `DAC_OVERRIDE`, `FOWNER`, `FSETID`, `KILL`, `NET_BIND_SERVICE`, `SETGID`, `SETUID` and
    ///   `SYS_CHROOT`; less `memory` than 8 MiB; a second canary.
    #[cfg_attr(test, schemars(with = "Option<TenantTable>"))]
    pub(super) tenant: Option<Spanned<TenantTable>>,
    /// The program that runs in the image, with its first arguments (`Entrypoint` of the OCI image specification). Without `cmd`, it
    /// takes the base's `Cmd` away, as in a Dockerfile.
    ///
    /// * Default: none; with `from`, the base's.
    /// * Refused: for images that are neither from `rootfs:` nor have a `from`, and so bring their own configuration.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub(super) entrypoint: Option<Spanned<Vec<String>>>,
    /// The program's further arguments (`Cmd`).
    ///
    /// * Default: none; with `from`, the base's.
    /// * Refused: as `entrypoint`.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub(super) cmd: Option<Spanned<Vec<String>>>,
    /// Environment variables (`Env`), which replace the base's of the same names.
    ///
    /// * Default: none; with `from`, the base's.
    /// * Refused: as `entrypoint`; a name that is empty, or has a `=` in it.
    #[cfg_attr(test, schemars(with = "Option<BTreeMap<String, String>>"))]
    pub(super) env: Option<Spanned<BTreeMap<String, String>>>,
    /// The user, and optionally the group, that the program runs as, by number or name (`User`). A tenant whose image names none, root or 65532 runs as
    /// a user of its own (2000000000 and up); name another one only where the program insists on it.
    ///
    /// * Default: with `from`, the base's; otherwise the engine's, which is root inside the container.
    /// * Refused: as `entrypoint`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) user: Option<Spanned<String>>,
    /// Whose the files of a `rootfs:` image are: `root`, or `keep` for the numbers that the folder's files have. A volume takes the
    /// owner of the folder that it is mounted on: where a tenant that is not root has to write, keep the owner.
    ///
    /// * Default: `root`, so that whoever builds makes the same image.
    /// * Refused: for images from other sources; for those with `from`, each of `add` says it.
    #[cfg_attr(test, schemars(with = "Option<Owners>"))]
    pub(super) owners: Option<Spanned<Owners>>,
    /// The folder that the program starts in (`WorkingDir`).
    ///
    /// * Default: with `from`, the base's; otherwise the engine's, which is `/`.
    /// * Refused: as `entrypoint`.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) workdir: Option<Spanned<String>>,
    /// Ports that the program listens on (`ExposedPorts`), such as `"80"`, `"80/tcp"` and `"53/udp"`, besides those of the base. They say it to people and
    /// to tools: what is reached from outside is `port` of `tenant`.
    ///
    /// * Default: none; with `from`, the base's.
    /// * Refused: as `entrypoint`; what is no number from 1 to 65535; other protocols than `tcp`, `udp` and `sctp`.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub(super) ports: Option<Spanned<Vec<String>>>,
    /// Paths at which engines mount volumes (`Volumes`), besides those of the base. Tenants keep what is in them, unless `writable` has
    /// the path in memory.
    ///
    /// * Default: none; with `from`, the base's.
    /// * Refused: as `entrypoint`; the root; a path that is not absolute, or has a component `.` or `..`.
    #[cfg_attr(test, schemars(with = "Option<Vec<String>>"))]
    pub(super) volumes: Option<Spanned<Vec<String>>>,
    /// Notes for people and tools (`Labels`), which replace the base's of the same names.
    ///
    /// * Default: none; with `from`, the base's.
    /// * Refused: as `entrypoint`.
    #[cfg_attr(test, schemars(with = "Option<BTreeMap<String, String>>"))]
    pub(super) labels: Option<Spanned<BTreeMap<String, String>>>,
    /// The signal that asks the program to end (`StopSignal`), by name or number.
    ///
    /// * Default: with `from`, the base's; otherwise the engine's, which is `SIGTERM`.
    /// * Refused: as `entrypoint`; what is no signal of Linux.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) stop_signal: Option<Spanned<String>>,
}

/// A file, or all files of a folder, that the release carries besides. There may be any number of these tables.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct FileTable {
    /// The file or folder to pack. The path itself may be a symbolic link. Files get the mode 0755 where somebody may execute
    /// them, else 0644; owners and times are left out. Or the address of a file, `https://…`, which is downloaded beside the bundle, and
    /// gets the mode 0644; proxies, authorities and hosts without TLS are named as for registries, logins are not given.
    ///
    /// * Refused: below a folder, symbolic links, devices, pipes and sockets; secret keys; names that are not UTF-8; a folder
    ///   in which the bundle would lie; a file that changes while it is read; an address without `sha256`, or with a user's name.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(super) source: Spanned<String>,
    /// Where it lies below the release's folder on a host, `/opt/landfall/current`.
    ///
    /// * Refused: absolute paths, `.` and `..`; a path that another file has; `bin/`, `units/`, `evidence/`, `config.toml`,
    ///   `landfall.json*` and `.landfall.json*`, which are the release's own.
    #[cfg_attr(test, schemars(with = "BundlePath"))]
    pub(super) path: Spanned<BundlePath>,
    /// The SHA-256 of the file's content, in 64 hexadecimal digits, as `sha256sum` prints it.
    ///
    /// * Default: none; what has an address needs it.
    /// * Refused: a file with another one; text of another form; for a folder.
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub(super) sha256: Option<Spanned<String>>,
}
