//! The installer, on hosts that are folders, against media, keys and clocks that are not as they should be: needs root.

mod clock;
mod key_journeys;
mod sparse;
mod sticks;
mod tuf;
