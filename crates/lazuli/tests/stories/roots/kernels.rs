//! Packages of which several versions live side by side.

use testkit::packages::{file, log, lua, relation};

use super::Rooted;

/// A kernel, and a package of modules that needs exactly this one.
fn kernel(rooted: &Rooted, version: &str) {
    rooted.world.package("kernel", version, |builder| {
        builder.provides(relation("installonlypkg(kernel)"));
        builder.requires(relation(&format!("kernel-modules = {version}-1")));
        file(builder, &format!("/usr/lib/modules/{version}/vmlinuz"), version);
        builder.post_install_script(lua(&log(&format!("'kernel-{version} post ' .. arg[2]"))));
        builder.post_uninstall_script(lua(&log(&format!("'kernel-{version} postun ' .. arg[2]"))));
    });
    rooted.world.package("kernel-modules", version, |builder| {
        builder.provides(relation("installonlypkg(kernel-module)"));
        builder.requires(relation(&format!("kernel = {version}-1")));
        file(builder, &format!("/usr/lib/modules/{version}/modules"), version);
    });
    rooted.world.publish();
}

#[test]
fn the_three_newest_kernels_stay() {
    let Some(rooted) = Rooted::new("the_three_newest_kernels_stay") else { return };
    kernel(&rooted, "1");
    rooted.succeeds("install", &["kernel"]);
    for version in ["2", "3"] {
        kernel(&rooted, version);
        let ended = rooted.succeeds("upgrade", &[]);
        assert!(ended.stdout.contains(&format!("kernel-{version}-1.noarch from tiny")), "{ended}");
        assert!(!ended.stdout.contains("instead of") && !ended.stdout.contains("is erased"), "{ended}");
    }
    let kernels =
        || rooted.installed().into_iter().filter(|name| name.starts_with("kernel")).collect::<Vec<_>>();
    let of = |versions: &[&str]| {
        let names = |name: &'static str| versions.iter().map(move |version| format!("{name}-{version}"));
        let mut all: Vec<String> = names("kernel").chain(names("kernel-modules")).collect();
        all.sort();
        all
    };
    assert_eq!(kernels(), of(&["1", "2", "3"]));
    rooted.log();
    kernel(&rooted, "4");
    let ended = rooted.succeeds("upgrade", &[]);
    assert!(ended.stdout.contains("kernel-1-1.noarch is erased"), "{ended}");
    assert!(ended.stdout.contains("kernel-modules-1-1.noarch is erased"), "{ended}");
    assert_eq!(kernels(), of(&["2", "3", "4"]));
    assert_eq!(rooted.log(), ["kernel-4 post 4", "kernel-1 postun 3"]);
    assert!(!rooted.has("usr/lib/modules/1/vmlinuz") && rooted.has("usr/lib/modules/4/vmlinuz"));
    assert_eq!(rooted.succeeds("upgrade", &[]).stdout, "nothing to do\n");

    // One by its version, older than all: it is what is asked for, so another goes.
    let ended = rooted.succeeds("install", &["kernel-1"]);
    assert_eq!(kernels().len(), 6, "{ended}");
    assert!(
        kernels().contains(&"kernel-1".to_owned()) && kernels().contains(&"kernel-4".to_owned()),
        "{ended}"
    );
}
