//! The container host, told from outside: built from the definition, signed, booted, attacked, updated, cut off from its power.
//!
//! Machines without hardware help take about a minute to boot, so these stories are told only where `LAZULI_TEST_BOOT` is set, and
//! those that need many boots only where it is `all`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test panics where it cannot go on, and shows what the guest said"
)]

#[path = "../program/mod.rs"]
mod program;

mod disk;
mod host;
mod judge;
mod releases;
mod world;

mod by_itself;
mod containers;
mod cut;
mod first_boot;
mod logged;
mod refusals;
mod sealed;
mod servers;
mod trials;
mod update;
