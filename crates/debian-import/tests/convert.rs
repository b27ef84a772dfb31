//! Debs in, RPMs out, read back by the `rpm` crate.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panic and say when they are skipped"
)]

mod world;

use rpm::{DependencyFlags, FileFlags, IndexTag};
use world::{Deb, Tar, World};

fn relations(list: Vec<rpm::Dependency>) -> Vec<String> {
    let plain = list.into_iter().filter(|relation| !relation.name.starts_with("rpmlib("));
    plain.map(|relation| relation.to_string()).collect()
}

/// `mode path flags`, one line a file.
fn files(package: &rpm::Package) -> Vec<String> {
    let entries = package.metadata.get_file_entries().unwrap();
    let flag = |entry: &rpm::FileEntry<'_>| {
        let flags = [
            (FileFlags::CONFIG, 'c'),
            (FileFlags::NOREPLACE, 'n'),
            (FileFlags::DOC, 'd'),
            (FileFlags::LICENSE, 'l'),
        ];
        flags
            .into_iter()
            .filter(|(flag, _)| entry.flags().contains(*flag))
            .map(|(_, letter)| letter)
            .collect::<String>()
    };
    entries
        .iter()
        .map(|entry| {
            format!("{:o} {} {}", entry.mode().raw_mode(), entry.path().display(), flag(entry))
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn content(package: &rpm::Package, path: &str) -> String {
    let mut files = package.files().unwrap().map(Result::unwrap);
    let file = files.find(|file| file.metadata.path().to_str() == Some(path)).unwrap();
    String::from_utf8(file.content().unwrap().to_vec()).unwrap()
}

#[test]
fn names_versions_relations_and_texts() {
    let fields = "Source: src (2:1.0-5)\nSection: admin\nHomepage: https://example.org/\nEssential: yes\n\
        Pre-Depends: pre (>= 1)\nDepends: b:any (>> 2.0) | c\nRecommends: d\nSuggests: e\nEnhances: f\nProvides: v, w (= 3-1)\n\
        Conflicts: g\nBreaks: h (<< 2~)\nReplaces: g\n";
    let other = |name: &str, version: &str, fields: &str| Deb::new(name, version, fields, Tar::new());
    let world = World::new(&[
        Deb::new("a", "2:1.0-rc1-2+b3", fields, Tar::new()),
        other("pre", "1", ""),
        other("b", "2.1", ""),
    ]);
    let package = world.converted("a");
    let metadata = &package.metadata;
    assert_eq!(metadata.get_nevra().unwrap().to_string(), "a-2:1.0.rc1-2+b3.x86_64");
    assert_eq!(metadata.get_source_rpm().unwrap(), "src-1.0-5.src.rpm");
    assert_eq!(metadata.get_summary().unwrap(), "one");
    assert_eq!(metadata.get_description().unwrap(), "two\n\nthree");
    assert_eq!(metadata.get_group().unwrap(), "admin");
    assert_eq!(
        relations(metadata.get_provides().unwrap()),
        ["a = 2:1.0.rc1-2+b3", "a(x86-64) = 2:1.0.rc1-2+b3", "essential()", "v", "w = 3-1"]
    );
    assert_eq!(relations(metadata.get_requires().unwrap()), ["(b > 2.0-0 or c)", "pre >= 1-0", "pre >= 1-0"]);
    assert_eq!(relations(metadata.get_conflicts().unwrap()), ["g", "h < 2~-0"]);
    assert_eq!(relations(metadata.get_obsoletes().unwrap()), ["g"]);
    assert_eq!(relations(metadata.get_recommends().unwrap()), ["d"]);
    assert_eq!(relations(metadata.get_suggests().unwrap()), ["e"]);
    assert_eq!(relations(metadata.get_enhances().unwrap()), ["f"]);
}

#[test]
fn files_of_every_kind() {
    let long = format!("./usr/share/a/{}", "x".repeat(150));
    let tar = Tar::new()
        .directory("./", 0o755)
        .directory("./usr/", 0o755)
        .directory("./usr/bin/", 0o755)
        .file("./usr/bin/z", 0o4755, b"program")
        .hard_link("./usr/bin/a", "./usr/bin/z")
        .symlink("./usr/bin/link", "z")
        .directory("./usr/share/", 0o755)
        .directory("./usr/share/doc/", 0o755)
        .directory("./usr/share/doc/a/", 0o755)
        .file("./usr/share/doc/a/copyright", 0o644, b"free")
        .file("./usr/share/doc/a/README", 0o644, b"read")
        .directory("./usr/share/a/", 0o755)
        .file(&long, 0o644, b"long")
        .file("./usr/share/a/N\u{e4}me", 0o644, b"umlaut")
        .directory("./etc/", 0o755)
        .file("./etc/a.conf", 0o600, b"setting")
        .directory("./var/", 0o755)
        .directory("./var/lib/", 0o755)
        .directory("./var/lib/leaf/", 0o755)
        .directory("./var/odd/", 0o1777)
        .file("./var/odd/x", 0o644, b"")
        .entry("./dev/console", tar::EntryType::Char, 0o600, "root", "", b"")
        .entry("./var/pipe", tar::EntryType::Fifo, 0o644, "root", "", b"");
    let mut deb = Deb::new("a", "1", "", tar);
    deb.conffiles = "/etc/a.conf\nremove-on-upgrade /etc/gone\n".to_owned();
    let world = World::new(&[deb]);
    let package = world.converted("a");
    let long = format!("100644 {}", &long[1..]);
    assert_eq!(
        files(&package),
        [
            "20600 /dev/console",
            "100600 /etc/a.conf cn",
            "104755 /usr/bin/a",
            "120777 /usr/bin/link",
            "104755 /usr/bin/z",
            "100644 /usr/share/a/N\u{e4}me",
            &long,
            "40755 /usr/share/doc/a",
            "100644 /usr/share/doc/a/README d",
            "100644 /usr/share/doc/a/copyright l",
            "40755 /var/lib/leaf",
            "41777 /var/odd",
            "100644 /var/odd/x",
            "10644 /var/pipe",
        ]
    );
    assert_eq!(content(&package, "/usr/bin/z"), "program");
    assert_eq!(content(&package, "/usr/share/a/N\u{e4}me"), "umlaut");
    let inodes = package.metadata.header.get_entry_data_as_u32_array(IndexTag::RPMTAG_FILEINODES).unwrap();
    assert_eq!(inodes[2], inodes[4], "names of one file share its number");
    assert!(relations(package.metadata.get_provides().unwrap()).contains(&"config(a) = 1-0".to_owned()));
    package.verify_digests().unwrap();
}

#[test]
fn every_compression_of_the_data_member_gives_the_same_package() {
    let made = |compression| {
        let mut deb = Deb::new("a", "1", "", Tar::new().file("./usr/bin/a", 0o755, b"program"));
        deb.compression = compression;
        let mut bytes = Vec::new();
        World::new(&[deb]).converted("a").write(&mut bytes).unwrap();
        bytes
    };
    let reference = made(".xz");
    for compression in ["", ".gz", ".zst"] {
        assert!(made(compression) == reference, "{compression}");
    }
}

#[test]
fn owners_are_required_before_and_accounts_are_pinned() {
    let tar = Tar::new().entry("./var/mail", tar::EntryType::Directory, 0o2775, "mail", "", b"").file(
        "./usr/lib/sysusers.d/a.conf",
        0o644,
        b"u runner - \"Runs\" /run/a\ng extra -\n",
    );
    let mut world = World::new(&[Deb::new("a", "1", "", tar)]);
    world.overrides.add("rules", "reason = 'r'\n[users]\nrunner = 150\n").unwrap();
    let package = world.converted("a");
    let requires = package.metadata.get_requires().unwrap();
    let owner = requires.iter().find(|relation| relation.name == "group(mail)").unwrap();
    assert!(owner.flags.contains(DependencyFlags::SCRIPT_PRE));
    assert!(requires.iter().any(|relation| relation.name == "base-passwd"));
    assert_eq!(content(&package, "/usr/lib/sysusers.d/a.conf"), "u runner 150 \"Runs\" /run/a\ng extra -\n");
    let names = package
        .metadata
        .get_provides()
        .unwrap()
        .into_iter()
        .map(|relation| relation.name)
        .collect::<Vec<_>>();
    for name in ["user(runner)", "group(runner)", "group(extra)"] {
        assert!(names.contains(&name.to_owned()), "{name} is not in {names:?}");
    }
    let counts = package.metadata.header.get_entry_data_as_u32_array(IndexTag::RPMTAG_FILEDEPENDSN).unwrap();
    assert_eq!(counts, [3, 0], "the sysusers file causes all three");
}

#[test]
fn units_that_the_postinst_enables_become_a_preset() {
    let mut deb = Deb::new("a", "1", "", Tar::new());
    deb.postinst = "#!/bin/sh\n\tif deb-systemd-helper --quiet was-enabled 'a.service'; then\n".to_owned();
    let package = World::new(&[deb]).converted("a");
    assert_eq!(content(&package, "/usr/lib/systemd/system-preset/95-a.preset"), "enable a.service\n");
    assert!(package.metadata.get_post_install_script().is_err(), "maintainer scripts are not taken over");
}

#[test]
fn overrides_add_drop_edit_and_script() {
    let tar = Tar::new()
        .file("./usr/share/a/base.conf", 0o640, b"one = 1\ntwo = 2\n")
        .file("./usr/share/a/gone", 0o644, b"")
        .file("./usr/bin/run", 0o755, b"run");
    let mut world = World::new(&[Deb::new("a", "1", "Depends: unwanted | other\n", tar)]);
    let text = r#"
        reason = "test"
        provides = ["thing = 2"]
        requires = ["/bin/sh"]
        without-requires = ["unwanted"]
        drop = ["/usr/share/a/gone"]
        files = [
            { path = "/etc/new", content = "new\n", config = true, mode = "0440" },
            { path = "/usr/bin/alias", symlink = "run" },
            { path = "/var/lib/a", directory = true, group = "mail", mode = "2775" },
        ]
        edits = [
            { from = "/usr/share/a/base.conf", to = "/etc/a.conf", config = true, append = "three = 3\n",
              replace = [{ pattern = "^two = .*$", with = "two = II", count = 1 }] },
        ]
        attributes = [{ path = "/usr/bin/run", mode = "4755" }]
        [scriptlets.posttrans]
        interpreter = "<lua>"
        body = "print(1)"
        [[file-triggers]]
        kind = "transfiletriggerin"
        priority = 2000000
        paths = ["/usr/lib", "/etc/ld.so.conf.d"]
        body = "ldconfig"
    "#;
    world.overrides.add("a", text).unwrap();
    let package = world.converted("a");
    assert_eq!(
        files(&package),
        [
            "100640 /etc/a.conf cn",
            "100440 /etc/new cn",
            "120777 /usr/bin/alias",
            "104755 /usr/bin/run",
            "100640 /usr/share/a/base.conf",
            "42775 /var/lib/a",
        ]
    );
    assert_eq!(content(&package, "/etc/a.conf"), "one = 1\ntwo = II\nthree = 3\n");
    assert!(relations(package.metadata.get_provides().unwrap()).contains(&"thing = 2".to_owned()));
    let requires = relations(package.metadata.get_requires().unwrap());
    assert_eq!(requires, ["/bin/sh", "/bin/sh", "config(a) = 1-0", "group(mail)"]);
    let script = package.metadata.get_post_trans_script().unwrap();
    assert_eq!((script.script.as_str(), script.program), ("print(1)", Some(vec!["<lua>".to_owned()])));
    let header = &package.metadata.header;
    let numbers = |tag| header.get_entry_data_as_u32_array(tag).unwrap();
    assert_eq!(numbers(IndexTag::RPMTAG_TRANSFILETRIGGERPRIORITIES), [2_000_000]);
    assert_eq!(numbers(IndexTag::RPMTAG_TRANSFILETRIGGERINDEX), [0, 0], "one script, two paths");
    assert_eq!(
        header.get_entry_data_as_string_array(IndexTag::RPMTAG_TRANSFILETRIGGERNAME).unwrap(),
        ["/etc/ld.so.conf.d", "/usr/lib"]
    );
}
