//! A folder of TOML, in; one resolved, validated [`Distro`], or every problem with its place, out.
//! Later stages never look at TOML, fill in a default or resolve inheritance. Only the module `files` reads the disk.

mod component;
mod decode;
mod distro;
mod files;
mod image;
mod include;
mod inherit;
mod load;
pub mod lock;
mod merge;
mod nearest;
mod place;
mod problem;
mod publish;
mod remark;
mod resolve;
mod schema;
mod shadowed;
mod statements;
mod tables;

pub use component::{
    Build, Component, ComponentGroup, ComponentPublish, Distribution, DistributionVersion, HashType,
    Metadata, OverlayCategory, OverlayEntry, PackageGroup, PackagePublish, ReleaseCalculation, SourceFile,
    SourceHash, SourceOrigin, SpecSource, UpstreamSource, UpstreamStatus,
};
pub use distro::{
    DebMirror, DebRepository, Distro, DistroReference, Project, Repository, RpmLocation, RpmRepository,
    RpmTrust, Upstream, ValidUntil,
};
pub use image::{
    Budget, ByUpstream, Compression, Disk, DiskFormat, FileRule, Filesystem, Image, ImageDefinition,
    ImageKind, Initrd, Machine, NativeImage, OsRelease, OwnProgram, PackageRequest, Partition,
    PartitionFormat, PartitionSize, PartitionType, Password, Selinux, SelinuxMode, UnitChoices, User, Verity,
};
pub use load::{Linted, find_root, lint, load, load_file};
pub use place::{LineColumn, Located, Place, Sources};
pub use problem::{Problem, ProblemPlace, Problems};
pub use publish::{Channel, Channels, is_debug_package};
pub use remark::{REMARK_KINDS, Remark, RemarkKind};
pub use schema::{Schemas, schema};
