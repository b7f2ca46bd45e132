use super::api_client;
use super::error::CommandError;
use hyper::Method;
use landfall_console::Console;
use landfall_host::Layout;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::IsTerminal as _;

/// Spawn, list, inspect and destroy tenants
#[derive(Debug, clap::Subcommand)]
pub(super) enum Tenant {
    /// Create a tenant from an image of the installed release, and show its key
    Spawn(Spawn),
    /// List tenants
    List {
        /// List only the tenants of this organization
        #[arg(long, value_name = "ID", value_parser = organization)]
        org: Option<i64>,
    },
    /// Show a tenant's status
    Status {
        /// The tenant's number
        #[arg(value_parser = number)]
        id: i64,
    },
    /// Print a tenant's output
    Logs {
        /// The tenant's number
        #[arg(value_parser = number)]
        id: i64,
        /// Show at most this many of the latest lines
        #[arg(long, default_value_t = crate::controller::DEFAULT_TAIL)]
        tail: u32,
        /// Keep showing new lines
        #[arg(long, short)]
        follow: bool,
    },
    /// Remove a tenant and its data, once that is confirmed
    Destroy {
        /// The tenant's number
        #[arg(value_parser = number)]
        id: i64,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// What `tenant spawn` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Spawn {
    /// A name for people; it need not be unique
    name: String,
    /// The image's language, such as node
    #[arg(long)]
    language: Option<String>,
    /// The image's framework, such as express
    #[arg(long)]
    framework: Option<String>,
    /// The image's name in the release, instead of language and framework
    #[arg(long, value_name = "NAME")]
    base_image: Option<String>,
    /// The organization that owns it
    #[arg(long, value_name = "ID", value_parser = organization)]
    org: Option<i64>,
}

/// Parses the number of a tenant. Names need not be unique.
fn number(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "a tenant is known by its number, which `landfall tenant list` shows")
}

/// Parses the number of an organization.
fn organization(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "an organization is known by its number")
}

impl Tenant {
    pub(super) fn run(self, layout: &Layout, console: Console) -> Result<(), CommandError> {
        match self {
            Self::Spawn(spawn) => spawn.run(layout, console),
            Self::List { org } => {
                let filter = org.map(|org| format!("?org_id={org}")).unwrap_or_default();
                let answer = get(layout, &format!("/api/v1/tenant{filter}"))?;
                console.result(&answer, table(&answer))
            }
            Self::Status { id } => {
                let answer = get(layout, &format!("/api/v1/tenant/{id}/status"))?;
                console.result(&answer, fields(&answer))
            }
            Self::Logs { id, tail, follow: true } => {
                let path = format!("/api/v1/tenant/{id}/logs?follow=true&tail={tail}");
                let terminal = std::io::stdout().is_terminal();
                api_client::follow(layout, &path, |line| console.raw(format!("{}\n", shown(line, terminal)).as_bytes()))
            }
            Self::Logs { id, tail, follow: false } => {
                let answer = get(layout, &format!("/api/v1/tenant/{id}/logs?tail={tail}"))?;
                console.result(&answer, lines(&answer, std::io::stdout().is_terminal()))
            }
            Self::Destroy { id, yes } => {
                if !yes {
                    confirm(layout, console, id)?;
                }
                let answer =
                    api_client::send(layout, Method::DELETE, &format!("/api/v1/tenant/{id}"), None)?.success()?;
                console.result(&answer, format!("tenant {id} and its data are removed"))
            }
        }
    }
}

impl Spawn {
    fn run(self, layout: &Layout, console: Console) -> Result<(), CommandError> {
        let body = json!({
            "name": self.name,
            "language": self.language,
            "framework": self.framework,
            "baseImage": self.base_image,
            "orgId": self.org,
        });
        let answer = api_client::send(layout, Method::POST, "/api/v1/tenant/spawn", Some(body))?.success()?;
        let tenant = answer.get("tenant").unwrap_or(&Value::Null);
        let text = format!("{}\nThe API key is not shown again.", fields(tenant).trim_end());
        console.result(&answer, text)
    }
}

