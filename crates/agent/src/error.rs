//! Names of errors that do not change: what programs, metrics and tests go by.

/// An error with a stable dotted name, as `esp.full`: lower case, subject first.
pub trait Named: std::error::Error + Send + Sync + 'static {
    /// The name; the text may change between versions, the name may not.
    fn name(&self) -> &'static str;
}
