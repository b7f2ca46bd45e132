//! The smallest Landfall tenant: one static binary that greets, and through which tests prove what a tenant can and
//! cannot do.
//!
//! It needs nothing from the image but itself: no shell, no C library, no name service. Everything that comes in over the
//! network is bounded, and a request ends after a few seconds whatever the client does.

mod clock;
mod data;
mod environment;
mod hosts;
mod json;
mod log;
mod outbound;
mod query;
mod request;
mod response;
mod routes;
mod server;

use std::process::ExitCode;

use environment::Environment;
use server::Server;

/// Whether the tenant beside this process is healthy: what an image names as its health command.
fn check(environment: &Environment) -> ExitCode {
    match outbound::get_status("127.0.0.1", environment.port, "/health") {
        Ok(200) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn main() -> ExitCode {
    let environment = match Environment::from_process() {
        Ok(environment) => environment,
        Err(message) => {
            log::error(&message);
            return ExitCode::from(2);
        }
    };
    if std::env::args_os().nth(1).is_some_and(|word| word == "check") {
        return check(&environment);
    }
    log::info("Starting tenant app...");
    match Server::bind(environment).and_then(Server::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error(&format!("cannot serve: {error}"));
            ExitCode::FAILURE
        }
    }
}
