//! Runs on the isolated host and prints, as JSON, the results of clients of a port, or the rows of a database.

mod calls;
mod dump;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::path::Path;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let report: Value = match words.as_slice() {
        ["calls", port, path, callers, until] => {
            let port = port.parse().with_context(|| format!("{port} is no port"))?;
            let callers = callers.parse().with_context(|| format!("{callers} is no number of callers"))?;
            calls::watch(port, path, callers, Path::new(until))
        }
        ["flood", port, connections] => {
            let port = port.parse().with_context(|| format!("{port} is no port"))?;
            let connections = connections.parse().with_context(|| format!("{connections} is no number"))?;
            json!({ "connected": calls::flood(port, connections) })
        }
        ["dump", database] => dump::of(Path::new(database))?,
        _ => bail!(
            "usage: host-probe calls PORT PATH CALLERS UNTIL_THIS_FILE_EXISTS | host-probe flood PORT CONNECTIONS | \
             host-probe dump DATABASE"
        ),
    };
    println!("{report}");
    Ok(())
}
