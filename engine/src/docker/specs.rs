//! The bodies of requests that create objects, in the terms of the Docker Engine API. Pure.

use super::connection::Capabilities;
use crate::containers::{ContainerSpec, NetworkSpec, PreparationSpec, Tmpfs};
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Ipam,
    IpamConfig, Mount, MountType, MountVolumeOptions, NetworkCreateRequest, NetworkingConfig, RestartPolicy,
    RestartPolicyNameEnum,
};
use std::collections::HashMap;

/// The size of a tenant's log on disk: at most three files of ten MiB, of which the oldest is removed first.
const LOG_LIMITS: [(&str, &str); 2] = [("max-size", "10m"), ("max-file", "3")];
/// How a tenant's resolver deals with names that it does not know (resolv.conf(5)): nobody will answer, so that it gives up soon.
const RESOLVER_OPTIONS: [&str; 2] = ["timeout:1", "attempts:1"];
/// A resolver inside the tenant's own network namespace, where nothing listens. Otherwise Docker's embedded resolver forwards
/// unknown names from the host's namespace, internal network or not (CVE-2024-29018).
const NO_RESOLVER: &str = "127.0.0.1";

pub(super) fn container(spec: &ContainerSpec, capabilities: Capabilities) -> ContainerCreateBody {
    let (network, address) = &spec.network;
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig { ipv4_address: Some(address.to_string()), ..Default::default() }),
        ..Default::default()
    };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        user: Some(spec.user.clone()),
        hostname: Some(spec.name.clone()),
        env: Some(spec.env.clone()),
        labels: Some(spec.labels.clone().into_iter().collect()),
        // The runtime checks health over HTTP; an image's own check would start a process every few seconds.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".into()]), ..Default::default() }),
        host_config: Some(host(spec, capabilities)),
        networking_config: Some(NetworkingConfig { endpoints_config: Some([(network.clone(), endpoint)].into()) }),
        ..Default::default()
    }
}

fn host(spec: &ContainerSpec, capabilities: Capabilities) -> HostConfig {
    HostConfig {
        init: Some(capabilities.init),
        network_mode: Some(spec.network.0.clone()),
        dns: Some(vec![NO_RESOLVER.into()]),
        dns_options: Some(RESOLVER_OPTIONS.map(str::to_owned).into()),
        // By address: `host-gateway` would be the default bridge's, to which the firewall lets no tenant.
        extra_hosts: Some(spec.hosts.iter().map(|(name, address)| format!("{name}:{address}")).collect()),
        // Both engines give an empty volume the owner of the image's folder, Docker a second time and Podman at the first start: it
        // would lose the one that it was given through the preparation.
        mounts: (!capabilities.podman).then(|| mounts(&spec.volumes, Content::Kept)),
        binds: capabilities.podman.then(|| owned_mounts(&spec.volumes)),
        // Podman refuses an owner, and needs none: it keeps their mode.
        tmpfs: Some(tmpfs(&spec.tmpfs, spec.user.split_once(':').filter(|_| !capabilities.podman))),
        // Nothing of a tenant is written but to its volumes and in memory: its container can be made again at any time.
        readonly_rootfs: Some(true),
        cap_drop: Some(vec!["ALL".into()]),
        cap_add: Some(spec.capabilities.clone()),
        security_opt: Some(vec!["no-new-privileges".into()]),
        privileged: Some(false),
        memory: Some(spec.memory),
        // The sum of memory and swap: no swap.
        memory_swap: Some(spec.memory),
        nano_cpus: Some(spec.nano_cpus.min(capabilities.nano_cpus)),
        pids_limit: Some(spec.pids),
        // Restarts are the runtime's, which waits longer before each: two of them would work against each other.
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        log_config: Some(HostConfigLogConfig {
            // Whatever the engine's default is: not every driver's output can be read back.
            typ: Some("json-file".into()),
            config: Some(LOG_LIMITS.map(|(key, value)| (key.into(), value.into())).into()),
        }),
        ..Default::default()
    }
}

