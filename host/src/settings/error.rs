/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The operator's text is not TOML, or a value is not valid. The message shows the line.
    #[error("{}", .0.to_string().trim_end())]
    Operator(toml::de::Error),
    /// The same of the release's text.
    #[error("the release's own settings cannot be used")]
    Release(#[source] toml::de::Error),
    /// A value has another type than the release's.
    #[error("{key} is {found}, and has to be {expected}")]
    Type {
        /// `section.key`
        key: String,
        /// The type of the release's value.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// The range of the tenants' ports is empty.
    #[error("[tenants] first_port = {first} lies above last_port = {last}")]
    EmptyPortRange {
        /// The first port.
        first: u16,
        /// The last port.
        last: u16,
    },
    /// The API's port is one of the tenants' ports.
    #[error("[api] port = {0} lies between [tenants] first_port and last_port, which belong to the tenants")]
    ApiPortTaken(u16),
    /// A key has neither a value nor a default.
    #[error("the settings leave out {0}, which has no default")]
    Missing(&'static str),
}
