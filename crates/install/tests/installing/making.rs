//! What is made.

use std::os::unix::fs::{FileTypeExt, MetadataExt};

use install::report::WarningKind;
use install::unpack::{Deferred, DeferredKind};
use rpm::{BuildConfig, CompressionWithLevel, DependencyFlags, FileOptions};

use crate::packages::{BUILT, file, log, lua, package, package_as};
use crate::{EPOCH, World, request};

#[test]
fn files_of_every_kind_are_made_as_packaged() {
    let Some(world) = World::new() else { return };
    let made = package(&world, "kinds", |builder| {
        file(builder, "/usr/share/kinds/plain", "plain");
        let options = FileOptions::new("/usr/bin/strong").mode(0o104_755).caps("cap_net_raw=ep").unwrap();
        builder.with_file_contents("strong", options).unwrap();
        builder.with_symlink(FileOptions::symlink("/usr/share/kinds/link", "plain")).unwrap();
        builder.with_dir_entry(FileOptions::dir("/var/lib/kinds").permissions(0o1777)).unwrap();
        builder.with_ghost(FileOptions::ghost("/var/lib/kinds/ghost")).unwrap();
        builder.with_special_file(FileOptions::fifo("/usr/share/kinds/pipe")).unwrap();
        for name in ["/usr/share/kinds/one", "/usr/share/kinds/two", "/usr/share/other"] {
            builder.with_file_contents("shared", FileOptions::new(name).hardlink("set")).unwrap();
        }
        builder.with_file_contents("", FileOptions::new("/usr/share/kinds/empty")).unwrap();
    });
    let installed = world.install(&[made]).unwrap();
    let at = |path: &str| installed.path.join(path);
    let stat = |path: &str| std::fs::symlink_metadata(at(path)).unwrap();
    assert_eq!(std::fs::read_to_string(at("usr/share/kinds/plain")).unwrap(), "plain");
    assert_eq!(std::fs::read_link(at("usr/share/kinds/link")).unwrap().to_str(), Some("plain"));
    assert_eq!(stat("usr/bin/strong").mode(), 0o104_755);
    let mut capability = [0; 20];
    rustix::fs::getxattr(at("usr/bin/strong"), "security.capability", &mut capability).unwrap();
    assert_eq!(hex::encode(capability), "0100000200200000000000000000000000000000");
    assert_eq!(stat("var/lib/kinds").mode() & 0o7777, 0o1777);
    assert!(!at("var/lib/kinds/ghost").exists());
    assert!(stat("usr/share/kinds/pipe").file_type().is_fifo());
    assert_eq!(stat("usr/share/kinds/one").nlink(), 3);
    assert_eq!(stat("usr/share/kinds/one").ino(), stat("usr/share/other").ino());
    assert_eq!(std::fs::read_to_string(at("usr/share/kinds/two")).unwrap(), "shared");
    assert_eq!(stat("usr/share/kinds/empty").len(), 0);
    for path in ["usr/share/kinds/plain", "usr/share/kinds/link", "var/lib/kinds", "usr/share/kinds/one"] {
        assert_eq!(stat(path).mtime(), i64::from(BUILT), "{path}");
    }
    // A directory that no package owns.
    assert_eq!((stat("usr/share").mode() & 0o7777, stat("usr/share").mtime()), (0o755, i64::from(EPOCH)));
    assert!(
        at("usr/lib/sysimage/rpm/rpmdb.sqlite").exists()
            && at("usr/lib/sysimage/libdnf5/packages.toml").exists()
    );
}

#[test]
fn a_device_is_made_or_left_to_the_image() {
    let Some(world) = World::new() else { return };
    let made = package(&world, "device", |builder| {
        builder
            .with_special_file(FileOptions::character_device("/dev/zero", 1, 5).permissions(0o666))
            .unwrap();
    });
    let installed = world.install(&[made]).unwrap();
    match std::fs::symlink_metadata(installed.path.join("dev/zero")) {
        Ok(stat) => {
            assert_eq!((stat.mode(), stat.rdev(), stat.mtime()), (0o020_666, 0x105, i64::from(BUILT)));
            assert_eq!(installed.report.deferred, []);
        }
        // In an ordinary user's namespace.
        Err(_) => {
            let what = DeferredKind::Device { mode: 0o020_666, rdev: 0x105, uid: 0, gid: 0, mtime: BUILT };
            assert_eq!(installed.report.deferred, [Deferred { path: "/dev/zero".into(), what }]);
        }
    }
}

