//! The outside programs and how they are asked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use host_tools::{Bind, Call, Sandbox, Stdin, e2fsck, mke2fs};

use super::by_path;
use crate::disk;
use crate::filesystem::{Size, Stamp};
use crate::seed::Seed;
use crate::tree::{Kind, Tree};

pub(super) const EPOCH: u64 = 1_700_000_000;

pub(super) struct Judge {
    sandbox: Sandbox,
    pub(super) folder: tempfile::TempDir,
}

/// What debugfs says of a path, without what depends on places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Facts {
    kind: String,
    mode: u32,
    user: u32,
    group: u32,
    /// Of what is no directory.
    size: u64,
    links: u64,
    times: Vec<String>,
    /// As they are printed.
    pub(super) attributes: Vec<String>,
    /// A link's target, a device's number.
    points_to: String,
}

pub(super) fn stamp() -> Stamp {
    let seed = Seed([9; 32]);
    Stamp { uuid: seed.uuid("a"), hash_seed: seed.uuid("b"), source_date_epoch: EPOCH }
}

impl Judge {
    pub(super) fn find() -> Option<Self> {
        let root = testkit::prepared::tools_root()?;
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::new(&root).bind(Bind::writable(folder.path(), "/mnt"));
        Some(Self { sandbox, folder })
    }

    /// Writes our own file system into a file.
    pub(super) fn write(&self, name: &str, tree: &Tree, size: Size) -> PathBuf {
        let laid = super::super::lay_out(tree, "root", size, &stamp()).unwrap();
        let path = self.folder.path().join(name);
        let file = File::create(&path).unwrap();
        file.set_len(laid.bytes).unwrap();
        let mut window = vec![0; 1 << 20];
        let mut last = None;
        for piece in &laid.pieces {
            for number in piece.at >> 20..(piece.at + piece.length).div_ceil(1 << 20) {
                if last.is_none_or(|last| last < number) {
                    disk::fill(&laid.pieces, number << 20, &mut window).unwrap();
                    file.write_all_at(&window, number << 20).unwrap();
                    last = Some(number);
                }
            }
        }
        assert_eq!(file.metadata().unwrap().len(), laid.bytes, "nothing lies behind the end");
        path
    }

