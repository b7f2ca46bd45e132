//! From the values in the texts to typed settings: the first text that has a key decides, and a value that its key does not take is told.

use super::values::{Bounded, Cpus, Disk, DiskReserve, Memory, Pids, Port, SettingValue};
use super::{DiskLimits, HEALTHY_FOR, KEEP, Limits, PATIENCE, Settings, SettingsError, UpdateSettings};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::time::Duration;
use toml::{Table, Value};

/// The values of a text by `section.key`. What is no section is a key of its own.
pub(super) type Values = BTreeMap<String, Value>;

pub(super) fn values(text: &str) -> Result<Values, SettingsError> {
    let mut values = Values::new();
    for (section, item) in toml::from_str::<Table>(text).map_err(|error| SettingsError::syntax(text, &error))? {
        match item {
            Value::Table(table) => {
                values.extend(table.into_iter().map(|(key, value)| (format!("{section}.{key}"), value)));
            }
            value => _ = values.insert(section, value),
        }
    }
    Ok(values)
}

/// The values of the texts over each other.
#[derive(Debug, Clone)]
pub(super) struct LayeredValues {
    pub(super) operator: Values,
    pub(super) release: Values,
    pub(super) default: Values,
}

impl LayeredValues {
    pub(super) fn settings(&self) -> Result<Settings, SettingsError> {
        for (layer, is_operators) in [(&self.operator, true), (&self.release, false)] {
            self.check_sections(layer).map_err(|error| blamed(error, is_operators))?;
        }
        let address = self.get("api.address")?;
        let Port(port) = self.get("api.port")?;
        let (Port(first), Port(last)) = (self.get("tenants.first_port")?, self.get("tenants.last_port")?);
        check_ports(port, (first, last))?;
        Ok(Settings {
            api: SocketAddrV4::new(address, port),
            tenant_ports: (first, last),
            limits: Limits {
                memory: self.get::<Memory>("tenants.memory")?.0,
                nano_cpus: self.get::<Cpus>("tenants.cpus")?.0,
                pids: self.get::<Pids>("tenants.pids")?.0,
            },
            disk: DiskLimits {
                tenant: self.get::<Disk>("tenants.disk")?.0,
                reserve: self.get::<DiskReserve>("tenants.disk_reserve")?.0,
            },
            pool: self.get("network.pool")?,
            engine: self.get("engine.socket")?,
            update: UpdateSettings {
                keep: self.get::<Bounded<{ *KEEP.start() }, { *KEEP.end() }>>("update.keep")?.0 as usize,
                healthy_for: self.seconds::<{ *HEALTHY_FOR.start() }, { *HEALTHY_FOR.end() }>("update.healthy_for")?,
                patience: self.seconds::<{ *PATIENCE.start() }, { *PATIENCE.end() }>("update.patience")?,
                canary: self.get("update.canary")?,
            },
        })
    }

    fn get<T: SettingValue>(&self, key: &'static str) -> Result<T, SettingsError> {
        let layers = [(&self.operator, true), (&self.release, false), (&self.default, false)];
        let found = layers.into_iter().find_map(|(layer, is_operators)| Some((layer.get(key)?, is_operators)));
        let (value, is_operators) = found.ok_or(SettingsError::Missing(key))?;
        T::of(value).map_err(|wanted| blamed(SettingsError::value(key, value, wanted), is_operators))
    }

    fn seconds<const MIN: u32, const MAX: u32>(&self, key: &'static str) -> Result<Duration, SettingsError> {
        Ok(Duration::from_secs(self.get::<Bounded<MIN, MAX>>(key)?.0.into()))
    }

    /// A single value where a section belongs hides all that the section holds.
    fn check_sections(&self, layer: &Values) -> Result<(), SettingsError> {
        let keys = self.default.keys().filter_map(|key| key.split_once('.'));
        let sections: BTreeSet<&str> = keys.map(|(section, _)| section).collect();
        match sections.into_iter().find_map(|section| Some((section, layer.get(section)?))) {
            None => Ok(()),
            Some((section, value)) => {
                Err(SettingsError::value(section, value, format!("a section, which begins with the line [{section}]")))
            }
        }
    }
}

/// What the operator has not written is the release's fault.
fn blamed(error: SettingsError, is_operators: bool) -> SettingsError {
    if is_operators { error } else { SettingsError::Release(Box::new(error)) }
}

fn check_ports(api: u16, (first, last): (u16, u16)) -> Result<(), SettingsError> {
    if first > last {
        return Err(SettingsError::EmptyPortRange { first, last });
    }
    // The API holds its port for good, so that no tenant could ever have it.
    if (first..=last).contains(&api) { Err(SettingsError::ApiPortTaken(api)) } else { Ok(()) }
}
