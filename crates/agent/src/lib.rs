//! A signed release and this host's state, in; a plan, then the new slot booted, committed or rolled back, out.
//! The running slot is never written, and no step leaves the host without a version that boots.
//!
//! Two halves meet here. What touches the disk: `storage` (bytes of devices), `gpt` and `slots` (the partition table),
//! `esp` (boot entries), `host` (what runs), `state` (what is remembered), `situation` (all of these, read at once), `plan`
//! (situation and wish in, steps out; pure) and `execute` (steps done, each of which may be repeated after a power cut).
//! What decides when, and from where: trust, download, configuration, health, reboot, watchdog, interface, metrics.
//!
//! The seam, in the order of an update:
//!
//! 1. `Situation::survey(&mut machine)`: what runs, what the other slot holds, which entries boot, what is remembered.
//! 2. `plan(&situation, &Wish::Stage(candidate))`: a printable `Plan`, or a `Refusal` with its stable name.
//! 3. `execute(&plan, &mut machine, &mut payload, &mut watch)`: `payload` is the caller's `Payload`, which fills the slot
//!    from the network and from blocks that are on the disk already; `watch` hears each step before it is done.
//! 4. After `Wish::Apply` the caller reboots by its policy; in the new version its health gate ends in `Wish::Commit` or
//!    `Wish::Reject`, and at every start it asks for `Wish::Settle` first, which finishes or undoes what a power cut left.

pub mod config;
pub mod download;
pub mod error;
pub mod esp;
pub mod execute;
pub mod fill;
pub mod gpt;
pub mod host;
pub mod plan;
pub mod reboot;
pub mod situation;
pub mod slots;
pub mod source;
pub mod state;
pub mod storage;
pub mod trust;

#[cfg(test)]
mod record;
