//! The Docker Engine API over a unix socket or TCP, by bollard. Podman serves the same API.
//!
//! [`Docker`] holds the connection and speaks to the engine; its requests are spread over modules by the kind of object.
//! The runtime uses it as it is ([`crate::ContainerEngine`]), the installer and the bundler through [`BlockingDocker`].

mod blocking;
mod commands;
mod connection;
mod container_engine;
mod containers;
mod files;
mod images;
mod label_filter;
mod limits;
mod logs;
mod networks;
mod remove_labelled;
mod response;
mod specs;
#[cfg(test)]
mod test_server;
mod upload_body;
mod volumes;

pub use blocking::BlockingDocker;
pub use connection::Docker;
