//! What a build warns of: an image that packs, and that would not do on a host what its publisher expects.
//!
//! Pure: it judges what is remembered of the layers while they pass by, and the image's configuration.

use crate::image_config::Execution;
use crate::layer_scan::{self, CapableFile, EntryKind, LayerFacts, PATHS, Users};
use landfall_manifests::{Capability, Encoding, Image, ImageName, Layer, OWN_VOLUMES, Tenant, Writable, WritablePath};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// A warning, with the word that scripts know it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LintId {
    NoCommand,
    UnknownUser,
    SparseFile,
    FileCapabilities,
    UntimedPython,
    RootUser,
    UnexposedPort,
    VolumeInTmpfs,
    WritableLink,
    WritableFile,
    ZstdLayer,
}

impl LintId {
    /// All of them, each with what `docs/definition.md` says of it.
    pub(crate) const ALL: [(Self, &str); 11] = [
        (Self::NoCommand, "A tenant image has neither `Entrypoint` nor `Cmd`: no container of it can start."),
        (
            Self::UnknownUser,
            "A tenant image names a user that its own `/etc/passwd` does not have: no container of it can start.",
        ),
        (
            Self::SparseFile,
            "A layer has a file with holes (pax headers `GNU.sparse.*`). Engines store the holes too, so that a host needs far more room \
             than the layer's size.",
        ),
        (
            Self::FileCapabilities,
            "A program in a tenant image has capabilities (`setcap`) that `capabilities` of its `tenant` does not allow: the kernel does not \
             start it.",
        ),
        (
            Self::UntimedPython,
            "Compiled Python files have the time 1970, so that Python compiles their sources anew at each start. In `rootfs:` images, \
             files keep their own times if the release has one (`created` or `SOURCE_DATE_EPOCH`).",
        ),
        (
            Self::RootUser,
            "A tenant image names root as its user, or nobody. A tenant of it runs as an unprivileged user, who may not write what is \
             root's, nor become another user.",
        ),
        (Self::UnexposedPort, "A tenant image says which ports it listens on (`EXPOSE`), and `port` is none of them."),
        (
            Self::VolumeInTmpfs,
            "A `VOLUME` of a tenant image is in a folder that `writable` has in memory. It is kept all the same: name it in `writable` to \
             say which of the two is meant.",
        ),
        (
            Self::WritableLink,
            "A path of `writable`, or a `VOLUME` of a tenant image, is a symbolic link in the image, or is behind one: what is mounted \
             there is not made the tenant's, who may not write to it.",
        ),
        (
            Self::WritableFile,
            "A path of `writable`, or a `VOLUME` of a tenant image, is a file in the image, or below one, and no folder can be mounted \
             there: no container of it can start.",
        ),
        (
            Self::ZstdLayer,
            "The release asks for `compression = \"gzip\"`, and a layer came in zstd from a registry's copy, or is one with a layer that did. It is \
             packed as it came, and what cannot read zstd cannot read the image.",
        ),
    ];

    /// All of them.
    pub(crate) fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().map(|(id, _)| id)
    }

    /// Whether the layers have to be read to know of it; of the others, an image's configuration tells.
    pub(crate) fn needs_layers(self) -> bool {
        match self {
            Self::NoCommand | Self::RootUser | Self::UnexposedPort | Self::VolumeInTmpfs => false,
            Self::UnknownUser
            | Self::SparseFile
            | Self::FileCapabilities
            | Self::UntimedPython
            | Self::WritableLink
            | Self::WritableFile
            | Self::ZstdLayer => true,
        }
    }

    /// The word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NoCommand => "no-command",
            Self::UnknownUser => "unknown-user",
            Self::SparseFile => "sparse-file",
            Self::FileCapabilities => "file-capabilities",
            Self::UntimedPython => "untimed-python",
            Self::RootUser => "root-user",
            Self::UnexposedPort => "unexposed-port",
            Self::VolumeInTmpfs => "volume-in-tmpfs",
            Self::WritableLink => "writable-link",
            Self::WritableFile => "writable-file",
            Self::ZstdLayer => "zstd-layer",
        }
    }
}

