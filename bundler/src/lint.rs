//! What a build warns of: an image that packs, and that would not do on a host what its publisher expects.
//!
//! Pure: it judges what is remembered of the layers while they pass by, and the image's configuration.

use crate::image_config::Execution;
use crate::layer_scan::{CapableFile, LayerFacts, Users};
use landfall_manifests::{Capability, ImageName, Tenant, Writable, WritablePath};
use serde::Serialize;
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
}

impl LintId {
    /// All of them, each with what `docs/definition.md` says of it.
    #[cfg(test)]
    pub(crate) const ALL: [(Self, &str); 8] = [
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
    ];

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
    let is_exposed = |port: &&str| port.strip_suffix("/tcp").unwrap_or(port).parse() == Ok(tenant.port);
    // An image that names none says nothing; one with a range says it in a form that is not looked into.
    if !ports.is_empty() && !ports.iter().any(is_exposed) && !ports.iter().any(|port| port.contains('-')) {
        let message = format!("port is {}, and the image says that it listens on {}", tenant.port, ports.join(", "));
        found.push((LintId::UnexposedPort, message));
    }
    found.extend(execution.volumes().filter_map(|volume| {
        let volume: WritablePath = volume.trim_end_matches('/').parse().ok()?;
        let is_named = tenant.writable.iter().any(|writable| *writable.path() == volume);
        let around = tenant.writable.iter().find_map(|writable| match writable {
            Writable::Tmpfs { path, .. } => Some(path).filter(|path| volume.is_inside(path.as_str())),
            Writable::Volume { .. } => None,
        })?;
        let message = format!("its VOLUME {volume} is kept on disk, and {around} around it is in memory");
        (!is_named).then_some((LintId::VolumeInTmpfs, message))
    }));
    found
}

