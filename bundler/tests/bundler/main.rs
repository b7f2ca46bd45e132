//! The bundler as its users meet it: the built program, real inputs, and the tools that check bundles by hand.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod archives;
mod bad_images;
mod bundles;
mod delta;
mod derived;
mod docker_archive;
mod downloads;
mod evidence;
mod image_files;
mod in_place;
mod index;
mod init;
mod keys;
mod lint;
mod media;
mod output;
mod packages;
mod parts;
mod registry;
mod repair;
mod schema;
mod sources;
mod summary;
mod terminal;
mod trust;
mod trust_ids;
mod workspace;
