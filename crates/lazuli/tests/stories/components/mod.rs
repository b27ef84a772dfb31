//! Components: a definition and a folder of upstream files made up for the test, in; rendered folders, differences and words, out.

mod changed;
mod kept;
mod project;
mod queried;
mod rendered;
