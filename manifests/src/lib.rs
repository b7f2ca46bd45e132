//! The Landfall bundle format as pure data and streams.
