//! An upstream of Fedora's shape, from its metalink to an installed tree: signed metadata and packages, Lua, users, triggers.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use rpm::{Dependency, DependencyFlags, FileOptions};
use testkit::packages::{file, log, lua, relation};

use crate::program::json;
use crate::world::{World, listing};

/// Lua that collects the paths that a file trigger is told.
const PATHS: &str =
    "local t = {} local p = rpm.next_file() while p do table.insert(t, p) p = rpm.next_file() end ";

/// `base` makes accounts before anything is there, `web` brings a user, `watch` watches folders, `tools` has every kind of file.
fn fill(world: &World) {
    world.package("base", "1", |builder| {
        builder.pre_trans_script(lua(
            "posix.mkdir('/etc') local f = io.open('/etc/made-by-pretrans', 'w') f:write(posix.getcwd()) f:close()",
        ));
        file(builder, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        file(builder, "/etc/group", "root:x:0:\n");
        builder.post_install_script(lua(&log("'base post'")));
    });
    world.package("watch", "1", |builder| {
        builder.requires(Dependency::script_pre("base"));
        let paths = |what: &str| format!("{PATHS}{}", log(&format!("'{what} ' .. table.concat(t, ',')")));
        builder.file_trigger_in("/usr/lib/units", None, lua(&paths("watch filetriggerin")));
        builder.trans_file_trigger_in("/usr/lib/units", None, lua(&paths("watch transfiletriggerin")));
        builder.trigger_in("web", Some((DependencyFlags::GE, "1")), lua(&log("'watch triggerin web'")));
        builder.post_install_script(lua(&log("'watch post'")));
    });
    world.package("web", "2", |builder| {
        builder.requires(Dependency::script_pre("base"));
        builder.requires(relation("watch >= 1"));
        // `u web 350 "Web server" /srv/web`, as rpm encodes sysusers lines.
        builder.provides(Dependency::eq("user(web)", "dSB3ZWIgMzUwICJXZWIgc2VydmVyIiAvc3J2L3dlYgAA"));
        builder.recommends(relation("web-manual"));
        builder.requires(relation("(web-colours if base)"));
        file(builder, "/usr/lib/units/web.unit", "[Unit]\n");
        builder
            .with_file_contents(
                "secret",
                FileOptions::new("/srv/web/secret").mode(0o100_600).user("web").group("web"),
            )
            .unwrap();
        builder.post_install_script(lua(&log("'web post ' .. arg[2]")));
        builder.post_trans_script(lua(&log("'web posttrans'")));
    });
    world.package("web-colours", "1", |builder| file(builder, "/usr/share/colours", "red"));
    world.package("web-manual", "1", |builder| file(builder, "/usr/share/manual", "read me"));
    world.package("tools", "1", |builder| {
        builder
            .with_file_contents(
                "x",
                FileOptions::new("/usr/bin/ping").mode(0o100_755).caps("cap_net_raw=ep").unwrap(),
            )
            .unwrap();
        for path in ["/usr/share/one", "/usr/share/two"] {
            builder.with_file_contents("shared", FileOptions::new(path).hardlink("set")).unwrap();
        }
        builder.with_symlink(FileOptions::symlink("/usr/bin/pong", "ping")).unwrap();
        builder.with_file_contents("new", FileOptions::new("/etc/tools.conf").config().noreplace()).unwrap();
        builder.pre_trans_script(lua(
            "posix.mkdir('/etc') local f = io.open('/etc/tools.conf', 'w') f:write('mine') f:close()",
        ));
    });
    world.publish();
}

#[test]
fn a_definition_becomes_a_tree() {
    let Some(world) = World::for_root("a_definition_becomes_a_tree") else { return };
    fill(&world);
    world.image("small", &["web", "/usr/share/one"], "weak-dependencies = true");
    let ended = world.succeeds(["lock", "update"]);
    assert!(ended.stderr.contains("upstream: tiny-1 answers"), "{ended}");
    for package in [
        "base-1-1.noarch",
        "watch-1-1.noarch",
        "web-2-1.noarch",
        "web-colours-1-1.noarch",
        "web-manual-1-1.noarch",
        "tools-1-1.noarch",
    ] {
        assert!(ended.stdout.contains(package), "{package} in {ended}");
    }
    let tree = world.build("small");

    let read = |path: &str| fs::read_to_string(tree.join(path)).unwrap();
    assert_eq!(read("etc/made-by-pretrans"), "/", "the first Lua ran in an empty root");
    assert_eq!(
        read("log"),
        "base post\nwatch post\nwatch filetriggerin /usr/lib/units/web.unit\nweb post 1\nwatch triggerin web\nweb posttrans\n\
         watch transfiletriggerin /usr/lib/units/web.unit\n"
    );
    assert!(
        read("etc/passwd").ends_with("web:x:350:350:Web server:/srv/web:/usr/sbin/nologin\n"),
        "{}",
        read("etc/passwd")
    );
    let stat = |path: &str| fs::symlink_metadata(tree.join(path)).unwrap();
    assert_eq!((stat("srv/web/secret").uid(), stat("srv/web/secret").mode()), (350, 0o100_600));
    assert_eq!(
        (stat("usr/share/one").ino(), stat("usr/share/one").nlink()),
        (stat("usr/share/two").ino(), 2)
    );
    assert_eq!((read("etc/tools.conf"), read("etc/tools.conf.rpmnew")), ("mine".into(), "new".into()));
    assert_eq!(fs::read_link(tree.join("usr/bin/pong")).unwrap().to_str(), Some("ping"));
    let mut value = [0; 64];
    let length =
        rustix::fs::getxattr(tree.join("usr/bin/ping"), "security.capability", &mut value[..]).unwrap();
    assert!(length >= 20, "a capability of {length} bytes");

    let database = tree.join("usr/lib/sysimage/rpm/rpmdb.sqlite");
    let mut installed: Vec<String> =
        install::rpmdb::read(&database).unwrap().iter().map(ToString::to_string).collect();
    installed.retain(|name| !name.starts_with("gpg-pubkey"));
    installed.sort();
    let locked = "base-1-1.noarch tools-1-1.noarch watch-1-1.noarch web-2-1.noarch web-colours-1-1.noarch web-manual-1-1.noarch";
    assert_eq!(installed.join(" "), locked);
    let state = read("usr/lib/sysimage/libdnf5/packages.toml");
    assert!(state.contains("web.noarch") && state.contains("Weak Dependency"), "{state}");
}

#[test]
fn a_tree_is_the_same_again() {
    let Some(world) = World::for_root("a_tree_is_the_same_again") else { return };
    fill(&world);
    world.image("small", &["web", "tools"], "");
    world.succeeds(["lock", "update"]);
    let first = listing(&world.build("small"));
    let again = world.run(["image", "build", "small"]);
    assert!(again.stderr.contains("installed before"), "{again}");
    fs::remove_dir_all(world.path("distro/build")).unwrap();
    fs::remove_dir_all(world.path("distro/out")).unwrap();
    assert_eq!(listing(&world.build("small")), first);
    assert!(
        first.iter().all(|file| !file.starts_with("usr/share/manual")),
        "a recommended package came unasked"
    );
}

#[test]
fn the_first_upstream_that_answers_is_taken() {
    let world = World::new();
    world.package("base", "1", |_| {});
    world.publish();
    world.image("small", &["base"], "");
    let metalink = world.server.url("metalink");
    world.define(
        &format!("metalink = {metalink:?}\ngpg-key = \"key.asc\""),
        "{ name = \"silent\", version = \"1\" }, ",
    );
    // Port 9 of this machine: nothing listens there.
    world.write(
        "distro/more/silent.toml",
        "[distros.silent]\ndescription = \"Silent\"\ndefault-version = \"1\"\n[distros.silent.versions.1]\nrelease-ver = \"1\"\n\
         inputs.image-build = [{ repo = \"silent\" }]\n\
         [resources.rpm-repos.silent]\nbase-uri = \"http://127.0.0.1:9/\"\ndisable-gpg-check = true\n",
    );
    let ended = world.succeeds(["lock", "update"]);
    assert!(ended.stderr.contains("upstream: silent-1 does not answer: "), "{ended}");
    assert!(ended.stderr.contains("upstream: tiny-1 answers"), "{ended}");
    let listed = json(&world.call(["upstream", "list", "--format", "json"]));
    assert_eq!((listed[0]["id"].as_str(), listed[1]["id"].as_str()), (Some("silent-1"), Some("tiny-1")));
}
