//! The plan as people read it.

use super::{Action, Plan};
use landfall_console::{Count, Size};
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.changes {
            None => writeln!(f, "install {} {}", self.product, self.release)?,
            Some(changes) => writeln!(f, "update {} {} to {}", self.product, changes.from, self.release)?,
        }
        writeln!(f, "  read     {:#} from the bundle", Size(self.read))?;
        if let Some(base) = &self.base {
            let (omitted, versions) = (base.omitted, base.versions.join(" or "));
            writeln!(f, "  base     {}, {:#}, of {versions}", Count(omitted.count, "blob"), Size(omitted.bytes))?;
        }
        if let Some(made) = self.base.as_ref().map(|base| base.made).filter(|made| made.count > 0) {
            writeln!(f, "  make     {}, {:#}, from what is here", Count(made.count, "content"), Size(made.bytes))?;
        }
        for (from, blobs) in [("the store", self.reuse.stored), ("an interrupted run", self.reuse.staged)] {
            if blobs.count > 0 {
                writeln!(f, "  reuse    {}, {:#}, from {from}", Count(blobs.count, "blob"), Size(blobs.bytes))?;
            }
        }
        writeln!(f, "  stage    {}, {:#}, into the store", Count(self.stage.count, "blob"), Size(self.stage.bytes))?;
        writeln!(f, "  unfold   {}, {:#}", Count(self.unfold.count, "file"), Size(self.unfold.bytes))?;
        let bytes = self.packages.iter().map(|package| package.size).sum();
        if !self.packages.is_empty() {
            writeln!(
                f,
                "  engine   there is none: {}, {:#}, are installed by dpkg",
                Count(self.packages.len(), "package"),
                Size(bytes)
            )?;
        }
        for package in &self.packages {
            writeln!(f, "  package  {} {}", package.name, package.version)?;
        }
        for image in &self.images {
            match &image.action {
                Action::Keep => writeln!(f, "  image    {}: is there", image.name)?,
                Action::Tag(_) => writeln!(f, "  image    {}: is there, gets its tag", image.name)?,
                Action::Load(layers) => {
                    writeln!(
                        f,
                        "  image    {}: {}, {:#}, into the engine",
                        image.name,
                        Count(layers.len(), "layer"),
                        Size(image.bytes)
                    )?;
                }
            }
        }
        let units = if self.changes.is_some() { &[][..] } else { &self.units };
        for path in self.settings.iter().chain(units) {
            writeln!(f, "  write    /{path}")?;
        }
        if let Some(change) = &self.trust {
            writeln!(f, "  trust    {change}")?;
        }
        if let Some(changes) = &self.changes {
            write!(f, "{changes}")?;
        }
        for port in &self.ports {
            writeln!(f, "  port     {port} must be free")?;
        }
        for need in &self.space {
            writeln!(f, "  room     {:#} for {} in {}", Size(need.bytes), need.what, need.folder.display())?;
        }
        Ok(())
    }
}
