//! What the database and the volumes must hold, computed from the actions and not from what is found.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::{Dump, Installation, Tenant, TenantData};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

pub(crate) struct Model {
    rows: Dump,
    /// The hash of each file, by its path under the engine's volumes.
    files: BTreeMap<String, String>,
    tenants: Vec<Tenant>,
}

impl Model {
    /// What a new installation holds.
    pub(crate) fn of(installation: Installation<'_>) -> Result<Self> {
        let rows = Dump::of(installation.host())?;
        ensure!(rows.tables.get("environments").is_some_and(BTreeMap::is_empty), "tenants on a new host: {rows:?}");
        Ok(Self { rows, files: BTreeMap::new(), tenants: Vec::new() })
    }

    /// The tenants that there must be.
    pub(crate) fn tenants(&self) -> &[Tenant] {
        &self.tenants
    }

    /// A tenant was spawned: there is one row more, with the values of the answer.
    pub(crate) fn spawned(&mut self, installation: Installation<'_>, tenant: &Tenant) -> Result<()> {
        let row = row(&Dump::of(installation.host())?, "environments", |row| row["id"] == tenant.env_id)?;
        let hash = hex::encode(Sha256::digest(&tenant.api_key));
        let is_recorded =
            row["port"] == tenant.port && row["apiKeyHash"] == hash && row["containerName"] == *tenant.container;
        ensure!(is_recorded, "the answer was {tenant:?}, and the row is {row}");
        self.put("environments", tenant.env_id, row);
        self.tenants.push(tenant.clone());
        Ok(())
    }

    /// A tenant was destroyed, with all that was its own.
    pub(crate) fn destroyed(&mut self, tenant: &Tenant) {
        self.rows.tables.entry("environments".to_owned()).or_default().remove(&tenant.env_id);
        self.files.retain(|path, _| !path.starts_with(&volume(tenant)));
        self.tenants.retain(|other| other.env_id != tenant.env_id);
    }

    /// An organization was made.
    pub(crate) fn organized(&mut self, installation: Installation<'_>, name: &str) -> Result<()> {
        let row = row(&Dump::of(installation.host())?, "organizations", |row| row["name"] == name)?;
        let id = row["id"].as_u64().context("an organization has no id")?;
        self.put("organizations", id, row);
        Ok(())
    }

    /// A tenant wrote a file.
    pub(crate) fn written(&mut self, tenant: &Tenant, name: &str, text: &str) {
        self.files.insert(format!("{}{name}", volume(tenant)), hex::encode(Sha256::digest(text)));
    }

    /// Fails unless `installation` holds just that.
    pub(crate) fn holds(&self, installation: Installation<'_>) -> Result<()> {
        let found = TenantData::of(installation)?;
        let rows = self.rows.difference(&found.dump);
        ensure!(rows.is_empty(), "the database against the model:\n{rows}");
        ensure!(self.files == found.volumes, "files are {:?}, and must be {:?}", found.volumes, self.files);
        Ok(())
    }

    fn put(&mut self, table: &str, id: u64, row: Value) {
        self.rows.tables.entry(table.to_owned()).or_default().insert(id, row);
    }
}

fn row(dump: &Dump, table: &str, is: impl Fn(&Value) -> bool) -> Result<Value> {
    let rows = dump.tables.get(table).with_context(|| format!("no table {table}"))?;
    rows.values().find(|row| is(row)).cloned().with_context(|| format!("no such row in {table}: {rows:?}"))
}

/// Where the engine keeps the files of a tenant.
fn volume(tenant: &Tenant) -> String {
    format!("./{}-files/_data/", tenant.container)
}
