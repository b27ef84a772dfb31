//! The database that we write against the one that rpm 6.1 writes for the same packages: every row and every byte of every header.
#![allow(clippy::unwrap_used, reason = "a test ends where an expectation is wrong")]

mod judge_root;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use install::rpmdb::{self, FileState, InstalledPackage, PackageDigests};
use rpm_model::header::{Header, PackageHeaders, Tag};
use rusqlite::types::Value;
use sha2::{Digest, Sha256, Sha512};

const EPOCH: u32 = 1_700_000_000;
const DATABASE: &str = "usr/lib/sysimage/rpm/rpmdb.sqlite";

#[test]
fn every_row_and_header_equals_what_rpm_writes() {
    let Some(judge) = judge_root::root() else { return };
    let work = tempfile::tempdir_in("/tmp").unwrap();
    let packages = packages(&judge, work.path());
    assert!(packages.len() > 2, "no packages to install");
    for package in &packages {
        let root = work.path().join("alone");
        drop(fs::remove_dir_all(&root));
        compare(&judge, &root, std::slice::from_ref(package), "");
    }
    let several: Vec<PathBuf> = packages
        .iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "built"))
        .cloned()
        .collect();
    compare(&judge, &work.path().join("several"), &several, "");
    compare(&judge, &work.path().join("without-docs"), &several, "--excludedocs");
}

#[test]
fn dnf5_leaves_the_same_database() {
    let Some(judge) = judge_root::root() else { return };
    let work = tempfile::tempdir_in("/tmp").unwrap();
    let folder = work.path().display();
    let built = build(&judge, work.path(), &["state.spec"]);
    let root = work.path().join("root");
    judge_root::check(
        &judge,
        &format!(
            "createrepo_c -q {folder}/built
             mkdir -p {folder}/root/usr/lib/sysimage/rpm {folder}/root/var/lib
             ln -s ../../usr/lib/sysimage/rpm {folder}/root/var/lib/rpm
             SOURCE_DATE_EPOCH={EPOCH} dnf5 -y --no-plugins --installroot={folder}/root --use-host-config \
               --setopt=reposdir=/nowhere --repofrompath=built,file://{folder}/built --no-gpgchecks --releasever=1 \
               install wanted 2>&1"
        ),
    );
    let mut packages = Vec::new();
    collect(&built, &mut packages);
    compare_installed(&root, &packages);
}

#[test]
fn a_whole_distribution_is_written_as_rpm_writes_it() {
    let Some(judge) = judge_root::root() else { return };
    let Some(folder) = testkit::prepared::repository() else { return };
    let work = tempfile::tempdir_in("/tmp").unwrap();
    // The judge sees /tmp at the same place, and nothing else of this machine.
    let inside = work.path().join("repository");
    fs::create_dir(&inside).unwrap();
    copy(&folder, &inside);
    let mut packages = Vec::new();
    collect(&inside, &mut packages);
    assert!(packages.len() > 100, "{} packages in {}", packages.len(), folder.display());
    compare(&judge, &work.path().join("root"), &packages, "--justdb");
}

#[test]
fn the_same_packages_give_the_same_bytes() {
    let Some(judge) = judge_root::root() else { return };
    let work = tempfile::tempdir_in("/tmp").unwrap();
    let packages: Vec<PathBuf> = packages(&judge, work.path()).into_iter().take(3).collect();
    let states: Vec<Vec<FileState>> = packages
        .iter()
        .map(|path| {
            let headers = PackageHeaders::parse(&fs::read(path).unwrap()).unwrap();
            vec![FileState::Normal; headers.main.entry(Tag::BASE_NAMES).map_or(0, |entry| entry.count)]
        })
        .collect();
    let mut written = Vec::new();
    for folder in ["one", "two"] {
        let folder = work.path().join(folder);
        write_ours(&folder, &packages, &states, 3);
        // A second time over the first, whose log must not be applied to the new file.
        fs::write(folder.join("rpmdb.sqlite-wal"), "stale").unwrap();
        write_ours(&folder, &packages, &states, 3);
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".rpm.lock", "rpmdb.sqlite"]);
        written.push(fs::read(folder.join("rpmdb.sqlite")).unwrap());
    }
    assert!(written[0] == written[1]);
    // Rollback journal for reading and writing: read-only media cannot hold a write-ahead log.
    assert_eq!(written[0][18..20], [1, 1]);
}

