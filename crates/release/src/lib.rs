//! What is published of an image, and who may take it: bytes in, typed values out, and back to bytes.
//! Nothing here names a file, a socket, a process, a clock or an environment variable.

pub mod channel;
mod digest;
pub mod manifest;
mod name;
pub mod partition;
pub mod target;
pub mod verity;
mod version;
pub mod waves;

pub use channel::Channel;
pub use digest::{Sha256Digest, WrongDigest};
pub use manifest::Manifest;
pub use name::{Architecture, ChannelName, FileName, ImageName, WrongName};
pub use version::{Version, WrongVersion};
