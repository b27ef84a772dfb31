//! What an RPM package says of itself: text and header bytes in, typed values out, and back to text.
//! Nothing here names a file, a socket, a process, a clock or an environment variable.

mod capability;
mod checksum;
mod evr;
pub mod header;
mod nevra;
mod package;
mod record_from_headers;
mod rich;
mod view;

pub use capability::{
    Capability, CapabilityError, Comparison, Constraint, Dependency, PartialEvr, Requirement,
};
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumError};
pub use evr::{Evr, EvrError, rpmvercmp};
pub use nevra::{Nevra, NevraError};
pub use package::{Changelog, FileKind, PackageFile, PackageRecord};
pub use record_from_headers::{FileFacts, RecordError, is_primary_file};
pub use rich::{RichDependency, RichError};
pub use view::{ConstraintView, PackageView, RelationKind, RelationView};
