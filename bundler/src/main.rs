//! Packs container images and files into one signed bundle.
fn main() {}
