//! Keeps the generated files and the architecture true.
fn main() {}
