use landfall_console::line_of;
use toml::Value;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The operator's text is not TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// Counted from one.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A setting does not take its value.
    #[error("{key} is {found}: it has to be {wanted}")]
    Value {
        /// `section.key`
        key: String,
        /// The value.
        found: String,
        /// What the setting takes.
        wanted: String,
    },
    /// One of these, in the release's own text.
    #[error("the release's own settings cannot be used")]
    Release(#[source] Box<Self>),
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

impl SettingsError {
    /// `text` is not TOML.
    pub(super) fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let line = line_of(text, error.span().unwrap_or_default().start);
        Self::Syntax { line, message: error.message().trim_end().to_owned() }
    }

    /// The setting `key` does not take `value`.
    pub(super) fn value(key: &str, value: &Value, wanted: impl Into<String>) -> Self {
        let found = match value {
            Value::Table(_) => "a table".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            single => single.to_string(),
        };
        Self::Value { key: key.to_owned(), found, wanted: wanted.into() }
    }
}
