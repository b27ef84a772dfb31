//! What an image cannot be made of is refused before any program runs, with the thing named.
#![allow(clippy::unwrap_used, reason = "a failed test ends")]

use std::path::Path;

use host_tools::progress::Silent;
use image::{
    BuildError, Deferred, DiskFormat, Identity, InitrdContent, Overlay, OverlayRule, Places, RootFileSystem,
    Seed, Selinux, SelinuxMode, Signers, Size, Specification, Units, build,
};

fn specification() -> Specification {
    Specification {
        name: "disk".into(),
        identity: Identity { os_release: "ID=lazuli\n".into(), ..Identity::default() },
        removed: Vec::new(),
        overlays: Vec::new(),
        additions: Vec::new(),
        accounts: Vec::new(),
        units: Units::default(),
        selinux: None,
        kernel_command_line: String::new(),
        unpacked_modules: false,
        initrd: InitrdContent::base(),
        initrd_packing: image::InitrdPacking::Zstd,
        boot: image::Boot::Direct,
        esp_mebibytes: 64,
        root: RootFileSystem::Ext4 { label: "root".into(), size: Size::Fit { free_mebibytes: 1 } },
        slots: None,
        disk_mebibytes: None,
        formats: vec![DiskFormat::Raw],
        cosi: false,
    }
}

fn refusal(specification: &Specification, deferred: &[Deferred], prepare: impl FnOnce(&Path)) -> BuildError {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    std::fs::write(root.join("etc/group"), "root:x:0:\n").unwrap();
    prepare(&root);
    let (work, output) = (folder.path().join("work"), folder.path().join("output"));
    let places = Places {
        root: &root,
        deferred,
        tools: Path::new("/nonexistent"),
        work: &work,
        output: &output,
        kept: None,
        bill: None,
        signers: Signers::default(),
        most_mebibytes: None,
    };
    let error = build(specification, &places, &Seed([0; 32]), 1_700_000_000, &Silent).unwrap_err();
    let left = |folder: &Path| std::fs::read_dir(folder).map_or(0, Iterator::count);
    assert_eq!((left(&work), left(&output)), (0, 0), "nothing is left behind");
    error
}

#[test]
fn a_tree_without_a_kernel() {
    let error = refusal(&specification(), &[], |_| {});
    assert_eq!(
        error.to_string(),
        "the tree has no kernel: /usr/lib/modules is missing or empty; add a kernel package to the image"
    );
}

#[test]
fn a_tree_without_the_policy_of_its_labels() {
    let selinux = Some(Selinux { policy: "targeted".into(), mode: SelinuxMode::Enforcing, modules: None });
    let error = refusal(&Specification { selinux, ..specification() }, &[], |_| {});
    assert!(
        error.to_string().contains("has no /etc/selinux/targeted/contexts/files/file_contexts"),
        "{error}"
    );
}

#[test]
fn a_root_partition_that_is_too_small() {
    let root = RootFileSystem::Ext4 { label: "root".into(), size: Size::Fixed { mebibytes: 20 } };
    let error = refusal(&Specification { root, ..specification() }, &[], |root| {
        std::fs::write(root.join("large"), vec![1; 30 << 20]).unwrap();
    });
    let text = error.to_string();
    assert!(text.starts_with("the root partition is too small: its content needs "), "{text}");
    assert!(text.ends_with(", 20 MiB are given"), "{text}");
}

#[test]
fn an_unfinished_package_database() {
    let error = refusal(&specification(), &[], |root| {
        std::fs::create_dir_all(root.join("usr/lib/sysimage/rpm")).unwrap();
        std::fs::write(root.join("usr/lib/sysimage/rpm/rpmdb.sqlite-wal"), "pages").unwrap();
    });
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("rpmdb.sqlite-wal"), "{error}");
}

#[test]
fn paths_that_climb_out_of_the_image() {
    let overlay = |path: &str| Overlay {
        folder: None,
        rules: vec![OverlayRule { path: path.into(), mode: Some(0o600), user: None, group: None }],
    };
    let climbing = Specification { overlays: vec![overlay("/etc/../../etc/shadow")], ..specification() };
    assert!(matches!(refusal(&climbing, &[], |_| {}), BuildError::Overlay(_)));
    let removed = Specification { removed: vec!["../etc".into()], ..specification() };
    assert!(matches!(refusal(&removed, &[], |_| {}), BuildError::Removal(_)));
    let deferred = [Deferred::Capability { path: "../bin/ping".into(), value: vec![1] }];
    assert!(matches!(refusal(&specification(), &deferred, |_| {}), BuildError::Deferred(_)));
}

#[test]
fn an_overlay_that_is_not_there() {
    let overlay = Overlay { folder: Some("/nonexistent/overlay".into()), rules: Vec::new() };
    let error = refusal(&Specification { overlays: vec![overlay], ..specification() }, &[], |_| {});
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "cannot read /nonexistent/overlay");
}
