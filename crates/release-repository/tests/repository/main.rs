//! Release repositories made, changed, cut short and damaged.
#![allow(clippy::unwrap_used, reason = "tests fail by panic")]

mod ceremony;
mod changes;
mod damage;
mod judged;
mod packs;
mod payloads;
mod world;
