//! The `VOLUME`s of an image as paths that its tenants keep. An engine would give each container volumes without a name there, which nobody
//! finds again when the container is gone.

use crate::image_config::Execution;
use landfall_manifests::{OWN_VOLUMES, Tenant, TenantProblem, Writable, WritablePath, WritablePathError};

/// A `VOLUME` of an image that no tenant can have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VolumeError {
    #[error(transparent)]
    Path(#[from] WritablePathError),
    #[error(transparent)]
    Tenant(#[from] TenantProblem),
}

/// The tenant image with a volume for each `VOLUME` of its configuration that its own `writable` does not name.
pub(super) fn with_volumes(tenant: &Tenant, execution: &Execution) -> Result<Tenant, VolumeError> {
    let mut tenant = tenant.clone();
    for volume in execution.volumes() {
        let path: WritablePath = volume.parse()?;
        let is_covered = OWN_VOLUMES.contains(&path.as_str()) || tenant.writable.iter().any(|one| *one.path() == path);
        if !is_covered {
            tenant.writable.push(Writable::Volume { path });
        }
    }
    tenant.check()?;
    Ok(tenant)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use landfall_manifests::HealthCheck;

    fn with(writable: &[Writable], volumes: &[&str]) -> Result<Vec<Writable>, String> {
        let volumes: serde_json::Map<_, _> =
            volumes.iter().map(|volume| ((*volume).to_owned(), serde_json::json!({}))).collect();
        let config = serde_json::json!({"config": {"Volumes": volumes}}).to_string();
        let tenant = Tenant { writable: writable.to_vec(), ..Tenant::new("c", 1, HealthCheck::Tcp) };
        let made = with_volumes(&tenant, &Execution::of(config.as_bytes()).unwrap());
        made.map(|tenant| tenant.writable).map_err(|error| error.to_string())
    }

    fn volume(path: &str) -> Writable {
        Writable::Volume { path: path.parse().unwrap() }
    }

    #[test]
    fn each_volume_of_an_image_is_kept_unless_the_definition_says_otherwise() {
        let tmpfs = Writable::Tmpfs { path: "/cache".parse().unwrap(), size: 4096 };
        let writable = [tmpfs.clone(), volume("/named")];
        let volumes = ["/cache/", "/named", "/app/data/db", "//data/./x//", "/data", "/cache/kept"];
        let mut found = with(&writable, &volumes).unwrap();
        assert_eq!(found[..2], writable);
        found.drain(..2);
        found.sort_by(|a, b| a.path().cmp(b.path()));
        assert_eq!(found, [volume("/cache/kept"), volume("/data"), volume("/data/x")]);
        assert_eq!(with(&[], &[]).unwrap(), []);
    }

    #[test]
    fn a_volume_that_no_tenant_can_have_is_an_error() {
        let many: Vec<String> = (0..40).map(|number| format!("/{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (volumes, problem) in [
            (&["data"][..], "not absolute"),
            (&["/"], "the root"),
            (&["/a/../b"], ".."),
            (&["/proc/x"], "the kernel's"),
            (&many, "more than 32"),
        ] {
            let error = with(&[], volumes).unwrap_err();
            assert!(error.contains(problem), "{volumes:?}: {error}");
        }
        assert_eq!(with(&[], &["/a", "/a/"]).unwrap(), [volume("/a")]);
    }
}
