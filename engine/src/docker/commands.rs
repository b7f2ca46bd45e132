//! Commands in containers that run.

use super::connection::Docker;
use super::response::found;
use crate::error::EngineError;
use bollard::exec::StartExecOptions;
use bollard::models::ExecConfig;
use bollard::query_parameters::InspectContainerOptions;

impl Docker {
    /// Starts a command that nobody is attached to: what it writes goes nowhere, however much that is.
    pub(super) async fn begin_command(&self, container: &str, command: &[String]) -> Result<String, EngineError> {
        let operation = format!("run {} in container {container}", command.first().map_or("", String::as_str));
        let config = ExecConfig { cmd: Some(command.to_vec()), ..ExecConfig::default() };
        let created = self.ask(&operation, async |client| client.create_exec(container, config).await).await?;
        let detached = Some(StartExecOptions { detach: true, ..StartExecOptions::default() });
        self.ask(&operation, async |client| client.start_exec(&created.id, detached).await).await?;
        Ok(created.id)
    }

    pub(super) async fn unended_command(
        &self,
        container: &str,
        command: &[String],
    ) -> Result<Option<String>, EngineError> {
        let operation = format!("list the commands in container {container}");
        let options = None::<InspectContainerOptions>;
        let inspected = self.ask(&operation, async |client| client.inspect_container(container, options).await).await?;
        for run in inspected.exec_ids.into_iter().flatten() {
            // One that has ended is forgotten at any time.
            let state = found(self.ask(&operation, async |client| client.inspect_exec(&run).await).await)?;
            let state = state.filter(|state| state.running == Some(true));
            let process = state.and_then(|state| state.process_config).unwrap_or_default();
            let words = process.entrypoint.into_iter().chain(process.arguments.into_iter().flatten());
            if words.eq(command.iter().cloned()) {
                return Ok(Some(run));
            }
        }
        Ok(None)
    }

    pub(super) async fn ended_command(&self, run: &str) -> Result<Option<i64>, EngineError> {
        let state = self.ask("report how a command ended", async |client| client.inspect_exec(run).await).await?;
        Ok(state.exit_code.filter(|_| state.running != Some(true)))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::address::{EngineAddress, EngineChoice};
    use crate::docker::test_server::{Answers, listen};

    #[tokio::test]
    async fn a_command_that_runs_is_found_by_its_words() {
        let answers: Answers = |path| {
            Some(match path {
                path if path.contains("/containers/") => ("200 OK", r#"{"ExecIDs":["gone","ended","other","ours"]}"#),
                path if path.contains("/gone/") => ("404 Not Found", r#"{"message":"No such exec instance"}"#),
                path if path.contains("/ended/") => {
                    ("200 OK", r#"{"Running":false,"ProcessConfig":{"entrypoint":"check","arguments":["-q"]}}"#)
                }
                path if path.contains("/other/") => {
                    ("200 OK", r#"{"Running":true,"ProcessConfig":{"entrypoint":"check","arguments":[]}}"#)
                }
                path if path.contains("/ours/") => {
                    ("200 OK", r#"{"Running":true,"ProcessConfig":{"entrypoint":"check","arguments":["-q"]}}"#)
                }
                _ => ("200 OK", r#"{"ApiVersion":"1.41","Version":"20.10.24"}"#),
            })
        };
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        listen(&socket, answers);
        let docker = Docker::for_service(EngineChoice::At(EngineAddress::Unix(socket)));
        let find = async |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            docker.unended_command("tenant", &words).await.unwrap()
        };
        assert_eq!(find(&["check", "-q"]).await.as_deref(), Some("ours"));
        assert_eq!(find(&["check", "-v"]).await, None);
    }
}
