//! Paths and the policy's `file_contexts`, in; the SELinux label of each, out.
//!
//! `setfiles` would set labels on a tree of this machine: that takes a privilege a build need not have, and asks this machine's
//! own policy. Here the answer depends on the policy's file alone, and travels to the image in an archive.

use std::path::{Path, PathBuf};

use crate::call::Call;
use crate::exchange::{Exchange, ToolError};
use crate::sandbox::Sandbox;

const TOOL: &str = "matchpathcon";
/// As many arguments as surely fit on a command line.
const BATCH_BYTES: usize = 1 << 20;

/// What a file is; a policy may label a link otherwise than a file of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
}

impl FileKind {
    fn argument(self) -> &'static str {
        match self {
            FileKind::File => "file",
            FileKind::Directory => "dir",
            FileKind::Link => "lnk_file",
            FileKind::CharacterDevice => "chr_file",
            FileKind::BlockDevice => "blk_file",
            FileKind::Pipe => "fifo_file",
            FileKind::Socket => "sock_file",
        }
    }
}

/// The label of each path (absolute, in the image), in the same order; none where the policy says so.
pub fn labels(
    sandbox: &Sandbox,
    file_contexts: &Path,
    paths: &[(PathBuf, FileKind)],
) -> Result<Vec<Option<String>>, ToolError> {
    let mut exchange = Exchange::new(TOOL, sandbox);
    let policy = exchange.read(file_contexts)?;
    let mut labels = vec![None; paths.len()];
    for kind in kinds(paths) {
        let of_kind: Vec<usize> = (0..paths.len()).filter(|index| paths[*index].1 == kind).collect();
        for batch in batches(&of_kind, |index| paths[index].0.as_os_str().len()) {
            let call = Call::new(TOOL)
                .args(["-n", "-m", kind.argument(), "-f"])
                .arg(&policy)
                .args(batch.iter().map(|index| &paths[*index].0));
            let said = exchange.run(&call)?.stdout_text();
            for (index, label) in batch.iter().zip(parse(&said, batch.len())?) {
                labels[*index] = label;
            }
        }
    }
    Ok(labels)
}

fn kinds(paths: &[(PathBuf, FileKind)]) -> Vec<FileKind> {
    let mut kinds: Vec<FileKind> = paths.iter().map(|(_, kind)| *kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn batches(indexes: &[usize], length: impl Fn(usize) -> usize) -> Vec<Vec<usize>> {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut bytes = BATCH_BYTES;
    for index in indexes {
        // Each argument also takes its end and a pointer.
        let cost = length(*index) + 9;
        if bytes + cost > BATCH_BYTES {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += cost;
        if let Some(batch) = batches.last_mut() {
            batch.push(*index);
        }
    }
    batches
}

/// One label a line, `<<none>>` for none.
fn parse(said: &str, expected: usize) -> Result<Vec<Option<String>>, ToolError> {
    let labels: Vec<Option<String>> =
        said.lines().map(|line| (line != "<<none>>").then(|| line.to_owned())).collect();
    if labels.len() == expected {
        Ok(labels)
    } else {
        let said = format!("{} lines for {expected} paths", labels.len());
        Err(ToolError::Answer { tool: TOOL, said })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_a_line() {
        let labels = parse("system_u:object_r:etc_t:s0\n<<none>>\n", 2).unwrap();
        assert_eq!(labels, [Some("system_u:object_r:etc_t:s0".to_owned()), None]);
        assert_eq!(
            parse("a\n", 2).unwrap_err().to_string(),
            "matchpathcon gave an answer that cannot be read: 1 lines for 2 paths"
        );
    }

    #[test]
    fn batches_stay_within_a_command_line() {
        let batches = batches(&(0..10).collect::<Vec<_>>(), |_| BATCH_BYTES / 4);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3, 1]);
        assert_eq!(batches.concat(), (0..10).collect::<Vec<_>>());
    }
}
