//! A tenant's output.

use super::log_turns::LogTurn;
use super::{ActionError, Controller};
use crate::engine::{EngineError, LogStream, LogWindow};
use crate::identity::EnvId;
use crate::store::{Desired, Environment, Status};
use futures_util::StreamExt as _;
use std::collections::VecDeque;

/// Lines that are returned where the request names no number.
pub const DEFAULT_TAIL: u32 = 200;
/// Most lines that are returned at once.
pub const MAX_TAIL: u32 = 10_000;
/// Most that is returned at once, in bytes: what one response may take of the service's memory.
const MAX_BYTES: usize = 1 << 20;

/// Which lines of a tenant's output.
#[derive(Debug, Clone, Copy)]
pub struct LogQuery {
    /// The tenant.
    pub tenant: EnvId,
    /// The number of latest lines, at most.
    pub tail: u32,
    /// Whether the tenant itself asks, which waits for its turn.
    pub by_tenant: bool,
}

fn is_being_removed(tenant: &Environment) -> bool {
    tenant.status == Status::Destroying || tenant.desired == Desired::Removed
}

impl Controller {
    /// The latest lines of a tenant's output, oldest first, at most a MiB of them.
    pub async fn logs(&self, query: LogQuery) -> Result<Vec<String>, ActionError> {
        let _turn = self.log_turn(query).await;
        let mut stream = self.open_logs(query, false).await?;
        let mut lines = VecDeque::new();
        let mut bytes = 0;
        while let Some(line) = stream.next().await {
            let line = match line {
                Ok(line) => line,
                Err(error) => return Err(self.why_no_logs(query.tenant, error).await),
            };
            bytes += line.len();
            lines.push_back(line);
            // The oldest lines go: whoever asks for the latest ones wants the end.
            while bytes > MAX_BYTES {
                bytes -= lines.pop_front().map_or(bytes, |line: String| line.len());
            }
        }
        Ok(lines.into())
    }

    /// The latest lines of a tenant's output, followed by new ones.
    pub async fn follow_logs(&self, query: LogQuery) -> Result<LogStream, ActionError> {
        let turn = self.log_turn(query).await;
        let stream = self.open_logs(query, true).await?;
        if let Some(turn) = turn {
            turn.follows();
        }
        Ok(stream)
    }

    async fn log_turn(&self, query: LogQuery) -> Option<LogTurn> {
        if query.by_tenant { Some(self.log_turns.next(query.tenant).await) } else { None }
    }

    async fn open_logs(&self, query: LogQuery, follow: bool) -> Result<LogStream, ActionError> {
        let tenant = self.tenant(query.tenant).await?;
        if is_being_removed(&tenant) {
            return Err(ActionError::BeingRemoved(tenant.id));
        }
        let window = LogWindow { tail: query.tail.min(MAX_TAIL), follow };
        match self.deps.engine.logs(&tenant.id.container(), window).await {
            Ok(stream) => Ok(stream),
            Err(error) => Err(self.why_no_logs(tenant.id, error).await),
        }
    }

    /// What it means that a container's output cannot be read: the tenant may have been removed meanwhile, or be about to.
    async fn why_no_logs(&self, id: EnvId, error: EngineError) -> ActionError {
        match (error, self.tenant(id).await) {
            (_, Err(gone)) => gone,
            (_, Ok(tenant)) if is_being_removed(&tenant) => ActionError::BeingRemoved(id),
            (EngineError::NotFound { .. } | EngineError::Conflict { .. }, Ok(_)) => ActionError::NoContainer(id),
            (other, Ok(_)) => other.into(),
        }
    }
}
