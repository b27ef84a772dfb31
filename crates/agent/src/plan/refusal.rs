//! Why a wish is not followed.

use release::{Architecture, ImageName, Version};

use crate::error::Named;

/// Why a wish is not followed; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The version is of another image.
    #[error("the update is of image {found}, and this host runs {running}")]
    WrongImage {
        /// The update's.
        found: ImageName,
        /// This host's.
        running: ImageName,
    },
    /// The version is for another processor.
    #[error("the update is for {found}, and this host is {running}")]
    WrongArchitecture {
        /// The update's.
        found: Architecture,
        /// This host's.
        running: Architecture,
    },
    /// The version runs, or its root file system does.
    #[error("{version} runs already")]
    AlreadyRunning {
        /// Which one.
        version: Version,
    },
    /// The running version is on trial, and the other slot holds the one to go back to.
    #[error(
        "{version} has not been committed yet, and the other slot holds the version to go back to; wait for its health checks, commit it or roll it back"
    )]
    OnTrial {
        /// The running version.
        version: Version,
    },
    /// The version failed here.
    #[error("{version} failed on this host ({reason}) and is not tried again; allow it explicitly to try it")]
    Quarantined {
        /// Which one.
        version: Version,
        /// What happened.
        reason: String,
    },
    /// Another version is pinned.
    #[error("{version} is not the pinned version {pinned}; unpin it, or pin the other")]
    Pinned {
        /// The update's.
        version: Version,
        /// The only one that may be staged.
        pinned: Version,
    },
    /// The version is older than the running one.
    #[error("{version} is older than {running}; allow going back explicitly")]
    Downgrade {
        /// The update's.
        version: Version,
        /// This host's.
        running: Version,
    },
    /// A partition is too small for the version.
    #[error(
        "the {part} of {version} has {needed} bytes, and partition {partition} of the other slot has {available}; install this host anew from a disk image with larger slots"
    )]
    SlotTooSmall {
        /// What does not fit.
        part: &'static str,
        /// The update's version.
        version: Version,
        /// The partition's number.
        partition: u32,
        /// Bytes needed.
        needed: u64,
        /// Bytes there are.
        available: u64,
    },
    /// The EFI system partition has too little room.
    #[error(
        "the unified kernel image of {version} needs {needed} bytes, and the EFI system partition has {available} left after old ones are removed; remove files that do not belong to {image} from it"
    )]
    EspFull {
        /// The update's version.
        version: Version,
        /// The image whose files are removed by themselves.
        image: ImageName,
        /// Bytes needed.
        needed: u64,
        /// Bytes there would be.
        available: u64,
    },
    /// The running version has no boot entry, so no other one may be removed.
    #[error(
        "EFI/Linux has no entry for the running version {version}, and without it this host would not start again; put {file} back"
    )]
    NoOwnEntry {
        /// The running version.
        version: Version,
        /// The name of its file.
        file: String,
    },
    /// A power cut left a rename half done.
    #[error(
        "a file in EFI/Linux has had two names, or a name no bytes, since the last start; settle first, as the service does when it starts"
    )]
    Unsettled,
    /// Nothing is staged, or not wholly.
    #[error("no version is staged; stage one first")]
    NotStaged,
    /// There is no version to go back to.
    #[error("there is no version to go back to: the other slot {found}")]
    NoFallback {
        /// What is wrong with it.
        found: &'static str,
    },
}

impl Named for Refusal {
    fn name(&self) -> &'static str {
        match self {
            Refusal::WrongImage { .. } => "update.wrong-image",
            Refusal::WrongArchitecture { .. } => "update.wrong-architecture",
            Refusal::AlreadyRunning { .. } => "update.already-running",
            Refusal::OnTrial { .. } => "update.on-trial",
            Refusal::Quarantined { .. } => "update.quarantined",
            Refusal::Pinned { .. } => "update.pinned",
            Refusal::Downgrade { .. } => "update.downgrade",
            Refusal::SlotTooSmall { .. } => "slot.too-small",
            Refusal::EspFull { .. } => "esp.full",
            Refusal::NoOwnEntry { .. } => "esp.own-entry-missing",
            Refusal::Unsettled => "update.unsettled",
            Refusal::NotStaged => "update.not-staged",
            Refusal::NoFallback { .. } => "update.no-fallback",
        }
    }
}
