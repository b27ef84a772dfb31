//! A path that a spec or a macro names, in; the file's content, that there is none, or that nobody knows, out.
//! The implementation is the caller's: nothing in this crate opens a file.

/// Where a spec finds its sources, as it does in a build root.
pub const SOURCE_FOLDER: &str = "/builddir/build/SOURCES";

/// Where rpm's own macros and Lua modules are.
pub const CONFIGURATION_FOLDER: &str = "/usr/lib/rpm";

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there and holds these bytes.
    Content(Vec<u8>),
    /// It is there, and it is a folder, or a file whose bytes are not at hand.
    Present,
    /// It is not there.
    Absent,
    /// Only a build root would tell.
    Unknown,
}

/// The files that a spec may look at: its sources below [`SOURCE_FOLDER`], Lua modules below [`CONFIGURATION_FOLDER`].
pub trait Files {
    /// The file of this path, which is whatever the spec asks for: an implementation maps it, it does not open it as it is.
    fn find(&self, path: &str) -> Found;
}

/// No files at hand.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn find(&self, _path: &str) -> Found {
        Found::Unknown
    }
}
