//! A container's output, and the engine's events.

use super::{DockerEngine, meaning};
use crate::engine::{EngineError, LogStream, LogWindow};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use std::collections::HashMap;

/// The end of a container's processes, however it came, in the words of Docker's events.
const ENDING: &str = "die";

impl DockerEngine {
    pub(super) async fn log_lines(&self, container: &str, window: LogWindow) -> Result<LogStream, EngineError> {
        let session = self.session().await?;
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .follow(window.follow)
            .tail(&window.tail.to_string())
            .build();
        let mut output = Box::pin(session.docker.logs(container, Some(options)));
        // The first item tells whether there is such a container.
        let first = match output.next().await {
            None => return Ok(stream::empty().boxed()),
            Some(first) => first.map_err(|error| self.failed(&format!("read the logs of {container}"), error))?,
        };
        let rest = output.map(|item| item.map(line).map_err(|error| meaning("read logs", error)));
        Ok(stream::once(async { Ok(line(first)) }).chain(rest).boxed())
    }
}

/// The engine takes output to be text; what is not becomes U+FFFD.
fn line(output: LogOutput) -> String {
    String::from_utf8_lossy(&output.into_bytes()).trim_end_matches(['\r', '\n']).to_owned()
}

pub(super) fn endings(docker: &Docker, label: &'static str) -> BoxStream<'static, Result<String, EngineError>> {
    let filters = HashMap::from([("type", vec!["container"]), ("label", vec![label]), ("event", vec![ENDING])]);
    let options = EventsOptionsBuilder::new().filters(&filters).build();
    let value = move |event: EventMessage| event.actor?.attributes?.remove(label);
    let events = docker.events(Some(options)).filter_map(move |event| {
        let ended = event.map(value).map_err(|error: Error| meaning("tell its events", error));
        std::future::ready(ended.transpose())
    });
    events.boxed()
}
