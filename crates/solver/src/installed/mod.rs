//! What is installed, in; what may take its place, what nothing needs any more and what changes, out.

pub(crate) mod changes;
pub(crate) mod unneeded;
pub(crate) mod unneeded_seeds;
pub(crate) mod upgrades;
