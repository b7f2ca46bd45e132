//! What makes a machine exactly one release or exactly the other.

use anyhow::{Context as _, Result};
use landfall_tests::machine::Machine;
use serde_json::Value;

/// Where Landfall keeps anything at all.
const FOLDERS: &str = "etc/landfall etc/systemd/system opt/landfall usr/local/bin usr/local/share var/lib/landfall";

/// What says nothing about the release: blobs that wait for another try, snapshots of the database, what was set aside of it, the
/// service's own files and marks beside it, how many tries a release has left, and receipts, also of what was taken back.
const PASSING: &str = "-path '*/store/incoming' -prune -o -name 'landfall.db.schema-*' -o -name 'landfall.db.aside-*' \
                       -o -name '*-wal' -o -name '*-shm' -o -name proven -o -name healthy -o -name tries -o -path '*/state/receipts/*'";

/// What differs from one run to the next: the database, when something was installed, and how many receipts there are.
const VARYING: &str = "-path '*/db/*' -o -name last-receipt -o -name installed.json";

/// Releases, settings, units and links; what the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiskImage {
    /// The release that `current` leads to.
    pub(crate) release: String,
    /// The schema of its database.
    pub(crate) schema: u32,
    lines: Vec<String>,
}

impl DiskImage {
    /// Looks at the machine.
    pub(crate) fn of(machine: &mut Machine) -> Result<Self> {
        let list = format!("find {FOLDERS} {PASSING} -o -printf '%M %U:%G %p %l\\n'");
        let hash = format!("find {FOLDERS} {PASSING} -o {VARYING} -o -type f -exec md5sum {{}} +");
        let engine = "docker images --no-trunc --format 'image {{.Repository}}:{{.Tag}} {{.ID}}'; \
                      docker ps --all --format 'container {{.Names}}'; docker network ls --format 'network {{.Name}}'; \
                      docker volume ls --format 'volume {{.Name}}'";
        let printed = machine.ok(&format!("cd / && {{ {list}; {hash}; {engine}; }} | LC_ALL=C sort"))?;
        let release = machine.ok("basename \"$(readlink /opt/landfall/current)\"")?.trim().to_owned();
        let schema = machine.ok("sqlite3 -readonly /var/lib/landfall/db/landfall.db 'PRAGMA user_version'")?;
        let lines = printed.lines().map(str::to_owned).collect();
        Ok(Self { release, schema: schema.trim().parse()?, lines })
    }

    /// How `after` differs, a line a difference.
    pub(crate) fn difference(&self, after: &Self) -> String {
        let gone = self.lines.iter().filter(|line| !after.lines.contains(line)).map(|line| format!("- {line}\n"));
        let come = after.lines.iter().filter(|line| !self.lines.contains(line)).map(|line| format!("+ {line}\n"));
        let names = (self.release != after.release || self.schema != after.schema).then(|| {
            format!("{} with schema {}, not {} with {}\n", after.release, after.schema, self.release, self.schema)
        });
        gone.chain(come).chain(names).collect()
    }
}

/// The step that a journal says is under way; "none" without one.
pub(crate) fn step_of(journal: &str) -> Option<String> {
    // Zeros may follow the journal up to its sector's end: the first value alone is read.
    let journal = serde_json::Deserializer::from_str(journal).into_iter::<Value>().next()?.ok()?;
    Some(last_step(&journal)?.to_owned())
}

/// What the machine found of a journal when it booted, before recovery settled it.
pub(crate) fn found(machine: &mut Machine) -> Result<String> {
    let journal = machine.run("cat /run/journal-as-found.json")?;
    if journal.code != 0 {
        return Ok("no journal".to_owned());
    }
    step_of(&journal.stdout).with_context(|| format!("a journal without steps: {}", journal.stdout))
}

fn last_step(journal: &Value) -> Option<&str> {
    match journal {
        Value::Object(fields) => match fields.get("steps") {
            Some(steps) => steps.as_array()?.last().map_or(Some("begun"), Value::as_str),
            None => fields.values().find_map(last_step),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_names_its_last_step_whatever_follows_it_on_the_disk() {
        let journal = "{\"schema\":2,\"operation\":{\"update\":{\"from\":{},\"steps\":[\"stage\",\"switch\"]}}}\0\0\0";
        assert_eq!(step_of(journal).as_deref(), Some("switch"));
        assert_eq!(step_of("{\"operation\":{\"update\":{\"steps\":[]}}}").as_deref(), Some("begun"));
        assert_eq!(step_of("not a journal"), None);
        assert_eq!(step_of("{}"), None);
    }
}
