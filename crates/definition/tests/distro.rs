//! The distribution's own definition is read without a problem.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

use std::path::Path;

use definition::{DebMirror, DiskFormat, Repository, RpmLocation, RpmTrust};

fn distro() -> definition::Distro {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    definition::load(&root).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn upstreams_are_complete_and_in_order() {
    let distro = distro();
    let ids: Vec<String> = distro.upstreams.iter().map(definition::Upstream::id).collect();
    assert_eq!(ids, ["debian-forky", "fedora-43"]);
    let Repository::Deb(debian) = &distro.upstreams[0].repositories[0] else {
        panic!("forky is a Debian suite")
    };
    assert_eq!(debian.mirror, DebMirror::Host);
    assert!(
        debian
            .overrides
            .as_ref()
            .is_some_and(|folder| folder.ends_with("distro/upstreams/debian-forky/overrides"))
    );
    let Repository::Rpm(fedora) = &distro.upstreams[1].repositories[0] else {
        panic!("Fedora has RPM repositories")
    };
    let RpmLocation::Metalink(metalink) = &fedora.location else { panic!("Fedora is found by metalink") };
    assert_eq!(metalink.query(), Some("repo=fedora-43&arch=x86_64"));
    assert!(matches!(&fedora.trust, RpmTrust::KeyFile(path) if path.ends_with("distro/keys/fedora-43.asc")));
}

#[test]
fn the_server_asks_each_upstream_for_its_own_packages() {
    let distro = distro();
    let server = distro.images["server"].native().unwrap();
    for (id, kernel, not) in [
        ("debian-forky", "linux-image-amd64", "kernel-core"),
        ("fedora-43", "kernel-core", "linux-image-amd64"),
    ] {
        let upstream = distro.upstream(id).unwrap();
        let request = server.packages_for(upstream);
        let asks = |name: &str| request.install.iter().any(|package| package.value == name);
        assert!(asks(kernel) && asks("openssh-server") && !asks(not), "{id}");
    }
    assert_eq!(server.selinux_policy_for(distro.upstream("debian-forky").unwrap()), Some("default"));
    assert_eq!(server.selinux_policy_for(distro.upstream("fedora-43").unwrap()), Some("targeted"));
    assert_eq!(server.disk().unwrap().formats, [DiskFormat::Raw, DiskFormat::Qcow2, DiskFormat::Vhd]);
    assert_eq!(server.os_release.as_ref().unwrap().get("SUPPORT_END"), Some("2027-11-30"));
}
