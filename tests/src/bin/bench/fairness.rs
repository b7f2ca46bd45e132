//! What one tenant's floods cost another one's clients.

use crate::table::{Row, in_turn};
use crate::{Bench, against_itself};
use anyhow::Result;
use landfall_tests::{BundleFolder, Callers, Host, Installation, Publisher, Release, Tenant};
use serde_json::json;
use std::time::Duration;

/// How long each measurement lasts.
const LONG: Duration = Duration::from_secs(2);
/// The limit of the tenant that floods: what it computes by itself is its share of the processors, and no flood.
const CPUS: &str = "0.25";
/// Others shall lose a tenth of their requests at most.
const COST: [f64; 2] = [1.1, 1.3];

/// What floods, and the path of the tenant at which it begins.
const FLOODS: [(&str, &str); 4] = [
    ("connections to the API", "/call"),
    ("packets that would be tracked", "/scatter"),
    ("lines of output", "/flood"),
    ("what the kernel counts by user", "/hoard"),
];

pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let publisher = Publisher::new("fairness")?;
    let bundles = BundleFolder::new("fairness", &publisher)?;
    let images = [publisher.hello()?, publisher.slow_tenant()?];
    let bundle = bundles.put(&publisher.pack(&Release::new("1.0.0", 1, &images))?)?;
    let host = Host::boot(&bench.engine, &[bundles.mount()])?;
    let installation = Installation::install_from_folder(&host, &bundle, &["update.healthy_for=1"])?;
    let calm = installation.spawn(&json!({"name": "calm", "baseImage": "hello"}))?;
    let site = Site { installation, calm };
    let mut rows = Vec::new();
    for (what, path) in FLOODS {
        let times = in_turn(|| site.beside(path), || site.beside("/compute"))?;
        rows.push(against_itself(what, "a tenant that computes", COST, times));
    }
    Ok(rows)
}

/// A host with a tenant that others must not harm.
struct Site<'a> {
    installation: Installation<'a>,
    calm: Tenant,
}

impl Site<'_> {
    /// Another tenant, which takes more than its share.
    fn loud(&self) -> Result<Tenant> {
        let loud = self.installation.spawn(&json!({"name": "loud", "baseImage": "slow"}))?;
        self.installation.host().ok(&format!("docker update --cpus {CPUS} {}", loud.container))?;
        Ok(loud)
    }

    /// The time of a request to the calm tenant while another one does what `path` has it do.
    fn beside(&self, path: &str) -> Result<f64> {
        let loud = self.loud()?;
        self.installation.visit(&loud, path)?.expect(200)?;
        let time = self.a_request();
        self.installation.destroy(&loud)?;
        time
    }

    /// The time of a request to the calm tenant, of four clients at a time, in milliseconds.
    fn a_request(&self) -> Result<f64> {
        let callers = Callers { port: self.calm.port, path: "/health", number: 4 };
        let wait = || {
            std::thread::sleep(LONG);
            Ok(())
        };
        let (calls, ()) = callers.during(self.installation.host(), wait)?;
        calls.every_answer_was_whole()?;
        Ok(1e3 / calls.a_second)
    }
}