/// What is to be said of programs that start only with capabilities which the tenant does not have.
fn capability_lint(tenant: &Tenant, layers: &[&LayerFacts]) -> Option<String> {
    let bits = |capabilities: &mut dyn Iterator<Item = &Capability>| {
        capabilities.fold(0_u64, |bits, capability| bits | 1 << capability.number())
    };
    let allowed = bits(&mut tenant.capabilities.iter());
    let refused = layers.iter().flat_map(|facts| &facts.capable).filter(|file| file.needed & !allowed != 0);
    let refused: Vec<&CapableFile> = refused.collect();
    let missing = refused.iter().fold(0, |bits, file| bits | file.needed & !allowed);
    if refused.is_empty() {
        return None;
    }
    let paths: Vec<String> = refused.iter().map(|file| format!("{:?}", file.path)).collect();
    // Only where that is enough.
    let advice = if missing & !bits(&mut Capability::ALL.iter()) == 0 {
        let names = Capability::ALL.iter().filter(|one| missing & (1 << one.number()) != 0);
        let names: Vec<String> = names.map(|one| format!("{:?}", one.name())).collect();
        format!("; capabilities = [{}] allows it", names.join(", "))
    } else {
        String::new()
    };
    Some(format!("a tenant cannot start these programs, whose files have capabilities: {}{advice}", paths.join(", ")))
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
    matches!(user.split(':').next(), None | Some("" | "0" | "root"))
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
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use landfall_manifests::HealthCheck;

    fn tenant() -> Tenant {
        Tenant::new("c", 80, HealthCheck::Tcp)
    }

    fn found(tenant: &Tenant, config: &serde_json::Value, layers: &[LayerFacts]) -> Vec<Lint> {
        let layers: Vec<&LayerFacts> = layers.iter().collect();
        image(&"app".parse().unwrap(), Some(tenant), config.to_string().as_bytes(), &layers)
    }

    fn ids(config: &serde_json::Value, layers: &[LayerFacts]) -> Vec<&'static str> {
        found(&tenant(), config, layers).iter().map(|lint| lint.id.word()).collect()
    }

    fn users(users: Users) -> LayerFacts {
        LayerFacts { users, ..LayerFacts::default() }
    }

    #[test]
    fn warns_of_what_no_tenant_can_run() {
        let named = || users(Users::Named(vec!["root".to_owned(), "node".to_owned()]));
        let runs = |user: &str| serde_json::json!({"config": {"Cmd": ["/a"], "User": user}});
        for (config, layers, expected) in [
            (serde_json::json!({}), vec![], vec!["no-command", "root-user"]),
            (serde_json::json!({"config": {"Cmd": [], "Entrypoint": null, "User": "1"}}), vec![], vec!["no-command"]),
            (serde_json::json!({"config": {"Entrypoint": ["/a"]}}), vec![], vec!["root-user"]),
            (runs("root"), vec![], vec!["root-user"]),
            (runs("0:0"), vec![], vec!["root-user"]),
            (runs("1000:1000"), vec![], vec![]),
            (runs("node"), vec![], vec!["unknown-user"]),
            (runs("node:node"), vec![named(), LayerFacts::default()], vec![]),
            (runs("app"), vec![named()], vec!["unknown-user"]),
            (runs("node"), vec![named(), users(Users::Removed)], vec!["unknown-user"]),
            (runs("app"), vec![named(), users(Users::Unknown)], vec![]),
        ] {
            assert_eq!(ids(&config, &layers), expected, "{config}");
        }
        let told = image(&"base".parse().unwrap(), None, b"{}", &[]);
        assert_eq!(told, [], "no tenant is made from it");
    }

    #[test]
    fn warns_of_files_that_a_host_takes_otherwise() {
        let path = || vec!["a\u{1b}b".to_owned()];
        let facts = LayerFacts { pax_sparse: path(), untimed_python: path(), ..LayerFacts::default() };
        let config = serde_json::json!({"config": {"Cmd": ["/a"], "User": "1"}});
        let told = found(&tenant(), &config, std::slice::from_ref(&facts));
        assert_eq!(told.iter().map(|lint| lint.id.word()).collect::<Vec<_>>(), ["sparse-file", "untimed-python"]);
        assert_eq!(
            told[0].to_string(),
            "image app: it has files with holes, which take their whole size on a host: \"a\\u{1b}b\" [sparse-file]"
        );
    }

    #[test]
    fn warns_of_programs_whose_capabilities_a_tenant_does_not_have() {
        let (bind, raw) = (1 << Capability::NetBindService.number(), 1 << 13);
        let file = |path: &str, needed| CapableFile { path: path.to_owned(), needed };
        let config = serde_json::json!({"config": {"Cmd": ["/a"], "User": "1"}});
        let told = |capabilities: &[Capability], capable: &[CapableFile]| {
            let tenant = Tenant { capabilities: capabilities.iter().copied().collect(), ..tenant() };
            let facts = LayerFacts { capable: capable.to_vec(), ..LayerFacts::default() };
            let found = found(&tenant, &config, &[facts]);
            found.into_iter().map(|lint| lint.message).collect::<Vec<_>>()
        };
        let (caddy, ping) = (file("usr/bin/caddy", bind), file("bin/ping", raw));
        let said = told(&[], std::slice::from_ref(&caddy));
        assert!(said[0].ends_with("\"usr/bin/caddy\"; capabilities = [\"NET_BIND_SERVICE\"] allows it"), "{said:?}");
        assert_eq!(told(&[Capability::NetBindService], std::slice::from_ref(&caddy)), [""; 0]);
        let said = told(&[Capability::NetBindService], &[caddy, ping]);
        assert!(said[0].ends_with(": \"bin/ping\""), "{said:?}");
    }

    #[test]
    fn warns_where_the_table_and_the_images_configuration_disagree() {
        let config = |ports: &[&str], volumes: &[&str]| {
            let keys = |keys: &[&str]| -> serde_json::Map<String, serde_json::Value> {
                keys.iter().map(|key| ((*key).to_owned(), serde_json::json!({}))).collect()
            };
            let (ports, volumes) = (keys(ports), keys(volumes));
            serde_json::json!({"config": {"Cmd": ["/a"], "User": "1", "ExposedPorts": ports, "Volumes": volumes}})
        };
        for (ports, expected) in [
            (&[][..], &[][..]),
            (&["80/tcp"], &[]),
            (&["80"], &[]),
            (&["443/tcp", "80/tcp"], &[]),
            (&["8000-8010/tcp"], &[]),
            (&["8080/tcp"], &["unexposed-port"]),
            (&["80/udp"], &["unexposed-port"]),
        ] {
            assert_eq!(ids(&config(ports, &[]), &[]), expected, "{ports:?}");
        }
        let memory = Writable::Tmpfs { path: "/var/cache".parse().unwrap(), size: 4096 };
        for (volume, expected) in
            [("/var/cache/x/", &["volume-in-tmpfs"][..]), ("/var/cached", &[]), ("/var/cache", &[])]
        {
            let mut tenant = Tenant { writable: vec![memory.clone()], ..tenant() };
            let said = found(&tenant, &config(&[], &[volume]), &[]);
            assert_eq!(said.iter().map(|lint| lint.id.word()).collect::<Vec<_>>(), expected, "{volume}");
            // The definition says itself what is meant.
            tenant.writable.push(Writable::Volume { path: volume.trim_end_matches('/').parse().unwrap() });
            assert_eq!(found(&tenant, &config(&[], &[volume]), &[]), [], "{volume}");
        }
    }

    #[test]
    fn each_warning_has_the_word_that_json_has() {
        for (id, _) in LintId::ALL {
            assert_eq!(serde_json::to_value(id).unwrap(), id.word());
        }
    }
}
