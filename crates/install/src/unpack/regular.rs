//! Regular files with their bytes, in; the files, made by this thread and by helpers beside it, out.
//!
//! Making a file is a handful of calls into the kernel that wait for nothing: two processors make nearly twice as many.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::directories::Directory;
use super::{Deferred, DeferredKind, Owner, UnpackError, capability_attribute, failed, kernel, times};
use crate::package::FileEntry;
use crate::root::{create_file, remove_file};

/// A package with fewer files is made by one thread before a second has begun.
const WORTH_HELP: usize = 48;
const MOST_HELPERS: usize = 3;
/// Files that wait for a helper; when there are more, this thread makes one itself.
const QUEUE: usize = 16;

/// A regular file with one name.
pub(super) struct Regular<'a> {
    pub(super) directory: Arc<Directory>,
    pub(super) file: &'a FileEntry,
    pub(super) owner: Owner,
    pub(super) content: Vec<u8>,
}

impl Regular<'_> {
    fn make(self) -> Result<Option<Deferred>, UnpackError> {
        let mut made = create(&self.directory, self.file)?;
        made.write_all(&self.content).map_err(failed("write", self.file))?;
        finish(&self.directory, &made, self.file, &self.owner)
    }
}

/// Those who make files.
pub(super) struct Makers<'scope, 'a> {
    sender: Option<SyncSender<Regular<'a>>>,
    helpers: Vec<ScopedJoinHandle<'scope, Made>>,
    deferred: Vec<Deferred>,
}

/// What one helper could not make here, or the file it failed at.
type Made = Result<Vec<Deferred>, UnpackError>;

impl<'scope, 'a: 'scope> Makers<'scope, 'a> {
    /// As many helpers as processors have nothing else to do, for a package of that many files.
    pub(super) fn start(scope: &'scope Scope<'scope, '_>, files: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = if files < WORTH_HELP { 0 } else { (processors - 1).min(MOST_HELPERS) };
        let mut makers = Makers { sender: None, helpers: Vec::new(), deferred: Vec::new() };
        if count > 0 {
            let (sender, receiver) = sync_channel(QUEUE);
            let receiver = Arc::new(Mutex::new(receiver));
            makers.sender = Some(sender);
            for _ in 0..count {
                let receiver = Arc::clone(&receiver);
                makers.helpers.push(scope.spawn(move || help(&receiver)));
            }
        }
        makers
    }

    /// Makes a file, now or soon.
    pub(super) fn make(&mut self, regular: Regular<'a>) -> Result<(), UnpackError> {
        let own = match &self.sender {
            None => regular,
            Some(sender) => match sender.try_send(regular) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(regular) | TrySendError::Disconnected(regular)) => regular,
            },
        };
        self.deferred.extend(own.make()?);
        Ok(())
    }

    /// Waits until every file is there.
    pub(super) fn finish(mut self) -> Result<Vec<Deferred>, UnpackError> {
        drop(self.sender.take());
        let mut first_failure = None;
        for helper in self.helpers {
            match helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                Ok(deferred) => self.deferred.extend(deferred),
                Err(error) => first_failure = first_failure.or(Some(error)),
            }
        }
        first_failure.map_or(Ok(self.deferred), Err)
    }
}

fn help(receiver: &Mutex<Receiver<Regular<'_>>>) -> Made {
    let mut deferred = Vec::new();
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(regular) = next else { return Ok(deferred) };
        deferred.extend(regular.make()?);
    }
}

/// A new empty file under its own name; what is there is replaced.
fn create(directory: &Directory, file: &FileEntry) -> Result<File, UnpackError> {
    const STEP: &str = "make the file";
    let name = Path::new(file.path.file_name().ok_or_else(|| kernel(STEP, file)(Errno::ISDIR))?);
    match create_file(directory.as_fd(), name) {
        Err(Errno::EXIST) => {
            remove_file(directory.as_fd(), name).map_err(kernel("replace", file))?;
            create_file(directory.as_fd(), name)
        }
        result => result,
    }
    .map_err(kernel(STEP, file))
}

/// Owner before mode before capabilities before time: each step would undo a later one.
pub(super) fn finish(
    directory: &Directory,
    made: &File,
    file: &FileEntry,
    owner: &Owner,
) -> Result<Option<Deferred>, UnpackError> {
    if !directory.gives((owner.uid, owner.gid), made).map_err(kernel("look at", file))? {
        rustix::fs::fchown(made, Some(owner.uid), Some(owner.gid))
            .map_err(kernel("change the owner of", file))?;
    }
    rustix::fs::fchmod(made, owner.mode).map_err(kernel("change the mode of", file))?;
    let deferred = set_capabilities(made, file)?;
    rustix::fs::futimens(made, &times(file)).map_err(kernel("change the time of", file))?;
    Ok(deferred)
}

fn set_capabilities(made: &File, file: &FileEntry) -> Result<Option<Deferred>, UnpackError> {
    if file.capabilities.is_empty() {
        return Ok(None);
    }
    let attribute = capability_attribute(&file.capabilities)
        .map_err(|source| UnpackError::Capabilities { path: file.path.clone(), source })?;
    let Some(attribute) = attribute else { return Ok(None) };
    match rustix::fs::fsetxattr(made, "security.capability", &attribute, XattrFlags::empty()) {
        Err(Errno::PERM | Errno::NOTSUP) => {
            Ok(Some(Deferred { path: file.path.clone(), what: DeferredKind::Capability(attribute) }))
        }
        result => result.map(|()| None).map_err(kernel("set the capabilities of", file)),
    }
}
