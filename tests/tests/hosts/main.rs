//! On isolated hosts with systemd and an engine of their own, and on the connected machine's engine: needs root.
//!
//! One program, so that all tests share one engine and the images that it has built.

mod bad_input;
mod broken_releases;
mod built_images;
mod by_hand;
mod cosign;
mod deltas;
mod engine_deaths;
mod engine_rules;
mod engines;
mod image_needs;
mod isolated_host;
mod landing;
mod limits;
mod no_network;
mod node_tenants;
mod packages;
mod random_chains;
mod static_binaries;
mod stock_engine;
mod update;