pub(super) fn preparation(spec: &PreparationSpec) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        // A container of an image without a command cannot be created otherwise. It never runs.
        cmd: Some(vec!["/never-started".into()]),
        labels: Some(spec.labels.clone().into_iter().collect()),
        host_config: Some(HostConfig {
            network_mode: Some("none".into()),
            mounts: Some(mounts(&spec.volumes, Content::OfTheImage)),
            tmpfs: Some(tmpfs(&spec.tmpfs, None)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What an empty volume holds once it is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// What the image has in that folder.
    OfTheImage,
    /// Nothing.
    Kept,
}

fn mounts(volumes: &[(String, String)], content: Content) -> Vec<Mount> {
    let no_copy = (content == Content::Kept).then_some(true);
    let mount = |(source, target): &(String, String)| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(source.clone()),
        target: Some(target.clone()),
        volume_options: Some(MountVolumeOptions { no_copy, ..Default::default() }),
        ..Default::default()
    };
    volumes.iter().map(mount).collect()
}

/// Volumes that Podman gives to the container's user at each start (`podman-run(1)`, the option `U` of `--volume`).
fn owned_mounts(volumes: &[(String, String)]) -> Vec<String> {
    volumes.iter().map(|(source, target)| format!("{source}:{target}:U")).collect()
}

/// The options of file systems in memory. Where the image has a folder there, runc gives them that folder's mode, whatever is asked for:
/// `owner` can write all the same.
fn tmpfs(tmpfs: &[Tmpfs], owner: Option<(&str, &str)>) -> HashMap<String, String> {
    let owner = owner.map(|(uid, gid)| format!(",uid={uid},gid={gid}")).unwrap_or_default();
    let options = |size: u64| format!("rw,noexec,nosuid,nodev,mode=1777,size={size}{owner}");
    tmpfs.iter().map(|one| (one.path.clone(), options(one.size))).collect()
}

pub(super) fn network(spec: &NetworkSpec) -> NetworkCreateRequest {
    let subnet =
        IpamConfig { subnet: Some(spec.subnet.clone()), gateway: Some(spec.gateway.to_string()), ..Default::default() };
    NetworkCreateRequest {
        name: spec.name.clone(),
        driver: Some("bridge".into()),
        // No route out of the host, as `docker network create --internal`.
        internal: Some(true),
        ipam: Some(Ipam { config: Some(vec![subnet]), ..Default::default() }),
        options: Some(HashMap::from([("com.docker.network.bridge.name".to_owned(), spec.bridge.clone())])),
        labels: Some(spec.labels.clone().into_iter().collect()),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    fn spec() -> ContainerSpec {
        ContainerSpec {
            name: "tenant".to_owned(),
            image: "sha256:1".to_owned(),
            user: "1000:1001".to_owned(),
            env: Vec::new(),
            labels: BTreeMap::new(),
            network: ("tenant".to_owned(), Ipv4Addr::LOCALHOST),
            hosts: Vec::new(),
            volumes: vec![("files".to_owned(), "/data".to_owned())],
            tmpfs: vec![Tmpfs { path: "/tmp".to_owned(), size: 64 << 20 }],
            capabilities: vec!["NET_BIND_SERVICE".to_owned()],
            memory: 4 << 30,
            nano_cpus: 2_000_000_000,
            pids: 512,
        }
    }

    fn made(nano_cpus: i64, podman: bool) -> HostConfig {
        container(&spec(), Capabilities { init: true, nano_cpus, podman }).host_config.unwrap()
    }

    #[test]
    fn a_tenant_can_write_in_memory_whatever_mode_the_images_folder_has() {
        for (podman, owner) in [(false, ",uid=1000,gid=1001"), (true, "")] {
            let host = made(1, podman);
            let expected = format!("rw,noexec,nosuid,nodev,mode=1777,size=67108864{owner}");
            assert_eq!(host.tmpfs, Some([("/tmp".to_owned(), expected)].into()));
        }
    }

    #[test]
    fn a_tenant_has_the_capabilities_that_are_named_and_no_others() {
        let host = made(1, false);
        assert_eq!((host.cap_drop, host.cap_add), (Some(vec!["ALL".into()]), Some(vec!["NET_BIND_SERVICE".into()])));
    }

    #[test]
    fn a_tenant_may_use_no_more_cores_than_the_host_has() {
        for (cores, expected) in [(1, 1), (2, 2), (64, 2)] {
            let asked = made(cores * 1_000_000_000, false).nano_cpus;
            assert_eq!(asked, Some(expected * 1_000_000_000), "on {cores} cores");
        }
    }

    #[test]
    fn a_volume_keeps_the_owner_that_its_preparation_gave_it() {
        let volumes = [("files".to_owned(), "/app/data/users".to_owned())];
        let copies = |content| mounts(&volumes, content)[0].volume_options.as_ref().and_then(|options| options.no_copy);
        assert_eq!((copies(Content::OfTheImage), copies(Content::Kept)), (None, Some(true)));
        let on_podman = made(1, true);
        assert_eq!((on_podman.mounts, on_podman.binds), (None, Some(vec!["files:/data:U".to_owned()])));
    }
}
