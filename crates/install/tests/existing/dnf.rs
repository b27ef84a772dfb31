//! dnf5 and this crate bring the same root up to date: dnf5's state is the same, dnf5 believes ours and finds nothing to remove.

use std::fs;
use std::path::{Path, PathBuf};

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::{
    Addition, Changes, InstallOptions, PackageRequest, PlanOptions, Reason, Replacing, SignaturePolicy,
    change, plan_changes,
};
use rpm::{BuildConfig, Dependency, FileOptions, PackageBuilder};

use crate::peers::{CHANGED, told};
use crate::{database, interpreter, judge_root};

const STATE: &str = "usr/lib/sysimage/libdnf5";

fn package(folder: &Path, name: &str, version: &str, requires: &[&str]) {
    let mut builder = PackageBuilder::new(name, version, "MIT", "noarch", "made for a test");
    builder.using_config(BuildConfig::v4().source_date(1_700_000_000_u32)).build_host("localhost");
    builder.with_file_contents(version, FileOptions::new(format!("/usr/share/{name}"))).unwrap();
    for required in requires {
        builder.requires(Dependency::any(*required));
    }
    let file = format!("{name}-{version}-1.noarch.rpm");
    builder.build().unwrap().write_file(folder.join(file)).unwrap();
}

struct World {
    judge: PathBuf,
    work: tempfile::TempDir,
}

impl World {
    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn dnf(&self, root: &str, repository: &str, command: &str) -> String {
        let folder = self.work.path().display();
        judge_root::check(
            &self.judge,
            &format!(
                "SOURCE_DATE_EPOCH={CHANGED} dnf5 -y --no-plugins --installroot={folder}/{root} --use-host-config \
                 --setopt=reposdir=/nowhere --setopt=cachedir=/run/cache --setopt=logdir=/run/log \
                 --repofrompath={repository},file://{folder}/{repository} --no-gpgchecks --releasever=1 {command} 2>&1"
            ),
        )
    }

    fn ours(&self, changes: &Changes) {
        let root = self.path("ours");
        let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
        let transaction =
            plan_changes(&root, changes, &options).unwrap_or_else(|error| panic!("{}", told(&error)));
        change(&transaction, &root, &InstallOptions::new(CHANGED, Some(interpreter())), &Silent)
            .unwrap_or_else(|error| panic!("{}", told(&error)));
    }

    fn addition(&self, package: &str, reason: Reason) -> Addition {
        let file = self.path("two").join(format!("{package}.noarch.rpm"));
        let package = PackageRequest { file, checksum: None, reason, repository: "two".into() };
        Addition { package, replacing: Replacing::Older }
    }

    fn compare(&self) {
        for name in [
            "packages.toml",
            "nevras.toml",
            "groups.toml",
            "environments.toml",
            "modules.toml",
            "system.toml",
        ] {
            let text = |root: &str| fs::read_to_string(self.path(root).join(STATE).join(name)).unwrap();
            assert_eq!(text("ours"), text("theirs"), "{name}");
        }
        let [theirs, ours] = ["theirs", "ours"].map(|root| self.path(root).join(database::DATABASE));
        assert_eq!(database::differences(&theirs, &ours), Vec::<String>::new());
        let [theirs, ours] = ["theirs", "ours"].map(|root| {
            let format = "--queryformat '%{name} %{evr} %{reason} %{from_repo}\\n'";
            self.dnf(root, "two", &format!("repoquery --installed {format}"))
        });
        assert_eq!(ours, theirs);
        assert!(self.dnf("ours", "two", "autoremove --assumeno").contains("Nothing to do"));
    }
}

#[test]
fn dnf5_s_state_is_brought_up_to_date_as_by_dnf5() {
    let Some(judge) = judge_root::root() else { return };
    let world = World { judge, work: tempfile::tempdir_in("/tmp").unwrap() };
    for folder in ["one", "two", "root"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    let [one, two] = ["one", "two"].map(|folder| world.path(folder));
    package(&one, "outside", "1", &[]);
    package(&one, "wanted", "1", &["needed"]);
    package(&one, "needed", "1", &[]);
    package(&one, "other", "1", &["helper"]);
    package(&one, "helper", "1", &[]);
    package(&two, "wanted", "2", &["needed", "extra"]);
    package(&two, "needed", "2", &[]);
    package(&two, "extra", "1", &[]);
    let folder = world.work.path().display();
    judge_root::check(
        &world.judge,
        &format!(
            "createrepo_c -q {folder}/one; createrepo_c -q {folder}/two
             SOURCE_DATE_EPOCH={CHANGED} rpm --root {folder}/root --dbpath /usr/lib/sysimage/rpm -i {folder}/one/outside*.rpm 2>&1"
        ),
    );
    world.dnf("root", "one", "install wanted other");
    judge_root::check(&world.judge, &format!("cd {folder}; cp -a root theirs; cp -a root ours"));

    world.dnf("theirs", "two", "upgrade");
    let add = ["wanted-2-1", "needed-2-1", "extra-1-1"];
    let add = add.map(|package| world.addition(package, Reason::Dependency)).into();
    world.ours(&Changes { add, erase: Vec::new() });
    world.compare();

    world.dnf("theirs", "two", "remove other");
    let erase = ["other-1-1.noarch", "helper-1-1.noarch"];
    let erase = erase.map(|nevra| rpm_model::Nevra::parse(nevra).unwrap()).into();
    world.ours(&Changes { add: Vec::new(), erase });
    world.compare();
}
