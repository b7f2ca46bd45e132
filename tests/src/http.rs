//! Requests made on the isolated host, as its users make them: with curl.

use crate::Host;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The request, for messages.
    pub request: String,
    /// The status; 0 when there was no answer.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What goes with a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Call<'a> {
    /// The method; `GET` when empty.
    pub method: &'a str,
    /// Whether to send the host's admin token.
    pub admin: bool,
    /// A JSON body.
    pub json: Option<&'a str>,
}

impl Reply {
    /// Itself, if the status is `expected`.
    pub fn expect(self, expected: u16) -> Result<Self> {
        if self.status != expected {
            bail!("{}: status {} rather than {expected}: {}", self.request, self.status, self.body);
        }
        Ok(self)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("{}: not JSON: {}", self.request, self.body))
    }
}

/// Sends a request on `host`.
pub fn send(host: &Host, url: &str, call: Call<'_>) -> Result<Reply> {
    let method = if call.method.is_empty() { "GET" } else { call.method };
    let mut command = format!("curl -sS --max-time 600 -X {method} -w '\\n%{{http_code}}'");
    if call.admin {
        command.push_str(" -H \"Authorization: Bearer $(cat /etc/landfall/admin.token)\"");
    }
    if let Some(json) = call.json {
        command = format!("{command} -H 'Content-Type: application/json' -d '{json}'");
    }
    let command = format!("{command} '{url}'");
    // Questions are asked again and again; what changes something is worth seeing.
    let output = if method == "GET" { host.ask(&command)? } else { host.run(&command)? };
    // curl writes the status on a line of its own after the body, which may have lines itself.
    let (body, status) = output.stdout.rsplit_once('\n').unwrap_or(("", &output.stdout));
    let status = status.trim().parse().unwrap_or(0);
    let body = if status == 0 { output.stderr } else { body.to_owned() };
    Ok(Reply { request: format!("{method} {url}"), status, body })
}
