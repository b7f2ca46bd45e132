//! The definition of a bundle, as a person writes it.

use crate::{ReadOutcome, Target, none};
use landfall_bundler::readers::definition;

/// A definition is planned, or refused with the place where it is wrong.
pub(crate) const TARGET: Target = Target { name: "definition", read, seeds, findings: none, mutate: None };

fn read(input: &[u8]) -> ReadOutcome {
    let Ok(text) = std::str::from_utf8(input) else { return ReadOutcome::Refused };
    let found = definition(text);
    if let Err(error) = &found {
        let message = error.to_string();
        let place = message.strip_prefix("/definitions/acme.toml:").and_then(|rest| rest.split_once(": "));
        let line = place.and_then(|(line, _)| line.parse::<usize>().ok());
        let lines = text.split('\n').count();
        assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "no place in {lines} lines: {message}");
    }
    ReadOutcome::from(found)
}

const RELEASE: &str = "[release]\nproduct = \"acme\"\nversion = \"1.0.0\"\nserial = 1\n";

const ALL: &str = r#"# Everything that a definition may say.
[release]
product = "acme"
version = "1.4.0-rc.1"
serial = 12
arch = "arm64"
min_upgrade_from = "1.2.0"
created = "2026-01-01T00:00:00Z"
keys = ["RWRlTpXflYThZ2R1daZkB6IMvyJHGnLWuuvh4QHjXlvvps/OR78yP9cM"]

[runtime]
binary = "bin/landfall"
installer = "bin/landfall-installer"
config = "config.toml"
database = { schema = 2, reversible_to = 1 }

[[image]]
name = "hello"
source = "docker-archive:images/${NAME}.tar:hello:1"
tenant = { language = "rust", framework = "none", port = 8080, health = { command = ["/hello", "check"] }, writable = [{ path = "/var/cache", kind = "tmpfs", size = "1MiB" }, { path = "/var/lib/hello", kind = "volume" }], capabilities = ["CHOWN"], memory = "64MiB", start_period = 9, canary = true }

[[image]]
name = "node-express"
source = "rootfs:root"
entrypoint = ["/bin/node"]
cmd = ["$${HOME}"]
env = { NODE_ENV = "production" }
user = "65532"
workdir = "/app"

[[image]]
name = "db"
source = "oci:layout:db"

[[file]]
source = "docs"
path = "docs"
"#;

fn seeds() -> Vec<Vec<u8>> {
    [RELEASE, ALL].map(|text| text.as_bytes().to_vec()).to_vec()
}
