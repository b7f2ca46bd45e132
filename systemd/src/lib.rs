//! Landfall's systemd units: their templates, their rendering, and the service manager behind a trait.
//!
//! * [`TEMPLATES`]: the unit files, with every setting explained. The bundler packs them into a release.
//! * [`render`]: fills a release's template with values of the host; pure.
//! * [`UnitManager`]: the requests of the installer to systemd; [`Systemctl`] is the real one, [`FakeUnitManager`] stands in
//!   for it in tests.
//!
//! Nothing here writes a unit file: where it goes, and when, is the installer's decision.

mod error;
mod fake;
mod manager;
mod status;
mod systemctl;
mod template;
mod unit_name;

pub use error::Error;
pub use fake::{Call, FakeUnitManager};
pub use manager::UnitManager;
pub use status::{ActiveState, LoadState, UnitStatus};
pub use systemctl::{Systemctl, Timeouts};
pub use template::{EngineUnit, MAX_TEMPLATE_BYTES, RenderError, TEMPLATES, Values, render};
pub use unit_name::UnitName;
