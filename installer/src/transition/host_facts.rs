//! What the host is like: gathered here, judged by [`crate::plan::preflight`].

use crate::durable::{self, At as _, PathError};
use crate::engine::{About, ImageEngine};
use crate::host_context::HostContext;
use crate::layout::{FOLDERS, Layout};
use crate::links;
use crate::plan::preflight::{Addresses, Facts, FileSystem};
use crate::plan::{ObservedEngine, Plan};
use crate::recovery_binary;
use crate::settings::Ports;
use crate::state::installed::Installed;
use landfall_console::message_with_causes;
use landfall_host::{RelativePath, port_holder};
use landfall_manifests::ReleaseId;
use rustix::fs::StatVfsMountFlags;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Gathers the facts for preflight. `engine` is what is known about the engine already, `before` what is installed, `ports` those that
/// the service will listen on.
pub(crate) fn gather(
    host: &HostContext,
    plan: &Plan,
    id: &ReleaseId,
    engine: Option<Result<About, String>>,
    before: Option<&Installed>,
    ports: Option<Ports>,
    addresses: Addresses,
) -> Result<Facts, PathError> {
    let layout = &host.layout;
    Ok(Facts {
        needs_root: layout.is_running_system() && !rustix::process::geteuid().is_root(),
        file_systems: file_systems(layout, plan)?,
        addresses: Some(addresses),
        taken_ports: ports.map_or_else(Vec::new, taken_ports),
        lacks_systemd: host.units.as_ref().is_some_and(|units| !units.booted()),
        controllers: controllers(),
        engine,
        not_folders: not_folders(layout)?,
        occupied: occupied(layout, plan, id, before)?,
        no_recovery: before.and_then(|_| no_recovery(host)),
        foreign_links: links::foreign_programs(layout)?,
        seconds_since_1970: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    })
}

/// What is known about the engine: for the plan, and for preflight. The error is the reason why it cannot be reached.
pub(crate) fn engine(host: &HostContext) -> (Option<ObservedEngine>, Option<Result<About, String>>) {
    let look = |engine: &dyn ImageEngine| {
        let about = engine.about()?;
        let (images, networks) = (engine.images()?, engine.networks()?);
        let (takes_partial_archives, data_root) = (about.takes_partial_archives, about.data_root.clone());
        Ok((ObservedEngine { images, networks, takes_partial_archives, data_root }, about))
    };
    match host.engine().and_then(|engine| engine.map(look).transpose()) {
        Ok(Some((observed, about))) => (Some(observed), Some(Ok(about))),
        Ok(None) => (None, None),
        Err(error) => (None, Some(Err(message_with_causes(&error)))),
    }
}

/// Those of `paths`, relative to the root, that do not exist.
pub(crate) fn missing<'a>(
    layout: &Layout,
    paths: impl Iterator<Item = &'a str>,
) -> Result<Vec<RelativePath>, PathError> {
    let mut missing = Vec::new();
    for path in paths {
        if !durable::exists(&layout.at(path))? {
            missing.push(RelativePath::known(path));
        }
    }
    Ok(missing)
}

fn file_systems(layout: &Layout, plan: &Plan) -> Result<BTreeMap<PathBuf, FileSystem>, PathError> {
    let mut systems = BTreeMap::new();
    for need in &plan.space {
        let folder = if need.folder.is_absolute() { need.folder.clone() } else { layout.at(&need.folder) };
        // An engine may keep its images on another machine.
        // Absolute are the engine's own folders, as it names them; ours are relative to the host's root.
        if need.folder.is_absolute() && !durable::exists(&folder)? {
            continue;
        }
        systems.insert(need.folder.clone(), file_system(nearest(&folder))?);
    }
    Ok(systems)
}

/// The folder itself, or the nearest of its parents that is there.
fn nearest(folder: &Path) -> &Path {
    folder.ancestors().find(|candidate| candidate.is_dir()).unwrap_or(Path::new("/"))
}

