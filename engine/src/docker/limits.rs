//! The limits of containers that exist.

use super::connection::Docker;
use crate::containers::{ContainerLimits, LimitsChange};
use crate::error::EngineError;
use bollard::models::{ContainerUpdateBody, HostConfig};
use bollard::query_parameters::InspectContainerOptions;

/// The smallest part of a core that engines tell apart, in billionths: the kernel has microseconds in a tenth of a second, as which Podman
/// keeps and reports a limit.
const GRAIN: i64 = 10_000;

impl Docker {
    /// Gives a container these limits, unless it has them.
    pub(super) async fn set_limits(&self, name: &str, limits: ContainerLimits) -> Result<LimitsChange, EngineError> {
        // As when it was created.
        let nano_cpus = limits.nano_cpus.min(self.capabilities().await?.nano_cpus);
        let wanted = ContainerLimits { nano_cpus, ..limits };
        let operation = format!("inspect container {name}");
        let options = None::<InspectContainerOptions>;
        let inspected = self.ask(&operation, async |client| client.inspect_container(name, options).await).await?;
        if has(&inspected.host_config.unwrap_or_default(), wanted) {
            return Ok(LimitsChange::Unneeded);
        }
        let body = ContainerUpdateBody {
            memory: Some(wanted.memory),
            // The sum of memory and swap: no swap.
            memory_swap: Some(wanted.memory),
            nano_cpus: Some(wanted.nano_cpus),
            pids_limit: Some(wanted.pids),
            ..Default::default()
        };
        let operation = format!("change the limits of container {name}");
        match self.ask(&operation, async |client| client.update_container(name, body).await).await {
            Ok(()) => Ok(LimitsChange::Made),
            Err(error) if error.is_unavailable() => Err(error),
            // An older Podman has no such call; with cgroup v1, memory that is in use is not taken away.
            Err(error) => Ok(LimitsChange::Refused(error.to_string())),
        }
    }
}

/// Whether a container has the limits, as far as the engine tells: one that left a limit out would be asked for it for ever.
fn has(container: &HostConfig, wanted: ContainerLimits) -> bool {
    let is = |found: Option<i64>, wanted: i64| found.is_none_or(|found| found == wanted);
    is(container.memory, wanted.memory)
        && is(container.nano_cpus.map(|found| found / GRAIN), wanted.nano_cpus / GRAIN)
        && is(container.pids_limit, wanted.pids)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::address::{EngineAddress, EngineChoice};
    use crate::docker::test_server::{Answers, listen};

    const WANTED: ContainerLimits = ContainerLimits { memory: 1 << 30, nano_cpus: 3_333_333_333, pids: 512 };

    #[test]
    fn limits_are_compared_as_far_as_engines_tell_them_apart() {
        let reports =
            |memory, nano_cpus, pids_limit| HostConfig { memory, nano_cpus, pids_limit, ..Default::default() };
        for (reported, expected) in [
            (reports(Some(1 << 30), Some(3_333_333_333), Some(512)), true),
            (reports(Some(1 << 30), Some(3_333_330_000), Some(512)), true),
            (reports(Some(1 << 30), None, Some(512)), true),
            (reports(Some(1 << 30), Some(3_333_320_000), Some(512)), false),
            (reports(Some(1 << 29), Some(3_333_333_333), Some(512)), false),
            (reports(Some(1 << 30), Some(3_333_333_333), Some(0)), false),
        ] {
            assert_eq!(has(&reported, WANTED), expected, "{reported:?}");
        }
    }

    const MISSING: (&str, &str) = ("404 Not Found", r#"{"message":"Not Found"}"#);

    /// An engine on two cores, with a container of too little memory, which answers an update with this.
    async fn change(update: Answers) -> Result<LimitsChange, EngineError> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        listen(&socket, update);
        Docker::for_service(EngineChoice::At(EngineAddress::Unix(socket))).set_limits("tenant", WANTED).await
    }

    fn other(path: &str) -> (&'static str, &'static str) {
        match path {
            path if path.contains("/info") => ("200 OK", r#"{"NCPU":2}"#),
            path if path.contains("/json") => {
                ("200 OK", r#"{"HostConfig":{"Memory":536870912,"NanoCpus":2000000000,"PidsLimit":512}}"#)
            }
            _ => ("200 OK", r#"{"ApiVersion":"1.41","Version":"20.10.24"}"#),
        }
    }

    #[tokio::test]
    async fn an_engine_that_cannot_change_limits_says_so() {
        let changed = change(|path| Some(if path.contains("/update") { ("200 OK", "{}") } else { other(path) }));
        assert_eq!(changed.await.unwrap(), LimitsChange::Made);
        let refused = change(|path| Some(if path.contains("/update") { MISSING } else { other(path) })).await.unwrap();
        assert!(matches!(&refused, LimitsChange::Refused(reason) if reason.contains("Not Found")), "{refused:?}");
    }
}
