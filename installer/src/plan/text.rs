//! The plan as people read it.

use super::{Action, Plan};
use landfall_console::Size;
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "install {} {}", self.product, self.release)?;
        writeln!(f, "  read     {} from the bundle ({} bytes)", Size(self.read), self.read)?;
        writeln!(f, "  stage    {} blobs, {} bytes, into the store", self.stage.count, self.stage.bytes)?;
        writeln!(f, "  unfold   {} files, {} bytes", self.unfold.count, self.unfold.bytes)?;
        for image in &self.images {
            match &image.action {
                Action::Keep => writeln!(f, "  image    {}: is there", image.name)?,
                Action::Tag(_) => writeln!(f, "  image    {}: is there, gets its tag", image.name)?,
                Action::Load(layers) => {
                    writeln!(
                        f,
                        "  image    {}: {} layers, {} bytes, into the engine",
                        image.name,
                        layers.len(),
                        image.bytes
                    )?;
                }
            }
        }
        for path in self.settings.iter().chain(&self.units) {
            writeln!(f, "  write    /{path}")?;
        }
        for port in &self.ports {
            writeln!(f, "  port     {port} must be free")?;
        }
        for need in &self.space {
            writeln!(
                f,
                "  room     {} for {} ({} bytes) in {}",
                Size(need.bytes),
                need.what,
                need.bytes,
                need.folder.display()
            )?;
        }
        Ok(())
    }
}
