//! An apt suite in; deterministic RPMs out.
//!
//! [`apt`] fetches and verifies a suite's index, [`closure`] chooses packages, [`convert`] turns a `.deb` into an RPM with the
//! help of [`overrides`], and [`import`] does it all in parallel, cached by content. No program is run and no maintainer script
//! is executed or kept: what they would do is said in the overrides.

pub mod apt;
pub mod closure;
pub mod convert;
pub mod deb;
pub mod import;
pub mod metadata;
pub mod overrides;
pub mod relation;
mod rpm_file;
mod spool;
pub mod version;
