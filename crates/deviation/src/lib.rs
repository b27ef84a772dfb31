//! Components of a definition, and the files that their upstream has, in; how they differ from upstream, why, for how long,
//! what a newer upstream does to it, and the differences as patches to send there, out.
//! Of the disk, only files that the definition brings in are read; whoever calls gives the upstream's files and the moments.

mod check;
mod page;
mod patch;
mod report;
mod series;
mod stated;

pub use check::{Checked, Finding, Outcome, Pin, check};
pub use page::page;
pub use report::{ComponentDeviations, Moved, Report, Totals, Trend};
pub use series::{Envelope, PatchFile, SeriesError, series};
pub use stated::{Deviation, Kind, Unaged, World, counted, stated};
