//! The engine objects of a tenant, from its row and the settings. Pure.

use super::run_as::RunAs;
use crate::engine::{
    ContainerLimits, ContainerSpec, Folder, FoundImage, InstallationId, Labels, NetworkSpec, Owned, PreparationSpec,
    Tmpfs, labels as label,
};
use crate::identity::{ApiKey, EnvId, KeyHash};
use crate::settings::Settings;
use crate::store::Environment;
use landfall_host::settings::Limits;
use landfall_manifests::{OWN_VOLUMES, Tenant, Writable};
use std::collections::BTreeMap;

/// The names by which a tenant looks up the host: Docker's own, which the variables name, and the default of applications of this platform.
const HOST_NAME: &str = "host.docker.internal";
const API_NAME: &str = "convergence-api";
/// Folders in memory that every tenant has, and their sizes in bytes, unless its image has something else there.
const TMPFS: [(&str, u64); 2] = [("/tmp", 64 << 20), ("/run", 8 << 20)];

pub(in crate::controller) fn labels(installation: &InstallationId, id: EnvId, key: KeyHash) -> Labels {
    let labels = [
        (label::TENANT, id.to_string()),
        (label::INSTALLATION, installation.to_string()),
        (label::INSTANCE, instance(key)),
    ];
    labels.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The beginning of the key's hash: identifies the tenant without helping anybody to guess its key.
pub(in crate::controller) fn instance(key: KeyHash) -> String {
    let mut hex = key.to_hex();
    // 64 bits distinguish the tenants of one host.
    hex.truncate(16);
    hex
}

/// Whether labels are those of the installation's tenant with this key, rather than of another one with the same number.
pub(in crate::controller) fn is_ours(installation: &InstallationId, labels: &Labels, key: KeyHash) -> bool {
    Owned::of_instance(installation, &instance(key)).selector().matches(|name| labels.get(name))
}

/// The tenant's number in a set of labels.
pub(in crate::controller) fn number_of(labels: &Labels) -> Option<EnvId> {
    labels.get(label::TENANT).and_then(|id| parse_number(id))
}

/// Parses the value of [`label::TENANT`]. Anybody can set labels: a value that this program never writes is nobody's number.
pub(in crate::controller) fn parse_number(text: &str) -> Option<EnvId> {
    let id = EnvId(text.parse().ok()?);
    // The spelling counts, too: `01` and `+1` parse, and this program writes neither.
    ((EnvId::VALID.contains(&id) || id == EnvId::CANARY) && id.to_string() == text).then_some(id)
}

/// Selects the objects of this tenant, and none of another one with the same number.
pub(in crate::controller) fn of_tenant(installation: &InstallationId, tenant: &Environment) -> Owned {
    Owned::of_instance(installation, &instance(tenant.decided.key_hash))
}

/// Selects the objects of all tenants of the installation with this number.
pub(in crate::controller) fn of_number(installation: &InstallationId, id: EnvId) -> Owned {
    Owned::of_tenant(installation, id.0)
}

/// A tenant's volumes, and where they are mounted.
pub(in crate::controller) fn volumes(tenant: &Environment) -> Vec<(String, String)> {
    let id = tenant.id;
    let own = [id.files_volume(), id.history_volume()].into_iter().zip(OWN_VOLUMES.map(str::to_owned));
    let further = tenant.decided.image.tenant.writable.iter().filter_map(|writable| match writable {
        Writable::Volume { path } => Some((id.volume_at(path), path.to_string())),
        Writable::Tmpfs { .. } => None,
    });
    own.chain(further).collect()
}

fn tmpfs(image: &Tenant) -> Vec<Tmpfs> {
    let has = |path: &str| image.writable.iter().any(|writable| writable.path().as_str() == path);
    let usual = TMPFS.iter().filter(|(path, _)| !has(path));
    let usual = usual.map(|(path, size)| Tmpfs { path: (*path).to_owned(), size: *size });
    let further = image.writable.iter().filter_map(|writable| match writable {
        Writable::Tmpfs { path, size } => Some(Tmpfs { path: path.to_string(), size: *size }),
        Writable::Volume { .. } => None,
    });
    usual.chain(further).collect()
}

/// The folders at which a tenant's volumes are mounted, by the folder that they lie in.
pub(in crate::controller) fn mount_points(tenant: &Environment, user: RunAs) -> BTreeMap<String, Vec<Folder>> {
    let mut folders = BTreeMap::<String, Vec<Folder>>::new();
    for (_, path) in volumes(tenant) {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let parent = if parent.is_empty() { "/" } else { parent };
        let folder = Folder { name: name.to_owned(), uid: user.uid, gid: user.gid };
        folders.entry(parent.to_owned()).or_default().push(folder);
    }
    folders
}

pub(in crate::controller) fn network(installation: &InstallationId, tenant: &Environment) -> NetworkSpec {
    let decided = &tenant.decided;
    NetworkSpec {
        name: tenant.id.container(),
        bridge: tenant.id.bridge(),
        subnet: decided.subnet.to_string(),
        gateway: decided.subnet.gateway(),
        labels: labels(installation, tenant.id, decided.key_hash),
    }
}

pub(in crate::controller) fn preparation(
    installation: &InstallationId,
    tenant: &Environment,
    image: &FoundImage,
) -> PreparationSpec {
    PreparationSpec {
        name: tenant.id.preparation(),
        image: image.id.clone(),
        labels: labels(installation, tenant.id, tenant.decided.key_hash),
        volumes: volumes(tenant),
        tmpfs: tmpfs(&tenant.decided.image.tenant),
    }
}

pub(in crate::controller) fn container(
    installation: &InstallationId,
    tenant: &Environment,
    image: &FoundImage,
    user: RunAs,
    key: &ApiKey,
    settings: &Settings,
) -> ContainerSpec {
    let (id, decided) = (tenant.id, &tenant.decided);
    let ContainerLimits { memory, nano_cpus, pids } = limits(settings);
    ContainerSpec {
        name: id.container(),
        image: image.id.clone(),
        user: user.to_string(),
        env: environment(tenant, key, settings),
        labels: labels(installation, id, decided.key_hash),
        // Chosen here and not by the engine: the proxy and the health
        // checks connect to it, and the API knows the tenant by it.
        network: (id.container(), decided.subnet.tenant()),
        // The tenant's own gateway, since the firewall lets it reach no other address of the host.
        hosts: [HOST_NAME, API_NAME].map(|name| (name.to_owned(), decided.subnet.gateway())).into(),
        volumes: volumes(tenant),
        tmpfs: tmpfs(&decided.image.tenant),
        capabilities: decided.image.tenant.capabilities.iter().map(|one| one.name().to_owned()).collect(),
        memory,
        nano_cpus,
        pids,
    }
}

/// The limits that a tenant's container is created with, and that one from before is given.
pub(in crate::controller) fn limits(settings: &Settings) -> ContainerLimits {
    let Limits { memory, nano_cpus, pids } = settings.limits;
    ContainerLimits { memory, nano_cpus, pids }
}

/// The variables that tenants are promised, and the port that their image listens on.
fn environment(tenant: &Environment, key: &ApiKey, settings: &Settings) -> Vec<String> {
    let (id, decided) = (tenant.id, &tenant.decided);
    vec![
        format!("CONVERGENCE_API_URL=http://{HOST_NAME}:{}/api/v1", settings.api.port()),
        format!("CONVERGENCE_API_KEY={}", key.reveal()),
        format!("CONVERGENCE_ORG_ID={}", decided.org),
        format!("CONVERGENCE_ENV_ID={id}"),
        format!("TENANT_ID=tenant_{id}"),
        format!("TENANT_NAME={}", decided.name),
        "NODE_ENV=production".to_owned(),
        "LOG_LEVEL=info".to_owned(),
        format!("PORT={}", decided.image.tenant.port),
    ]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::identity::{HostSecret, KeyNonce, OrgId};
    use crate::store::{Desired, ImageRecord, NewEnvironment, Status};
    use landfall_manifests::{Capability, HealthCheck};

    fn tenant(key: &ApiKey, nonce: KeyNonce) -> Environment {
        Environment {
            id: EnvId(7),
            status: Status::Provisioning,
            desired: Desired::Running,
            created_at: "2026-11-22T00:00:00Z".into(),
            decided: NewEnvironment {
                org: OrgId(3),
                name: "acme corp".into(),
                port: 3001,
                subnet: "10.213.0.16/29".parse().unwrap(),
                nonce,
                key_hash: key.hash(),
                image: ImageRecord {
                    name: "node".into(),
                    config: "sha256:00".into(),
                    diff_ids: vec![],
                    tenant: Tenant::new("node", 8080, HealthCheck::Tcp),
                },
            },
        }
    }

    #[test]
    fn a_containers_spec_follows_from_its_row_and_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        let secret = HostSecret::load_or_create(&folder.path().join("secret")).unwrap();
        let nonce = KeyNonce([1; 16]);
        let key = secret.key(&nonce);
        let tenant = tenant(&key, nonce);
        let image = FoundImage { id: "sha256:aa".into(), user: String::new() };
        let settings = Settings::parse("[api]\nport = 80").unwrap();
        let installation = InstallationId::from_random([7; 16]);
        let spec = container(&installation, &tenant, &image, RunAs { uid: 5, gid: 6 }, &key, &settings);
        assert_eq!((spec.name.as_str(), spec.user.as_str()), ("convergence-tenant-7", "5:6"));
        assert_eq!(
            spec.env,
            [
                "CONVERGENCE_API_URL=http://host.docker.internal:80/api/v1".to_owned(),
                format!("CONVERGENCE_API_KEY={}", key.reveal()),
                "CONVERGENCE_ORG_ID=3".to_owned(),
                "CONVERGENCE_ENV_ID=7".to_owned(),
                "TENANT_ID=tenant_7".to_owned(),
                "TENANT_NAME=acme corp".to_owned(),
                "NODE_ENV=production".to_owned(),
                "LOG_LEVEL=info".to_owned(),
                "PORT=8080".to_owned(),
            ]
        );
        assert_eq!(spec.network, ("convergence-tenant-7".to_owned(), "10.213.0.18".parse().unwrap()));
        let gateway = "10.213.0.17".parse().unwrap();
        assert_eq!(spec.hosts, ["host.docker.internal", "convergence-api"].map(|name| (name.to_owned(), gateway)));
        let targets: Vec<_> = spec.volumes.iter().map(|(name, at)| (name.as_str(), at.as_str())).collect();
        assert_eq!(
            targets,
            [("convergence-tenant-7-files", "/app/data/users"), ("convergence-tenant-7-history", "/app/data/db")]
        );
        assert_eq!((spec.memory, spec.nano_cpus, spec.pids), (4 << 30, 2_000_000_000, 512));
        let network = network(&installation, &tenant);
        assert_eq!(network.labels, spec.labels);
        assert_eq!(network.labels[label::INSTALLATION], "07".repeat(16));
        assert_eq!((network.bridge.as_str(), network.subnet.as_str()), ("lft7", "10.213.0.16/29"));
    }

    #[test]
    fn what_an_image_needs_is_what_its_container_gets() {
        let nonce = KeyNonce([1; 16]);
        let folder = tempfile::tempdir().unwrap();
        let key = HostSecret::load_or_create(&folder.path().join("secret")).unwrap().key(&nonce);
        let mut tenant = tenant(&key, nonce);
        let volume = |path: &str| Writable::Volume { path: path.parse().unwrap() };
        let memory = |path: &str, size| Writable::Tmpfs { path: path.parse().unwrap(), size };
        tenant.decided.image.tenant.capabilities = [Capability::NetBindService].into();
        tenant.decided.image.tenant.writable =
            vec![memory("/var/cache", 4096), volume("/var/lib/redis"), memory("/run", 8192), volume("/data")];
        let image = FoundImage { id: "sha256:aa".into(), user: String::new() };
        let user = RunAs { uid: 5, gid: 6 };
        let installation = InstallationId::from_random([7; 16]);
        let spec = container(&installation, &tenant, &image, user, &key, &Settings::parse("").unwrap());
        assert_eq!(spec.capabilities, ["NET_BIND_SERVICE"]);
        let tmpfs: Vec<_> = spec.tmpfs.iter().map(|one| (one.path.as_str(), one.size)).collect();
        assert_eq!(tmpfs, [("/tmp", 64 << 20), ("/var/cache", 4096), ("/run", 8192)]);
        let targets: Vec<_> = spec.volumes.iter().map(|(_, at)| at.as_str()).collect();
        assert_eq!(targets, ["/app/data/users", "/app/data/db", "/var/lib/redis", "/data"]);
        // Where the container has no mount, the engine would make a volume without a name for the image's `VOLUME`.
        let preparation = preparation(&installation, &tenant, &image);
        assert_eq!((preparation.volumes, preparation.tmpfs), (spec.volumes, spec.tmpfs));
        let folders: Vec<_> = mount_points(&tenant, user)
            .into_iter()
            .map(|(parent, folders)| (parent, folders.into_iter().map(|folder| folder.name).collect::<Vec<_>>()))
            .collect();
        let expected = [("/", vec!["data"]), ("/app/data", vec!["users", "db"]), ("/var/lib", vec!["redis"])];
        assert_eq!(
            folders,
            expected.map(|(parent, names)| (parent.to_owned(), names.into_iter().map(str::to_owned).collect()))
        );
    }

    #[test]
    fn labels_distinguish_two_tenants_with_one_number() {
        let (first, second) = (KeyHash::of("a"), KeyHash::of("b"));
        let [ours, theirs] = [1, 2].map(|byte| InstallationId::from_random([byte; 16]));
        let worn = labels(&ours, EnvId(7), first);
        assert_eq!(number_of(&worn), Some(EnvId(7)));
        assert!(is_ours(&ours, &worn, first) && !is_ours(&ours, &worn, second));
        assert!(!is_ours(&theirs, &worn, first), "the same tenant of a copy of this host");
        assert!(!is_ours(&ours, &Labels::new(), first));
    }

    #[test]
    fn labels_that_this_program_never_writes_are_nobodys() {
        for (text, id) in [
            ("1", Some(1)),
            ("999999999999", Some(999_999_999_999)),
            ("1000000000000", None),
            ("9223372036854775807", None),
            ("0", Some(0)),
            ("00", None),
            ("-1", None),
            ("+1", None),
            ("01", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(parse_number(text), id.map(EnvId), "{text:?}");
        }
    }
}
