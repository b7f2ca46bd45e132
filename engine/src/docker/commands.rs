//! Commands in containers that run.

use super::connection::Docker;
use crate::error::EngineError;
use bollard::exec::StartExecOptions;
use bollard::models::ExecConfig;

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

    pub(super) async fn ended_command(&self, run: &str) -> Result<Option<i64>, EngineError> {
        let state = self.ask("report how a command ended", async |client| client.inspect_exec(run).await).await?;
        Ok(state.exit_code.filter(|_| state.running != Some(true)))
    }
}
