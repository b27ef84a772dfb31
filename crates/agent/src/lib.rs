//! A signed release and this host's state, in; a plan, then the new slot booted, committed or rolled back, out.
//! The running slot is never written, and no step leaves the host without a version that boots.
//!
//! Two halves meet here. What touches the disk: `storage` (bytes of devices), `gpt` and `slots` (the partition table),
//! `esp` (boot entries), `host` (what runs), `state` (what is remembered), `situation` (all of these, read at once), `plan`
//! (situation and wish in, steps out; pure), `fill` (the other slot, of what is on the disk and of what a release brings) and
//! `execute` (steps done, each of which may be repeated after a power cut).
//! What decides when, and from where: trust, download, configuration, health, reboot, watchdog, interface, metrics.
//!
//! The seam, in the order of an update:
//!
//! 1. `Host::open` for one operation, and `host.survey()`: the `Situation`, all that planning goes by.
//! 2. `plan::plan(&situation, &Wish::Stage(..))`: a printable `Plan`, or a `Refusal` with its stable name.
//! 3. `execute::execute(&plan, &host, &mut source, &mut watch, now)`: a `Source` gives files of the release, of which only
//!    blocks are asked that the disk has not; a `Watch` hears each step before it is done.
//! 4. After `Wish::Apply` the caller starts the machine again by its policy. At every start it asks for `Wish::Settle` until
//!    that plan is empty, which finishes or undoes what a power cut left; then `situation.outcome()` says whether the version
//!    is on trial, and the health gate ends in `Wish::Commit` or `Wish::Reject`.

pub mod api;
pub mod config;
pub mod download;
pub mod error;
pub mod esp;
pub mod execute;
pub mod fill;
pub mod gpt;
pub mod health;
pub mod host;
pub mod journal;
pub mod metrics;
pub mod notify;
pub mod operation;
pub mod plan;
pub mod pulse;
pub mod reboot;
pub mod service;
pub mod situation;
pub mod slots;
pub mod source;
pub mod state;
pub mod storage;
pub mod trust;

#[cfg(test)]
mod record;
#[cfg(test)]
mod world;
