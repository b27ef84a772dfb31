use std::path::Path;

use super::*;
use crate::package::test_contents::{directory, file, package};
use crate::package::{DEFAULT_TRIGGER_PRIORITY, FileTrigger, PackageTriggers};
use rpm_model::Capability;

fn script(body: &str) -> Scriptlet {
    Scriptlet { program: vec!["/bin/sh".into()], body: Some(body.into()), flags: 0 }
}

fn file_trigger(prefixes: &[&str], priority: u32, body: &str) -> FileTrigger {
    FileTrigger {
        prefixes: prefixes.iter().map(ToString::to_string).collect(),
        flags: dependency_flags::TRIGGERIN,
        priority,
        script: script(body),
    }
}

fn installed<'a>(packages: &'a [(PackageContents, Vec<FileAction>)]) -> Installed<'a> {
    let mut installed = Installed::default();
    for (contents, actions) in packages {
        installed.push(InstalledPackage { contents, actions });
    }
    installed
}

fn with_actions(contents: PackageContents) -> (PackageContents, Vec<FileAction>) {
    let actions = vec![FileAction::Create; contents.files.len()];
    (contents, actions)
}

/// `body $1 $2 paths` of each firing.
fn told(firings: &[Firing<'_>]) -> Vec<String> {
    let tell = |firing: &Firing<'_>| {
        let body = String::from_utf8(firing.script.body.clone().unwrap()).unwrap();
        let second = firing.second_argument.map_or("-".into(), |count| count.to_string());
        let paths: Vec<String> = firing.paths.iter().map(|path| path.display().to_string()).collect();
        format!("{body} {} {second} {}", firing.first_argument, paths.join(","))
    };
    firings.iter().map(tell).collect()
}

#[test]
fn a_package_fires_the_triggers_of_others_in_its_range_of_versions() {
    let mut watcher = package("watcher-1-1.noarch", vec![]);
    let condition = |text, flags, script| TriggerCondition {
        capability: Capability::parse(text).unwrap(),
        flags,
        script,
    };
    watcher.triggers = PackageTriggers {
        conditions: vec![
            condition("watched < 2", dependency_flags::TRIGGERIN, 0),
            condition("watched >= 2", dependency_flags::TRIGGERIN, 1),
            condition("watched", dependency_flags::TRIGGERPREIN, 2),
        ],
        scripts: vec![script("old"), script("new"), script("before")],
    };
    let watched = package("watched-3-1.noarch", vec![]);
    let both = [with_actions(watcher), with_actions(watched)];
    let alone = installed(&both[..1]);
    assert_eq!(told(&alone.triggers_before(&both[1].0)), ["before 1 0 "]);
    assert_eq!(told(&installed(&both).triggers_after(&both[1].0)), ["new 1 1 "]);
    // The watcher coming second is set off by what is there.
    let reversed = [both[1].clone(), both[0].clone()];
    assert_eq!(told(&installed(&reversed).triggers_after(&reversed[1].0)), ["new 1 1 "]);
}

#[test]
fn file_triggers_of_all_see_new_files_and_own_ones_see_those_before_too() {
    let library = package("library-1-1.noarch", vec![file("/usr/lib/a.so", "x"), file("/usr/share/a", "x")]);
    let mut cache = package("cache-1-1.noarch", vec![file("/usr/lib/c.so", "x")]);
    cache.file_triggers = vec![
        file_trigger(&["/usr/lib"], DEFAULT_TRIGGER_PRIORITY, "default"),
        file_trigger(&["/usr/lib"], 100, "low"),
        file_trigger(&["/usr/share", "/usr/lib"], 2_000_000, "high"),
    ];
    let later = package("later-1-1.noarch", vec![file("/usr/lib/b.so", "x"), directory("/usr/libexec")]);
    let all = [with_actions(library), with_actions(cache), with_actions(later)];
    let before = PriorityClass::BeforePost;
    assert!(installed(&all[..1]).file_triggers(before).is_empty());
    // Its own triggers fire twice: on its files, as it is installed by then, and on all files that were there before.
    assert_eq!(
        told(&installed(&all[..2]).file_triggers(before)),
        [
            "high 1 1 /usr/lib/c.so",
            "default 1 1 /usr/lib/c.so",
            "high 1 1 /usr/share/a,/usr/lib/a.so",
            "default 1 1 /usr/lib/a.so"
        ]
    );
    let three = installed(&all);
    assert_eq!(
        told(&three.file_triggers(before)),
        ["high 1 1 /usr/lib/b.so,/usr/libexec", "default 1 1 /usr/lib/b.so,/usr/libexec"]
    );
    assert_eq!(told(&three.file_triggers(PriorityClass::AfterPost)), ["low 1 1 /usr/lib/b.so,/usr/libexec"]);
}

#[test]
fn transaction_file_triggers_run_once_at_the_end_with_all_installed_files() {
    let mut first = package("first-1-1.noarch", vec![file("/usr/share/x/1", "x")]);
    first.transaction_file_triggers =
        vec![file_trigger(&["/usr/share/x/"], 5, "late"), file_trigger(&["/usr/share/x/"], 7, "early")];
    first.transaction_file_triggers.push(file_trigger(&["/nowhere"], 9, "never"));
    let mut second =
        package("second-1-1.noarch", vec![file("/usr/share/x/2", "x"), file("/usr/share/x/3", "x")]);
    second.transaction_file_triggers = vec![file_trigger(&["/usr/share/x"], 1_000_000, "second")];
    let mut all = [with_actions(first), with_actions(second)];
    all[1].1[1] = FileAction::SkipUnwanted;
    assert_eq!(
        told(&transaction_file_triggers(&installed(&all))),
        [
            "early 1 - /usr/share/x/1,/usr/share/x/2",
            "late 1 - /usr/share/x/1,/usr/share/x/2",
            "second 1 - /usr/share/x/1,/usr/share/x/2"
        ]
    );
}

#[test]
fn prefixes_are_plain_strings_but_whole_directories_are_needed_to_find_a_package() {
    let mut owner =
        package("owner-1-1.noarch", vec![file("/usr/lib/foo.so", "x"), file("/usr/libfoo/x", "x")]);
    owner.transaction_file_triggers =
        vec![file_trigger(&["/usr/lib/foo"], 1, "partial"), file_trigger(&["/usr/libf"], 1, "directory")];
    let all = [with_actions(owner)];
    let firings = transaction_file_triggers(&installed(&all));
    assert_eq!(told(&firings), ["directory 1 - /usr/libfoo/x"]);
    assert_eq!(firings[0].paths, [Path::new("/usr/libfoo/x")]);
}
