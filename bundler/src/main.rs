//! Packs container images and files into one signed bundle.

fn main() -> std::process::ExitCode {
    landfall_bundler::run()
}
