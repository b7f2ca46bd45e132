//! Landfall's systemd units: rendering and management.
