//! Installs the Debian packages that the tests use, and builds the images that most of them need; `make test` runs it before the
//! first test.

use landfall_tests::{Engine, Platform, ensure_tools, image};

fn main() -> anyhow::Result<()> {
    ensure_tools()?;
    let engine = Engine::shared()?;
    for platform in Platform::ALL {
        platform.image(&engine)?;
    }
    image::node_express(&engine)?;
    image::stranger(&engine)?;
    image::cosign(&engine)?;
    Ok(())
}
