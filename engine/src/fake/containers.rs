//! A [`ContainerEngine`] in memory, which fails on request.
//!
//! Further rules of Docker's that it keeps: a container starts only with its network, a network or volume in use cannot be
//! removed, a volume that exists is returned with the labels that it has.

use super::objects::{FakeContainer, FakeEngineState, idle, in_use, missing, volume};
use crate::containers::{
    ContainerEngine, ContainerLimits, ContainerSpec, ContainerState, Folder, FoundImage, ImageIdentity, LimitsChange,
    Listed, Listing, LogStream, LogWindow, NetworkSpec, PreparationSpec, Reply, Usage,
};
use crate::error::EngineError;
use crate::labels::{Labels, Selector};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// An engine in memory.
#[derive(Default)]
pub struct FakeContainerEngine {
    state: Mutex<FakeEngineState>,
}

/// What calls of one method wait at. All that wait, and all that come later, pass when it is dropped.
#[derive(Debug)]
#[must_use = "a gate that is dropped holds nothing"]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// Lets this many calls pass.
    pub fn pass(&self, calls: usize) {
        self.0.add_permits(calls);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl FakeContainerEngine {
    /// An engine that holds one image, whose configuration names `user`.
    pub fn with_image(image: &ImageIdentity, user: &str) -> Self {
        let engine = Self::default();
        engine.state().images.insert(image.config.clone(), (image.diff_ids.clone(), user.to_owned()));
        engine
    }

    /// Its objects, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, FakeEngineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next call of `method` fail.
    pub fn fail_next(&self, method: &'static str) {
        self.state().failing.insert(method, 1);
    }

    /// Makes calls of `method` wait at the gate that is returned.
    pub fn hold(&self, method: &'static str) -> Gate {
        let gate = Arc::new(Semaphore::new(0));
        self.state().gates.insert(method, Arc::clone(&gate));
        Gate(gate)
    }

    async fn call<T>(
        &self,
        method: &'static str,
        work: impl FnOnce(&mut FakeEngineState) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let gate = self.state().gates.get(method).cloned();
        // A gate that was dropped gives no permits and holds nobody.
        if let Some(gate) = gate
            && let Ok(passed) = gate.acquire().await
        {
            passed.forget();
        }
        let mut state = self.state();
        if state.down {
            state.unanswered += 1;
            let source = "the fake engine is down".into();
            return Err(EngineError::NoAnswer { operation: method.to_owned(), source });
        }
        if let Some(left) = state.failing.get_mut(method).filter(|left| **left > 0) {
            *left -= 1;
            return Err(EngineError::Failed {
                operation: method.to_owned(),
                message: "a test asked for it".to_owned(),
            });
        }
        work(&mut state)
    }
}

impl ContainerEngine for FakeContainerEngine {
    fn ping(&self) -> Reply<'_, ()> {
        Box::pin(self.call("ping", |_| Ok(())))
    }

    fn find_image<'a>(&'a self, image: &'a ImageIdentity) -> Reply<'a, Option<FoundImage>> {
        let find = |state: &mut FakeEngineState| {
            let held = state.images.get(&image.config).filter(|(layers, _)| *layers == image.diff_ids);
            Ok(held.map(|(_, user)| FoundImage { id: image.config.clone(), user: user.clone() }))
        };
        Box::pin(self.call("find_image", find))
    }

    fn create_network<'a>(&'a self, spec: &'a NetworkSpec) -> Reply<'a, ()> {
        let create = |state: &mut FakeEngineState| {
            let operation = format!("create network {}", spec.name);
            let stale = state.stale_subnets.contains(&spec.subnet);
            if stale || state.networks.values().any(|other| other.subnet == spec.subnet) {
                return Err(EngineError::Failed {
                    operation,
                    message: "Pool overlaps with other one on this address space".to_owned(),
                });
            }
            // Docker checks names of networks from API 1.44 on.
            if state.networks.contains_key(&spec.name) {
                return Err(in_use(operation));
            }
            state.networks.insert(spec.name.clone(), spec.clone());
            Ok(())
        };
        Box::pin(self.call("create_network", create))
    }

    fn create_volume<'a>(&'a self, name: &'a str, labels: &'a Labels) -> Reply<'a, ()> {
        let create = move |state: &mut FakeEngineState| {
            let held = state.volumes.entry(name.to_owned()).or_insert_with(|| labels.clone());
            let is_same = labels.iter().all(|(name, value)| held.get(name) == Some(value));
            if is_same { Ok(()) } else { Err(in_use(format!("create volume {name}"))) }
        };
        Box::pin(self.call("create_volume", create))
    }

    fn volume<'a>(&'a self, name: &'a str) -> Reply<'a, Option<Listed>> {
        let look = move |state: &mut FakeEngineState| Ok(state.volumes.get(name).map(|labels| volume(name, labels)));
        Box::pin(self.call("volume", look))
    }

    fn create_container<'a>(&'a self, spec: &'a ContainerSpec) -> Reply<'a, ()> {
        let container = FakeContainer::new(Some(spec.clone()), &spec.labels, &spec.volumes);
        let create = move |state: &mut FakeEngineState| state.add_container(&spec.name, &spec.image, container);
        Box::pin(self.call("create_container", create))
    }

    fn create_preparation<'a>(&'a self, spec: &'a PreparationSpec) -> Reply<'a, ()> {
        let container = FakeContainer::new(None, &spec.labels, &spec.volumes);
        let create = move |state: &mut FakeEngineState| state.add_container(&spec.name, &spec.image, container);
        Box::pin(self.call("create_preparation", create))
    }

    fn read_file<'a>(&'a self, container: &'a str, path: &'a str) -> Reply<'a, Vec<u8>> {
        let read = move |state: &mut FakeEngineState| match (state.containers.contains_key(container), path) {
            (true, "/etc/passwd") => Ok(b"root:x:0:0::/:/bin/sh\nnode:x:1000:1000::/:/bin/sh\n".to_vec()),
            _ => missing(path),
        };
        Box::pin(self.call("read_file", read))
    }

    fn put_folders<'a>(&'a self, container: &'a str, _parent: &'a str, folders: &'a [Folder]) -> Reply<'a, ()> {
        let put = move |state: &mut FakeEngineState| match state.containers.get_mut(container) {
            None => missing(container),
            Some(held) => {
                held.folders.extend_from_slice(folders);
                Ok(())
            }
        };
        Box::pin(self.call("put_folders", put))
    }

    fn start<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        let start = move |state: &mut FakeEngineState| {
            let FakeEngineState { containers, networks, ending, .. } = state;
            let Some(held) = containers.get_mut(container) else { return missing(container) };
            let Some(spec) = &held.spec else { return missing("command /never-started") };
            if !networks.contains_key(&spec.network.0) {
                return missing(&spec.network.0);
            }
            held.started = match ending {
                Some(_) => None,
                None => held.started.or_else(|| Some(Timestamp::now())),
            };
            Ok(())
        };
        Box::pin(self.call("start", start))
    }

    fn set_limits<'a>(&'a self, container: &'a str, limits: ContainerLimits) -> Reply<'a, LimitsChange> {
        let set = move |state: &mut FakeEngineState| {
            let keeps = state.keeps_limits;
            let held = state.containers.get_mut(container).and_then(|held| held.spec.as_mut());
            let Some(spec) = held else { return missing(container) };
            let ContainerLimits { memory, nano_cpus, pids } = limits;
            if (spec.memory, spec.nano_cpus, spec.pids) == (memory, nano_cpus, pids) {
                return Ok(LimitsChange::Unneeded);
            }
            if keeps {
                return Ok(LimitsChange::Refused("a test asked for it".to_owned()));
            }
            (spec.memory, spec.nano_cpus, spec.pids) = (memory, nano_cpus, pids);
            Ok(LimitsChange::Made)
        };
        Box::pin(self.call("set_limits", set))
    }

    fn pause<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        Box::pin(self.call("pause", move |state| state.set_paused(container, true)))
    }

    fn unpause<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        Box::pin(self.call("unpause", move |state| state.set_paused(container, false)))
    }

    fn kill<'a>(&'a self, container: &'a str) -> Reply<'a, ()> {
        let kill = move |state: &mut FakeEngineState| {
            if let Some(held) = state.containers.get_mut(container) {
                (held.started, held.paused) = (None, false);
            }
            Ok(())
        };
        Box::pin(self.call("kill", kill))
    }

    fn start_command<'a>(&'a self, container: &'a str, command: &'a [String]) -> Reply<'a, String> {
        let start = move |state: &mut FakeEngineState| match state.containers.get(container) {
            None => missing(container),
            Some(held) if held.started.is_none() => Err(EngineError::Conflict {
                operation: "run a command".to_owned(),
                message: "it does not run".to_owned(),
            }),
            Some(_) => {
                state.commands.push(command.to_vec());
                Ok(format!("run {}", state.commands.len()))
            }
        };
        Box::pin(self.call("start_command", start))
    }

    fn running_command<'a>(&'a self, _container: &'a str, command: &'a [String]) -> Reply<'a, Option<String>> {
        let find = move |state: &mut FakeEngineState| {
            let last = state.commands.last().filter(|last| *last == command && state.command_exit.is_none());
            Ok(last.map(|_| format!("run {}", state.commands.len())))
        };
        Box::pin(self.call("running_command", find))
    }

    fn command_exit<'a>(&'a self, _run: &'a str) -> Reply<'a, Option<i64>> {
        Box::pin(self.call("command_exit", |state| Ok(state.command_exit)))
    }

    fn remove_container<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        let remove = move |state: &mut FakeEngineState| {
            state.containers.remove(name);
            Ok(())
        };
        Box::pin(self.call("remove_container", remove))
    }

    fn remove_network<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        let remove = move |state: &mut FakeEngineState| {
            // As Docker does: a container that does not run has no active endpoint in its network.
            let uses = |c: &FakeContainer| c.started.is_some() && c.networks().iter().any(|network| network == name);
            if state.containers.values().any(uses) {
                let (operation, message) = (format!("remove network {name}"), "it is in use".to_owned());
                return Err(EngineError::Failed { operation, message });
            }
            state.networks.remove(name);
            Ok(())
        };
        Box::pin(self.call("remove_network", remove))
    }

    fn remove_volume<'a>(&'a self, name: &'a str) -> Reply<'a, ()> {
        let remove = move |state: &mut FakeEngineState| {
            if state.containers.values().any(|c| c.volumes.iter().any(|volume| volume == name)) {
                return Err(in_use(format!("remove volume {name}")));
            }
            state.volumes.remove(name);
            Ok(())
        };
        Box::pin(self.call("remove_volume", remove))
    }

    fn inspect<'a>(&'a self, container: &'a str) -> Reply<'a, Option<ContainerState>> {
        let inspect = move |state: &mut FakeEngineState| {
            Ok(state.containers.get(container).map(|held| ContainerState {
                running: held.started.is_some(),
                paused: held.paused,
                started_at: held.started,
                exit_code: held.started.is_none().then_some(state.ending.unwrap_or(0)),
                networks: held.networks(),
                log: held.log.clone(),
                labels: held.labels.clone(),
            }))
        };
        Box::pin(self.call("inspect", inspect))
    }

    fn subnets(&self) -> Reply<'_, Vec<String>> {
        let subnets =
            |state: &mut FakeEngineState| Ok(state.networks.values().map(|network| network.subnet.clone()).collect());
        Box::pin(self.call("subnets", subnets))
    }

    fn list_containers<'a>(&'a self, by: &'a Selector) -> Reply<'a, Vec<Listed>> {
        Box::pin(self.call("list_containers", |state| Ok(state.listed_containers(by))))
    }

    fn list<'a>(&'a self, by: &'a Selector) -> Reply<'a, Listing> {
        let list = move |state: &mut FakeEngineState| {
            let selects = |labels: &Labels| by.matches(|name| labels.get(name));
            let networks = state.networks.iter().filter(|(_, network)| selects(&network.labels));
            let volumes = state.volumes.iter().filter(|(_, labels)| selects(labels));
            Ok(Listing {
                containers: state.listed_containers(by),
                networks: networks.map(|(name, network)| idle(name, &network.labels)).collect(),
                volumes: volumes.map(|(name, labels)| volume(name, labels)).collect(),
            })
        };
        Box::pin(self.call("list", list))
    }

    fn logs<'a>(&'a self, container: &'a str, window: LogWindow) -> Reply<'a, LogStream> {
        let logs = move |state: &mut FakeEngineState| {
            if !state.containers.contains_key(container) {
                return missing(container);
            }
            let lines: Vec<_> = (1..=3).map(|n| Ok(format!("2026-11-22T00:00:0{n}Z line {n}"))).collect();
            let skipped = lines.len().saturating_sub(usize::try_from(window.tail).unwrap_or(usize::MAX));
            let past = stream::iter(lines.into_iter().skip(skipped));
            Ok(if window.follow { past.chain(stream::pending()).boxed() } else { past.boxed() })
        };
        Box::pin(self.call("logs", logs))
    }

    fn usage<'a>(&'a self, container: &'a str) -> Reply<'a, Usage> {
        let sample = move |state: &mut FakeEngineState| match state.containers.get(container) {
            Some(held) => Ok(Usage { cpu_nanos: 250_000_000, memory: 128_000_000, written: held.written }),
            None => missing(container),
        };
        Box::pin(self.call("usage", sample))
    }

    fn exits(&self, _by: &Selector) -> BoxStream<'static, Result<String, EngineError>> {
        // No events: tests see what the runtime's rounds find by themselves.
        stream::pending().boxed()
    }
}
