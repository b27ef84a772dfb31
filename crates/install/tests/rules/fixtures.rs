//! Packages that other people made for their own tests: those of the `rpm` crate, and those of rpm's own sources.
//!
//! rpm's are there when `LAZULI_RPM_FIXTURES` names a folder with RPM files anywhere below it, or says `fetch`: then apt-get brings
//! Debian's source package of rpm, from where this machine's apt has its packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use install::SignaturePolicy;
use testkit::prepared;

use crate::judge_root;
use crate::peers::{Case, End, judge, told};

/// Why we refuse what rpm may install; each is told in docs/design/0710-installing.md.
const REFUSED: [&str; 5] = [
    "rpm before 4.14 made it",
    "fetch it again",
    "is a source package",
    "is damaged or no RPM package",
    "only cpio is known",
];

#[test]
fn packages_of_the_rpm_crate() {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap();
    let mut found = Vec::new();
    for registry in std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten() {
        collect(&registry.path().join("rpm-0.30.2/tests/assets/RPMS"), &mut found);
    }
    if found.is_empty() {
        prepared::skip("the sources of the rpm crate are not in cargo's registry");
        return;
    }
    each_alone(found);
}

#[test]
fn packages_of_rpm_s_own_tests() {
    let Some(wanted) = std::env::var_os("LAZULI_RPM_FIXTURES") else {
        prepared::skip("LAZULI_RPM_FIXTURES is not set (a folder of RPM files, or fetch)");
        return;
    };
    let work = tempfile::tempdir().unwrap();
    let folder = if wanted == "fetch" {
        match fetch(work.path()) {
            Ok(()) => work.path().to_owned(),
            Err(reason) => {
                prepared::skip(&format!("rpm's sources cannot be had: {reason}"));
                return;
            }
        }
    } else {
        PathBuf::from(wanted)
    };
    let mut found = Vec::new();
    collect(&folder, &mut found);
    assert!(!found.is_empty(), "no RPM file in {}", folder.display());
    each_alone(found);
}

/// Each package into a root of its own: many have one name and differ in how they are signed.
fn each_alone(mut files: Vec<PathBuf>) {
    if judge_root::root().is_none() {
        return;
    }
    files.sort();
    let mut cases = Vec::new();
    let mut refused = Vec::new();
    for (number, file) in files.into_iter().enumerate() {
        match install::Package::open(&file, &SignaturePolicy::DigestsOnly) {
            Ok(_) => {
                let name = format!("fixture-{number}-{}", file.file_stem().unwrap().display());
                cases.push(Case {
                    name: name.leak(),
                    ready: Some(Box::leak(file.into_boxed_path())),
                    end: End::Any,
                    ..Case::NEW
                });
            }
            Err(error) => refused.push(told(&error)),
        }
    }
    for reason in &refused {
        assert!(REFUSED.iter().any(|known| reason.contains(known)), "{reason}");
    }
    assert!(
        cases.len() > refused.len() || cases.len() > 5,
        "{} of them are refused: {refused:#?}",
        refused.len()
    );
    judge(&cases);
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rpm") {
            files.push(path);
        }
    }
}

/// Debian's sources of rpm, by an apt-get that leaves the machine's own lists alone.
#[allow(clippy::disallowed_methods, reason = "the network is apt-get's, not the sandbox's")]
fn fetch(work: &Path) -> Result<(), String> {
    let script = r#"
        cd "$1"
        mkdir -p lists/partial cache/archives/partial sources
        for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
            [ ! -e "$file" ] || sed 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" > "sources/$(basename "$file")"
        done
        get="apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=$PWD/sources -o Dir::State=$PWD \
            -o Dir::Cache=$PWD/cache -o Dir::State::status=/dev/null -o APT::Sandbox::User=root"
        $get update && $get source --download-only rpm
        for archive in rpm_*.orig.tar.*; do case $archive in *.asc) ;; *) tar xf "$archive" ;; esac; done"#;
    let output = Command::new("/bin/sh").args(["-e", "-c", script, "fetch"]).arg(work).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