#[test]
fn rpm_reads_verifies_and_extends_the_database() {
    let Some(judge) = judge_root::root() else { return };
    let work = tempfile::tempdir_in("/tmp").unwrap();
    let packages: Vec<PathBuf> = packages(&judge, work.path())
        .into_iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "built"))
        .collect();
    let root = work.path().join("root");
    install_with_rpm(&judge, &root, &packages, "");
    let theirs = root.join(DATABASE);
    let order = rpmdb::read(&theirs).unwrap();
    let directory = theirs.parent().unwrap();
    let states = stored_states(&theirs);
    write_ours(directory, &in_order(&packages, &order), &states, rpmdb::read(&theirs).unwrap().len());
    let rpm = format!("rpm --root {} --dbpath /usr/lib/sysimage/rpm", root.display());
    assert!(!directory.join("rpmdb.sqlite-wal").exists());
    let check = |what: &str| judge_root::check(&judge, &format!("{rpm} {what}"));
    assert_eq!(
        check("-qa --queryformat '%{nevra}\\n' | sort"),
        sorted(order.iter().map(|nevra| match nevra.evr.epoch {
            0 => format!("{nevra}"),
            epoch =>
                format!("{}-{epoch}:{}-{}.{}", nevra.name, nevra.evr.version, nevra.evr.release, nevra.arch),
        }))
    );
    assert_eq!(check("-q --whatprovides 'virtual(thing)' --queryformat '%{name}'"), "relations");
    assert_eq!(check("-q --whatrequires langpacks --queryformat '%{name}'"), "relations");
    assert_eq!(check("-qf /usr/bin/files --queryformat '%{name}'"), "files");
    assert_eq!(check("-qf / --queryformat '%{name}'"), "files");
    assert_eq!(check("-q --triggeredby bash --queryformat '%{name}'"), "relations");
    assert_eq!(check("-Va --nodeps"), "");
    judge_root::check(
        &judge,
        &format!("rpmdb --root {} --dbpath /usr/lib/sysimage/rpm --verifydb", root.display()),
    );
    // rpm goes on from there: erase one, install it again.
    check("-e --noscripts --notriggers --nodeps files-doc");
    let doc = packages.iter().find(|path| path.to_string_lossy().contains("files-doc")).unwrap();
    check(&format!("-i --nodeps {}", doc.display()));
    assert_eq!(rpmdb::read(&theirs).unwrap().len(), packages.len());
    judge_root::check(
        &judge,
        &format!("rpmdb --root {} --dbpath /usr/lib/sysimage/rpm --verifydb", root.display()),
    );
}

#[test]
fn keys_are_stored_as_rpm_stores_them() {
    let Some(judge) = judge_root::root() else { return };
    let work = tempfile::tempdir_in("/tmp").unwrap();
    packages(&judge, work.path());
    let mut compared = 0;
    for entry in fs::read_dir(work.path().join("keys")).unwrap().map(|entry| entry.unwrap().path()) {
        let root = work.path().join(entry.file_stem().unwrap());
        fs::create_dir_all(&root).unwrap();
        let rpmkeys = format!("rpmkeys --root {} --dbpath /usr/lib/sysimage/rpm", root.display());
        let import = format!("SOURCE_DATE_EPOCH={EPOCH} {rpmkeys} --import {}", entry.display());
        if !judge_root::run(&judge, &import).status.success() {
            // Signature algorithms that this rpm does not know.
            continue;
        }
        let ours = root.join("ours");
        let file = fs::read(&entry).unwrap();
        let keys = [rpmdb::TrustedKeys { file: &file, transaction_id: EPOCH }];
        rpmdb::write_with_keys(&ours, &keys, []).unwrap();
        assert_eq!(dump(&ours.join("rpmdb.sqlite")), dump(&root.join(DATABASE)), "{}", entry.display());
        compared += 1;
    }
    assert!(compared > 3, "only {compared} keys were compared");
    let keys = [rpmdb::TrustedKeys { file: b"no key", transaction_id: EPOCH }];
    let error = rpmdb::write_with_keys(&work.path().join("bad"), &keys, []).unwrap_err();
    assert_eq!(error.to_string(), "key file 1 cannot be stored in the rpm database");
}

