//! Components: a definition and a folder of upstream files made up for the test, in; rendered folders, differences and words, out.

mod changed;
mod deviations;
mod kept;
mod killed;
mod locked;
mod project;
mod queried;
mod rendered;
mod repositories;
