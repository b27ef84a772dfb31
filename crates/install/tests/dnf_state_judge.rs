//! dnf5's state as we write it against the state that dnf5 leaves itself, and what dnf5 then says of the root.
#![allow(clippy::unwrap_used, reason = "a test ends where an expectation is wrong")]

mod judge_root;

use std::fs;
use std::path::Path;

use install::dnf_state::{self, PackageState, Reason};
use install::rpmdb;

const REPOSITORY: &str = "somewhere";

#[test]
fn files_equal_those_of_dnf5_and_dnf5_believes_them() {
    let Some(judge) = judge_root::root() else { return };
    let work = tempfile::tempdir_in("/tmp").unwrap();
    let (work, root) = (work.path(), work.path().join("root"));
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rpmdb_packages/state.spec");
    fs::copy(spec, work.join("state.spec")).unwrap();
    let define = format!("--define '_topdir {0}/top' --define '_rpmdir {0}/repository'", work.display());
    judge_root::check(&judge, &format!("rpmbuild -bb {define} {}/state.spec 2>&1", work.display()));
    let dnf = format!(
        "dnf5 -y --no-plugins --installroot={} --use-host-config --setopt=reposdir=/nowhere \
         --repofrompath={REPOSITORY},file://{}/repository --no-gpgchecks --releasever=1",
        root.display(),
        work.display()
    );
    judge_root::check(
        &judge,
        &format!("createrepo_c -q {}/repository; {dnf} install wanted 2>&1", work.display()),
    );

    let theirs = root.join("usr/lib/sysimage/libdnf5");
    let database = root.join("usr/lib/sysimage/rpm/rpmdb.sqlite");
    let packages: Vec<PackageState> = rpmdb::read(&database)
        .unwrap()
        .into_iter()
        .map(|nevra| {
            let reason = match nevra.name.as_str() {
                "wanted" => Reason::User,
                "needed" => Reason::Dependency,
                _ => Reason::WeakDependency,
            };
            PackageState { nevra, reason, repository: REPOSITORY.to_owned() }
        })
        .collect();
    assert_eq!(packages.len(), 3);
    let ours = dnf_state::files(&packages, &rpmdb::cookie(&database).unwrap());
    for (name, text) in &ours {
        assert_eq!(&fs::read_to_string(theirs.join(name)).unwrap(), text, "{name}");
    }

    fs::remove_dir_all(&theirs).unwrap();
    dnf_state::write(&theirs, &packages, &rpmdb::cookie(&database).unwrap()).unwrap();
    let query = |what: &str| judge_root::check(&judge, &format!("{dnf} {what} 2>/dev/null"));
    let format = "--queryformat '%{name} %{reason} %{from_repo}\\n'";
    assert_eq!(
        query(&format!("repoquery --installed {format}")),
        "needed Dependency somewhere\nwanted User somewhere\nwelcome Weak Dependency somewhere\n"
    );
    assert_eq!(query("repoquery --userinstalled --queryformat '%{name}\\n'"), "wanted\n");
    assert!(query("info --installed wanted").contains("From repository : somewhere"));
    assert!(query("autoremove --assumeno").contains("Nothing to do"));
    let removal = judge_root::run(&judge, &format!("{dnf} remove wanted 2>&1"));
    assert!(removal.status.success());
    assert_eq!(rpmdb::read(&database).unwrap().len(), 0);
}
