//! A layer of settings as typed values, each of which may be left out.

use super::values::{Bounded, CanaryChoice, Cpus, Disk, DiskReserve, EngineSocket, Memory, Pids, PoolRange, Port};
use super::{DiskLimits, HEALTHY_FOR, KEEP, Limits, PATIENCE, Settings, SettingsError, UpdateSettings};
use serde::Deserialize;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

/// The keys that this program knows. Others pass: they may be those of another release.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Parsed {
    api: Api,
    tenants: Tenants,
    network: Network,
    engine: Engine,
    update: Update,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Api {
    address: Option<Ipv4Addr>,
    port: Option<Port>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tenants {
    first_port: Option<Port>,
    last_port: Option<Port>,
    memory: Option<Memory>,
    cpus: Option<Cpus>,
    pids: Option<Pids>,
    disk: Option<Disk>,
    disk_reserve: Option<DiskReserve>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Network {
    pool: Option<PoolRange>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Engine {
    socket: Option<EngineSocket>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Update {
    keep: Option<Bounded<{ *KEEP.start() }, { *KEEP.end() }>>,
    healthy_for: Option<Bounded<{ *HEALTHY_FOR.start() }, { *HEALTHY_FOR.end() }>>,
    patience: Option<Bounded<{ *PATIENCE.start() }, { *PATIENCE.end() }>>,
    canary: Option<CanaryChoice>,
}

impl Parsed {
    /// The values, each of the first of the layers that has it.
    pub(super) fn settings(layers: &[Self]) -> Result<Settings, SettingsError> {
        fn first<T>(
            layers: &[Parsed],
            key: &'static str,
            of: impl Fn(&Parsed) -> Option<T>,
        ) -> Result<T, SettingsError> {
            layers.iter().find_map(of).ok_or(SettingsError::Missing(key))
        }
        let address = first(layers, "api.address", |layer| layer.api.address)?;
        let port = first(layers, "api.port", |layer| layer.api.port)?.0;
        let tenant_ports = (
            first(layers, "tenants.first_port", |layer| layer.tenants.first_port)?.0,
            first(layers, "tenants.last_port", |layer| layer.tenants.last_port)?.0,
        );
        check_ports(port, tenant_ports)?;
        let seconds = |number: u32| Duration::from_secs(number.into());
        Ok(Settings {
            api: SocketAddrV4::new(address, port),
            tenant_ports,
            limits: Limits {
                memory: first(layers, "tenants.memory", |layer| layer.tenants.memory)?.0,
                nano_cpus: first(layers, "tenants.cpus", |layer| layer.tenants.cpus)?.0,
                pids: first(layers, "tenants.pids", |layer| layer.tenants.pids)?.0,
            },
            disk: DiskLimits {
                tenant: first(layers, "tenants.disk", |layer| layer.tenants.disk)?.0,
                reserve: first(layers, "tenants.disk_reserve", |layer| layer.tenants.disk_reserve)?.0,
            },
            pool: first(layers, "network.pool", |layer| layer.network.pool)?,
            engine: first(layers, "engine.socket", |layer| layer.engine.socket.clone())?,
            update: UpdateSettings {
                keep: first(layers, "update.keep", |layer| layer.update.keep)?.0 as usize,
                healthy_for: seconds(first(layers, "update.healthy_for", |layer| layer.update.healthy_for)?.0),
                patience: seconds(first(layers, "update.patience", |layer| layer.update.patience)?.0),
                canary: first(layers, "update.canary", |layer| layer.update.canary.clone())?,
            },
        })
    }
}

fn check_ports(api: u16, (first, last): (u16, u16)) -> Result<(), SettingsError> {
    if first > last {
        return Err(SettingsError::EmptyPortRange { first, last });
    }
    // The API holds its port for good, so that no tenant could ever have it.
    if (first..=last).contains(&api) { Err(SettingsError::ApiPortTaken(api)) } else { Ok(()) }
}
