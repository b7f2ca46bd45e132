//! What runs on an isolated host: the releases and engines that operators have.

use crate::{Engine, image};
use anyhow::Result;
use std::path::Path;

/// An operating system with a container engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// The release of the machine that runs the tests, with its Docker.
    Own,
    /// Debian 13, Docker 26, images in its classic store.
    Debian13Docker,
    /// The same, images in containerd's store, where an image's id is its manifest's digest.
    Debian13Containerd,
    /// Debian 13, Podman 5.
    Debian13Podman,
    /// The release of the machine that runs the tests, without an engine.
    Bare,
    /// Debian 13, without an engine.
    Debian13Bare,
}

impl Platform {
    /// Those with an engine, that every release of Landfall has to work on.
    pub const ALL: [Self; 4] = [Self::Own, Self::Debian13Docker, Self::Debian13Containerd, Self::Debian13Podman];

    /// The image that a host is booted from; built where the engine does not have it.
    pub fn image(self, engine: &Engine) -> Result<String> {
        match self {
            Self::Own => image::isolated_host(engine),
            Self::Debian13Docker => image::debian_13_host(engine, "isolated-host"),
            Self::Debian13Containerd => image::debian_13_host(engine, "isolated-host-containerd"),
            Self::Debian13Podman => image::debian_13_host(engine, "isolated-host-podman"),
            Self::Bare => image::bare_host(engine),
            Self::Debian13Bare => image::debian_13_host(engine, "bare-host"),
        }
    }

    /// The folders in which the engine stores what it has: overlay file systems cannot lie on the host's own overlay.
    pub(crate) fn stores(self) -> &'static [&'static str] {
        match self {
            Self::Own | Self::Debian13Docker | Self::Bare | Self::Debian13Bare => &["/var/lib/docker"],
            Self::Debian13Containerd => &["/var/lib/docker", "/var/lib/containerd"],
            Self::Debian13Podman => &["/var/lib/containers"],
        }
    }

    /// Variables of systemd's. Debian 13's refuses to boot on a machine with control groups of version 1 unless told to.
    pub(crate) fn variables(self) -> &'static [&'static str] {
        let has_version_2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
        if matches!(self, Self::Own | Self::Bare) || has_version_2 {
            return &[];
        }
        &["SYSTEMD_PROC_CMDLINE=systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]
    }

    /// A command that succeeds as soon as the engine answers.
    pub(crate) fn is_up(self) -> &'static str {
        match self {
            Self::Own | Self::Debian13Docker | Self::Debian13Containerd => "docker version",
            Self::Bare | Self::Debian13Bare => "true",
            Self::Debian13Podman => "curl -fsS --unix-socket /run/podman/podman.sock http://podman/_ping",
        }
    }
}
