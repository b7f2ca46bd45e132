//! Asks the disk and the engine what tenants take.

use super::excess::{self, Taken};
use super::pace::Measured;
use crate::controller::provision::spec;
use crate::controller::{ActionError, Controller};
use crate::disk::{Holding, Unnamed};
use crate::engine::{InstallationId, Listed, Owned};
use crate::store::Environment;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How long a measurement may take. Tenants that were not counted by then come first in the next one, which finds the kernel's cache warm.
const LIMIT: Duration = Duration::from_secs(2);
const URGENT_LIMIT: Duration = Duration::from_secs(1);
/// Tenants that are measured at a time.
const AT_ONCE: usize = 4;

impl Controller {
    /// The free bytes on the file system of the volumes. `None` as long as none is known: the database may lie on another one.
    pub(super) async fn free_for_volumes(&self) -> Option<u64> {
        let folder = self.disk.folder.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let free = self.free(folder).await;
        if free.is_none() {
            // It went with its tenant: the next measurement finds another one.
            *self.disk.folder.lock().unwrap_or_else(PoisonError::into_inner) = None;
            self.disk.requested.store(true, Ordering::Relaxed);
        }
        free
    }

    async fn free(&self, folder: PathBuf) -> Option<u64> {
        let disks = Arc::clone(&self.deps.disks);
        // A thread of its own: a file system that hangs must not hold up clients.
        tokio::task::spawn_blocking(move || disks.free(&folder)).await.ok()?.ok()
    }

    /// Measures what each tenant takes. What its container writes is only asked for where it is `urgent`: it takes a call of the engine.
    pub(super) async fn measure(
        &self,
        last: Option<&Measured>,
        free_before: Option<u64>,
        urgent: bool,
    ) -> Result<Measured, ActionError> {
        let start = Instant::now();
        let limit = if urgent { URGENT_LIMIT } else { LIMIT };
        let deadline = start + limit;
        // Before the listing: a tenant that is created from here on asks once more.
        self.disk.requested.store(false, Ordering::Relaxed);
        let listing = self.deps.engine.list(Owned::all(&self.deps.installation).selector()).await?;
        let mut rows = self.deps.store.environments(None).await?;
        let was_counted =
            |row: &Environment| last.is_some_and(|last| last.taken.get(&row.id).is_some_and(|t| t.held.is_some()));
        rows.sort_by_key(was_counted);
        let volumes = &listing.volumes;
        let folder = volumes.iter().find_map(|volume| volume.folder.clone());
        let free_before = match (free_before, &folder) {
            // The first measurement finds the disk. What is written from here on is not in what it counts.
            (None, Some(folder)) => self.free(folder.clone()).await,
            (known, _) => known,
        };
        let unnamed = self.unnamed(folder.clone(), &listing.containers, start + limit / 2).await;
        let measure = async |row: Environment| {
            let folders =
                own(&self.deps.installation, volumes, &row).filter_map(|volume| volume.folder.clone()).collect();
            let (held, written) = tokio::join!(self.holding(folders, deadline), self.written(&row, urgent));
            let unnamed = sum(&unnamed, own(&self.deps.installation, &listing.containers, &row));
            let held = held.map(|held| held.and(unnamed.held));
            (row.id, Taken { held, written, may_hold_more: unnamed.may_be_more })
        };
        let taken: excess::AllTaken =
            futures_util::stream::iter(rows).map(measure).buffer_unordered(AT_ONCE).collect().await;
        let held = taken.iter().filter_map(|(id, taken)| Some((*id, taken.held?)));
        self.disk.held.lock().unwrap_or_else(PoisonError::into_inner).extend(held);
        self.disk.held.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| taken.contains_key(id));
        *self.disk.folder.lock().unwrap_or_else(PoisonError::into_inner) = folder;
        // Only now: what was written meanwhile is in what they hold.
        let free = self.free_for_volumes().await.unwrap_or(u64::MAX);
        Ok(Measured {
            at: Instant::now(),
            took: start.elapsed(),
            free_before: free_before.unwrap_or(free),
            free,
            taken,
        })
    }

    async fn holding(&self, folders: Vec<PathBuf>, deadline: Instant) -> Option<Holding> {
        let disks = Arc::clone(&self.deps.disks);
        let most = excess::most(self.deps.settings.disk);
        // What could not be counted makes the whole unknown.
        let count = move || {
            let mut held = folders.iter().map(|folder| disks.holding(folder, most, deadline).ok());
            held.try_fold(Holding::default(), |sum, one| Some(sum.and(one?)))
        };
        tokio::task::spawn_blocking(count).await.ok()?
    }

    /// The files without a name which the processes of containers use, by the container's id.
    async fn unnamed(
        &self,
        folder: Option<PathBuf>,
        containers: &[Listed],
        deadline: Instant,
    ) -> BTreeMap<String, Unnamed> {
        let Some(folder) = folder else { return BTreeMap::new() };
        let disks = Arc::clone(&self.deps.disks);
        let ids = containers.iter().filter(|one| one.running).map(|one| one.id.clone()).collect();
        let find = move || disks.unnamed(&folder, &ids, deadline).unwrap_or_default();
        tokio::task::spawn_blocking(find).await.unwrap_or_default()
    }

    /// Whether the folder of a volume is known to hold nothing.
    pub(in crate::controller) async fn is_empty(&self, folder: Option<PathBuf>) -> bool {
        let Some(folder) = folder else { return false };
        let (disks, deadline) = (Arc::clone(&self.deps.disks), Instant::now() + LIMIT);
        let count = move || disks.holding(&folder, Holding::default(), deadline);
        tokio::task::spawn_blocking(count).await.is_ok_and(|held| held.is_ok_and(|held| held == Holding::default()))
    }

    async fn written(&self, row: &Environment, urgent: bool) -> Option<u64> {
        if !urgent {
            return None;
        }
        let container = row.id.container();
        let usage = tokio::time::timeout(URGENT_LIMIT, self.deps.engine.usage(&container)).await;
        usage.ok()?.ok().map(|usage| usage.written)
    }
}

/// What of a listing is a tenant's own.
fn own<'a>(installation: &InstallationId, listed: &'a [Listed], row: &Environment) -> impl Iterator<Item = &'a Listed> {
    listed.iter().filter(move |one| spec::is_ours(installation, &one.labels, row.decided.key_hash))
}

fn sum<'a>(all: &BTreeMap<String, Unnamed>, containers: impl Iterator<Item = &'a Listed>) -> Unnamed {
    let own = containers.filter_map(|container| all.get(&container.id));
    own.fold(Unnamed::default(), |sum, one| Unnamed {
        held: sum.held.and(one.held),
        may_be_more: sum.may_be_more || one.may_be_more,
    })
}
