//! Moving on and back: how long clients wait while the release changes.

use crate::table::{ROUNDS, Row, median};
use crate::{Bench, at_most};
use anyhow::Result;
use landfall_tests::next::Next;
use landfall_tests::{BundleFolder, Callers, Host, Installation, Release};
use serde_json::json;

/// The API's port.
const API: u16 = 3000;

/// One client of the API and one of a tenant's port ask each five milliseconds. A figure is the longest time between two
/// good answers while the release changed: the first of the new one after the last of the old one. Going back also takes the
/// database back while nothing runs.
pub(crate) fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let images = [bench.publisher.hello()?];
    let bundles = BundleFolder::new("downtime", &bench.publisher)?;
    let first = bundles.put(&bench.publisher.pack(&Release::new("1.0.0", 1, &images))?)?;
    let second = bundles.put(&Next::new("1.1.0", 2, &images).pack(&bench.publisher)?)?;
    let host = Host::boot(&bench.engine, &[bundles.mount()])?;
    // Healthy after a second: how long a release has to prove itself is not what is measured.
    let installation = Installation::install_from_folder(&host, &first, &["update.healthy_for=1"])?;
    let tenant = installation.spawn(&json!({"name": "tenant", "baseImage": "hello"}))?;

    let at_api = Callers { port: API, path: "/health", number: 1 };
    let at_port = Callers { port: tenant.port, path: "/", number: 1 };
    let (mut api, mut port, mut back) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (of_api, (of_port, _)) = at_api.during(&host, || at_port.during(&host, || installation.update(&second)))?;
        of_port.every_answer_was_whole()?;
        api.push(of_api.gap.as_secs_f64());
        port.push(of_port.gap.as_secs_f64());
        let (of_port, _) = at_port.during(&host, || installation.roll_back())?;
        back.push(of_port.gap.as_secs_f64());
    }
    Ok(vec![
        at_most("downtime of the API in an update", "s", 1.0, median(api)),
        at_most("downtime of a tenant's port in an update", "s", 1.0, median(port)),
        at_most("downtime of a tenant's port in a rollback", "s", 5.0, median(back)),
    ])
}
