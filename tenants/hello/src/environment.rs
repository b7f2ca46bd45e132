//! What the runtime tells its tenant through environment variables.

use std::env;
use std::path::PathBuf;

/// The port that a tenant listens on unless `PORT` says otherwise.
const DEFAULT_PORT: u16 = 3000;

/// Where the runtime mounts the tenant's volume for files.
const DEFAULT_DATA: &str = "/app/data/users";

/// The environment of a tenant.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// `PORT`
    pub(crate) port: u16,
    /// `DATA_DIR`
    pub(crate) data: PathBuf,
    /// `TENANT_NAME`
    pub(crate) tenant_name: String,
    /// `TENANT_ID`
    pub(crate) tenant_id: String,
    /// `CONVERGENCE_ORG_ID`
    pub(crate) org_id: String,
    /// `CONVERGENCE_ENV_ID`
    pub(crate) env_id: String,
    /// `CONVERGENCE_API_URL`, for instance `http://host.docker.internal:3000/api/v1`
    pub(crate) api_url: String,
    /// Whether `CONVERGENCE_API_KEY` is there. Its value stays where it is: this program never needs it.
    pub(crate) has_api_key: bool,
}

impl Environment {
    /// Reads the process's environment; what is not set is empty.
    pub(crate) fn from_process() -> Result<Self, String> {
        Self::from_lookup(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let text = |name| lookup(name).unwrap_or_default();
        let port = match lookup("PORT") {
            None => DEFAULT_PORT,
            Some(port) => port.parse().map_err(|_| format!("PORT is {port:?}, which is not a port number"))?,
        };
        Ok(Self {
            port,
            data: lookup("DATA_DIR").unwrap_or_else(|| DEFAULT_DATA.to_owned()).into(),
            tenant_name: text("TENANT_NAME"),
            tenant_id: text("TENANT_ID"),
            org_id: text("CONVERGENCE_ORG_ID"),
            env_id: text("CONVERGENCE_ENV_ID"),
            api_url: text("CONVERGENCE_API_URL"),
            has_api_key: lookup("CONVERGENCE_API_KEY").is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn has_defaults_for_everything() {
        let environment = Environment::from_lookup(|_| None).unwrap();
        assert_eq!((environment.port, environment.data), (3000, PathBuf::from("/app/data/users")));
        assert!(!environment.has_api_key);
    }

    #[test]
    fn refuses_a_port_that_is_none() {
        let error = Environment::from_lookup(|name| (name == "PORT").then(|| "http".to_owned())).unwrap_err();
        assert_eq!(error, "PORT is \"http\", which is not a port number");
    }
}
