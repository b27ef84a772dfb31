//! Metadata of a folder is written again: what may be taken over, and what must be read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::thread;
use std::time::Duration;

use repository::write::{Reuse, WriteOptions, Written, create, render, scan};
use testkit::packages::{file, package};

/// So old must a file be, to be known again: two seconds and a little.
const SETTLED: Duration = Duration::from_millis(2100);

/// A folder of three packages whose metadata was written when they were old enough.
fn settled() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two", "three"] {
        make(folder.path(), name, "first");
    }
    thread::sleep(SETTLED);
    assert_eq!(run(folder.path()).reused, 0);
    assert_eq!(run(folder.path()).reused, 3);
    folder
}

fn make(folder: &Path, name: &str, content: &str) {
    package(folder, None, name, "1", |builder| file(builder, &format!("/usr/bin/{name}"), content));
}

/// Writes the metadata, and holds it against what is written when everything is read.
fn run(folder: &Path) -> Written {
    let options = WriteOptions::default();
    let written = create(folder, &options, Reuse::Unchanged).unwrap();
    let fresh = render(&scan(folder).unwrap(), &options).unwrap();
    assert_eq!(written.repomd, fresh.written.repomd);
    assert_eq!(fs::read_dir(folder.join("repodata")).unwrap().count(), fresh.files.len());
    for (name, bytes) in &fresh.files {
        assert!(&fs::read(folder.join("repodata").join(name)).unwrap() == bytes, "{name} differs");
    }
    written
}

#[test]
fn what_changed_is_read_again() {
    let folder = settled();
    let folder = folder.path();
    let place = folder.join("two-1-1.noarch.rpm");
    let times = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        FileTimes::new().set_modified(metadata.modified().unwrap()).set_accessed(metadata.accessed().unwrap())
    };

    // Another modification time, the same bytes.
    File::options()
        .write(true)
        .open(&place)
        .unwrap()
        .set_times(FileTimes::new().set_modified(std::time::UNIX_EPOCH))
        .unwrap();
    assert_eq!(run(folder).reused, 2);

    // Other bytes of another size.
    make(folder, "two", "a longer second content");
    assert_eq!(run(folder).reused, 2);

    // Other bytes of the same size, with the old modification time put back.
    let old = times(&place);
    let mut bytes = fs::read(&place).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&place, &bytes).unwrap();
    File::options().write(true).open(&place).unwrap().set_times(old).unwrap();
    assert_eq!(run(folder).reused, 2);

    // Another file of the same size and modification time, renamed over it.
    let beside = folder.join(".beside");
    bytes[last] ^= 1;
    fs::write(&beside, &bytes).unwrap();
    File::options().write(true).open(&beside).unwrap().set_times(times(&place)).unwrap();
    fs::rename(&beside, &place).unwrap();
    assert_eq!(run(folder).reused, 2);
}

#[test]
fn packages_come_and_go() {
    let folder = settled();
    make(folder.path(), "four", "new");
    fs::remove_file(folder.path().join("one-1-1.noarch.rpm")).unwrap();
    let written = run(folder.path());
    assert_eq!((written.packages, written.reused), (3, 2));
}

#[test]
fn a_file_written_a_moment_ago_is_not_known_again() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "one", "first");
    assert_eq!(run(folder.path()).reused, 0);
    assert_eq!(run(folder.path()).reused, 0);
}

#[test]
fn metadata_of_others_is_not_taken_over() {
    let folder = settled();
    let folder = folder.path();
    let repodata = folder.join("repodata");
    let primary = fs::read_dir(&repodata).unwrap().map(|file| file.unwrap().path());
    let primary = primary.into_iter().find(|path| path.to_str().unwrap().contains("-primary.")).unwrap();

    // One bit of the packages' document.
    let mut bytes = fs::read(&primary).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&primary, &bytes).unwrap();
    assert_eq!(run(folder).reused, 0);

    // Another table of contents.
    let repomd = repodata.join("repomd.xml");
    let text = fs::read_to_string(&repomd).unwrap().replace("<revision>", "<revision>1");
    fs::write(&repomd, text).unwrap();
    assert_eq!(run(folder).reused, 0);

    // A damaged memory.
    let state = folder.join(".repodata.state");
    let half = fs::read(&state).unwrap();
    fs::write(&state, &half[..half.len() / 2]).unwrap();
    assert_eq!(run(folder).reused, 0);

    assert_eq!(run(folder).reused, 3);
}

#[test]
fn nothing_is_taken_over_where_that_is_asked() {
    let folder = settled();
    let options = WriteOptions::default();
    assert_eq!(create(folder.path(), &options, Reuse::Nothing).unwrap().reused, 0);
    assert_eq!(
        create(folder.path(), &WriteOptions { changelog_limit: 3, ..options }, Reuse::Unchanged)
            .unwrap()
            .reused,
        0
    );
}
