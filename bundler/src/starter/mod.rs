//! The definition that `init` writes, as a function of the answers: one that builds as it is, with comments for whoever changes it.

mod error;
mod image;
mod tenant;

pub(crate) use error::StarterError;
pub(crate) use image::{StarterImage, as_word};
pub(crate) use tenant::StarterTenant;

use crate::definition::SCHEMA_FILE;
use landfall_manifests::{Product, Version};
use std::fmt::{self, Write as _};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Starter {
    pub(crate) product: Product,
    pub(crate) version: Version,
    pub(crate) image: Option<StarterImage>,
    /// What the image is to tenants, if they run it.
    pub(crate) tenant: Option<StarterTenant>,
}

impl Starter {
    /// The name of the definition's file.
    pub(crate) fn file_name(product: &Product) -> String {
        format!("{product}.toml")
    }

    /// The definition's text.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let Self { product, version, .. } = self;
        let mut text = String::new();
        // Editors take the schema from the first line (Taplo, "Configuration", "Directives").
        writeln!(text, "#:schema ./{SCHEMA_FILE}")?;
        writeln!(text, "# What a bundle of {product} is made of.\n#")?;
        writeln!(text, "#   landfall-bundler lint {product}.toml")?;
        writeln!(text, "#   landfall-bundler build {product}.toml --key {product}.key\n#")?;
        writeln!(text, "{ABOUT}")?;
        writeln!(text, "[release]")?;
        writeln!(text, "# A host accepts releases of the product that was installed first, and of no other.")?;
        writeln!(text, "product = {}", quoted(&product.to_string()))?;
        writeln!(text, "version = {}", quoted(&version.to_string()))?;
        writeln!(text, "{RELEASE}")?;
        match &self.image {
            Some(image) => self.write_image(&mut text, image)?,
            None => writeln!(text, "{NO_IMAGE}")?,
        }
        write!(text, "{FILES}")?;
        Ok(text)
    }

    fn write_image(&self, text: &mut String, image: &StarterImage) -> fmt::Result {
        writeln!(text, "[[image]]")?;
        writeln!(text, "# Its name in the release.")?;
        writeln!(text, "name = {}", quoted(&image.name.to_string()))?;
        writeln!(text, "source = {}", quoted(&image.source))?;
        if image.is_folder() {
            writeln!(text, "{PROCESS}")?;
        }
        match &self.tenant {
            Some(tenant) => {
                writeln!(text, "{TENANT}")?;
                write!(text, "tenant = {{ language = {}, ", quoted(&tenant.language))?;
                if let Some(framework) = &tenant.framework {
                    write!(text, "framework = {}, ", quoted(framework))?;
                }
                writeln!(text, "port = {}, health = \"/health\" }}\n", tenant.port)
            }
            None => writeln!(text, "{NO_TENANT}"),
        }
    }
}

/// Text as a TOML string that stands for itself: nothing in it is a variable.
fn quoted(text: &str) -> String {
    toml::Value::String(text.replace("${", "$${")).to_string()
}

const ABOUT: &str = "\
# Paths are relative to this file. ${NAME} in a value is replaced by --set NAME=VALUE, or from the environment.
# Every key there is: docs/definition.md, or `landfall-bundler schema`.
";

const RELEASE: &str = "\
# Hosts order releases by this number, whatever the version says: raise it with each release.
serial = 1
# The hosts' processor, \"amd64\" or \"arm64\"; the default is that of the machine that builds.
# arch = \"arm64\"
# The oldest version that may update to this one; the default is any.
# min_upgrade_from = \"1.0.0\"
# The folder of the trust roots that `landfall-bundler trust` keeps, where several people sign.
# trust = \"trust\"
";

const NO_IMAGE: &str = "\
# Container images; there may be any number of these tables. Images also come from archives (docker-archive:FILE, oci-archive:FILE),
# folders (oci:DIR, rootfs:DIR) and engines (docker-daemon:REF).
# [[image]]
# name = \"hello\"
# source = \"docker://registry.example/hello:1.0\"
# tenant = { language = \"rust\", port = 3000, health = \"/health\" }
";

const PROCESS: &str = "\
# What runs in it: an image made from a folder has no configuration of its own.
# entrypoint = [\"/program\"]
# user = \"65532\"";

const TENANT: &str = "\
# What tenants run: `landfall tenant spawn` picks it by language and framework, the port is that inside the container, and the
# path answers 200 when the tenant is healthy. health = \"tcp\" asks only that the port takes connections.";

const NO_TENANT: &str = "\
# Makes it an image that tenants run.
# tenant = { language = \"rust\", port = 3000, health = \"/health\" }
";

const FILES: &str = "\
# Files or folders that the release carries besides; there may be any number of these tables.
# [[file]]
# source = \"docs\"
# path = \"docs\"
";

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests;
