//! Moving on and back: the host's releases as its operator changes them.

use crate::bundle_folder::AT as BUNDLES;
use crate::{API, Host, Installation, Output, TIMEOUT};
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::time::Duration;

/// The file of the installer's journal.
const JOURNAL: &str = "/var/lib/landfall/state/journal.json";

impl<'a> Installation<'a> {
    /// Installs the bundle at `path` of the host, with the installer and the public key of the folder and with these
    /// settings, each `section.key=value`.
    pub fn install_from_folder(host: &'a Host, path: &str, settings: &[&str]) -> Result<Self> {
        let set: Vec<String> = settings.iter().map(|setting| format!("--set {setting}")).collect();
        let set = set.join(" ");
        host.ok(&format!("{BUNDLES}/landfall-installer install {path} --trust {BUNDLES}/landfall.pub {set}"))?;
        Ok(Self::on(host))
    }

    /// Runs the installer that the host has, whatever its exit code.
    pub fn installer(self, words: &str) -> Result<Output> {
        // Without a terminal, a question is an error, and not a test that hangs.
        self.host().run(&format!("landfall-installer {words} --json </dev/null"))
    }

    /// Runs the installer, which must end with `code`, and returns what it reports.
    pub fn reports(self, words: &str, code: i32) -> Result<Value> {
        let output = self.installer(words)?.exits(code)?;
        serde_json::from_str(&output.stdout).with_context(|| format!("{words}: not JSON: {}", output.text()))
    }

    /// Updates to the bundle at `path` of the host.
    pub fn update(self, path: &str) -> Result<Value> {
        self.reports(&format!("update {path} --yes"), 0)
    }

    /// Goes back to the previous release.
    pub fn roll_back(self) -> Result<Value> {
        self.reports("rollback --yes", 0)
    }

    /// The release that answers.
    pub fn release(self) -> Result<String> {
        let health = self.health()?;
        health["release"].as_str().map(str::to_owned).with_context(|| format!("no release in {health}"))
    }

    /// What the service says of itself, whether or not it is well.
    pub fn health(self) -> Result<Value> {
        self.request("GET", "/health", None)?.json()
    }

    /// Waits until the release `id` answers and is well, and returns how long that took.
    pub fn until_release(self, id: &str) -> Result<Duration> {
        let well = format!("curl -fsS --max-time 30 {API}/health | grep -q '\"release\":\"{id}\"'");
        self.host().until(&well).with_context(|| {
            let ask = format!(
                "curl -sS --max-time 30 {API}/health; landfall-installer receipts; journalctl --no-pager -u 'landfall*'"
            );
            let printed = self.host().ask(&ask).map_or_else(|error| error.to_string(), |output| output.text());
            format!("release {id} does not answer; instead:\n{printed}")
        })
    }

    /// Waits until the operation under way has begun its step `name`, looking every few milliseconds.
    pub fn until_step(self, name: &str) -> Result<()> {
        let seconds = TIMEOUT.as_secs();
        // The loop runs on the host: between two runs of `docker exec`, a step of milliseconds would be missed.
        let look = format!(
            "timeout {seconds} sh -c 'until grep -q \"\\\"{name}\\\"\" {JOURNAL} 2>/dev/null; do sleep 0.01; done'"
        );
        if self.host().ask(&look)?.code != 0 {
            let journal = self.host().ask(&format!("cat {JOURNAL}"))?.text();
            bail!("no step {name} after {seconds} s; the journal:\n{journal}");
        }
        Ok(())
    }

    /// Sets a number of the section `update` in the host's settings, as an operator does.
    pub fn set_update(self, key: &str, value: u64) -> Result<()> {
        self.host().ok(&format!("landfall-installer config set update.{key}={value}")).map(drop)
    }
}
