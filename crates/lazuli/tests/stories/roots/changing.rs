//! What each command does to a root, and what it says.

use std::fs;

use testkit::packages::{file, log, lua, relation};

use super::{Rooted, editor};
use crate::program::json;
use crate::world::listing;

/// A viewer with a library that it needs, a manual that it recommends, and a unit.
fn publish_viewer(rooted: &Rooted) {
    let world = &rooted.world;
    world.package("viewer", "1", |builder| {
        builder.requires(relation("library >= 2"));
        builder.recommends(relation("viewer-manual"));
        file(builder, "/usr/bin/viewer", "viewer\n");
        file(builder, "/usr/lib/units/viewer", "[Unit]\n");
        builder.post_install_script(lua(&log("'viewer post ' .. arg[2]")));
    });
    world.package("library", "1", |builder| file(builder, "/usr/lib/library.so", "1"));
    world.package("library", "2", |builder| file(builder, "/usr/lib/library.so", "2"));
    world.package("viewer-manual", "1", |builder| file(builder, "/usr/share/manual/viewer", "read me"));
    world.publish();
}

#[test]
fn what_is_installed_is_listed_with_why_and_from_where() {
    let Some(rooted) = Rooted::new("what_is_installed_is_listed_with_why_and_from_where") else { return };
    let expected = [
        "base-1-1.noarch user tiny",
        "editor-1-1.noarch user tiny",
        "watch-1-1.noarch user tiny",
        "words-1-1.noarch dependency tiny",
    ];
    assert_eq!(rooted.list(), expected);
    let listed = json(&rooted.call("list", &["--format", "json"]));
    let words =
        serde_json::json!({ "nevra": "words-1-1.noarch", "reason": "dependency", "repository": "tiny" });
    assert_eq!(listed[3], words);
    // The definition is of no matter to a root.
    fs::remove_dir_all(rooted.world.path("distro")).unwrap();
    assert_eq!(rooted.list(), expected);
    // What dnf5 never heard of was there before it.
    fs::remove_dir_all(rooted.root().join("usr/lib/sysimage/libdnf5")).unwrap();
    assert_eq!(rooted.list()[3], "words-1-1.noarch external -");
}

#[test]
fn a_package_comes_with_what_it_needs() {
    let Some(rooted) = Rooted::new("a_package_comes_with_what_it_needs") else { return };
    publish_viewer(&rooted);
    rooted.log();
    let before = listing(&rooted.root());
    let plan = rooted.succeeds("install", &["viewer", "--plan"]);
    let expected = "   1 library-2-1.noarch from tiny (needed)\n   2 viewer-1-1.noarch from tiny (asked for)\n\
                    \u{20}  3 viewer-manual-1-1.noarch from tiny (recommended)\n";
    assert_eq!(plan.stdout, expected);
    assert_eq!(listing(&rooted.root()), before, "--plan changes nothing");

    let done = json(&rooted.call("install", &["viewer", "--format", "json"]));
    let package = |name: &str, reason: &str| serde_json::json!({ "nevra": format!("{name}-1.noarch"), "repository": "tiny", "reason": reason, "replaces": [] });
    let expected = serde_json::json!({
        "root": rooted.root(), "done": true, "erase": [], "warnings": [],
        "install": [package("library-2", "dependency"), package("viewer-1", "user"), package("viewer-manual-1", "weak")],
    });
    assert_eq!(done, expected);
    assert_eq!(rooted.log(), ["watch filetriggerin /usr/lib/units/viewer", "viewer post 1"]);
    assert_eq!(
        (&*rooted.read("usr/lib/library.so"), &*rooted.read("usr/share/manual/viewer")),
        ("2", "read me")
    );
    let list = rooted.list();
    for line in [
        "library-2-1.noarch dependency tiny",
        "viewer-1-1.noarch user tiny",
        "viewer-manual-1-1.noarch weak tiny",
    ] {
        assert!(list.iter().any(|listed| listed == line), "{line} in {list:?}");
    }

    let after = listing(&rooted.root());
    let again = rooted.succeeds("install", &["viewer"]);
    assert_eq!(again.stdout, "nothing to do\n");
    assert_eq!(json(&rooted.call("install", &["viewer", "--format", "json"]))["done"], false);
    assert_eq!(listing(&rooted.root()), after);
}

