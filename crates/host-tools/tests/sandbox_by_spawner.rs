//! Every promise of the sandbox once more, with the children made by the spawner.

#[path = "sandbox.rs"]
mod sandbox;
