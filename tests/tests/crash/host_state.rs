//! All that a host holds and that must be exactly old or exactly new.

use crate::database;
use anyhow::{Context as _, Result, ensure};
use landfall_tests::FileList;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::Path;

/// Where blobs wait until their bundle has verified whole. An interrupted update leaves whole ones there for the next try.
const INCOMING: &str = "var/lib/landfall/store/incoming/";

/// What is installed, with times of day, and the installation's id.
const RECORD: &str = "var/lib/landfall/state/installed.json";

/// How many lines of a difference are printed at most.
const LINES_LISTED: usize = 8;

/// How many characters are printed around the place where two values differ.
const AROUND: usize = 40;

/// What was done, each signed, with times of day and a digest of the one before.
const RECEIPTS: &str = "var/lib/landfall/state/receipts";

/// What differs from one install to the next: the record's times and id, compared apart, a random token, id and key, and how many
/// receipts there are of what was taken back.
const VARYING: [&str; 6] = [
    RECORD,
    "etc/landfall/admin.token",
    "var/lib/landfall/state/installation-id",
    "var/lib/landfall/state/host.key",
    "var/lib/landfall/state/host.pub",
    "var/lib/landfall/state/last-receipt",
];

/// What a host holds.
#[derive(Debug, Clone)]
pub(crate) struct HostState {
    /// Paths with types, modes, owners, links' targets and contents.
    files: FileList,
    /// The record without its times and the installation's id.
    record: Option<Value>,
    /// The receipts in their order, without what follows from the time, and without those of what was taken back.
    receipts: Option<Value>,
    /// All rows of the database.
    database: Option<Value>,
    /// The bytes of the blobs that wait for the next try.
    pub(crate) staged: u64,
}

impl HostState {
    /// Looks at the host below `root`.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        let files = FileList::of_folder(root)?.filtered(is_compared);
        let receipts = files.below(RECEIPTS);
        let is_receipt = |path: &str| Path::new(path).starts_with(RECEIPTS) && path != RECEIPTS;
        Ok(Self {
            receipts: receipts_of(root, &receipts)?,
            files: files.filtered(|path| !is_receipt(path)).without_content(&VARYING),
            record: record(&root.join(RECORD))?,
            database: database::dump(root)?,
            staged: staged(&root.join(INCOMING))?,
        })
    }

    /// How `after` differs, in a few lines; empty when it does not.
    pub(crate) fn difference(&self, after: &Self) -> String {
        let mut difference = self.files.difference(&after.files);
        for (what, old, new) in [
            (RECORD, &self.record, &after.record),
            (RECEIPTS, &self.receipts, &after.receipts),
            ("the database's rows", &self.database, &after.database),
        ] {
            if old != new {
                _ = writeln!(difference, "! {what}: {}", first_difference(old.as_ref(), new.as_ref()));
            }
        }
        let more = difference.lines().count().saturating_sub(LINES_LISTED);
        let mut text: String = difference.split_inclusive('\n').take(LINES_LISTED).collect();
        if more > 0 {
            _ = writeln!(text, "and {more} lines more");
        }
        text
    }
}

/// The database's files are compared by what they say; none of them may be unfinished. A rehearsal that was cut off leaves a
/// copy, which the service sweeps at its next start.
fn is_compared(path: &str) -> bool {
    let is_database = path.starts_with(database::FOLDER) && !path.contains(".partial");
    !path.starts_with(INCOMING) && !is_database
}

/// Where two values part, with what stands around it.
fn first_difference(old: Option<&Value>, new: Option<&Value>) -> String {
    let [old, new] = [old, new].map(|value| value.map_or("none".to_owned(), Value::to_string));
    let at = old.bytes().zip(new.bytes()).position(|(old, new)| old != new).unwrap_or_default().saturating_sub(AROUND);
    let part = |text: &str| text.chars().skip(at).take(3 * AROUND).collect::<String>();
    format!("...{} -> ...{}", part(&old), part(&new))
}

/// The content of receipts without their times, their counters and the digests of those before them. The installer verifies that they
/// form a chain, and that each is signed.
fn receipts_of(root: &Path, files: &[String]) -> Result<Option<Value>> {
    let mut kept = Vec::new();
    for file in files.iter().filter(|file| Path::new(file).extension().is_some_and(|kind| kind == "json")) {
        let mut receipt: Value =
            serde_json::from_slice(&std::fs::read(root.join(file))?).with_context(|| format!("read {file}"))?;
        if let Some(fields) = receipt.as_object_mut() {
            fields.retain(|name, _| name != "time" && name != "counter");
            fields.entry("previous").and_modify(|previous| *previous = previous.is_string().into());
        }
        if receipt["outcome"] != "undone" {
            kept.push(receipt);
        }
    }
    Ok((!kept.is_empty()).then_some(Value::Array(kept)))
}

fn record(path: &Path) -> Result<Option<Value>> {
    if !path.exists() {
        return Ok(None);
    }
    let mut record =
        serde_json::from_slice(&std::fs::read(path)?).with_context(|| format!("read {}", path.display()))?;
    forget_varying(&mut record);
    Ok(Some(record))
}

fn forget_varying(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("installed");
            fields.remove("installation");
            fields.values_mut().for_each(forget_varying);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_varying),
        _ => {}
    }
}

/// The bytes of the blobs in the staging folder, each of which must be what its name says. One that was cut off has another.
fn staged(folder: &Path) -> Result<u64> {
    let mut whole = 0;
    for entry in folder.read_dir().into_iter().flatten() {
        let entry = entry?;
        let (name, content) = (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?);
        if !name.ends_with(".partial") {
            ensure!(
                name == hex::encode(Sha256::digest(&content)),
                "{} is not what its name says",
                entry.path().display()
            );
            whole += content.len() as u64;
        }
    }
    Ok(whole)
}