/// A warning about an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Lint {
    pub(crate) id: LintId,
    pub(crate) image: String,
    pub(crate) message: String,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image {}: {} [{}]", self.image, self.message, self.id.word())
    }
}

/// What is to be said of an image that the definition describes so, with this configuration and these layers, base first.
pub(crate) fn image(name: &ImageName, tenant: Option<&Tenant>, config: &[u8], layers: &[&LayerFacts]) -> Vec<Lint> {
    // A tenant's configuration was read when its image was described: one that cannot be read is an error there.
    let of_tenant = tenant.and_then(|tenant| Some(tenant_lints(tenant, &Execution::of(config).ok()?, layers)));
    let found = of_tenant.into_iter().flatten().chain(file_lints(layers));
    found.map(|(id, message)| Lint { id, image: name.to_string(), message }).collect()
}

/// What is to be said of an image before its layers are read.
pub(crate) fn configuration(name: &ImageName, tenant: Option<&Tenant>, config: &[u8]) -> Vec<Lint> {
    image(name, tenant, config, &[]).into_iter().filter(|lint| !lint.id.needs_layers()).collect()
}

/// What is to be said of layers that are not compressed as the release asks: they came compressed.
pub(crate) fn encodings(image: &Image, wanted: Encoding) -> Option<Lint> {
    let is_other = |layer: &&Layer| wanted == Encoding::Gzip && layer.encoding == Encoding::Zstd;
    let layer = image.layers.iter().find(is_other)?;
    let message = format!("the release asks for gzip, and its layer {} came in zstd", layer.diff_id);
    Some(Lint { id: LintId::ZstdLayer, image: image.name.to_string(), message })
}

/// What keeps tenants from running, or runs them otherwise than their publisher expects.
fn tenant_lints(tenant: &Tenant, execution: &Execution, layers: &[&LayerFacts]) -> Vec<(LintId, String)> {
    let mut found = Vec::new();
    if !execution.has_command() {
        let message = "it has neither Entrypoint nor Cmd, so that no tenant of it can start";
        found.push((LintId::NoCommand, message.to_owned()));
    }
    let user = execution.user.as_deref().unwrap_or_default();
    if is_root(user) {
        let message = "it runs as root by itself, and as an unprivileged user in a tenant: set its user";
        found.push((LintId::RootUser, message.to_owned()));
    } else if let Some(user) = unknown_user(user, layers) {
        let message = format!("its user {user:?} is not in its /etc/passwd, so that no tenant of it can start");
        found.push((LintId::UnknownUser, message));
    }
    found.extend(capability_lint(tenant, layers).map(|message| (LintId::FileCapabilities, message)));
    let ports: Vec<&str> = execution.ports().collect();
    // Engines take the protocol in any case.
    let is_exposed = |port: &&str| {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        protocol.eq_ignore_ascii_case("tcp") && number.parse() == Ok(tenant.port)
    };
    // An image that names none says nothing; one with a range says it in a form that is not looked into.
    if !ports.is_empty() && !ports.iter().any(is_exposed) && !ports.iter().any(|port| port.contains('-')) {
        let message = format!("port is {}, and the image says that it listens on {}", tenant.port, ports.join(", "));
        found.push((LintId::UnexposedPort, message));
    }
    found.extend(execution.volumes().filter_map(|volume| {
        let volume: WritablePath = volume.parse().ok()?;
        let is_named = tenant.writable.iter().any(|writable| *writable.path() == volume);
        let around = tenant.writable.iter().find_map(|writable| match writable {
            Writable::Tmpfs { path, .. } => Some(path).filter(|path| volume.is_inside(path.as_str())),
            Writable::Volume { .. } => None,
        })?;
        let message = format!("its VOLUME {volume} is kept on disk, and {around} around it is in memory");
        (!is_named).then_some((LintId::VolumeInTmpfs, message))
    }));
    let declared = tenant.writable.iter().map(|writable| writable.path().to_string());
    let paths: BTreeSet<String> = declared.chain(execution.volumes()).chain(OWN_VOLUMES.map(str::to_owned)).collect();
    found.extend(paths.iter().filter_map(|path| writable_lint(path, layers)));
    found
}

