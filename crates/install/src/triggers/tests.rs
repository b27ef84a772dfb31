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

type WithStates = (PackageContents, Vec<FileState>);

fn installed(packages: &[WithStates]) -> Installed<'_> {
    let mut installed = Installed::default();
    for ((contents, states), number) in packages.iter().zip(1..) {
        installed.push(InstalledPackage { number, contents, states, part: Part::Comes });
    }
    installed
}

fn with_states(contents: PackageContents) -> WithStates {
    let states = vec![FileState::Normal; contents.files.len()];
    (contents, states)
}

/// Others' triggers on the package that came last, then its own.
fn file_triggers(packages: &[WithStates], class: PriorityClass) -> Vec<String> {
    let installed = installed(packages);
    let last = &packages[packages.len() - 1].0;
    let touched = vec![true; last.files.len()];
    let element = Element { contents: last, touched: &touched, count: installed.count(&last.nevra.name) };
    let mut firings = installed.file_triggers_set_off_by(&element, FileMoment::In, class);
    firings.extend(installed.file_triggers_of(
        u32::try_from(packages.len()).unwrap(),
        &element,
        FileMoment::In,
        class,
    ));
    told(&firings)
}

fn transaction_file_triggers(packages: &[WithStates]) -> Vec<String> {
    let installed = installed(packages);
    let of = |(package, number): (&WithStates, u32)| {
        let count = installed.count(&package.0.nevra.name);
        // What is told outlives the firing.
        told(&installed.transaction_file_triggers_of(number, &package.0, FileMoment::In, count))
    };
    packages.iter().zip(1..).flat_map(of).collect()
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
    let both = [with_states(watcher), with_states(watched)];
    let alone = installed(&both[..1]);
    let before = alone.triggers_set_off_by(&both[1].0, Moment::BeforeInstall);
    assert_eq!(told(&before), ["before 1 0 "]);
    let all = installed(&both);
    assert_eq!(told(&all.triggers_set_off_by(&both[1].0, Moment::AfterInstall)), ["new 1 1 "]);
    assert_eq!(told(&all.triggers_of(2, &both[1].0, Moment::AfterInstall)), Vec::<String>::new());
    // The watcher coming second is set off by what is there.
    let reversed = [both[1].clone(), both[0].clone()];
    assert_eq!(
        told(&installed(&reversed).triggers_of(2, &reversed[1].0, Moment::AfterInstall)),
        ["new 1 1 "]
    );
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
    let all = [with_states(library), with_states(cache), with_states(later)];
    let before = PriorityClass::Before;
    assert!(file_triggers(&all[..1], before).is_empty());
    // Its own triggers fire twice: on its files, as it is installed by then, and on all files that were there before.
    assert_eq!(
        file_triggers(&all[..2], before),
        [
            "high 1 1 /usr/lib/c.so",
            "default 1 1 /usr/lib/c.so",
            "high 1 1 /usr/share/a,/usr/lib/a.so",
            "default 1 1 /usr/lib/a.so"
        ]
    );
    assert_eq!(
        file_triggers(&all, before),
        ["high 1 1 /usr/lib/b.so,/usr/libexec", "default 1 1 /usr/lib/b.so,/usr/libexec"]
    );
    assert_eq!(file_triggers(&all, PriorityClass::After), ["low 1 1 /usr/lib/b.so,/usr/libexec"]);
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
    let mut all = [with_states(first), with_states(second)];
    all[1].1[1] = FileState::NotInstalled;
    assert_eq!(
        transaction_file_triggers(&all),
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
    let all = [with_states(owner)];
    assert_eq!(transaction_file_triggers(&all), ["directory 1 - /usr/libfoo/x"]);
}

#[test]
fn on_an_upgrade_the_new_package_sees_files_come_and_the_old_one_sees_them_go() {
    fn trigger(flags: u32, body: &str) -> FileTrigger {
        FileTrigger { flags, ..file_trigger(&["/usr/lib"], 1_000_000, body) }
    }
    let version = |nevra: &str, body: &str| {
        let mut contents = package(nevra, vec![file("/usr/lib/a.so", "x")]);
        contents.file_triggers = vec![
            trigger(dependency_flags::TRIGGERIN, &format!("{body} in")),
            trigger(dependency_flags::TRIGGERUN, &format!("{body} un")),
            trigger(dependency_flags::TRIGGERPOSTUN, &format!("{body} postun")),
        ];
        contents.transaction_file_triggers =
            vec![trigger(dependency_flags::TRIGGERPOSTUN, &format!("{body} later"))];
        contents
    };
    let (old, new) = (version("a-1-1.noarch", "old"), version("a-2-1.noarch", "new"));
    let states = [FileState::Normal];
    let mut installed = Installed::default();
    for (number, contents, part) in [(1, &old, Part::Goes), (2, &new, Part::Comes)] {
        installed.push(InstalledPackage { number, contents, states: &states, part });
    }
    let set_off = |moment, contents| {
        let element = Element { contents, touched: &[true], count: 1 };
        told(&installed.file_triggers_set_off_by(&element, moment, PriorityClass::Before))
    };
    assert_eq!(set_off(FileMoment::In, &new), ["new in 2 1 /usr/lib/a.so"]);
    assert_eq!(set_off(FileMoment::Un, &old), ["old un 2 1 /usr/lib/a.so"]);
    assert_eq!(set_off(FileMoment::PostUn, &old), ["new postun 2 1 /usr/lib/a.so"]);
    let mut later = LaterTriggers::default();
    installed.note_later_triggers(&old, &states, &mut later);
    installed.remove(1);
    assert_eq!(told(&installed.later_triggers(&later)), ["new later 1 - "]);
}
