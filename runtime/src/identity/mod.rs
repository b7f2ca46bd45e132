//! The names, numbers and keys by which organizations, tenants, administrators and requests are known.

pub mod admin_token;
mod names;
mod request_id;
mod tenant_key;

pub use names::{CANARY_NAME, EnvId, InvalidName, MAX_NAME, Name, OrgId};
pub use request_id::RequestId;
pub use tenant_key::{ApiKey, HostSecret, KeyHash, KeyNonce, SecretError};
