//! What can go wrong between a program and the engine, by kind of failure.

use crate::api_version::ApiVersion;
use crate::discovery::DiscoveryError;
use std::io;

/// The cause of an error, as the operating system or the engine's client reports it.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The engine did not do what it was asked. An `operation` is a verb and its object, such as `start container acme`.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine was found.
    #[error(transparent)]
    NoEngine(#[from] DiscoveryError),
    /// No connection to the engine could be made.
    #[error("the container engine at {address} cannot be reached")]
    Unreachable {
        /// Where it should listen.
        address: String,
        /// The reason.
        #[source]
        source: Cause,
    },
    /// The engine's API is older than the program supports.
    #[error("the container engine offers API {found}, and {required} or later is required (Docker 20.10)")]
    TooOld {
        /// The version that it offers.
        found: ApiVersion,
        /// The oldest version that would do.
        required: ApiVersion,
    },
    /// The connection broke, or no answer came in time. The engine may have carried out the request.
    #[error("the container engine did not answer the request to {operation}")]
    NoAnswer {
        /// What was asked.
        operation: String,
        /// The reason.
        #[source]
        source: Cause,
    },
    /// The object does not exist (HTTP status 404).
    #[error("the container engine cannot {operation}: {message}")]
    NotFound {
        /// What was asked.
        operation: String,
        /// The engine's answer.
        message: String,
    },
    /// The request conflicts with an object that exists (HTTP status 409).
    #[error("the container engine cannot {operation}: {message}")]
    Conflict {
        /// What was asked.
        operation: String,
        /// The engine's answer.
        message: String,
    },
    /// The request failed (any other HTTP status).
    #[error("the container engine cannot {operation}: {message}")]
    Failed {
        /// What was asked.
        operation: String,
        /// The engine's answer.
        message: String,
    },
    /// The answer is not what the API describes.
    #[error("the container engine's answer to the request to {operation} cannot be used")]
    InvalidAnswer {
        /// What was asked.
        operation: String,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// The archive that was streamed to the engine could not be made. The fault is not the engine's.
    #[error("the image cannot be streamed to the container engine")]
    Archive(#[source] io::Error),
}

/// How engines say that a network's addresses are in use: Docker ("Pool overlaps with other one on this address space", "networks have
/// overlapping IPv4") and Podman ("subnet … is already used on the host or by another config").
const ADDRESSES_IN_USE: [&str; 2] = ["overlap", "already used on the host"];

impl EngineError {
    /// Whether the engine refused a network because something else has its addresses. Another subnet may do.
    pub fn is_address_conflict(&self) -> bool {
        match self {
            Self::Failed { message, .. } | Self::Conflict { message, .. } => {
                ADDRESSES_IN_USE.iter().any(|words| message.contains(words))
            }
            _ => false,
        }
    }

    /// Whether the same request may succeed later although nothing else changes.
    pub fn is_unavailable(&self) -> bool {
        match self {
            // Too old as well: the engine may be upgraded while the service runs.
            Self::NoEngine(_) | Self::Unreachable { .. } | Self::TooOld { .. } | Self::NoAnswer { .. } => true,
            Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Failed { .. }
            | Self::InvalidAnswer { .. }
            | Self::Archive(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_use_are_told_from_other_refusals() {
        let failed =
            |message: &str| EngineError::Failed { operation: "create network x".into(), message: message.into() };
        for (message, expected) in [
            ("Pool overlaps with other one on this address space", true),
            ("invalid pool request: Pool overlaps with other one on this address space", true),
            ("cannot create network 1 (lft1): conflicts with network 2 (lft1): networks have overlapping IPv4", true),
            ("subnet 10.213.0.0/29 is already used on the host or by another config", true),
            ("could not find a driver", false),
            ("iptables: No chain/target/match by that name.", false),
        ] {
            assert_eq!(failed(message).is_address_conflict(), expected, "{message}");
        }
    }
}