#[test]
fn what_was_needed_and_is_asked_for_stays() {
    let Some(rooted) = Rooted::new("what_was_needed_and_is_asked_for_stays") else { return };
    publish_viewer(&rooted);
    rooted.succeeds("install", &["library", "--exclude", "library-2*"]);
    assert_eq!(rooted.read("usr/lib/library.so"), "1");
    // A newer version takes its place, and it stays something that was asked for.
    rooted.succeeds("install", &["/usr/bin/viewer", "--no-weak"]);
    assert_eq!(rooted.read("usr/lib/library.so"), "2");
    assert!(!rooted.has("usr/share/manual"), "no recommended packages");
    rooted.succeeds("remove", &["viewer"]);
    assert!(rooted.list().contains(&"library-2-1.noarch user tiny".to_owned()), "{:?}", rooted.list());
}

#[test]
fn an_upgrade_keeps_what_a_person_changed() {
    let Some(rooted) = Rooted::new("an_upgrade_keeps_what_a_person_changed") else { return };
    let world = &rooted.world;
    assert_eq!(rooted.succeeds("upgrade", &[]).stdout, "nothing to do\n");
    editor(world, "2");
    world.package("words", "2", |builder| file(builder, "/usr/share/words/en", "a\nb\n"));
    world.package("unasked", "1", |_| {});
    world.publish();
    fs::write(rooted.root().join("etc/editor.conf"), "mine\n").unwrap();
    rooted.log();

    let one = rooted.succeeds("upgrade", &["words"]);
    assert_eq!(one.stdout, "   1 words-2-1.noarch from tiny (needed) instead of words-1-1.noarch\n");
    assert_eq!(rooted.installed(), ["base-1", "editor-1", "watch-1", "words-2"]);

    let rest = json(&rooted.call("upgrade", &["--format", "json"]));
    assert_eq!(rest["install"][0]["nevra"], "editor-2-1.noarch");
    assert_eq!(rest["install"][0]["replaces"], serde_json::json!(["editor-1-1.noarch"]));
    assert!(rest["warnings"][0].as_str().unwrap().contains("/etc/editor.conf.rpmnew"), "{rest}");
    assert_eq!(
        (&*rooted.read("etc/editor.conf"), &*rooted.read("etc/editor.conf.rpmnew")),
        ("mine\n", "default of 2\n")
    );
    assert_eq!(rooted.read("usr/bin/editor"), "editor 2\n");
    assert!(rooted.has("usr/lib/units/editor-2") && !rooted.has("usr/lib/units/editor-1"));
    assert_eq!(
        rooted.log(),
        [
            "editor-2 pre 2",
            "watch filetriggerin /usr/lib/units/editor-2",
            "editor-2 post 2",
            "editor-1 preun 1",
            "editor-1 postun 1",
            "editor-2 posttrans 2",
            "watch transfiletriggerpostun",
        ]
    );
    assert_eq!(
        rooted.list(),
        [
            "base-1-1.noarch user tiny",
            "editor-2-1.noarch user tiny",
            "watch-1-1.noarch user tiny",
            "words-2-1.noarch dependency tiny",
        ]
    );
    assert_eq!(rooted.succeeds("upgrade", &[]).stdout, "nothing to do\n");
}

#[test]
fn a_package_that_takes_another_s_place_replaces_it() {
    let Some(rooted) = Rooted::new("a_package_that_takes_another_s_place_replaces_it") else { return };
    rooted.world.package("watcher", "2", |builder| {
        builder.provides(relation("watch = 2"));
        builder.obsoletes(relation("watch < 2"));
        file(builder, "/usr/bin/watcher", "");
    });
    rooted.world.publish();
    let ended = rooted.succeeds("upgrade", &[]);
    assert!(
        ended.stdout.contains("watcher-2-1.noarch from tiny")
            && ended.stdout.contains("instead of watch-1-1.noarch"),
        "{ended}"
    );
    let list = rooted.list();
    assert!(
        list.contains(&"watcher-2-1.noarch user tiny".to_owned()),
        "it is as wanted as the one before: {list:?}"
    );
    assert_eq!(rooted.installed(), ["base-1", "editor-1", "watcher-2", "words-1"]);
}

#[test]
fn a_repository_that_goes_back_is_followed_when_asked_for() {
    let Some(rooted) = Rooted::new("a_repository_that_goes_back_is_followed_when_asked_for") else { return };
    editor(&rooted.world, "2");
    rooted.world.publish();
    rooted.succeeds("upgrade", &[]);
    fs::remove_file(rooted.world.path("mirror/repo/editor-2-1.noarch.rpm")).unwrap();
    rooted.world.publish();
    assert_eq!(rooted.succeeds("upgrade", &[]).stdout, "nothing to do\n");
    let back = rooted.succeeds("upgrade", &["--synchronize"]);
    assert_eq!(back.stdout, "   1 editor-1-1.noarch from tiny (asked for) instead of editor-2-1.noarch\n");
    assert_eq!(
        (&*rooted.read("usr/bin/editor"), &*rooted.read("etc/editor.conf")),
        ("editor 1\n", "default of 1\n")
    );
    assert!(rooted.has("usr/lib/units/editor-1") && !rooted.has("usr/lib/units/editor-2"));
}