fn file_system(folder: &Path) -> Result<FileSystem, PathError> {
    let about = rustix::fs::statvfs(folder).at("look at the file system of", folder)?;
    // Folders on one device share its free bytes: preflight adds up what they need.
    let device = folder.metadata().at("look at", folder)?.dev();
    Ok(FileSystem {
        device,
        mount: folder.to_owned(),
        // `f_bavail` leaves out the blocks that are reserved for root (statvfs(3)): services besides this one may
        // depend on them.
        free_bytes: about.f_bavail.saturating_mul(about.f_frsize),
        // Btrfs, for one, makes inodes as it needs them, and reports a total of 0.
        free_inodes: (about.f_files > 0).then_some(about.f_favail),
        read_only: about.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

fn taken_ports(ports: Ports) -> Vec<(u16, String)> {
    let why = |port: u16| {
        let bind = |address| TcpListener::bind(SocketAddrV4::new(address, port)).err();
        // Another program may hold the port at loopback only, where the installer will look for the service.
        let loopback = || if ports.address.is_unspecified() { bind(Ipv4Addr::LOCALHOST) } else { None };
        bind(ports.address).or_else(loopback)
    };
    let reason = |port: u16| {
        let error = why(port)?;
        let holder = (error.kind() == ErrorKind::AddrInUse).then(|| port_holder::of(port)).flatten();
        Some((port, holder.map_or_else(|| error.to_string(), |holder| format!("{holder} listens there"))))
    };
    [ports.api, ports.first_tenant].into_iter().filter_map(reason).collect()
}

/// The controllers of the unified hierarchy (cgroups(7), "Cgroups version 2"), or those of version 1 that are enabled.
pub(super) fn controllers() -> Option<Vec<String>> {
    if let Ok(text) = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers") {
        return Some(text.split_whitespace().map(str::to_owned).collect());
    }
    let text = std::fs::read_to_string("/proc/cgroups").ok()?;
    Some(enabled_v1(&text))
}

/// `/proc/cgroups` (cgroups(7)): name, hierarchy, number of cgroups, enabled.
fn enabled_v1(text: &str) -> Vec<String> {
    let fields = text.lines().filter(|line| !line.starts_with('#')).map(str::split_whitespace);
    fields
        .filter_map(|mut fields| (fields.clone().nth(3) == Some("1")).then(|| fields.next()).flatten())
        .map(str::to_owned)
        .collect()
}

fn not_folders(layout: &Layout) -> Result<Vec<PathBuf>, PathError> {
    let (root, mut found) = (layout.at(""), Vec::new());
    for path in FOLDERS.map(|(folder, _)| layout.at(folder)) {
        // A link may lead to a folder elsewhere, but not out of the root: what is written there would not be this host's.
        let leads_to_folder = path.canonicalize().is_ok_and(|real| real.is_dir() && real.starts_with(&root));
        if !leads_to_folder && durable::exists(&path)? {
            found.push(path);
        }
    }
    Ok(found)
}

fn occupied(
    layout: &Layout,
    plan: &Plan,
    id: &ReleaseId,
    before: Option<&Installed>,
) -> Result<Vec<PathBuf>, PathError> {
    let mut paths = Vec::new();
    if !before.into_iter().flat_map(Installed::releases).any(|release| release.id() == *id) {
        paths.push(layout.release(id));
    }
    if before.is_none() {
        paths.extend([layout.current(), layout.installer()]);
        paths.extend(plan.units.iter().map(|unit| layout.at(unit)));
    }
    let mut found = Vec::new();
    for path in paths {
        if durable::exists(&path)? {
            found.push(path);
        }
    }
    Ok(found)
}

/// Why the recovery program of this host could not settle an interrupted update.
fn no_recovery(host: &HostContext) -> Option<String> {
    let error = recovery_binary::check(host, &host.layout.installer(), None).err()?;
    Some(format!("{error:#}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_told_with_who_has_it() {
        let [api, tenants] = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let [api, first_tenant] = [&api, &tenants].map(|listener| listener.local_addr().unwrap().port());
        let taken = taken_ports(Ports { address: Ipv4Addr::UNSPECIFIED, api, first_tenant });
        assert_eq!(taken.iter().map(|(port, _)| *port).collect::<Vec<_>>(), [api, first_tenant]);
        let own = format!("(process {}) listens there", std::process::id());
        assert!(taken.iter().all(|(_, reason)| reason.ends_with(&own)), "{taken:?}");
    }

    #[test]
    fn reads_the_controllers_of_cgroups_version_1() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t90\t1\nmemory\t0\t1\t0\npids\t7\t95\t1\n";
        assert_eq!(enabled_v1(text), ["cpu", "pids"]);
    }
}
