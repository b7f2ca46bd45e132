//! Verifies a bundle and lands it on an isolated host.

fn main() -> std::process::ExitCode {
    landfall_installer::run()
}
