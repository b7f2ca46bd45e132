//! What a database holds, as sums that two databases can be compared by, however their files are laid out.
//!
//! Rows are read one by one and hashed; a table is the sum of its rows' hashes, so that neither their order nor their number matters
//! to what is kept in memory. Columns are taken by name, so that a table that was made anew may have them in another order.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Differences that are named before the rest is left out.
const NAMED: usize = 5;

/// What a database holds. SQLite's own statistics are left out, its record of numbers that were given away is not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dump {
    tables: BTreeMap<String, Table>,
    /// Indexes, triggers and views, such as `index byName`.
    others: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Table {
    columns: BTreeMap<String, Column>,
    rows: u64,
    content: Sum,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Column {
    declared: String,
    values: Sum,
}

/// A sum of SHA-256 hashes: equal for equal collections whatever their order, and for no others by chance.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, hash: Sha256) {
        let hash = hash.finalize();
        for (lane, bytes) in self.0.iter_mut().zip(hash.as_chunks().0) {
            *lane = lane.wrapping_add(u64::from_be_bytes(*bytes));
        }
    }
}

impl Dump {
    /// Reads a whole database.
    pub(super) fn of(connection: &Connection) -> Result<Self, rusqlite::Error> {
        let mut all = connection
            .prepare("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_stat%' ESCAPE '!'")?;
        let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (mut tables, mut others) = (BTreeMap::new(), BTreeSet::new());
        for found in all {
            let (kind, name): (String, String) = found?;
            if kind == "table" {
                let table = Table::of(connection, &name)?;
                tables.insert(name, table);
            } else {
                others.insert(format!("{kind} {name}"));
            }
        }
        Ok(Self { tables, others })
    }

    /// What `back` holds otherwise, in words; none where it holds the same.
    pub(super) fn difference(&self, back: &Self) -> Option<String> {
        let mut found = Vec::new();
        for (name, table) in &self.tables {
            match back.tables.get(name) {
                Some(other) => table.difference(name, other, &mut found),
                None => found.push(format!("table {name} is gone")),
            }
        }
        let strange = back.tables.keys().filter(|name| !self.tables.contains_key(*name));
        found.extend(strange.map(|name| format!("table {name} stays")));
        found.extend(self.others.difference(&back.others).map(|other| format!("{other} is gone")));
        found.extend(back.others.difference(&self.others).map(|other| format!("{other} stays")));
        let more = found.len().saturating_sub(NAMED);
        found.truncate(NAMED);
        if more > 0 {
            found.push(format!("and {more} more"));
        }
        (!found.is_empty()).then(|| found.join("; "))
    }
}

impl Table {
    fn of(connection: &Connection, name: &str) -> Result<Self, rusqlite::Error> {
        let mut columns = columns(connection, name)?;
        let names: Vec<String> = columns.keys().map(|name| quoted(name)).collect();
        let mut rows = connection.prepare(&format!("SELECT {} FROM {}", names.join(", "), quoted(name)))?;
        let mut rows = rows.query([])?;
        let (mut count, mut content) = (0, Sum::default());
        while let Some(row) = rows.next()? {
            content.add(hashed(row, &mut columns)?);
            count += 1;
        }
        Ok(Self { columns, rows: count, content })
    }

    fn difference(&self, name: &str, back: &Self, found: &mut Vec<String>) {
        let before = found.len();
        for (column, was) in &self.columns {
            match back.columns.get(column) {
                None => found.push(format!("column {name}.{column} is gone")),
                Some(is) if is.declared != was.declared => {
                    found.push(format!("column {name}.{column} is {:?} instead of {:?}", is.declared, was.declared));
                }
                Some(is) if is.values != was.values && self.rows == back.rows => {
                    found.push(format!("column {name}.{column} has other values"));
                }
                Some(_) => {}
            }
        }
        let strange = back.columns.keys().filter(|column| !self.columns.contains_key(*column));
        found.extend(strange.map(|column| format!("column {name}.{column} stays")));
        if self.rows != back.rows {
            found.push(format!("table {name} has {} rows instead of {}", back.rows, self.rows));
        }
        if self.content != back.content && found.len() == before {
            found.push(format!("table {name} has other rows"));
        }
    }
}

/// The columns of a table by name, as they are declared.
fn columns(connection: &Connection, table: &str) -> Result<BTreeMap<String, Column>, rusqlite::Error> {
    let mut query = connection.prepare("SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo(?1)")?;
    let found = query.query_map([table], |row| {
        let (kind, required, key): (String, bool, u32) = (row.get(1)?, row.get(2)?, row.get(4)?);
        let default: Option<String> = row.get(3)?;
        let default = default.map(|default| format!("DEFAULT {default}"));
        let words = [Some(kind), required.then(|| "NOT NULL".into()), default, (key > 0).then(|| format!("KEY {key}"))];
        let declared = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Ok((row.get(0)?, Column { declared, values: Sum::default() }))
    })?;
    found.collect()
}

/// A row's hash, each of its values added to its column's sum.
fn hashed(row: &Row<'_>, columns: &mut BTreeMap<String, Column>) -> Result<Sha256, rusqlite::Error> {
    let mut whole = Sha256::new();
    for (index, column) in columns.values_mut().enumerate() {
        let (kind, bytes): (u8, &[u8]) = match &row.get_ref(index)? {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(number) => (1, &number.to_be_bytes()),
            ValueRef::Real(number) => (2, &number.to_be_bytes()),
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        // The length keeps a value's end apart from the beginning of the next one.
        let head = [&[kind][..], &(bytes.len() as u64).to_be_bytes()].concat();
        whole.update(&head);
        whole.update(bytes);
        column.values.add(Sha256::new().chain_update(&head).chain_update(bytes));
    }
    Ok(whole)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
