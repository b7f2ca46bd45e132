use super::error::CommandError;
use crate::release::{Catalog, Loaded, Offer};
use crate::store;
use landfall_console::{Console, message_with_causes};
use landfall_host::Layout;
use landfall_host::runtime_program::ImagesReport;
use serde::Serialize;
use std::fmt::Write as _;

/// What the command prints under `--json`. The installer reads the first part.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    used: ImagesReport<String>,
    /// The installed release, `<version>-<serial>`; null where none can be read.
    release: Option<String>,
    /// What tenants can be spawned from.
    spawnable: Vec<Offer>,
}

pub(super) fn run(layout: &Layout, console: Console) -> Result<(), CommandError> {
    let images = store::images(&layout.database()).map_err(CommandError::Images)?;
    // The installer asks what is in use, also while it mends a release that cannot be read.
    let loaded = Loaded::of(layout);
    if let Err(error) = &loaded {
        console.warn(format_args!("what can be spawned is not known: {}", message_with_causes(error)));
    }
    let catalog = loaded.ok().map(|loaded| loaded.catalog);
    let (release, spawnable) = (catalog.as_ref().map(Catalog::id), catalog.as_ref().map(Catalog::offers));
    let in_release = |config: &String| catalog.iter().flat_map(|c| &c.images).any(|image| image.config == *config);
    let earlier: Vec<String> = images.iter().filter(|config| !in_release(config)).cloned().collect();
    let report = Report { used: ImagesReport { images }, release, spawnable: spawnable.unwrap_or_default() };
    let text = text(&report, &earlier);
    console.result(&report, text)
}

/// A table of what can be spawned, and the images that only tenants from earlier releases use.
fn text(report: &Report, earlier: &[String]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    if let Some(release) = &report.release {
        let _ = match report.spawnable.as_slice() {
            [] => writeln!(text, "release {release} has no image that a tenant can be spawned from"),
            _ => writeln!(text, "{:24}  {:12}  {:12}  {:>5}", "NAME", "LANGUAGE", "FRAMEWORK", "PORT"),
        };
    }
    for Offer { name, language, framework, port, health: _ } in &report.spawnable {
        let framework = framework.as_deref().unwrap_or("-");
        let _ = writeln!(text, "{name:24}  {language:12}  {framework:12}  {port:>5}");
    }
    for config in earlier {
        let _ = writeln!(text, "{config}  of another release; tenants use it");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use landfall_manifests::HealthCheck;

    fn report(names: &[&str]) -> Report {
        let offer = |name: &&str| Offer {
            name: (*name).to_owned(),
            language: "node".into(),
            framework: None,
            port: 3000,
            health: HealthCheck::Tcp,
        };
        let spawnable = names.iter().map(offer).collect();
        Report { used: ImagesReport { images: vec!["sha256:00".into()] }, release: Some("1.0.0-1".into()), spawnable }
    }

    #[test]
    fn what_can_be_spawned_is_a_table_before_any_tenant_exists() {
        let text = text(&report(&["node"]), &["sha256:00".to_owned()]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "NAME                      LANGUAGE      FRAMEWORK      PORT",
                "node                      node          -              3000",
                "sha256:00  of another release; tenants use it",
            ]
        );
        assert!(super::text(&report(&[]), &[]).contains("1.0.0-1 has no image"));
    }

    #[test]
    fn programs_find_what_tenants_use_where_it_was() {
        let json = serde_json::to_value(report(&["node"])).unwrap_or_default();
        assert_eq!(json["images"], serde_json::json!(["sha256:00"]));
        assert_eq!(json["spawnable"][0]["name"], "node");
    }
}