/// What is to be said of a path at which something is mounted: the first of its components that is no folder in the image.
fn writable_lint(path: &str, layers: &[&LayerFacts]) -> Option<(LintId, String)> {
    let inside = path.strip_prefix('/')?;
    let kind = |path| layer_scan::at(layers.iter().map(|facts| &facts.entries), path);
    let mut components = layer_scan::folders(inside).chain([inside]);
    let (found, kind) =
        components.find_map(|path| Some((path, kind(path).filter(|kind| *kind != EntryKind::Folder)?)))?;
    let what = if found == inside { format!("{path} is") } else { format!("{path} is writable, and /{found} is") };
    Some(match kind {
        EntryKind::Symlink => (
            LintId::WritableLink,
            format!(
                "{what} a symbolic link in it, behind which a tenant may not write: name the folder that it leads to"
            ),
        ),
        _ => (LintId::WritableFile, format!("{what} a file in it, where no folder can be mounted")),
    })
}

/// What is to be said of programs that start only with capabilities which the tenant does not have.
fn capability_lint(tenant: &Tenant, layers: &[&LayerFacts]) -> Option<String> {
    let bits = |capabilities: &mut dyn Iterator<Item = &Capability>| {
        capabilities.fold(0_u64, |bits, capability| bits | 1 << capability.number())
    };
    let (allowed, possible) = (bits(&mut tenant.capabilities.iter()), bits(&mut Capability::ALL.iter()));
    let seen = layers.iter().enumerate().flat_map(|(number, facts)| {
        let above = &layers[number + 1..];
        let is_hidden = |file: &&CapableFile| above.iter().any(|upper| upper.entries.hides(&file.path));
        facts.capable.iter().filter(move |file| !is_hidden(file))
    });
    let refused: Vec<&CapableFile> = seen.filter(|file| file.needed & !allowed != 0).collect();
    let needed = refused.iter().fold(allowed, |bits, file| bits | file.needed);
    if refused.is_empty() {
        return None;
    }
    let paths: Vec<String> = refused.iter().take(PATHS).map(|file| format!("{:?}", file.path)).collect();
    let advice = if needed & !possible == 0 {
        // The whole list: those that are allowed already stay.
        let names = Capability::ALL.iter().filter(|one| needed & (1 << one.number()) != 0);
        let names: Vec<String> = names.map(|one| format!("{:?}", one.name())).collect();
        format!("capabilities = [{}] allows it", names.join(", "))
    } else {
        "no tenant can have all of these: take them from the files with `setcap -r`".to_owned()
    };
    let paths = paths.join(", ");
    Some(format!("a tenant cannot start these programs, whose files have capabilities: {paths}; {advice}"))
}

/// What files of any image come to on a host.
fn file_lints(layers: &[&LayerFacts]) -> Vec<(LintId, String)> {
    let paths = |of: fn(&LayerFacts) -> &Vec<String>| -> Option<String> {
        let paths: Vec<String> = layers.iter().flat_map(|facts| of(facts)).map(|path| format!("{path:?}")).collect();
        (!paths.is_empty()).then(|| paths.join(", "))
    };
    let sparse = paths(|facts| &facts.pax_sparse).map(|paths| {
        (LintId::SparseFile, format!("it has files with holes, which take their whole size on a host: {paths}"))
    });
    let python = paths(|facts| &facts.untimed_python).map(|paths| {
        let message = format!("Python compiles anew at each start what belongs to {paths}: they are of 1970");
        (LintId::UntimedPython, message)
    });
    sparse.into_iter().chain(python).collect()
}

/// Whether an image's user is root, by name or number, or none, which is root as well.
fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    // Whatever of zeros is a number.
    name == "root" || name.bytes().all(|byte| byte == b'0')
}

/// The user's name, if it is one and the image's users are known and do not include it. A number needs no entry.
fn unknown_user<'a>(user: &'a str, layers: &[&LayerFacts]) -> Option<&'a str> {
    let name = user.split(':').next().unwrap_or_default();
    if name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The uppermost layer that touches the file decides.
    match layers.iter().map(|facts| &facts.users).rfind(|users| **users != Users::Untouched) {
        Some(Users::Unknown) => None,
        Some(Users::Named(names)) if names.iter().any(|known| known == name) => None,
        _ => Some(name),
    }
}

#[cfg(test)]
mod tests;