#[test]
fn what_cannot_be_stored_leaves_nothing_behind() {
    let package = rpm::PackageBuilder::new("small", "1", "MIT", "noarch", "Small").build().unwrap();
    let mut bytes = Vec::new();
    package.write(&mut bytes).unwrap();
    let headers = PackageHeaders::parse(&bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let installed = InstalledPackage {
        headers: &headers,
        file_states: &[FileState::Normal],
        install_time: EPOCH,
        transaction_id: EPOCH,
        colour: 3,
        digests: PackageDigests { sha256: [0; 32], sha512: [0; 64] },
    };
    let error = rpmdb::write(folder.path(), [installed]).unwrap_err();
    assert_eq!(error.to_string(), "the header of small cannot be stored in the rpm database");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "it lists 0 files, but 1 file states were given");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

    fs::write(folder.path().join("rpmdb.sqlite"), "no database at all, but long enough to be taken for one")
        .unwrap();
    let error = rpmdb::read(&folder.path().join("rpmdb.sqlite")).unwrap_err();
    assert!(error.to_string().contains("rpmdb.sqlite does not work as an SQLite file"), "{error}");
}

fn sorted(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.map(|line| line + "\n").collect();
    lines.sort();
    lines.concat()
}

/// Builds specs beside this file; the folder of what they made.
fn build(judge: &Path, work: &Path, specs: &[&str]) -> PathBuf {
    let built = work.join("built");
    for spec in specs {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rpmdb_packages").join(spec);
        fs::copy(from, work.join(spec)).unwrap();
        let define =
            format!("--define '_topdir {0}/top' --define '_rpmdir {1}'", work.display(), built.display());
        judge_root::check(judge, &format!("rpmbuild -bb --nodeps {define} {}/{spec} 2>&1", work.display()));
    }
    built
}

/// Packages of the specs beside this file, and those that the `rpm` crate ships for its own tests.
fn packages(judge: &Path, work: &Path) -> Vec<PathBuf> {
    let built = build(judge, work, &["relations.spec", "files.spec"]);
    let mut packages = Vec::new();
    collect(&built, &mut packages);
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap();
    for registry in fs::read_dir(home.join("registry/src")).into_iter().flatten() {
        let assets = registry.unwrap().path().join("rpm-0.30.2/tests/assets/RPMS");
        if assets.exists() {
            judge_root::check(judge, &format!("mkdir -p {0}/assets", work.display()));
            copy(&assets, &work.join("assets"));
            fs::create_dir_all(work.join("keys")).unwrap();
            for version in ["v4", "v6"] {
                let keys = assets.join("../signing_keys").join(version);
                for key in fs::read_dir(keys).unwrap().map(|entry| entry.unwrap().path()) {
                    if key.extension().is_some_and(|extension| extension == "asc") {
                        fs::copy(&key, work.join("keys").join(key.file_name().unwrap())).unwrap();
                    }
                }
            }
            collect(&work.join("assets"), &mut packages);
        }
    }
    packages.sort();
    packages
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn collect(folder: &Path, packages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            collect(&entry, packages);
        } else if entry.extension().is_some_and(|extension| extension == "rpm") {
            packages.push(entry);
        }
    }
}

fn install_with_rpm(judge: &Path, root: &Path, packages: &[PathBuf], options: &str) {
    fs::create_dir_all(root).unwrap();
    let files: Vec<String> = packages.iter().map(|path| format!("'{}'", path.display())).collect();
    // Accounts are no matter of the database.
    let define = "--define '__systemd_sysusers %{nil}'";
    let rpm = format!("rpm --root {} --dbpath /usr/lib/sysimage/rpm {define}", root.display());
    judge_root::check(
        judge,
        &format!(
            "export SOURCE_DATE_EPOCH={EPOCH}; {rpm} -i --nodeps --noscripts --notriggers --ignorearch \
             {options} {} 2>&1",
            files.join(" ")
        ),
    );
}

fn compare(judge: &Path, root: &Path, packages: &[PathBuf], options: &str) {
    install_with_rpm(judge, root, packages, options);
    compare_installed(root, packages);
}

