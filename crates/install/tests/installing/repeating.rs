//! The same packages give the same tree, bit for bit, whatever surrounds the run.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use host_tools::progress::Silent;
use install::execute;
use rpm::FileOptions;
use sha2::{Digest, Sha256};

use crate::packages::{file, log, lua, package};
use crate::{World, options};

/// Everything of a tree that an image could show.
pub(crate) fn facts(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, path: &Path, facts: &mut BTreeMap<String, String>) {
        let stat = std::fs::symlink_metadata(path).unwrap();
        let content = match stat.file_type() {
            kind if kind.is_file() => hex::encode(Sha256::digest(std::fs::read(path).unwrap())),
            kind if kind.is_symlink() => std::fs::read_link(path).unwrap().display().to_string(),
            _ => String::new(),
        };
        let name = path.strip_prefix(root).unwrap().display().to_string();
        let fact = format!(
            "{:o} {}:{} {}.{} {} {content}",
            stat.mode(),
            stat.uid(),
            stat.gid(),
            stat.mtime(),
            stat.mtime_nsec(),
            stat.nlink()
        );
        facts.insert(name, fact);
        if stat.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                walk(root, &entry.unwrap().path(), facts);
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(root, root, &mut all);
    all
}

#[test]
fn two_runs_under_other_conditions_give_one_tree() {
    let Some(world) = World::new() else { return };
    let mut packages = Vec::new();
    for number in 0..12 {
        packages.push(package(&world, &format!("package{number}"), |builder| {
            file(builder, &format!("/usr/share/{number}/file"), &format!("{number} ").repeat(50_000));
            builder.with_dir_entry(FileOptions::dir("/usr/share")).unwrap();
            builder.post_install_script(lua(&log(&format!("'{number}'"))));
            if number > 0 {
                builder.requires(rpm::Dependency::any(format!("package{}", number / 2)));
            }
        }));
    }
    let first = world.plan(&packages).unwrap();
    packages.reverse();
    let second = world.plan(&packages).unwrap();
    assert_eq!(first.to_string(), second.to_string());
    let run = |name: &str, transaction, threads, memory, umask| {
        let mut options = options();
        (options.threads, options.memory) = (threads, memory);
        let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
        let installed = execute(transaction, &world.path(name), &options, &Silent);
        rustix::process::umask(before);
        facts(&installed.unwrap().path)
    };
    let one = run("one", &first, 1, 1, 0o022);
    // Another second, so that a time of this machine would show.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let two = run("two", &second, 7, 1 << 30, 0o077);
    for (path, fact) in &one {
        assert_eq!(two.get(path), Some(fact), "{path}");
    }
    assert_eq!(one.len(), two.len());
}
