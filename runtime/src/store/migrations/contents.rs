//! A digest of a database's contents, by which two databases are compared, however their files are laid out.
//!
//! Rows are read and hashed one by one; a table is the sum of its rows' hashes, so that their order does not matter and memory stays
//! constant. Columns are compared by name, so that a table that was created again may have them in another order.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// How many differences a message names before it counts the rest.
const MAX_NAMED: usize = 5;

/// The contents of a database. They include SQLite's record of used numbers (`sqlite_sequence`), but not its statistics.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct Contents {
    tables: BTreeMap<String, Table>,
    /// Indexes, triggers and views, such as `index byName`.
    others: BTreeSet<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Table {
    columns: BTreeMap<String, Column>,
    rows: u64,
    rows_sum: Sum,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Column {
    declared: String,
    values: Sum,
}

/// A sum of SHA-256 hashes: equal for equal collections in any order, and never by chance for others.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, hash: Sha256) {
        let hash = hash.finalize();
        for (lane, bytes) in self.0.iter_mut().zip(hash.as_chunks().0) {
            // A sum and not XOR, by which two equal rows would cancel each other out.
            *lane = lane.wrapping_add(u64::from_be_bytes(*bytes));
        }
    }
}

impl Contents {
    /// Reads a whole database.
    pub(in crate::store) fn of(connection: &Connection) -> Result<Self, rusqlite::Error> {
        // Whoever runs ANALYZE changes the statistics and loses nothing.
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

    /// How `after` differs from these contents, in words; `None` where it does not.
    pub(in crate::store) fn difference(&self, after: &Self) -> Option<String> {
        let mut found = Vec::new();
        for (name, table) in &self.tables {
            match after.tables.get(name) {
                Some(other) => table.difference(name, other, &mut found),
                None => found.push(format!("table {name} is gone")),
            }
        }
        let added = after.tables.keys().filter(|name| !self.tables.contains_key(*name));
        found.extend(added.map(|name| format!("table {name} stays")));
        found.extend(self.others.difference(&after.others).map(|other| format!("{other} is gone")));
        found.extend(after.others.difference(&self.others).map(|other| format!("{other} stays")));
        let more = found.len().saturating_sub(MAX_NAMED);
        found.truncate(MAX_NAMED);
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
        let (mut count, mut rows_sum) = (0, Sum::default());
        while let Some(row) = rows.next()? {
            rows_sum.add(hash_row(row, &mut columns)?);
            count += 1;
        }
        Ok(Self { columns, rows: count, rows_sum })
    }

    fn difference(&self, name: &str, after: &Self, found: &mut Vec<String>) {
        let before = found.len();
        for (column, was) in &self.columns {
            match after.columns.get(column) {
                None => found.push(format!("column {name}.{column} is gone")),
                Some(is) if is.declared != was.declared => {
                    found.push(format!("column {name}.{column} is {:?} instead of {:?}", is.declared, was.declared));
                }
                // Where the number of rows differs, every column does, which says no more.
                Some(is) if is.values != was.values && self.rows == after.rows => {
                    found.push(format!("column {name}.{column} has other values"));
                }
                Some(_) => {}
            }
        }
        let added = after.columns.keys().filter(|column| !self.columns.contains_key(*column));
        found.extend(added.map(|column| format!("column {name}.{column} stays")));
        if self.rows != after.rows {
            found.push(format!("table {name} has {} rows instead of {}", after.rows, self.rows));
        }
        if self.rows_sum != after.rows_sum && found.len() == before {
            found.push(format!("table {name} has other rows"));
        }
    }
}

/// The columns of a table by name, with their declarations.
fn columns(connection: &Connection, table: &str) -> Result<BTreeMap<String, Column>, rusqlite::Error> {
    // `xinfo` lists generated columns as well (sqlite.org, "PRAGMA table_xinfo").
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

/// Hashes a row, and adds each of its values to its column's sum.
fn hash_row(row: &Row<'_>, columns: &mut BTreeMap<String, Column>) -> Result<Sha256, rusqlite::Error> {
    let mut whole = Sha256::new();
    for (index, column) in columns.values_mut().enumerate() {
        let (kind, bytes): (u8, &[u8]) = match &row.get_ref(index)? {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(number) => (1, &number.to_be_bytes()),
            ValueRef::Real(number) => (2, &number.to_be_bytes()),
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        // The length separates a value from the next one.
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