fn compare_installed(root: &Path, packages: &[PathBuf]) {
    let theirs = root.join(DATABASE);
    let order = rpmdb::read(&theirs).unwrap();
    assert_eq!(order.len(), packages.len());
    let ours = root.join("ours");
    write_ours(&ours, &in_order(packages, &order), &stored_states(&theirs), order.len());
    let ours = ours.join("rpmdb.sqlite");
    assert_eq!(rpmdb::cookie(&ours).unwrap(), rpmdb::cookie(&theirs).unwrap());
    let (ours, theirs) = (dump(&ours), dump(&theirs));
    for (table, rows) in &theirs {
        assert_eq!(Some(rows), ours.get(table), "{table} of {packages:?}");
    }
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
}

/// The files of `packages` in the order of their installation.
fn in_order(packages: &[PathBuf], order: &[rpm_model::Nevra]) -> Vec<PathBuf> {
    let mut left: Vec<(String, PathBuf)> =
        packages.iter().map(|path| (nevra_of(path), path.clone())).collect();
    order
        .iter()
        .map(|nevra| {
            let at = left.iter().position(|(name, _)| *name == nevra.to_string()).unwrap();
            left.remove(at).1
        })
        .collect()
}

fn nevra_of(path: &Path) -> String {
    let headers = PackageHeaders::parse(&fs::read(path).unwrap()).unwrap();
    let main = &headers.main;
    let epoch = main.number(Tag::EPOCH).filter(|epoch| *epoch != 0);
    let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
    let [name, version, release, arch] =
        [Tag::NAME, Tag::VERSION, Tag::RELEASE, Tag::ARCH].map(|tag| main.text(tag));
    format!("{name}-{epoch}{version}-{release}.{arch}")
}

fn stored_states(database: &Path) -> Vec<Vec<FileState>> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut select = connection.prepare("SELECT blob FROM Packages ORDER BY hnum").unwrap();
    let blobs = select.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    blobs
        .map(|blob| {
            Header::parse(&blob.unwrap())
                .unwrap()
                .numbers(Tag::FILE_STATES)
                .into_iter()
                .map(|state| match state {
                    0 => FileState::Normal,
                    1 => FileState::Replaced,
                    2 => FileState::NotInstalled,
                    3 => FileState::NetShared,
                    4 => FileState::WrongColour,
                    other => panic!("state {other}"),
                })
                .collect()
        })
        .collect()
}

fn write_ours(directory: &Path, packages: &[PathBuf], states: &[Vec<FileState>], count: usize) {
    assert_eq!(packages.len(), count);
    let bytes: Vec<Vec<u8>> = packages.iter().map(|path| fs::read(path).unwrap()).collect();
    let headers: Vec<PackageHeaders> =
        bytes.iter().map(|bytes| PackageHeaders::parse(bytes).unwrap()).collect();
    let installed =
        headers.iter().zip(&bytes).zip(states).zip(EPOCH..).map(|(((headers, bytes), states), time)| {
            let digests =
                PackageDigests { sha256: Sha256::digest(bytes).into(), sha512: Sha512::digest(bytes).into() };
            InstalledPackage {
                headers,
                file_states: states,
                install_time: time,
                transaction_id: EPOCH,
                colour: 3,
                digests,
            }
        });
    rpmdb::write(directory, installed).unwrap();
}

/// Every table with its rows sorted, and the schema; without SQLite's own statistics, which depend on what was queried before.
fn dump(database: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut tables = BTreeMap::new();
    let mut schema = connection.prepare("SELECT name, type, sql FROM sqlite_schema").unwrap();
    let entries = schema.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let entries: Vec<(String, String, String)> = entries.map(Result::unwrap).collect();
    for (name, kind, sql) in &entries {
        if name == "sqlite_stat1" || name == "sqlite_stat4" {
            continue;
        }
        tables.insert(format!("{kind} {name}"), vec![sql.clone()]);
        if kind == "table" {
            let mut select = connection.prepare(&format!("SELECT * FROM '{name}'")).unwrap();
            let columns = select.column_count();
            let rows = select.query_map([], |row| {
                (0..columns).map(|column| row.get::<_, Value>(column)).collect::<Result<Vec<_>, _>>()
            });
            let mut rows: Vec<String> = rows.unwrap().map(|row| print(&row.unwrap())).collect();
            rows.sort();
            tables.insert(name.clone(), rows);
        }
    }
    tables
}

fn print(row: &[Value]) -> String {
    let cells: Vec<String> = row
        .iter()
        .map(|value| match value {
            Value::Blob(bytes) => format!("x{}", hex::encode(bytes)),
            other => format!("{other:?}"),
        })
        .collect();
    cells.join(" | ")
}
