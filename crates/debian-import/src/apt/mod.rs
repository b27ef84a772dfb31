//! The address of an apt suite in; its verified package index out.
//!
//! Trust runs from the keyring to `InRelease`, from there by SHA-256 and size to `Packages`, and from there to every `.deb`.

pub mod deb822;
mod index;
mod mirror;
mod release;
mod repository;

pub use index::{BinaryPackage, IndexError, PackageIndex};
pub use mirror::{MirrorError, host_mirror, mirror_from_sources};
pub use release::{IndexFile, Release, ReleaseError, ValidUntil};
pub(crate) use repository::expected;
pub use repository::{DebRepository, Suite, SuiteError, SuiteText, fetch_suite, fetch_suite_text};
