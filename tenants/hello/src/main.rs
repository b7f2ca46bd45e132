//! The smallest Landfall tenant: one static binary.
fn main() {}