#[test]
fn every_compression_and_both_formats_give_the_same_files() {
    let Some(world) = World::new() else { return };
    let content = "some text that compresses well\n".repeat(200_000);
    let compressions = [
        ("none", CompressionWithLevel::None),
        ("gzip", CompressionWithLevel::Gzip(6)),
        ("xz", CompressionWithLevel::Xz(1)),
        ("zstd", CompressionWithLevel::Zstd(3)),
        ("bzip2", CompressionWithLevel::Bzip2(9)),
    ];
    let mut packages = Vec::new();
    for (name, compression) in compressions {
        for (format, config) in [("v4", BuildConfig::v4()), ("v6", BuildConfig::v6())] {
            let name = format!("{name}-{format}");
            packages.push(package_as(&world, &name, config.compression(compression), |builder| {
                file(builder, &format!("/data/{name}"), &content);
                file(builder, &format!("/data/{name}.second"), "second");
            }));
        }
    }
    let installed = world.install(&packages).unwrap();
    assert_eq!(installed.report.packages, 10);
    for entry in installed.path.join("data").read_dir().unwrap() {
        let path = entry.unwrap().path();
        let second = path.extension().is_some_and(|extension| extension == "second");
        let expected = if second { "second" } else { &content };
        assert!(std::fs::read_to_string(&path).unwrap() == expected, "{}", path.display());
    }
}

#[test]
fn scriptlets_and_triggers_run_in_rpm_s_order() {
    let Some(world) = World::new() else { return };
    let name = |what: &str| log(&format!("'{what} ' .. tostring(arg[2]) .. ' ' .. tostring(arg[3])"));
    let files = |what: &str| {
        let body =
            "local t = {} local p = rpm.next_file() while p do table.insert(t, p) p = rpm.next_file() end";
        format!("{body} {}", log(&format!("'{what} ' .. table.concat(t, ',')")))
    };
    let first = package(&world, "first", |builder| {
        file(builder, "/usr/lib/first/a", "a");
        builder.pre_trans_script(lua(&name("first pretrans")));
        builder.pre_install_script(lua(&name("first pre")));
        builder.post_install_script(lua(&name("first post")));
        builder.post_trans_script(lua(&name("first posttrans")));
        builder.trigger_prein("second", None, lua(&name("first triggerprein second")));
        builder.trigger_in("second", Some((DependencyFlags::GE, "1")), lua(&name("first triggerin second")));
        builder.file_trigger_in("/usr/lib/second", None, lua(&files("first filetriggerin")));
        builder.trans_file_trigger_in("/usr/lib/", None, lua(&files("first transfiletriggerin")));
    });
    let second = package(&world, "second", |builder| {
        file(builder, "/usr/lib/second/b", "b");
        file(builder, "/usr/lib/second/c", "c");
        builder.requires(rpm::Dependency::any("first"));
        builder.pre_install_script(lua(&name("second pre")));
        builder.post_install_script(lua(&name("second post")));
    });
    let installed = world.install(&[second, first]).unwrap();
    let log = std::fs::read_to_string(installed.path.join("log")).unwrap();
    let expected = "\
first pretrans 1 nil
first pre 1 nil
first post 1 nil
first triggerprein second 1 0
second pre 1 nil
first filetriggerin /usr/lib/second/b,/usr/lib/second/c
second post 1 nil
first triggerin second 1 1
first posttrans 1 nil
first transfiletriggerin /usr/lib/first/a,/usr/lib/second/b,/usr/lib/second/c
";
    assert_eq!(log, expected);
    assert_eq!(installed.report.warnings, []);
}

