//! Changes of what is published: files and channels, in; the repository with the change staged, out.

use std::collections::{BTreeMap, HashMap};

use release::channel::{ChannelError, Promote, RefusedEdit};
use release::target::Target;
use release::{Architecture, Channel, ChannelName, ImageName, Sha256Digest, Version};
use tough::TargetName;
use tough::schema::{Hashes, Target as TufTarget};

use crate::change::ChangeError;
use crate::state::{Repository, TARGETS};

/// A published file: where its bytes are, follows from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The target's name.
    pub name: String,
    /// Its size in bytes.
    pub length: u64,
    /// Its digest.
    pub sha256: Sha256Digest,
}

/// A channel of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelId {
    /// The image.
    pub image: ImageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// The channel.
    pub channel: ChannelName,
}

/// A channel that changed: the repository with it staged, and the file that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelChange {
    /// The repository.
    pub repository: Repository,
    /// The channel afterwards.
    pub channel: Channel,
    /// What must be stored before the repository is published.
    pub entry: Entry,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why what is published does not change.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The repository does not change.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// A version has one content.
    #[error(
        "{name} is published with other content (SHA-256 {published}); a version never changes: build a new one"
    )]
    OtherContent {
        /// The target.
        name: String,
        /// The digest of what is published.
        published: Sha256Digest,
    },
    /// It is not there to be offered.
    #[error("version {version} of {image} for {architecture} is not in the repository; it has: {known}")]
    NoVersion {
        /// The image.
        image: ImageName,
        /// The version.
        version: Version,
        /// The architecture.
        architecture: Architecture,
        /// Versions that it has.
        known: String,
    },
    /// The channel was never made.
    #[error("{image} for {architecture} has no channel {channel}; it has: {known}")]
    NoChannel {
        /// The image.
        image: ImageName,
        /// The architecture.
        architecture: Architecture,
        /// The channel.
        channel: ChannelName,
        /// Channels that it has.
        known: String,
    },
    /// The channel's file is broken.
    #[error("channel {0}")]
    Channel(String, #[source] ChannelError),
    /// The channel's file is of another one.
    #[error("{0} is the file of another channel")]
    OtherChannel(String),
    /// The channel refuses.
    #[error(transparent)]
    Refused(#[from] RefusedEdit),
    /// A name that no client would look for.
    #[error("`{0}` cannot be the name of a target")]
    Name(String),
}

impl Entry {
    /// What these bytes are under a name.
    pub fn of(name: String, bytes: &[u8]) -> Entry {
        Entry { name, length: bytes.len() as u64, sha256: Sha256Digest::of(bytes) }
    }

    /// The file that holds the bytes, below the repository's folder.
    pub fn path(&self) -> String {
        format!("{TARGETS}/{}.{}", self.sha256, self.name)
    }
}

impl ChannelId {
    /// The name of the channel's target.
    pub fn target(&self) -> String {
        release::target::channel(&self.image, self.architecture, &self.channel)
    }
}

impl Repository {
    /// Every file that is published, or staged to be.
    pub fn entries(&self) -> BTreeMap<String, Entry> {
        let targets = self.targets().map(|targets| &targets.targets);
        let entries = targets.into_iter().flatten().filter_map(|(name, target)| {
            let bytes: [u8; 32] = target.hashes.sha256[..].try_into().ok()?;
            let name = name.raw().to_owned();
            Some(Entry { name, length: target.length, sha256: Sha256Digest::from_bytes(bytes) })
        });
        entries.map(|entry| (entry.name.clone(), entry)).collect()
    }

    /// The versions that are published of an image.
    pub fn versions(&self, image: &ImageName, architecture: Architecture) -> Vec<Version> {
        let mut versions: Vec<Version> = self
            .entries()
            .keys()
            .filter_map(|name| match release::target::parse(name)? {
                Target::File { image: of, version, architecture: on, file }
                    if of == *image
                        && on == architecture
                        && file.as_str() == release::manifest::MANIFEST_FILE =>
                {
                    Some(version)
                }
                _ => None,
            })
            .collect();
        versions.sort();
        versions
    }

    /// The channels that there are.
    pub fn channels(&self) -> Vec<ChannelId> {
        let names = self.entries().into_keys();
        let channels = names.filter_map(|name| match release::target::parse(&name)? {
            Target::Channel { image, architecture, channel } => {
                Some(ChannelId { image, architecture, channel })
            }
            Target::File { .. } => None,
        });
        channels.collect()
    }

    /// Publishes the files of a version; the same files again change nothing.
    pub fn add_files(&self, files: &[Entry], now: u64) -> Result<Repository, ContentError> {
        let published = self.entries();
        for file in files {
            if let Some(known) = published.get(&file.name).filter(|known| *known != file) {
                return Err(ContentError::OtherContent { name: file.name.clone(), published: known.sha256 });
            }
        }
        if files.iter().all(|file| published.contains_key(&file.name)) {
            return Ok(self.clone());
        }
        self.put(files, now)
    }

    /// Offers a version in a channel; `current` is the channel's file, if it has one.
    pub fn promote(
        &self,
        id: &ChannelId,
        current: Option<&[u8]>,
        promote: Promote,
    ) -> Result<ChannelChange, ContentError> {
        let versions = self.versions(&id.image, id.architecture);
        if !versions.contains(&promote.version) {
            return Err(ContentError::NoVersion {
                image: id.image.clone(),
                version: promote.version,
                architecture: id.architecture,
                known: list(&versions),
            });
        }
        let mut channel = match current {
            Some(bytes) => parse(id, bytes)?,
            None => Channel::new(id.image.clone(), id.architecture, id.channel.clone()),
        };
        let now = promote.now;
        channel.promote(promote)?;
        self.put_channel(id, channel, now)
    }

    /// Takes a version back from a channel; `current` is the channel's file.
    pub fn withdraw(
        &self,
        id: &ChannelId,
        current: Option<&[u8]>,
        version: &Version,
        reason: &str,
        now: u64,
    ) -> Result<ChannelChange, ContentError> {
        let Some(bytes) = current else {
            let same = |known: &&ChannelId| known.image == id.image && known.architecture == id.architecture;
            let channels = self.channels();
            let names: Vec<&ChannelName> = channels.iter().filter(same).map(|known| &known.channel).collect();
            return Err(ContentError::NoChannel {
                image: id.image.clone(),
                architecture: id.architecture,
                channel: id.channel.clone(),
                known: list(&names),
            });
        };
        let mut channel = parse(id, bytes)?;
        channel.withdraw(version, reason)?;
        self.put_channel(id, channel, now)
    }

    fn put_channel(&self, id: &ChannelId, channel: Channel, now: u64) -> Result<ChannelChange, ContentError> {
        let bytes = channel.to_json().into_bytes();
        let entry = Entry::of(id.target(), &bytes);
        let repository = self.put(std::slice::from_ref(&entry), now)?;
        Ok(ChannelChange { repository, channel, entry, bytes })
    }

    fn put(&self, files: &[Entry], now: u64) -> Result<Repository, ContentError> {
        let mut targets = Vec::new();
        for file in files {
            let name = TargetName::new(&file.name).ok().filter(|name| name.resolved() == file.name);
            let name = name.ok_or_else(|| ContentError::Name(file.name.clone()))?;
            let hashes = Hashes { sha256: file.sha256.bytes().to_vec().into(), _extra: HashMap::new() };
            let target =
                TufTarget { length: file.length, hashes, custom: HashMap::new(), _extra: HashMap::new() };
            targets.push((name, target));
        }
        Ok(self.change_targets(now, |all| all.targets.extend(targets))?)
    }
}

/// Reads a channel's file, which must be of this channel.
pub fn parse(id: &ChannelId, bytes: &[u8]) -> Result<Channel, ContentError> {
    let channel = Channel::parse(bytes).map_err(|cause| ContentError::Channel(id.target(), cause))?;
    let is_same =
        channel.image == id.image && channel.architecture == id.architecture && channel.channel == id.channel;
    if is_same { Ok(channel) } else { Err(ContentError::OtherChannel(id.target())) }
}

fn list<T: ToString>(things: &[T]) -> String {
    let words: Vec<String> = things.iter().map(T::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