/// Asks where a person can be asked, and shows which tenant the number is; elsewhere `--yes` has to be given.
fn confirm(layout: &Layout, console: Console, id: i64) -> Result<(), CommandError> {
    if !console.interactive() {
        return Err(CommandError::NotConfirmed("the removal of a tenant has to be confirmed"));
    }
    let tenant = get(layout, &format!("/api/v1/tenant/{id}/status"))?;
    let name = plain(tenant.get("name").unwrap_or(&Value::Null));
    let question = format!("Remove tenant {id} ({name}) with all that it has stored? [y/N]");
    let answer = console.ask(question)?.unwrap_or_default().to_lowercase();
    if ["y", "yes"].contains(&answer.as_str()) {
        Ok(())
    } else {
        Err(CommandError::NotConfirmed("nothing was changed"))
    }
}

fn get(layout: &Layout, path: &str) -> Result<Value, CommandError> {
    Ok(api_client::send(layout, Method::GET, path, None)?.success()?)
}

/// A value as text.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".to_owned(),
        Value::Array(lines) if lines.is_empty() => "none".to_owned(),
        Value::Array(lines) => lines.iter().map(plain).collect::<Vec<_>>().join("; "),
        // The values alone: what they are is told by the name of the field.
        Value::Object(parts) => parts.values().map(plain).collect::<Vec<_>>().join("  "),
        other => other.to_string(),
    }
}

/// One field a line.
fn fields(object: &Value) -> String {
    let mut text = String::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key:14} {}", plain(value));
    }
    text
}

fn table(answer: &Value) -> String {
    let mut text =
        format!("{:>6}  {:24}  {:>6}  {:12}  {:9}  {:>5}\n", "ENVID", "NAME", "ORGID", "STATUS", "HEALTH", "PORT");
    for tenant in answer.get("tenants").and_then(Value::as_array).into_iter().flatten() {
        let cell = |key: &str| plain(tenant.get(key).unwrap_or(&Value::Null));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:>6}  {:24}  {:>6}  {:12}  {:9}  {:>5}{}",
            cell("envId"),
            cell("name"),
            cell("orgId"),
            cell("status"),
            cell("health"),
            cell("port"),
            tenant.get("stopReason").and_then(Value::as_str).map(|why| format!("  {why}")).unwrap_or_default()
        );
    }
    text
}

fn lines(answer: &Value, terminal: bool) -> String {
    let logs = answer.get("logs").and_then(Value::as_array);
    let lines = logs.into_iter().flatten().filter_map(Value::as_str).map(|line| shown(line, terminal));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of a tenant's output. For a terminal, control characters are escaped: the reader is root, and the tenant may be hostile.
fn shown(line: &str, terminal: bool) -> Cow<'_, str> {
    let controls = |c: char| c.is_control() && c != '\t';
    if !terminal || !line.contains(controls) {
        return line.into();
    }
    let escaped = line.chars().map(|c| if controls(c) { c.escape_default().to_string() } else { c.to_string() });
    escaped.collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_a_table() {
        let answer = json!({ "tenants": [
            { "envId": 1, "name": "acme", "orgId": 1, "status": "running", "health": "healthy", "port": 3001, "stopReason": null },
            { "envId": 2, "name": "full", "orgId": 1, "status": "stopped", "health": "unhealthy", "port": 3002, "stopReason": "why" }
        ]});
        let table = table(&answer);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines,
            [
                " ENVID  NAME                       ORGID  STATUS        HEALTH      PORT",
                "     1  acme                           1  running       healthy     3001",
                "     2  full                           1  stopped       unhealthy   3002  why",
            ]
        );
    }

    #[test]
    fn a_tenants_output_does_not_control_the_terminal() {
        for (line, on_terminal) in [
            ("plain\ttext, déjà vu", "plain\ttext, déjà vu"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\rb\u{9b}2J\u{7f}é", "a\\rb\\u{9b}2J\\u{7f}é"),
        ] {
            let answer = json!({ "logs": [line, "next"] });
            assert_eq!(lines(&answer, true), format!("{on_terminal}\nnext"));
            // A file or a program receives what the tenant wrote.
            assert_eq!(lines(&answer, false), format!("{line}\nnext"));
        }
    }

    #[test]
    fn a_value_that_the_engine_does_not_report_is_unknown() {
        assert_eq!(fields(&json!({ "port": 3001, "uptime": null })), "port           3001\nuptime         unknown\n");
    }
}
