//! A container's output, and the engine's events.

use super::connection::Docker;
use super::label_filter;
use super::response::classified;
use crate::containers::{LogStream, LogWindow};
use crate::error::EngineError;
use crate::labels::{Selector, TENANT};
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

/// The action of the event that a container has exited, for whatever reason.
const EXIT: &str = "die";

impl Docker {
    pub(super) async fn log_lines(&self, container: &str, window: LogWindow) -> Result<LogStream, EngineError> {
        let operation = format!("read the logs of container {container}");
        // The answer does not begin before the first line of output, so that it does not tell whether the container exists.
        if self.container_state(container).await?.is_none() {
            return Err(EngineError::NotFound { operation, message: "no such container".to_owned() });
        }
        let session = self.session().await?;
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            // Of the engine: what a tenant writes need not say when.
            .timestamps(true)
            .follow(window.follow)
            .tail(&window.tail.to_string())
            .build();
        let output = session.client.logs(container, Some(options));
        Ok(output.map(move |item| item.map(line).map_err(|error| classified(&operation, error))).boxed())
    }
}

/// Output is text; bytes that are not UTF-8 become U+FFFD.
fn line(output: LogOutput) -> String {
    String::from_utf8_lossy(&output.into_bytes()).trim_end_matches(['\r', '\n']).to_owned()
}

pub(super) fn exits(client: &bollard::Docker, by: &Selector) -> BoxStream<'static, Result<String, EngineError>> {
    let kinds = [("type", "container"), ("event", EXIT)].map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
    let filters = label_filter::filters(by).into_iter().chain(kinds).collect();
    let options = EventsOptionsBuilder::new().filters(&filters).build();
    let by = by.clone();
    // An event of a container has the container's labels among its attributes.
    let value = move |event: EventMessage| {
        let mut labels = event.actor?.attributes?;
        label_filter::selects(&by, Some(&labels)).then(|| labels.remove(TENANT)).flatten()
    };
    let events = client.events(Some(options)).filter_map(move |event| {
        let exited = event.map(&value).map_err(|error: Error| classified("report exits of containers", error));
        std::future::ready(exited.transpose())
    });
    events.boxed()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::address::{EngineAddress, EngineChoice};
    use crate::docker::test_server::listen;
    use std::path::Path;
    use std::time::Duration;

    const WINDOW: LogWindow = LogWindow { tail: 10, follow: true };

    /// An engine whose only container, `quiet`, has written nothing.
    fn engine(socket: &Path) -> Docker {
        listen(socket, |path| match path {
            path if path.contains("/logs") => None,
            path if path.contains("/quiet/json") => Some(("200 OK", "{}")),
            path if path.contains("/containers/") => Some(("404 Not Found", r#"{"message":"none"}"#)),
            _ => Some(("200 OK", r#"{"ApiVersion":"1.41","Version":"20.10.24"}"#)),
        });
        Docker::for_service(EngineChoice::At(EngineAddress::Unix(socket.to_owned())))
    }

    #[tokio::test]
    async fn the_output_of_a_quiet_container_is_there_to_follow_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(&folder.path().join("engine.sock"));
        let opened = tokio::time::timeout(Duration::from_mins(5), engine.log_lines("quiet", WINDOW)).await;
        let mut lines = opened.unwrap().unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(100), lines.next()).await.is_err());
    }

    #[tokio::test]
    async fn there_is_no_output_of_a_container_that_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(&folder.path().join("engine.sock"));
        assert!(matches!(engine.log_lines("gone", WINDOW).await, Err(EngineError::NotFound { .. })));
    }
}
