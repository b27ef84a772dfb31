//! What the program does for a person, told from outside: a definition and an upstream made up for the test, in; exit code, words
//! and files, out.
//!
//! Trees have files of several owners, so building one needs root; without it those tests say so and pass.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test tells why it is skipped, and panics")]

#[path = "../program/mod.rs"]
mod program;
mod world;

mod changed;
mod components;
mod damaged;
mod debian;
mod fedora;
mod full;
mod killed;
mod queries;
mod refused;
mod releases;
mod roots;
mod sealed;
mod specs;
mod words;
