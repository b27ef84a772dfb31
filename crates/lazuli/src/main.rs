//! Derives, builds, ships and operates a cloud Linux from a definition.
fn main() {}
