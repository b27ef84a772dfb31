//! What is published of an image, and who may take it: bytes in, typed values out, and back to bytes.
//! Nothing here names a file, a socket, a process, a clock or an environment variable.

pub mod assembly;
pub mod blocks;
pub mod channel;
mod digest;
pub mod frame;
pub mod local;
pub mod manifest;
mod name;
pub mod pack;
pub mod partition;
pub mod patch;
pub mod recipe;
pub mod target;
pub mod verity;
mod version;
pub mod waves;

pub use channel::Channel;
pub use digest::{Sha256Digest, WrongDigest};
pub use manifest::Manifest;
pub use name::{Architecture, ChannelName, FileName, ImageName, WrongName};
pub use version::{Version, WrongVersion};
