//! The host that a command works on: its paths, its engine, its service manager, and the console.

use crate::engine::{self, EngineAddress, EngineChoice, EngineError, ImageEngine};
use crate::layout::Layout;
use crate::state::installed::HostEnvironment;
use landfall_console::Console;
use landfall_host::layout::RootFolderError;
use landfall_systemd::{Systemctl, UnitManager};
use std::cell::OnceCell;
use std::path::PathBuf;

/// The options that say which host is meant, and what it has.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct HostArgs {
    /// The folder that stands for the host's root; other than / implies --no-systemd and, unless it is given, --engine none; and no
    /// program that lies below it is run
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// The container engine: auto, docker, podman, none, or unix:///PATH
    #[arg(long, global = true, value_name = "ENGINE")]
    engine: Option<EngineChoice>,
    /// Write the units, but do not talk to systemd
    #[arg(long, global = true)]
    no_systemd: bool,
    /// Run programs that lie below another root too: only for a tree that you vouch for
    #[arg(long, global = true, hide = true)]
    run_programs: bool,
}

/// Whether somebody waits for the operation and decides what it cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attendance {
    /// A person or a script runs the command: it waits for services to become healthy, and refuses what is not as it should be.
    Attended,
    /// Recovery acts on its own, possibly while the host boots: `landfall-recover.service` is ordered before the services, so it
    /// starts them without waiting; and since nobody is there to decide, a release without all its images, or without settings
    /// that it does not take, is better than no release.
    Unattended,
}

impl Attendance {
    /// Whether services are started without waiting for them.
    pub(crate) fn starts_without_waiting(self) -> bool {
        self == Self::Unattended
    }

    /// Whether a release may run although images of it are missing in the engine.
    pub(crate) fn tolerates_missing_images(self) -> bool {
        self == Self::Unattended
    }

    /// Whether settings of the operator that the release does not take may be left out.
    pub(crate) fn may_drop_settings(self) -> bool {
        self == Self::Unattended
    }
}

/// The host that a command works on.
pub(crate) struct HostContext {
    pub(crate) layout: Layout,
    pub(crate) environment: HostEnvironment,
    pub(crate) units: Option<Box<dyn UnitManager>>,
    pub(crate) console: Console,
    pub(crate) attendance: Attendance,
    /// Whether the programs that lie on it may be run. Nobody vouches for those below another root.
    pub(crate) runs_programs: bool,
    engine: OnceCell<Option<Box<dyn ImageEngine>>>,
}

impl HostArgs {
    /// The paths of the host.
    pub(crate) fn layout(&self) -> Result<Layout, RootFolderError> {
        Layout::open(&self.root)
    }

    /// The host as the command line says.
    pub(crate) fn context(&self, console: Console) -> Result<HostContext, RootFolderError> {
        let layout = self.layout()?;
        // A root elsewhere is a rehearsal, or another machine's disk: the engine here is not that host's.
        let default =
            if layout.is_running_system() { EngineChoice::Auto } else { EngineChoice::At(EngineAddress::None) };
        let choice = self.engine.clone().unwrap_or(default);
        // systemctl always speaks to the running system, whose units are not those below another root.
        let systemd = !self.no_systemd && layout.is_running_system();
        Ok(self.host(layout, HostEnvironment { engine: choice.expected_address(), systemd }, console))
    }

    /// The host as it was recorded, unless the command line says otherwise.
    pub(crate) fn recorded_context(
        &self,
        recorded: &HostEnvironment,
        console: Console,
    ) -> Result<HostContext, RootFolderError> {
        let layout = self.layout()?;
        // The record on the disk of another machine, mounted for rescue, is about that machine's services; and whoever wrote it must
        // not choose whom this program talks to.
        let elsewhere = !layout.is_running_system();
        let recorded_engine = if elsewhere { EngineAddress::None } else { recorded.engine.clone() };
        let engine = self.engine.as_ref().map_or(recorded_engine, EngineChoice::expected_address);
        let systemd = recorded.systemd && !self.no_systemd && !elsewhere;
        Ok(self.host(layout, HostEnvironment { engine, systemd }, console))
    }

    fn host(&self, layout: Layout, environment: HostEnvironment, console: Console) -> HostContext {
        let runs_programs = layout.is_running_system() || self.run_programs;
        HostContext { runs_programs, ..HostContext::new(layout, environment, console) }
    }
}

impl HostContext {
    fn new(layout: Layout, environment: HostEnvironment, console: Console) -> Self {
        let units = environment.systemd.then(|| Box::new(Systemctl::new()) as Box<dyn UnitManager>);
        let (attendance, engine) = (Attendance::Attended, OnceCell::new());
        Self { layout, environment, units, console, attendance, runs_programs: true, engine }
    }

    /// The engine, connected at the first call; `None` where there is to be none.
    pub(crate) fn engine(&self) -> Result<Option<&dyn ImageEngine>, EngineError> {
        if self.engine.get().is_none() {
            // It cannot have been set in between: a context is used by one thread.
            let _ = self.engine.set(engine::connect::images(&self.environment.engine)?);
        }
        Ok(self.engine.get().and_then(Option::as_deref))
    }
}

#[cfg(test)]
impl HostContext {
    /// A host in a folder, with a fake engine and fake units.
    pub(crate) fn fake(root: &std::path::Path, engine: Option<Box<dyn ImageEngine>>) -> Self {
        let console = Console::new(landfall_console::Flags::default());
        let host = Self::new(Layout::new(root), crate::fixture::environment(), console);
        let _ = host.engine.set(engine);
        host
    }
}
