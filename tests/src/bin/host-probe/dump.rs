//! What a database holds, read beside whoever is using it.

use anyhow::{Context as _, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Map, Value, json};
use std::path::Path;

/// All rows of all tables, and the schema's number: `{"schema": 1, "tables": {"organizations": [{"id": 1, …}, …]}}`.
pub(crate) fn of(path: &Path) -> Result<Value> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(path, flags).with_context(|| format!("open {}", path.display()))?;
    // One transaction: what is read belongs together.
    database.execute_batch("BEGIN")?;
    let schema: u32 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let mut tables = Map::new();
    for name in names(&database)? {
        tables.insert(name.clone(), rows(&database, &name).with_context(|| format!("read the table {name}"))?);
    }
    Ok(json!({"schema": schema, "tables": tables}))
}

/// The tables but for SQLite's own.
fn names(database: &Connection) -> Result<Vec<String>> {
    let sql =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    let mut query = database.prepare(sql)?;
    let names = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

fn rows(database: &Connection, table: &str) -> Result<Value> {
    let mut query = database.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY rowid"))?;
    let columns: Vec<String> = query.column_names().map(str::to_owned).collect();
    let rows = query.query_map([], |row| object(row, &columns))?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into())
}

fn object(row: &Row<'_>, columns: &[String]) -> rusqlite::Result<Value> {
    let cells = columns.iter().enumerate().map(|(index, column)| Ok((column.clone(), cell(row.get_ref(index)?))));
    Ok(Value::Object(cells.collect::<rusqlite::Result<_>>()?))
}

fn cell(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
        ValueRef::Blob(bytes) => hex::encode(bytes).into(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_dump_holds_every_row_and_nothing_of_sqlites_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let database = Connection::open(&path).unwrap();
        let sql = "PRAGMA journal_mode = WAL; PRAGMA user_version = 3; CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, b BLOB); \
                   INSERT INTO a (b) VALUES (x'00ff'), (NULL)";
        database.execute_batch(sql).unwrap();
        let expected = json!({"schema": 3, "tables": {"a": [{"id": 1, "b": "00ff"}, {"id": 2, "b": null}]}});
        assert_eq!(of(&path).unwrap(), expected);
    }
}
