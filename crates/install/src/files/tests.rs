use std::path::Path;

use super::*;
use crate::package::FileEntry;
use crate::package::test_contents::{directory, file, package, symlink};
use rpm_model::header::file_flags;

fn decided(packages: &[&PackageContents]) -> Vec<Vec<FileAction>> {
    decide(packages, &FilePolicy::default()).unwrap()
}

#[test]
fn a_shared_file_is_made_by_the_first_package() {
    let a = package("a-1-1.noarch", vec![directory("/usr/share/x"), file("/usr/share/x/f", "one")]);
    let b = package("b-1-1.noarch", vec![directory("/usr/share/x"), file("/usr/share/x/f", "one")]);
    assert_eq!(decided(&[&a, &b]), [[FileAction::Create; 2], [FileAction::SkipShared; 2]]);
}

#[test]
fn every_conflict_is_told_with_both_packages() {
    let a = package("a-1-1.noarch", vec![file("/f", "one"), file("/g", "one"), file("/h", "same")]);
    let mut other = file("/g", "one");
    other.user = "daemon".into();
    let b = package("b-1-1.noarch", vec![file("/f", "two"), other, file("/h", "same")]);
    let conflicts = decide(&[&a, &b], &FilePolicy::default()).unwrap_err();
    let texts: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "/f from a-1-1.noarch and b-1-1.noarch: content differs",
            "/g from a-1-1.noarch and b-1-1.noarch: owner differs"
        ]
    );
}

#[test]
fn a_difference_in_time_is_no_conflict() {
    let a = package("a-1-1.noarch", vec![file("/f", "one")]);
    let mut later = file("/f", "one");
    later.mtime += 1;
    let b = package("b-1-1.noarch", vec![later]);
    assert_eq!(decided(&[&a, &b])[1], [FileAction::SkipShared]);
}

#[test]
fn a_directory_symlink_makes_two_paths_one_file() {
    let base = package("base-1-1.noarch", vec![symlink("/bin", "usr/bin"), directory("/usr/bin")]);
    let one = package("one-1-1.noarch", vec![file("/bin/sh", "one")]);
    let same = package("same-1-1.noarch", vec![file("/usr/bin/sh", "one")]);
    let other = package("other-1-1.noarch", vec![file("/usr/bin/sh", "two")]);
    assert_eq!(decided(&[&base, &one, &same])[2], [FileAction::SkipShared]);
    let conflicts = decide(&[&base, &one, &other], &FilePolicy::default()).unwrap_err();
    assert_eq!(conflicts[0].path, Path::new("/usr/bin/sh"));
    let itself = package("itself-1-1.noarch", vec![file("/bin/x", "one"), file("/usr/bin/x", "two")]);
    let conflicts = decide(&[&base, &itself], &FilePolicy::default()).unwrap_err();
    assert_eq!(
        conflicts[0].to_string(),
        "/usr/bin/x in itself-1-1.noarch meets itself through a directory symlink: content differs"
    );
}

#[test]
fn a_directory_at_a_symlink_s_path_is_a_conflict() {
    let a = package("a-1-1.noarch", vec![symlink("/lib64", "usr/lib64")]);
    let b = package("b-1-1.noarch", vec![directory("/lib64")]);
    let conflicts = decide(&[&a, &b], &FilePolicy::default()).unwrap_err();
    assert_eq!(conflicts[0].difference, "file type");
}

#[test]
fn a_ghost_never_conflicts_and_never_takes_the_place() {
    let mut ghost = file("/f", "one");
    ghost.flags = file_flags::GHOST;
    let a = package("a-1-1.noarch", vec![ghost]);
    let b = package("b-1-1.noarch", vec![file("/f", "two")]);
    assert_eq!(decided(&[&a, &b]), [[FileAction::Create], [FileAction::Create]]);
}

fn colored(path: &str, content: &str, color: u32) -> FileEntry {
    FileEntry { color, ..file(path, content) }
}

#[test]
fn a_64_bit_program_takes_the_place_of_a_32_bit_one_in_either_order() {
    let narrow = package("n-1-1.i686", vec![colored("/usr/bin/x", "narrow", 1)]);
    let wide = package("w-1-1.x86_64", vec![colored("/usr/bin/x", "wide", 2)]);
    assert_eq!(decided(&[&narrow, &wide]), [[FileAction::SkipColor], [FileAction::Create]]);
    assert_eq!(decided(&[&wide, &narrow]), [[FileAction::Create], [FileAction::SkipColor]]);
}

#[test]
fn unwanted_documentation_takes_its_directory_along_but_licences_stay() {
    let flagged = |path: &str, flags| FileEntry { flags, ..file(path, "x") };
    let a = package(
        "a-1-1.noarch",
        vec![
            directory("/usr/share/doc/a"),
            flagged("/usr/share/doc/a/README", file_flags::DOC),
            directory("/usr/share/licenses/a"),
            flagged("/usr/share/licenses/a/LICENSE", file_flags::LICENSE | file_flags::DOC),
        ],
    );
    let policy = FilePolicy { documentation: false, languages: None };
    assert_eq!(
        decide(&[&a], &policy).unwrap()[0],
        [FileAction::SkipUnwanted, FileAction::SkipUnwanted, FileAction::Create, FileAction::Create]
    );
}

#[test]
fn only_wanted_languages_are_installed() {
    let tagged = |path: &str, languages: &str| FileEntry { languages: languages.into(), ..file(path, "x") };
    let a = package(
        "a-1-1.noarch",
        vec![tagged("/de.mo", "de"), tagged("/fr.mo", "fr|fr_CA"), file("/any", "x")],
    );
    let policy = FilePolicy { documentation: true, languages: Some(vec!["fr_CA".into()]) };
    assert_eq!(
        decide(&[&a], &policy).unwrap()[0],
        [FileAction::SkipUnwanted, FileAction::Create, FileAction::Create]
    );
}

#[test]
fn circles_of_links_end() {
    let a = package("a-1-1.noarch", vec![symlink("/x", "y"), symlink("/y", "x"), file("/x/f", "one")]);
    assert!(decide(&[&a], &FilePolicy::default()).is_ok());
}
