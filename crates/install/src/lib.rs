//! RPM files with the order they go in, in; the root tree they make, with its rpm database and dnf5's state, out.
//!
//! Nothing here asks for the time, solves dependencies, or uses an rpm or dnf of the host: programs run only inside the root.

mod base64_lines;
pub mod dnf_state;
pub mod files;
pub mod lua;
pub mod order;
pub mod package;
pub mod payload;
pub mod query_format;
pub mod report;
pub mod root;
pub mod rpmdb;
pub mod scriptlets;
pub mod transaction;
pub mod triggers;
pub mod unpack;
pub mod users;

pub use package::{Package, PackageError, SignaturePolicy};
pub use report::{Report, Warning};
pub use scriptlets::ScriptletCache;
pub use transaction::{
    Addition, ChangeError, Changes, Existing, ExistingError, InstallError, InstallOptions, InstalledRoot,
    PackageRequest, PlanError, PlanOptions, Reason, ReplacementError, Replacing, Transaction, change,
    clear_beside, execute, plan, plan_changes,
};
