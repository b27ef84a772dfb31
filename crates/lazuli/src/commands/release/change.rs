//! The changes of a release repository: read it, change the value, sign and write it.

use std::path::Path;

use release::channel::Promote;
use release_repository::advance::check_keys;
use release_repository::content::{ChannelChange, ChannelId};
use release_repository::{Folder, Repository, SigningKey};

use super::outcome;
use crate::cli::{
    Global, ReleaseChannel, ReleaseKeyAdd, ReleaseKeyRemove, ReleasePromote, ReleaseRenew, ReleaseSign,
    ReleaseSigning, ReleaseWithdraw,
};
use crate::failure::{Context as _, Failure};

/// `lazuli release promote DIR IMAGE VERSION`
pub fn promote(global: &Global, options: &ReleasePromote) -> Result<(), Failure> {
    let ReleaseChannel { repository, image, version, channel, .. } = &options.channel;
    let opened = Opened::new(repository, &options.signing)?;
    let id = id(&options.channel);
    let current = opened.current(&id)?;
    let promote = Promote {
        version: version.clone(),
        now: opened.now,
        waves: options.waves.clone(),
        barrier: options.barrier.clone(),
        allow_downgrade: options.allow_downgrade,
    };
    let change = opened.repository.promote(&id, current.as_deref(), promote);
    let change = change.context(|| format!("{image} {version} was not promoted to {channel}"))?;
    let done = format!("channel {channel} offers {image} {version} to {}", options.waves);
    opened.finish_channel(global, &change, done)
}

/// `lazuli release withdraw DIR IMAGE VERSION`
pub fn withdraw(global: &Global, options: &ReleaseWithdraw) -> Result<(), Failure> {
    let ReleaseChannel { repository, image, version, channel, .. } = &options.channel;
    let opened = Opened::new(repository, &options.signing)?;
    let id = id(&options.channel);
    let current = opened.current(&id)?;
    let change = opened.repository.withdraw(&id, current.as_deref(), version, &options.reason, opened.now);
    let change = change.context(|| format!("{image} {version} was not withdrawn from {channel}"))?;
    let head = change.channel.head().map_or("nothing".to_owned(), |head| head.version.to_string());
    let done = format!("channel {channel} no longer offers {image} {version}; it offers {head}");
    opened.finish_channel(global, &change, done)
}

/// `lazuli release sign DIR`
pub fn sign(global: &Global, options: &ReleaseSign) -> Result<(), Failure> {
    let opened = Opened::new(&options.repository, &options.signing)?;
    opened.finish(global, &opened.repository, Vec::new())
}

/// `lazuli release renew DIR`
pub fn renew(global: &Global, options: &ReleaseRenew) -> Result<(), Failure> {
    let opened = Opened::new(&options.repository, &options.signing)?;
    let mut repository = opened.repository.clone();
    let mut roles: Vec<_> = options.roles.iter().map(|role| super::role(*role)).collect();
    // What is named by another role's metadata comes first: it drops what was staged of the other.
    roles.sort();
    roles.dedup();
    for role in &roles {
        repository =
            repository.renew(*role, opened.now).context(|| format!("the {role} metadata was not renewed"))?;
    }
    let done = roles.iter().map(|role| format!("{role} metadata for another lifetime")).collect();
    opened.finish(global, &repository, done)
}

/// `lazuli release key add DIR KEY`
pub fn add_key(global: &Global, options: &ReleaseKeyAdd) -> Result<(), Failure> {
    let opened = Opened::new(&options.repository, &options.signing)?;
    let key = super::load_key(&options.new_key)?;
    let (role, id) = (super::role(options.role), key.public().id());
    let changed = opened.repository.add_key(role, key.public(), options.threshold, opened.now);
    let repository = changed.context(|| format!("key {id} was not added"))?;
    opened.finish(global, &repository, vec![format!("key {id} signs for {role}")])
}

/// `lazuli release key remove DIR ID`
pub fn remove_key(global: &Global, options: &ReleaseKeyRemove) -> Result<(), Failure> {
    let opened = Opened::new(&options.repository, &options.signing)?;
    let (role, id) = (super::role(options.role), &options.id);
    let changed = opened.repository.remove_key(role, id, options.threshold, opened.now);
    let repository = changed.context(|| format!("key {id} was not removed"))?;
    opened.finish(global, &repository, vec![format!("key {id} no longer signs for {role}")])
}

/// A repository that is about to be changed.
pub struct Opened<'a> {
    /// Its folder.
    pub folder: Folder,
    /// What it is now.
    pub repository: Repository,
    /// The time of the change.
    pub now: u64,
    signing: &'a ReleaseSigning,
    keys: Vec<SigningKey>,
}

impl<'a> Opened<'a> {
    /// Reads the repository in the folder.
    pub fn new(path: &Path, signing: &'a ReleaseSigning) -> Result<Opened<'a>, Failure> {
        let now = super::time(&signing.moment.time)?;
        let folder = super::open(path)?;
        let failed = || format!("the release repository {} cannot be read", path.display());
        let repository = folder.read().context(failed)?;
        let keys = super::signing_keys(&signing.keys)?;
        if !repository.is_staged() {
            check_keys(&repository, &keys).context(|| "nothing was changed".to_owned())?;
        }
        Ok(Opened { folder, repository, now, signing, keys })
    }

    /// Signs and writes what the repository has become.
    pub fn finish(&self, global: &Global, repository: &Repository, done: Vec<String>) -> Result<(), Failure> {
        self.finish_with(global, repository, done, || Ok(()))
    }

    /// The same, with files that must be stored before.
    pub fn finish_with(
        &self,
        global: &Global,
        repository: &Repository,
        done: Vec<String>,
        store: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let when = (self.now, self.signing.moment.plan);
        outcome::finish(global, &self.folder, repository, &self.keys, when, done, store)
    }

    fn finish_channel(&self, global: &Global, change: &ChannelChange, done: String) -> Result<(), Failure> {
        self.finish_with(global, &change.repository, vec![done], || {
            let stored = self.folder.store(&change.entry, &change.bytes);
            stored.context(|| format!("{} was not written", change.entry.name))
        })
    }

    /// The channel's file as it is, staged changes included.
    fn current(&self, id: &ChannelId) -> Result<Option<Vec<u8>>, Failure> {
        let entries = self.repository.entries();
        let entry = entries.get(&id.target());
        let bytes = entry.map(|entry| self.folder.load(entry)).transpose();
        bytes.context(|| format!("channel {} cannot be read", id.channel))
    }
}

fn id(channel: &ReleaseChannel) -> ChannelId {
    ChannelId {
        image: channel.image.clone(),
        architecture: channel.architecture,
        channel: channel.channel.clone(),
    }
}
