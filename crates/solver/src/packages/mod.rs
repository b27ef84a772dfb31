//! What there is, in; which of it a name, a capability or a dependency means, out. Never writes.

pub(crate) mod architecture;
pub(crate) mod glob;
pub(crate) mod matching;
pub(crate) mod providers;
pub(crate) mod shelf;
pub(crate) mod universe;
