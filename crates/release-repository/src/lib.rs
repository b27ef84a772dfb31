//! Payload folders and keys, in; a release repository of The Update Framework, out: a folder that any static web server
//! can serve and any client of the framework can follow.
//!
//! What a change does is decided on values (`Repository`) and comes out as files to write; only `folder` touches the
//! disk, and `key::token` a hardware token. The time is an argument. Equal repository, change, keys and time give equal
//! bytes with Ed25519 keys; ECDSA signatures are random by nature, and are kept as long as what they sign.

pub mod advance;
pub mod blocks;
pub mod change;
pub mod content;
pub mod folder;
pub mod inspect;
pub mod key;
pub mod payload;
pub mod publish;
pub mod role;
pub mod state;

pub use advance::{Advance, AdvanceError, Missing, advance};
pub use folder::{Folder, FolderError};
pub use key::{Key, KeyError, PublicKey, RsaTokenKey, SigningKey};
pub use role::RoleName;
pub use state::{Repository, StateError};
