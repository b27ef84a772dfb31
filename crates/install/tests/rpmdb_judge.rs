//! The database that we write against the one that rpm 6.1 writes for the same packages: every row and every byte of every header.

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

fn sorted(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.map(|line| line + "\n").collect();
    lines.sort();
    lines.concat()
}

/// Packages of the specs beside this file, and those that the `rpm` crate ships for its own tests.
fn packages(judge: &Path, work: &Path) -> Vec<PathBuf> {
    let built = work.join("built");
    for spec in ["relations.spec", "files.spec"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rpmdb_packages").join(spec);
        fs::copy(from, work.join(spec)).unwrap();
        let define =
            format!("--define '_topdir {0}/top' --define '_rpmdir {1}'", work.display(), built.display());
        judge_root::check(judge, &format!("rpmbuild -bb --nodeps {define} {}/{spec} 2>&1", work.display()));
    }
    let mut packages = Vec::new();
    collect(&built, &mut packages);
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap();
    for registry in fs::read_dir(home.join("registry/src")).into_iter().flatten() {
        let assets = registry.unwrap().path().join("rpm-0.30.2/tests/assets/RPMS");
        if assets.exists() {
            judge_root::check(judge, &format!("mkdir -p {0}/assets", work.display()));
            copy(&assets, &work.join("assets"));
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
    let rpm = format!("rpm --root {} --dbpath /usr/lib/sysimage/rpm", root.display());
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
