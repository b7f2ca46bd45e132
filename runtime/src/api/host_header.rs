//! The `Host` field of a request. Pure.

use super::ApiError;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Version};

/// Refuses a request without exactly one valid `Host` (RFC 9112 section 3.2): programs in front of this one may take another of several
/// for the host that is meant. HTTP/1.0 does not know the field.
pub(super) fn check(version: Version, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version <= Version::HTTP_10 => Ok(()),
        (None, _) => Err(ApiError::invalid("the request has no Host")),
        (Some(_), Some(_)) => Err(ApiError::invalid("the request has more than one Host")),
        (Some(host), None) if is_valid(host.as_bytes()) => Ok(()),
        (Some(_), None) => Err(ApiError::invalid("the request's Host is not valid")),
    }
}

/// A host with an optional port, or nothing.
fn is_valid(host: &[u8]) -> bool {
    host.is_empty() || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_request_has_exactly_one_valid_host() {
        for (version, hosts, accepted) in [
            (Version::HTTP_11, &["landfall"][..], true),
            (Version::HTTP_11, &["10.213.0.1:3000"], true),
            (Version::HTTP_11, &["[::1]:3000"], true),
            (Version::HTTP_11, &[""], true),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_10, &["a", "a"], false),
            (Version::HTTP_11, &["a", "a"], false),
            (Version::HTTP_11, &["a", "b"], false),
            (Version::HTTP_11, &["a b"], false),
            (Version::HTTP_11, &["user@a"], false),
            (Version::HTTP_11, &["a/b"], false),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, host.parse().unwrap());
            }
            assert_eq!(check(version, &headers).is_ok(), accepted, "{version:?} {hosts:?}");
        }
    }
}
