//! The kernel mounts what we wrote, reads all of it, and changes it.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use host_tools::{Call, program};

use super::judge::{EPOCH, Judge};
use super::{everything, path};
use crate::filesystem::Size;
use crate::tree::{Entry, Kind, Tree, TreePath};

/// A mounted file system; it is unmounted when this goes.
struct Mounted<'f>(&'f Path);

impl<'f> Mounted<'f> {
    fn new(image: &Path, place: &'f Path) -> Option<Self> {
        std::fs::create_dir_all(place).unwrap();
        let call = Call::new("mount").args(["-o", "loop"]).arg(image).arg(place);
        if let Err(error) = program::run(&call) {
            testkit::prepared::skip(&format!("this machine mounts no files: {error}"));
            return None;
        }
        Some(Self(place))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        program::run(&Call::new("umount").arg(self.0)).unwrap();
    }
}

#[test]
fn a_kernel_reads_and_changes_it() {
    let Some(judge) = Judge::find() else { return };
    let mut tree = everything();
    tree.ensure_directory(&path("many"), EPOCH);
    for number in 0..5000 {
        tree.insert(path(&format!("many/name-{number}")), Entry::file(*b"small", 0o644, EPOCH));
    }
    let mut file = Entry::file(*b"x", 0o644, EPOCH);
    file.attributes.insert("security.selinux".into(), vec![b'l'; 90]);
    file.attributes.insert("user.large".into(), vec![b'v'; 2000]);
    tree.insert(path("attributes"), file.clone());
    tree.insert(path("attributes-too"), file);
    let image = judge.write("own", &tree, Size::Fit { free_mebibytes: 64 });
    let place = judge.folder.path().join("mounted");
    {
        let Some(mounted) = Mounted::new(&image, &place) else { return };
        compare(&tree, mounted.0);
        // Change whatever has a structure of its own: indexes, shared attributes, maps, orphans.
        for number in 0..3000 {
            std::fs::write(place.join(format!("many/new-{number}")), "new").unwrap();
            std::fs::remove_file(place.join(format!("many/name-{number}"))).unwrap();
        }
        std::fs::remove_dir_all(place.join("directory")).unwrap();
        std::fs::remove_file(place.join("attributes")).unwrap();
        rustix::fs::setxattr(
            place.join("attributes-too"),
            "user.more",
            b"more",
            rustix::fs::XattrFlags::empty(),
        )
        .unwrap();
        let open = std::fs::File::open(place.join("size-1000000")).unwrap();
        std::fs::remove_file(place.join("size-1000000")).unwrap();
        drop(open);
        let filled = std::fs::write(place.join("full"), vec![7; 200 << 20]);
        assert_eq!(filled.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    }
    judge.checks(&image);
    let Some(mounted) = Mounted::new(&image, &place) else { return };
    assert_eq!(std::fs::read_dir(mounted.0.join("many")).unwrap().count(), 5000);
    let mut value = [0; 100];
    let length = rustix::fs::getxattr(place.join("attributes-too"), "user.more", &mut value[..]).unwrap();
    assert_eq!(&value[..length], b"more");
}

fn compare(tree: &Tree, place: &Path) {
    let mut count = 0;
    for (path, entry) in tree.entries() {
        let found = path.under(place);
        let metadata = std::fs::symlink_metadata(&found).unwrap_or_else(|error| panic!("{path}: {error}"));
        let first = match &entry.kind {
            Kind::HardLink(first) => {
                let other = std::fs::symlink_metadata(first.under(place)).unwrap();
                assert_eq!(metadata.ino(), other.ino(), "{path}");
                tree.get(first).unwrap()
            }
            _ => entry,
        };
        let owner = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid(), metadata.mtime());
        assert_eq!(
            owner,
            (first.mode, first.user, first.group, i64::try_from(first.modified).unwrap()),
            "{path}"
        );
        let kind = metadata.file_type();
        let numbers = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        match &first.kind {
            Kind::Directory => assert!(kind.is_dir(), "{path}"),
            Kind::File(content) => {
                assert!(std::fs::read(&found).unwrap() == content.read().unwrap(), "{path}")
            }
            Kind::SymbolicLink(target) => {
                assert!(
                    std::fs::read_link(&found).unwrap().as_os_str().as_encoded_bytes() == target,
                    "{path}"
                );
            }
            Kind::CharacterDevice { major, minor } => {
                assert!(kind.is_char_device(), "{path}");
                assert_eq!(numbers, (*major, *minor), "{path}");
            }
            Kind::BlockDevice { major, minor } => {
                assert!(kind.is_block_device(), "{path}");
                assert_eq!(numbers, (*major, *minor), "{path}");
            }
            Kind::Pipe | Kind::HardLink(_) => assert!(kind.is_fifo(), "{path}"),
        }
        for (name, expected) in &first.attributes {
            let mut value = vec![0; 4096];
            let length = rustix::fs::lgetxattr(&found, &**name, &mut value[..])
                .unwrap_or_else(|error| panic!("{path} {name}: {error}"));
            assert!(value[..length] == expected[..], "{path} {name}");
        }
        count += 1;
    }
    assert_eq!(count, tree.len());
    let listed = Tree::walk(place, u64::MAX).unwrap();
    let names = |tree: &Tree| tree.entries().map(|(path, _)| path.clone()).collect::<Vec<TreePath>>();
    assert!(names(&listed) == names(tree), "nothing besides lies in it");
}
