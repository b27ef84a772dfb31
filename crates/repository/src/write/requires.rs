//! A record in; the same without the requirements that no other package is asked for. The rules are createrepo_c's
//! (src/parsehdr.c), which every reader of repositories has come to expect.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rpm_model::{Capability, Dependency, PackageRecord, Requirement, is_primary_file, rpmvercmp};

/// Drops what rpm itself provides, what the package brings along, repetitions, and all but the newest of glibc's symbol versions.
pub(super) fn keep_outward(record: &mut PackageRecord) {
    let own_files: BTreeSet<&str> =
        record.files.iter().map(|file| file.path.as_str()).filter(|path| is_primary_file(path)).collect();
    let provided: BTreeSet<&Capability> = record.provides.iter().collect();
    let is_outward = |requirement: &Requirement| match &requirement.dependency {
        Dependency::Simple(capability) => {
            !capability.name.starts_with("rpmlib(")
                && !own_files.contains(capability.name.as_str())
                && !provided.contains(capability)
        }
        Dependency::Rich(_) => true,
    };
    let mut seen: BTreeSet<&Requirement> = BTreeSet::new();
    let mut newest_libc: Option<&Requirement> = None;
    let mut kept = Vec::new();
    for requirement in record.requires.iter().filter(|requirement| is_outward(requirement)) {
        if !seen.insert(requirement) {
            continue;
        }
        match libc_name(requirement) {
            None => kept.push(requirement.clone()),
            Some(name) => {
                let known = newest_libc.and_then(libc_name);
                if known.is_none_or(|known| compare_libc(known, name) == Ordering::Less) {
                    newest_libc = Some(requirement);
                }
            }
        }
    }
    kept.extend(newest_libc.cloned());
    record.requires = kept;
}

fn libc_name(requirement: &Requirement) -> Option<&str> {
    match &requirement.dependency {
        Dependency::Simple(Capability { name, .. }) if name.starts_with("libc.so.6") => Some(name),
        _ => None,
    }
}

/// By the version in the first parentheses: `libc.so.6(GLIBC_2.34)(64bit)`.
fn compare_libc(left: &str, right: &str) -> Ordering {
    let version = |name: &str| {
        let inner =
            name.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(inner, _)| inner);
        inner.strip_prefix("GLIBC_").unwrap_or(inner).to_owned()
    };
    rpmvercmp(&version(left), &version(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_symbol_versions_the_newest_is_kept() {
        assert_eq!(compare_libc("libc.so.6()(64bit)", "libc.so.6(GLIBC_2.2.5)(64bit)"), Ordering::Less);
        assert_eq!(
            compare_libc("libc.so.6(GLIBC_2.4)(64bit)", "libc.so.6(GLIBC_2.34)(64bit)"),
            Ordering::Less
        );
    }
}
