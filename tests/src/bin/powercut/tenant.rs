//! The tenant that is there before anything is cut, and what it must find again.

use anyhow::{Context as _, Result, ensure};
use landfall_tests::machine::Machine;
use landfall_tests::{API, STICK};
use serde_json::Value;

/// What it keeps in its volume.
const CONTENT: &str = "what the tenant wrote before anything happened";

/// The database on the machine.
const DATABASE: &str = "/var/lib/landfall/db/landfall.db";

/// What is asked of it and of its snapshots.
const SOUND: &str = "PRAGMA integrity_check; PRAGMA foreign_key_check";

/// A tenant with a file, and the rows that the database had when it had just been made.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    id: u64,
    port: u64,
    rows: Vec<String>,
}

impl Tenant {
    /// Spawns it and lets it keep something.
    pub(crate) fn spawn(machine: &mut Machine) -> Result<Self> {
        let (id, port) = spawn(machine, "keeper")?;
        let url = format!("http://127.0.0.1:{port}/data/note");
        machine.ok(&format!("curl -fsS -X PUT --data-binary '{CONTENT}' {url} && sync"))?;
        Ok(Self { id, port, rows: rows(machine)? })
    }

    /// Fails unless the tenant runs, and everything of it is there.
    pub(crate) fn is_whole(&self, machine: &mut Machine) -> Result<()> {
        let check = format!("sqlite3 -readonly $database '{SOUND}' || exit 1; echo");
        let printed = machine.ok(&format!("for database in {DATABASE} $(ls {DATABASE}.schema-*); do {check}; done"))?;
        // Of a sound database, integrity_check prints `ok` and foreign_key_check nothing; `echo` ends each with an
        // empty line.
        ensure!(
            printed.split("\n\n").all(|one| ["", "ok"].contains(&one)),
            "the database and its snapshots: {printed}"
        );
        let rows = rows(machine)?;
        ensure!(rows == self.rows, "the database's rows were\n{}\nand are\n{}", self.rows.join("\n"), rows.join("\n"));
        until_running(machine, self.id)?;
        let content = machine.ok(&format!("curl -fsS --max-time 60 http://127.0.0.1:{}/data/note", self.port))?;
        ensure!(content == CONTENT, "the tenant's file holds {content:?}");
        Ok(())
    }

    /// Fails unless the running release can make a tenant of its own image; what was made is destroyed again.
    pub(crate) fn can_have_a_neighbour(machine: &mut Machine) -> Result<()> {
        let (id, port) = spawn(machine, "neighbour").context("spawn a tenant of the running release")?;
        machine.ok(&format!("curl -fsS --max-time 60 http://127.0.0.1:{port}/health"))?;
        machine.ok(&format!("landfall tenant destroy {id} --yes")).map(drop)
    }
}

fn spawn(machine: &mut Machine, name: &str) -> Result<(u64, u64)> {
    let printed = machine.ok(&format!("landfall tenant spawn {name} --language rust --framework hello --json"))?;
    let tenant = &serde_json::from_str::<Value>(&printed)?["tenant"];
    let number = |field: &str| tenant[field].as_u64().with_context(|| format!("no {field} in {printed}"));
    let (id, port) = (number("envId")?, number("port")?);
    until_running(machine, id)?;
    Ok((id, port))
}

fn until_running(machine: &mut Machine, id: u64) -> Result<()> {
    let token = "Authorization: Bearer $(cat /etc/landfall/admin.token)";
    let ask = format!("curl -sS --max-time 60 -H \"{token}\" {API}/api/v1/tenant/{id}/status");
    machine
        .until(&format!("status=$({ask}) && echo \"$status\" && echo \"$status\" | grep -q '\"status\":\"running\"'"))
}

/// The rows of organizations and tenants, without what a release adds to them and when it last looked after them.
fn rows(machine: &mut Machine) -> Result<Vec<String>> {
    let printed = machine.ok(&format!("{STICK}/host-probe dump {DATABASE}"))?;
    let dump: Value = serde_json::from_str(&printed).context("read a dump of the database")?;
    let mut rows = Vec::new();
    for table in ["organizations", "environments"] {
        for row in dump["tables"][table].as_array().with_context(|| format!("no {table} in {printed}"))? {
            let mut row = row.as_object().context("a row is no object")?.clone();
            row.retain(|column, _| ![landfall_tests::next::COLUMN, "updatedAt"].contains(&column.as_str()));
            rows.push(format!("{table} {}", Value::from(row)));
        }
    }
    Ok(rows)
}
