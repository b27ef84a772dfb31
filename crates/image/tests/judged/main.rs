//! Whole images of the server's root tree, judged by the programs that other people wrote: e2fsck, sgdisk, qemu-img and others.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed judge ends the test, a skipped one says so"
)]

mod judge;
mod policy;
mod sealed;

use std::collections::BTreeMap;

use image::tree::{Kind, TreePath};
use image::{BuiltImage, Specification, Tools, compose};

use judge::{EPOCH, Judge, erofs, ext4};

#[test]
fn a_disk_image_satisfies_every_judge() {
    let Some(judge) = Judge::find() else { return };
    for (name, specification) in [("ext4", ext4()), ("erofs", erofs())] {
        let built = judge.build(&specification, name);
        assert!(built.initrd_bytes < 20 << 20, "{} bytes of initrd", built.initrd_bytes);
        let disk = |ending: &str| format!("/mnt/{name}/disk.{ending}");
        let said = judge.agrees("sgdisk", &["-v", &disk("raw")]);
        assert!(said.contains("No problems found"), "{said}");
        judge.agrees("sfdisk", &["--verify", &disk("raw")]);
        judge.agrees("qemu-img", &["check", &disk("qcow2")]);
        judge.agrees("qemu-img", &["compare", &disk("raw"), &disk("qcow2")]);
        judge.agrees("qemu-img", &["compare", "-f", "raw", "-F", "vpc", &disk("raw"), &disk("vhd")]);
        let information = judge.agrees("qemu-img", &["info", "--output=json", "-f", "vpc", &disk("vhd")]);
        let information: serde_json::Value = serde_json::from_str(&information).unwrap();
        assert_eq!(information["virtual-size"].as_u64().unwrap() % (1 << 20), 0);
        judge.agrees(
            "systemd-dissect",
            &["--validate", "--image-policy=root=unprotected:esp=unprotected:=absent", &disk("raw")],
        );
        let esp = judge.esp(&built, &specification);
        judge.agrees("fsck.fat", &["-n", "-v", "/mnt/esp"]);
        judge.compares_with_ukify(&esp, &built.plan.esp_files[1]);
    }
}

#[test]
fn an_initrd_of_blocks_and_unpacked_modules_are_read_by_others() {
    let Some(judge) = Judge::find() else { return };
    let packing = image::InitrdPacking::Blocks;
    let specification = Specification { unpacked_modules: true, initrd_packing: packing, ..erofs() };
    let built = judge.build(&specification, "blocks");
    let esp = judge.esp(&built, &specification);
    let path = &built.plan.esp_files[1];
    judge.compares_with_ukify(&esp, path);
    let listed = judge.initrd_of(&esp, path);
    let release = built.kernel.as_str();
    assert!(listed.lines().any(|line| line == "usr/lib/systemd/systemd"), "{listed}");
    assert!(listed.contains(&format!("usr/lib/modules/{release}/kernel/")), "{listed}");
}

#[test]
fn every_path_gets_the_label_that_libselinux_gives_it() {
    let Some(judge) = Judge::find() else { return };
    let tools = Tools::new(&judge.tools, judge.folder.path(), EPOCH);
    let (work, output) = (judge.folder.path().join("work"), judge.folder.path().join("output"));
    let tree = compose(&ext4(), &judge.places(&work, &output), &tools, EPOCH).unwrap();
    let files = judge.folder.path().join("contexts");
    let policy = TreePath::parse("etc/selinux/default/contexts/files").unwrap();
    std::fs::create_dir_all(&files).unwrap();
    for path in tree.list(&policy).into_iter().filter(|path| !path.name().ends_with(b".bin")) {
        if let Ok(bytes) = tree.read(&path) {
            std::fs::write(files.join(String::from_utf8_lossy(path.name()).as_ref()), bytes).unwrap();
        }
    }
    let mut by_kind: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (path, entry) in tree.entries() {
        let kind = match entry.kind {
            Kind::Directory => "d",
            Kind::SymbolicLink(_) => "l",
            Kind::File(_) => "f",
            _ => continue,
        };
        let label = entry.attributes.get("security.selinux").map_or("<<none>>".to_owned(), |label| {
            String::from_utf8_lossy(label.strip_suffix(b"\0").unwrap()).into_owned()
        });
        by_kind.entry(kind).or_default().push((path.to_string(), label));
    }
    let mut compared = 0;
    for (kind, paths) in by_kind {
        for part in paths.chunks(500) {
            let arguments: Vec<&str> = ["-n", "-N", "-f", "/mnt/contexts/file_contexts", "-m", kind]
                .into_iter()
                .chain(part.iter().map(|(path, _)| path.as_str()))
                .collect();
            let said = judge.ask("matchpathcon", &arguments).stdout_text();
            let answers: Vec<&str> = said.lines().collect();
            assert_eq!(answers.len(), part.len(), "{said}");
            for ((path, label), answer) in part.iter().zip(answers) {
                assert_eq!(label, answer, "{kind} {path}");
                compared += 1;
            }
        }
    }
    println!("{compared} labels are the same");
    assert!(compared > 1000);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let Some(judge) = Judge::find() else { return };
    let digests = |built: &BuiltImage| built.files.iter().map(|file| file.sha256.clone()).collect::<Vec<_>>();
    for (name, specification) in [("same-ext4", ext4()), ("same-erofs", erofs())] {
        let first = judge.build(&specification, &format!("{name}-1"));
        let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let second = judge.build(&specification, &format!("{name}-2"));
        rustix::process::umask(umask);
        assert_eq!(digests(&first), digests(&second), "{name}");
    }
}