#[test]
fn owners_are_those_that_the_root_knows_when_the_package_comes() {
    let Some(world) = World::new() else {
        return;
    };
    let accounts = package(&world, "accounts", |builder| {
        file(builder, "/etc/passwd", "root:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\n");
        file(builder, "/etc/group", "root:x:0:\ndaemon:x:1:\n");
    });
    let line = "u web 350 \"Web server\" /srv/web\0\0";
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, line);
    let user = package(&world, "user", |builder| {
        builder.requires(rpm::Dependency::script_pre("accounts"));
        builder.provides(rpm::Dependency::eq("user(web)", encoded.clone()));
        builder.with_file_contents("d", FileOptions::new("/d").user("daemon").group("daemon")).unwrap();
        builder.with_file_contents("w", FileOptions::new("/w").user("web").group("web")).unwrap();
        builder
            .with_file_contents("n", FileOptions::new("/n").mode(0o106_755).user("nobody").group("nogroup"))
            .unwrap();
    });
    let installed = world.install(&[user, accounts]).unwrap();
    let owner = |path: &str| {
        let stat = std::fs::metadata(installed.path.join(path)).unwrap();
        (stat.uid(), stat.gid(), stat.mode() & 0o7777)
    };
    assert_eq!(owner("d"), (1, 1, 0o644));
    assert_eq!(owner("w"), (350, 350, 0o644));
    // rpm gives files of unknown owners to root, and takes the set-ID bits from them.
    assert_eq!(owner("n"), (0, 0, 0o755));
    let unknown =
        installed.report.warnings.iter().filter(|w| matches!(w.what, WarningKind::UnknownOwner { .. }));
    assert_eq!(unknown.count(), 2);
    let passwd = std::fs::read_to_string(installed.path.join("etc/passwd")).unwrap();
    assert!(passwd.ends_with("web:x:350:350:Web server:/srv/web:/usr/sbin/nologin\n"), "{passwd}");
}

#[test]
fn configuration_that_pretrans_made_is_kept() {
    let Some(world) = World::new() else { return };
    let made = package(&world, "configured", |builder| {
        let write = |path: &str| format!("local f = io.open('{path}', 'w') f:write('mine') f:close() ");
        builder.pre_trans_script(lua(&format!("{}{}{}", write("/keep"), write("/replace"), write("/plain"))));
        builder.with_file_contents("new", FileOptions::new("/keep").config().noreplace()).unwrap();
        builder.with_file_contents("new", FileOptions::new("/replace").config()).unwrap();
        file(builder, "/plain", "new");
    });
    let installed = world.install(&[made]).unwrap();
    let text = |path: &str| std::fs::read_to_string(installed.path.join(path)).unwrap();
    assert_eq!((text("keep"), text("keep.rpmnew")), ("mine".into(), "new".into()));
    assert_eq!((text("replace"), text("replace.rpmorig")), ("new".into(), "mine".into()));
    assert_eq!(text("plain"), "new");
    assert!(!installed.path.join("plain.rpmorig").exists());
}

#[test]
fn a_directory_symlink_is_followed_inside_the_root_only() {
    let Some(world) = World::new() else { return };
    let outside = world.path("outside");
    std::fs::create_dir(&outside).unwrap();
    let base = package(&world, "base", |builder| {
        builder.with_symlink(FileOptions::symlink("/lib", "usr/lib")).unwrap();
        builder.with_symlink(FileOptions::symlink("/out", outside.to_str().unwrap())).unwrap();
        builder.with_dir_entry(FileOptions::dir("/usr/lib")).unwrap();
    });
    let user = package(&world, "user", |builder| {
        builder.requires(rpm::Dependency::any("base"));
        file(builder, "/lib/inside", "x");
    });
    let installed = world.install_into("good", &[base.clone(), user]).unwrap();
    assert!(installed.path.join("usr/lib/inside").exists());
    let hostile = package(&world, "hostile", |builder| {
        builder.requires(rpm::Dependency::any("base"));
        file(builder, "/out/escaped", "x");
    });
    // The link leads nowhere inside the root, so that nothing can be made below it.
    assert!(world.install(&[base, hostile]).is_err());
    assert_eq!(outside.read_dir().unwrap().count(), 0);
    world.assert_nothing_left();
}

#[test]
fn a_plan_can_be_read_before_anything_is_done() {
    let Some(world) = World::new() else { return };
    let a = package(&world, "a", |builder| {
        builder.requires(rpm::Dependency::any("b"));
        file(builder, "/a", "12345");
    });
    let b = package(&world, "b", |_| {});
    let transaction = world.plan(&[a.clone(), b]).unwrap();
    assert_eq!(
        transaction.to_string(),
        "   1 b-1-1.noarch from test (asked for)\n   2 a-1-1.noarch from test (asked for)\n"
    );
    assert_eq!(transaction.installed_size(), 5);
    assert_eq!(request(&a).repository, "test");
    world.assert_nothing_left();
}
