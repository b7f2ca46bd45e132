//! Volumes of tenants that somebody removed behind the service's back. A tenant is made again with new ones, which are empty: that is
//! written on them, so that it is told as long as they exist.

use super::provision::spec;
use super::{ActionError, Controller};
use crate::engine::{Listing, labels};
use crate::identity::EnvId;
use crate::service::log;
use crate::store::{Environment, now};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The volumes that were made again, with the time of that, by tenant.
#[derive(Debug, Default)]
pub(super) struct RecreatedVolumes(Mutex<BTreeMap<EnvId, BTreeMap<String, String>>>);

impl RecreatedVolumes {
    /// Takes over what a listing of all volumes says.
    pub(super) fn replace(&self, listing: &Listing) {
        let mut found = BTreeMap::<EnvId, BTreeMap<String, String>>::new();
        for volume in &listing.volumes {
            if let (Some(id), Some(at)) = (spec::number_of(&volume.labels), volume.labels.get(labels::RECREATED)) {
                found.entry(id).or_default().insert(volume.name.clone(), at.clone());
            }
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    fn add(&self, id: EnvId, volumes: &[String], at: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(id).or_default().extend(volumes.iter().map(|volume| (volume.clone(), at.to_owned())));
    }

    /// What to tell about a tenant, in one line each.
    pub(super) fn warnings(&self, id: EnvId) -> Vec<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = |(volume, at): (&String, &String)| {
            format!("the volume {volume} was gone; it was made again at {at}, empty")
        };
        known.get(&id).into_iter().flatten().map(warning).collect()
    }
}

impl Controller {
    /// The volumes of a tenant that should exist and do not, which are about to be made again.
    pub(super) async fn lost_volumes(&self, tenant: &Environment) -> Result<Vec<String>, ActionError> {
        let id = tenant.id;
        let listing = self.deps.engine.list(spec::of_tenant(&self.deps.installation, tenant).selector()).await?;
        let is_lost = |volume: &String| !listing.volumes.iter().any(|listed| listed.name == *volume);
        let expected = spec::volumes(tenant).into_iter().map(|(volume, _)| volume);
        let lost: Vec<String> = expected.filter(is_lost).collect();
        if !lost.is_empty() {
            log::error!("volumes_lost", tenant = id, volumes = lost.join(" "), note = "they are made again, empty");
            self.recreated.add(id, &lost, &now());
        }
        Ok(lost)
    }
}
