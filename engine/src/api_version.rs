//! Versions of the Docker Engine API.

use std::fmt;

/// The oldest API that Landfall supports: that of Docker 20.10, which Podman 4 serves as well.
pub const MIN_API: ApiVersion = ApiVersion { major: 1, minor: 41 };

/// A version of the Docker Engine API, such as 1.41.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    /// The number before the dot.
    // Before `minor`: the derived order compares fields in this order.
    pub major: usize,
    /// The number after the dot.
    pub minor: usize,
}

impl ApiVersion {
    /// Parses `1.41`; `None` for any other form.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_api_versions_by_number() {
        let version = ApiVersion::parse;
        assert!(version("1.5") < version("1.41"));
        assert!(version("1.41") == Some(MIN_API) && version("2.0") > Some(MIN_API));
        assert_eq!(version("1"), None);
    }
}