#[test]
fn a_package_goes_with_what_needs_it_and_what_nothing_needs() {
    let Some(rooted) = Rooted::new("a_package_goes_with_what_needs_it_and_what_nothing_needs") else {
        return;
    };
    let full = rooted.world.path("full");
    super::copy(&rooted.root(), &full);
    let reset = || {
        fs::remove_dir_all(rooted.root()).unwrap();
        super::copy(&full, &rooted.root());
        rooted.log();
    };
    reset();
    fs::write(rooted.root().join("etc/editor.conf"), "mine\n").unwrap();
    let before = listing(&rooted.root());
    let plan = rooted.succeeds("remove", &["editor", "--plan"]);
    assert_eq!(plan.stdout, "   1 editor-1-1.noarch is erased\n   2 words-1-1.noarch is erased\n");
    assert_eq!(listing(&rooted.root()), before);
    let done = rooted.succeeds("remove", &["editor"]);
    assert_eq!(done.stdout, plan.stdout);
    assert_eq!(rooted.installed(), ["base-1", "watch-1"]);
    assert_eq!(rooted.log(), ["editor-1 preun 0", "editor-1 postun 0", "watch transfiletriggerpostun"]);
    assert!(!rooted.has("usr/bin/editor") && !rooted.has("usr/share/words/en"));
    assert_eq!(rooted.read("etc/editor.conf.rpmsave"), "mine\n");

    // What needs it goes first, and may be named by what it provides.
    reset();
    let done = json(&rooted.call("remove", &["/usr/share/words/en", "--format", "json"]));
    assert_eq!(done["erase"], serde_json::json!(["editor-1-1.noarch", "words-1-1.noarch"]));
    assert!(!rooted.has("etc/editor.conf") && !rooted.has("etc/editor.conf.rpmsave"));

    reset();
    rooted.succeeds("remove", &["editor", "--keep-unneeded"]);
    assert_eq!(rooted.installed(), ["base-1", "watch-1", "words-1"]);

    // Everything may go, and the root stays one.
    rooted.succeeds("remove", &["base", "watch", "words"]);
    assert_eq!(rooted.list(), Vec::<String>::new());
    rooted.succeeds("install", &["editor"]);
    assert_eq!(rooted.installed(), ["editor-1", "words-1"]);
}

#[test]
fn a_removal_needs_no_repository() {
    let Some(rooted) = Rooted::new("a_removal_needs_no_repository") else { return };
    let root = rooted.root().display().to_string();
    fs::remove_dir_all(rooted.world.path("mirror")).unwrap();
    rooted.world.succeeds(["root", "remove", &root, "watch", "--offline"]);
    assert_eq!(rooted.installed(), ["base-1", "editor-1", "words-1"]);
}

#[test]
fn a_script_that_fails_after_the_fact_is_told() {
    let Some(rooted) = Rooted::new("a_script_that_fails_after_the_fact_is_told") else { return };
    rooted.world.package("clumsy", "1", |builder| {
        file(builder, "/usr/clumsy", "");
        builder.post_install_script(lua("error('dropped it')"));
    });
    rooted.world.publish();
    let ended = rooted.succeeds("install", &["clumsy"]);
    assert!(ended.stderr.contains("warning: %post of clumsy-1-1.noarch failed"), "{ended}");
    assert!(ended.stderr.contains("dropped it"), "{ended}");
    assert!(rooted.has("usr/clumsy"));
}

#[test]
fn several_repositories_are_asked() {
    let Some(rooted) = Rooted::new("several_repositories_are_asked") else { return };
    let local = rooted.world.path("local");
    fs::create_dir(&local).unwrap();
    testkit::packages::package(&local, None, "mine", "1", |builder| {
        builder.requires(relation("theirs"));
    });
    rooted.world.package("theirs", "1", |_| {});
    rooted.world.publish();
    rooted.world.succeeds(["repo", "create", &local.display().to_string()]);
    rooted.succeeds("install", &["mine", "--repo", &format!("local={}", local.display())]);
    let list = rooted.list();
    assert!(list.contains(&"mine-1-1.noarch user local".to_owned()), "{list:?}");
    assert!(list.contains(&"theirs-1-1.noarch dependency tiny".to_owned()), "{list:?}");
}