    /// Writes mke2fs's file system from an archive into a file.
    pub(super) fn mke2fs(
        &self,
        name: &str,
        mebibytes: u64,
        archive: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> PathBuf {
        let path = self.folder.path().join(name);
        let options = mke2fs::Options {
            uuid: stamp().uuid.to_string(),
            hash_seed: stamp().hash_seed.to_string(),
            label: "root".to_owned(),
            block_size: 4096,
            blocks: mebibytes * 256,
            inodes: None,
            features: Vec::new(),
            reserved_percent: 0,
            source_date_epoch: EPOCH,
        };
        mke2fs::make(&self.sandbox, &options, mke2fs::Source::Stream(archive), &path).unwrap();
        path
    }

    /// e2fsck has nothing to say.
    pub(super) fn checks(&self, image: &Path) {
        e2fsck::check(&self.sandbox, image).unwrap_or_else(|error| panic!("{error}"));
    }

    pub(super) fn resize(&self, image: &Path, arguments: &[&str]) {
        let call = Call::new("resize2fs");
        let (options, sizes): (Vec<&str>, Vec<&str>) =
            arguments.iter().partition(|argument| argument.starts_with('-'));
        self.sandbox.run(&call.arg("-f").args(options).arg(inside(image)).args(sizes)).unwrap();
    }

    pub(super) fn debugfs(&self, image: &Path, request: &str) -> String {
        let call = Call::new("debugfs").args(["-R", request]).arg(inside(image));
        self.sandbox.run(&call).unwrap().stdout_text()
    }

    /// What debugfs says of each path of a tree.
    pub(super) fn facts(&self, image: &Path, tree: &Tree) -> BTreeMap<String, Facts> {
        let requests: String = tree.entries().map(|(path, _)| format!("stat \"{path}\"\n")).collect();
        let call = Call::new("debugfs")
            .args(["-f", "-"])
            .arg(inside(image))
            .stdin(Stdin::Bytes(requests.into_bytes()));
        let said = self.sandbox.run(&call).unwrap().stdout_text();
        let mut facts = BTreeMap::new();
        for answer in said.split("debugfs: stat \"").skip(1) {
            let (path, answer) = answer.split_once("\"\n").unwrap();
            facts.insert(path.to_owned(), Facts::parse(answer));
        }
        facts
    }

    /// Every path has the content, mode, owner, links and times of the tree, and the names and lengths of its attributes.
    pub(super) fn compare(&self, image: &Path, tree: &Tree) {
        let facts = self.facts(image, tree);
        assert_eq!(facts.len(), tree.len());
        let entries = by_path(tree);
        let mut links: BTreeMap<String, u64> = BTreeMap::new();
        for (path, entry) in &entries {
            match &entry.kind {
                Kind::HardLink(first) => *links.entry(first.to_string()).or_default() += 1,
                Kind::Directory => {
                    let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
                    *links.entry(if parent.is_empty() { "/" } else { parent }.to_owned()).or_default() += 1;
                }
                _ => {}
            }
        }
        for (path, entry) in &entries {
            let (name, entry) = match &entry.kind {
                Kind::HardLink(first) => (first.to_string(), entries[&first.to_string()]),
                _ => (path.clone(), *entry),
            };
            let found = &facts[path];
            let of_names = links.get(&name).copied().unwrap_or(0);
            let (kind, size, count) = match &entry.kind {
                Kind::Directory if path == "/" => ("directory", 0, of_names + 1),
                Kind::Directory => ("directory", 0, of_names + 2),
                Kind::File(content) => ("regular", content.size(), of_names + 1),
                Kind::SymbolicLink(target) => ("symlink", target.len() as u64, of_names + 1),
                Kind::CharacterDevice { .. } => ("character special", 0, of_names + 1),
                Kind::BlockDevice { .. } => ("block special", 0, of_names + 1),
                Kind::Pipe | Kind::HardLink(_) => ("FIFO", 0, of_names + 1),
            };
            let expected = (kind, entry.mode, entry.user, entry.group, size, count);
            let facts = (&*found.kind, found.mode, found.user, found.group, found.size, found.links);
            assert_eq!(facts, expected, "{path}");
            let time = format!("mtime: 0x{:08x}:00000000", entry.modified);
            assert!(found.times.contains(&time), "{path}: {:?}", found.times);
            let mut attributes: Vec<String> =
                entry.attributes.iter().map(|(name, value)| format!("{name} ({})", value.len())).collect();
            let mut listed: Vec<String> = found
                .attributes
                .iter()
                .map(|attribute| attribute.split(" =").next().unwrap_or_default().to_owned())
                .collect();
            attributes.sort();
            listed.sort();
            assert_eq!(listed, attributes, "{path}");
        }
        self.compare_content(image, tree);
    }

    /// Every file and link reads as in the tree.
    pub(super) fn compare_content(&self, image: &Path, tree: &Tree) {
        let out = tempfile::tempdir_in(self.folder.path()).unwrap();
        let folder = Path::new("/mnt").join(out.path().file_name().unwrap());
        self.debugfs(image, &format!("rdump / {}", folder.display()));
        for (path, entry) in tree.entries() {
            let place = path.under(out.path());
            match &entry.kind {
                Kind::File(_) | Kind::HardLink(_) => {
                    assert!(std::fs::read(&place).unwrap() == tree.read(path).unwrap(), "{path}");
                }
                Kind::SymbolicLink(target) => {
                    let found = std::fs::read_link(&place).unwrap();
                    assert!(found.as_os_str().as_encoded_bytes() == target, "{path}");
                }
                _ => {}
            }
        }
    }
}

fn inside(image: &Path) -> PathBuf {
    Path::new("/mnt").join(image.file_name().unwrap())
}

impl Facts {
    fn parse(text: &str) -> Self {
        let mut facts = Self::default();
        let after = |line: &str, label: &str| {
            let (_, rest) = line.split_once(label)?;
            Some(rest.split("  ").find(|part| !part.is_empty())?.trim().to_owned())
        };
        let mut in_attributes = false;
        for line in text.lines() {
            in_attributes &= line.starts_with("  ");
            if in_attributes {
                facts.attributes.push(line.trim().to_owned());
            } else if line.starts_with("Inode: ") {
                facts.kind = after(line, "Type: ").unwrap().split("  ").next().unwrap().to_owned();
                facts.mode = u32::from_str_radix(&after(line, "Mode:").unwrap(), 8).unwrap();
            } else if line.starts_with("User: ") {
                facts.user = after(line, "User:").unwrap().parse().unwrap();
                facts.group = after(line, "Group:").unwrap().parse().unwrap();
                if facts.kind != "directory" {
                    facts.size = after(line, "Size:").unwrap().parse().unwrap();
                }
            } else if line.starts_with("Links: ") {
                facts.links = after(line, "Links:").unwrap().split(' ').next().unwrap().parse().unwrap();
            } else if let Some((time, _)) = line.trim().split_once(" -- ") {
                facts.times.push(time.to_owned());
            } else if line.starts_with("Fast link dest") || line.starts_with("Device major") {
                facts.points_to = line.to_owned();
            }
            in_attributes |= line == "Extended attributes:";
        }
        facts
    }
}
