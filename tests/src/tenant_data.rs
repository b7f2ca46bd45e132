//! What an operator's tenants must find again, whatever releases come and go: rows, volumes, containers.

use crate::bundle_folder::AT as BUNDLES;
use crate::{Host, Installation, next};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The database on a host.
const DATABASE: &str = "/var/lib/landfall/db/landfall.db";

/// Lists the tenants' containers with what changes when one is made anew or started again.
const CONTAINERS: &str = "docker ps --all --quiet --no-trunc --filter label=io.landfall.tenant | xargs --no-run-if-empty \
                          docker inspect --format '{{.Name}} {{.Id}} {{.State.StartedAt}} {{.State.Status}} {{.Image}}'";

/// Hashes every file in every volume.
const VOLUMES: &str = "cd /var/lib/docker/volumes && find . -path './*/_data/*' -type f -print0 | sort -z | \
                       xargs -0 --no-run-if-empty sha256sum";

/// All rows of a database, by table, as far as every release knows them: without what the next schema adds, and without
/// `updatedAt`, which the runtime may renew whenever it looks after a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The number of its schema.
    pub schema: u64,
    /// Rows by table and number.
    pub tables: BTreeMap<String, BTreeMap<u64, Value>>,
}

/// What is held at a moment.
#[derive(Debug, Clone)]
pub struct TenantData {
    /// The database.
    pub dump: Dump,
    /// The hash of each file in the tenants' volumes, by path.
    pub volumes: BTreeMap<String, String>,
    /// The containers, with their ids and the time of their start.
    pub containers: String,
}

impl Dump {
    /// Reads the database of `host` with `host-probe` in the folder that it sees, beside the running service.
    pub fn of(host: &Host) -> Result<Self> {
        let output = host.ask(&format!("{BUNDLES}/host-probe dump {DATABASE}"))?.ok()?;
        Self::read(&serde_json::from_str(&output.stdout)?).with_context(|| format!("a dump: {}", output.stdout))
    }

    fn read(dump: &Value) -> Result<Self> {
        let mut tables = BTreeMap::new();
        for (name, rows) in dump["tables"].as_object().context("no tables")? {
            // The next schema's own, which older releases do not have.
            if name != next::TABLE {
                let rows = rows.as_array().context("no rows")?.iter().map(known_to_all);
                tables.insert(name.clone(), rows.collect::<Result<_>>()?);
            }
        }
        Ok(Self { schema: dump["schema"].as_u64().context("no schema")?, tables })
    }

    /// How the rows of `after` differ, a line a row; empty when they do not.
    pub fn difference(&self, after: &Self) -> String {
        let flat = |dump: &Self| -> BTreeMap<String, String> {
            let rows = dump.tables.iter().flat_map(|(table, rows)| rows.iter().map(move |row| (table, row)));
            rows.map(|(table, (id, row))| (format!("{table} {id}"), row.to_string())).collect()
        };
        difference(&flat(self), &flat(after))
    }
}

impl TenantData {
    /// The data of `installation` now.
    pub fn of(installation: Installation<'_>) -> Result<Self> {
        let host = installation.host();
        let volumes = host.ask(VOLUMES)?.ok()?.stdout;
        let volumes = volumes.lines().filter_map(|line| line.split_once("  "));
        Ok(Self {
            dump: Dump::of(host)?,
            volumes: volumes.map(|(hash, path)| (path.to_owned(), hash.to_owned())).collect(),
            containers: host.ask(CONTAINERS)?.ok()?.stdout,
        })
    }

    /// Fails unless `installation` holds the same rows and the same files as before.
    pub fn are_kept(&self, installation: Installation<'_>) -> Result<()> {
        let now = Self::of(installation)?;
        let rows = self.dump.difference(&now.dump);
        ensure!(rows.is_empty(), "rows of the database:\n{rows}");
        let files = difference(&self.volumes, &now.volumes);
        ensure!(files.is_empty(), "files in volumes:\n{files}");
        Ok(())
    }

    /// As [`Self::are_kept`], and no tenant was stopped, started or made anew.
    pub fn are_untouched(&self, installation: Installation<'_>) -> Result<()> {
        self.are_kept(installation)?;
        let now = Self::of(installation)?.containers;
        ensure!(now == self.containers, "the tenants' containers:\n{}are now\n{now}", self.containers);
        Ok(())
    }
}

fn known_to_all(row: &Value) -> Result<(u64, Value)> {
    let cells = row.as_object().context("a row is no object")?.iter();
    let cells = cells.filter(|(column, _)| ![next::COLUMN, "updatedAt"].contains(&column.as_str()));
    let cells: Map<String, Value> = cells.map(|(column, cell)| (column.clone(), cell.clone())).collect();
    let id = cells.get("id").and_then(Value::as_u64).context("a row has no id")?;
    Ok((id, cells.into()))
}

fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> String {
    let mut lines = String::new();
    for (key, value) in before.iter().filter(|(key, value)| after.get(*key) != Some(value)) {
        _ = writeln!(lines, "- {key} {value}");
    }
    for (key, value) in after.iter().filter(|(key, value)| before.get(*key) != Some(value)) {
        _ = writeln!(lines, "+ {key} {value}");
    }
    lines
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use serde_json::json;

    fn dump(environment: &Value) -> Dump {
        Dump::read(&json!({"schema": 2, "tables": {"environments": [environment], next::TABLE: [{"id": 1}]}})).unwrap()
    }

    #[test]
    fn a_dump_leaves_out_what_only_the_next_release_knows() {
        let before = dump(&json!({"id": 7, "name": "a", "updatedAt": "then"}));
        let after = dump(&json!({"id": 7, "name": "a", "updatedAt": "now", next::COLUMN: "new"}));
        assert_eq!(before.difference(&after), "");
        assert_eq!(before, after);
    }

    #[test]
    fn a_difference_names_the_row_and_what_it_was() {
        let (before, after) = (dump(&json!({"id": 7, "name": "a"})), dump(&json!({"id": 7})));
        assert_eq!(
            before.difference(&after),
            "- environments 7 {\"id\":7,\"name\":\"a\"}\n+ environments 7 {\"id\":7}\n"
        );
    }
}
