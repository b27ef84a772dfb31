//! Random trees, shrunk to the smallest that fails.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::judge::{EPOCH, Judge};
use super::{empty, link, path};
use crate::filesystem::Size;
use crate::tree::{Entry, Kind, Tree};

/// One entry to add; `parent` chooses among the directories there are.
#[derive(Debug, Clone)]
struct Step {
    parent: usize,
    name: String,
    what: What,
    label: usize,
    attribute: usize,
}

#[derive(Debug, Clone)]
enum What {
    Directory,
    /// Bytes, with a unit of zeros in place of each `false`.
    File(Vec<bool>, usize),
    Target(usize),
    LinkTo(usize),
    Device(u32, u32),
    Names(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        4 => Just(What::Directory),
        8 => (prop::collection::vec(any::<bool>(), 0..12), 0..9000_usize)
            .prop_map(|(units, rest)| What::File(units, rest)),
        3 => (1..4096_usize).prop_map(What::Target),
        2 => any::<usize>().prop_map(What::LinkTo),
        1 => (0..4096_u32, 0..1_048_576_u32).prop_map(|(major, minor)| What::Device(major, minor)),
        1 => (1..600_usize).prop_map(What::Names),
    ];
    let name = prop_oneof![9 => "[a-z][a-z0-9._-]{0,30}", 1 => "[a-z]{255}"];
    (any::<usize>(), name, what, 0..120_usize, prop_oneof![5 => Just(0_usize), 1 => 1..3000_usize])
        .prop_map(|(parent, name, what, label, attribute)| Step { parent, name, what, label, attribute })
}

fn tree(steps: &[Step]) -> Tree {
    let mut tree = empty();
    let mut directories = vec![String::new()];
    let mut files: Vec<String> = Vec::new();
    for step in steps {
        let place = format!("{}/{}", directories[step.parent % directories.len()], step.name);
        // debugfs reads lines of limited length.
        if tree.get(&path(&place)).is_some() || place.len() > 1500 {
            continue;
        }
        let mut entry = match &step.what {
            What::Directory | What::Names(_) => Entry::directory(0o751, EPOCH - 7),
            What::File(units, rest) => {
                let mut bytes: Vec<u8> =
                    units.iter().flat_map(|data| vec![u8::from(*data); 65_536]).collect();
                bytes.extend(vec![3; *rest]);
                Entry::file(bytes, 0o4711, EPOCH - 9)
            }
            What::Target(length) => Entry::symbolic_link("t".repeat(*length), EPOCH - 3),
            What::LinkTo(file) if files.is_empty() => Entry::file(vec![1; file % 5000], 0o600, EPOCH),
            What::LinkTo(file) => link(&files[file % files.len()]),
            What::Device(major, minor) => {
                Entry { kind: Kind::CharacterDevice { major: *major, minor: *minor }, ..link("") }
            }
        };
        if let Kind::HardLink(first) = &entry.kind
            && *first > path(&place)
        {
            // The first name in the order of paths is the file.
            continue;
        }
        if !matches!(entry.kind, Kind::HardLink(_)) {
            entry.attributes.insert("security.selinux".into(), vec![b'l'; step.label + 1]);
            if step.attribute > 0 {
                entry.attributes.insert("user.more".into(), vec![b'm'; step.attribute]);
            }
        }
        match &entry.kind {
            Kind::Directory => directories.push(place.clone()),
            Kind::File(_) => files.push(place.clone()),
            _ => {}
        }
        tree.insert(path(&place), entry);
        if let What::Names(count) = step.what {
            for number in 0..count {
                let name = format!("{place}/{number}-{}", step.name);
                if name.len() < 1500 && number.to_string().len() + 1 + step.name.len() <= 255 {
                    tree.insert(path(&name), Entry::file(*b"n", 0o644, EPOCH));
                }
            }
        }
    }
    tree
}

#[test]
fn random_trees_are_sound_and_complete() {
    let Some(judge) = Judge::find() else { return };
    let cases = std::env::var("LAZULI_EXT4_CASES").ok().map_or(8, |cases| cases.parse().unwrap());
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    let strategy = (prop::collection::vec(step(), 0..60), 0..300_u64);
    let ran = TestRunner::new(config).run(&strategy, |(steps, free_mebibytes)| {
        let tree = tree(&steps);
        let image = judge.write("random", &tree, Size::Fit { free_mebibytes });
        judge.checks(&image);
        judge.compare(&image, &tree);
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}
