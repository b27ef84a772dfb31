//! A kept run and a new one in the same state of a root, in; what they do not agree on, in words, out.

use std::collections::BTreeMap;

use host_tools::Output;
use host_tools::sandbox::recording::{Entry, EntryKind, Recording, Written};

use super::entry::Kept;

/// One line a difference; none where the kept run stands for the new one.
pub(super) fn between(kept: &Kept, output: &Output, recording: &Result<Recording, String>) -> Vec<String> {
    let mut differences = Vec::new();
    if !output.status.success() {
        differences.push(format!("it ended with {} now", output.status));
    }
    for (stream, before, now) in
        [("output", &kept.stdout, &output.stdout), ("messages", &kept.stderr, &output.stderr)]
    {
        if before != now {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            differences.push(format!("its {stream} were {:?} and are {:?}", text(before), text(now)));
        }
    }
    match recording {
        Err(reason) => differences.push(format!("it could not be kept now: {reason}")),
        Ok(recording) => compare(&kept.recording, recording, &mut differences),
    }
    differences
}

fn compare(kept: &Recording, now: &Recording, differences: &mut Vec<String>) {
    let before: BTreeMap<&[u8], &Written> = by_path(kept);
    let after: BTreeMap<&[u8], &Written> = by_path(now);
    let paths: std::collections::BTreeSet<&[u8]> = before.keys().chain(after.keys()).copied().collect();
    for path in paths {
        let (before, after) = (before.get(path).copied(), after.get(path).copied());
        if before != after {
            let path = String::from_utf8_lossy(path);
            differences.push(format!("{path}: was {}, is {}", words(before), words(after)));
        }
    }
}

fn by_path(recording: &Recording) -> BTreeMap<&[u8], &Written> {
    recording.written.iter().map(|(path, written)| (path.as_slice(), written)).collect()
}

/// What was done, without what was written.
fn words(written: Option<&Written>) -> String {
    match written {
        None => "not changed".to_owned(),
        Some(Written::Absent) => "removed".to_owned(),
        Some(Written::Changed { owner, time }) => format!("changed to {owner:?}, {time:?}"),
        Some(Written::Entry(Entry { kind: EntryKind::File { content, in_place }, owner, time })) => {
            use sha2::Digest as _;
            let digest = hex::encode(&sha2::Sha256::digest(content.as_slice())[..8]);
            let place = if *in_place { "written in place" } else { "made" };
            format!("{place} with {} bytes {digest}, {owner:?}, {time:?}", content.len())
        }
        Some(Written::Entry(entry)) => format!("made as {entry:?}"),
    }
}
