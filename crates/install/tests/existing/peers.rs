//! Cases, in; what rpm and this crate make of the same root, compared: trees, databases, what fails, what `rpm -Va` says.
//!
//! rpm is entered twice for all cases of a subject: to build, install and change, and to verify our trees.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::{
    Addition, ChangeError, Changes, InstallError, InstallOptions, PackageRequest, PlanError, PlanOptions,
    Reason, Replacing, SignaturePolicy, change, plan_changes,
};

use crate::text::{SHELL, specs};
use crate::{database, interpreter, judge_root, tree};

/// When the root was made, and when it was changed.
const MADE: u32 = 1_790_000_000;
pub(crate) const CHANGED: u32 = 1_795_000_000;
/// The time at which all files of the packages were made.
const BUILT: u32 = 1_700_000_000;

/// A root, and what is done to it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Packages that are there before, in the form that `text` reads; then those that come.
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
    /// Makes packages in the folders `before` and `after` itself: quicker where there are many.
    pub(crate) make: fn(&Path),
    /// Beside those before a package with `/bin/sh`.
    pub(crate) shell: bool,
    /// A shell script that runs in the root's folder before the change.
    pub(crate) disturb: &'static str,
    pub(crate) how: How,
    pub(crate) end: End,
}

impl Case {
    pub(crate) const NEW: Case = Case {
        name: "",
        before: "",
        after: "",
        make: |_| {},
        shell: false,
        disturb: "",
        how: How::Upgrade,
        end: End::Changed,
    };
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Upgrade,
    Downgrade,
    Reinstall,
    Beside,
    WithoutDocumentation,
    /// Packages by name, sorted: rpm breaks ties by the order of its arguments.
    Erase(&'static [&'static str]),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Changed,
    /// Nothing was begun. The conflicts are compared.
    Conflicts,
    /// rpm leaves a part undone; we leave the root as it was.
    Critical,
}

/// Builds, changes twice and compares; nothing where rpm is not there.
pub(crate) fn judge(cases: &[Case]) {
    let Some(judge) = judge_root::root() else { return };
    // The judge sees /tmp at the same place.
    let mut work = tempfile::tempdir_in("/tmp").expect("a directory for the cases");
    work.disable_cleanup(std::env::var_os("LAZULI_KEEP_CASES").is_some());
    for case in cases {
        write_case(&work.path().join(case.name), case);
    }
    let each = |script: &str| {
        let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
        // Two at a time: rpmbuild mostly waits for the shells that it starts.
        format!(
            "cd {}\ncat > script <<'END'\ncd $1\n{script}\nEND\n\
             echo {} | tr ' ' '\\n' | xargs -P2 -n1 sh -e ./script 2>&1",
            work.path().display(),
            names.join(" ")
        )
    };
    judge_root::check(&judge, &each(&build_and_change()));
    let ends: Vec<Ours> = cases.iter().map(|case| change_ours(&work.path().join(case.name), case)).collect();
    judge_root::check(
        &judge,
        &each(
            "rpm --root $PWD/ours --dbpath /usr/lib/sysimage/rpm -Va --nodeps > ours.verified 2>&1 || true",
        ),
    );
    let mut wrong = String::new();
    for (case, ours) in cases.iter().zip(&ends) {
        for difference in compare(&work.path().join(case.name), case, ours) {
            writeln!(wrong, "{}: {difference}", case.name).expect("text grows");
        }
    }
    assert!(wrong.is_empty(), "{}\n{wrong}", work.path().display());
}

fn write_case(folder: &Path, case: &Case) {
    let write = |part: &str, text: &str| {
        let folder = folder.join(format!("{part}.specs"));
        fs::create_dir_all(&folder).expect("a folder for specs");
        for spec in specs(text) {
            fs::write(folder.join(format!("{}.spec", spec.name)), spec.text).expect("a spec");
        }
    };
    for part in ["before", "after"] {
        fs::create_dir_all(folder.join(part)).expect("a folder for packages");
    }
    write("before", case.before);
    write("after", case.after);
    if case.shell {
        write("before", SHELL);
    }
    (case.make)(folder);
    fs::write(folder.join("disturb"), case.disturb).expect("a script");
    let command = match case.how {
        How::Upgrade => "-U after/*.rpm".to_owned(),
        How::Downgrade => "-U --oldpackage after/*.rpm".to_owned(),
        How::Reinstall => "--reinstall after/*.rpm".to_owned(),
        How::Beside => "-i after/*.rpm".to_owned(),
        How::WithoutDocumentation => "-U --excludedocs after/*.rpm".to_owned(),
        How::Erase(names) => format!("-e {}", names.join(" ")),
    };
    fs::write(folder.join("command"), command).expect("a command");
}

fn build_and_change() -> String {
    format!(
        "build() {{
            [ -n \"$(ls $1.specs)\" ] || return 0
            SOURCE_DATE_EPOCH={BUILT} rpmbuild -bb --nodeps --define \"_topdir $PWD/top\" --define \"_rpmdir $PWD/$1\" \
                --define '_rpmformat 4' --define '_buildhost localhost' --define '__os_install_post %{{nil}}' \
                --define '_build_name_fmt %%{{NAME}}-%%{{VERSION}}-%%{{RELEASE}}.%%{{ARCH}}.rpm' \
                --define 'build_mtime_policy clamp_to_source_date_epoch' --define '_binary_payload w1.zstdio' \
                --define 'use_source_date_epoch_as_buildtime 1' $1.specs/*.spec > build.log 2>&1 \
                || {{ echo $PWD; grep -A3 'error:' build.log; exit 255; }}
            rm -rf top
        }}
        build before; build after
        mkdir start
        rpm() {{ command rpm --root $PWD/$root --dbpath /usr/lib/sysimage/rpm --nodeps \"$@\" < /dev/null; }}
        root=start
        SOURCE_DATE_EPOCH={MADE} rpm -i --nosignature before/*.rpm > start.output 2>&1 || {{ cat start.output; exit 255; }}
        (cd start; sh -e ../disturb)
        cp -a start theirs; cp -a start ours
        root=theirs status=0
        SOURCE_DATE_EPOCH={CHANGED} rpm $(cat command) > output 2>&1 || status=$?
        echo $status > status
        rpm -Va > theirs.verified 2>&1 || true"
    )
}

/// How our change of a case ended.
enum Ours {
    Changed,
    Conflicts(BTreeSet<String>),
    Failed { text: String, critical: bool },
}

fn change_ours(folder: &Path, case: &Case) -> Ours {
    let root = folder.join("ours");
    let options = PlanOptions {
        signatures: SignaturePolicy::DigestsOnly,
        files: FilePolicy { documentation: case.how != How::WithoutDocumentation, ..FilePolicy::default() },
    };
    let conflicts = |conflicts: Vec<install::files::FileConflict>| {
        let line = |conflict: install::files::FileConflict| {
            format!("{} {} {}", conflict.path.display(), conflict.first, conflict.second)
        };
        Ours::Conflicts(conflicts.into_iter().map(line).collect())
    };
    let transaction = match plan_changes(&root, &changes(folder, &root, case.how), &options) {
        Ok(transaction) => transaction,
        Err(ChangeError::Plan(PlanError::Conflicts(found))) => return conflicts(found),
        Err(error) => return Ours::Failed { text: told(&error), critical: false },
    };
    match change(&transaction, &root, &InstallOptions::new(CHANGED, Some(interpreter())), &Silent) {
        Ok(_) => Ours::Changed,
        Err(InstallError::Conflicts(found)) => conflicts(found),
        Err(error) => {
            Ours::Failed { text: told(&error), critical: matches!(error, InstallError::Scriptlet { .. }) }
        }
    }
}

/// What rpm's command asks for, in our words.
fn changes(folder: &Path, root: &Path, how: How) -> Changes {
    let replacing = match how {
        How::Upgrade | How::WithoutDocumentation => Replacing::Older,
        How::Downgrade => Replacing::Any,
        How::Reinstall => Replacing::Same,
        How::Beside => Replacing::Nothing,
        How::Erase(names) => {
            let installed = install::rpmdb::read(&root.join(database::DATABASE)).expect("rpm's database");
            let erase = installed.into_iter().filter(|nevra| names.contains(&nevra.name.as_str()));
            return Changes { add: Vec::new(), erase: erase.collect() };
        }
    };
    let add = packages(&folder.join("after")).into_iter().map(|file| Addition {
        package: PackageRequest { file, checksum: None, reason: Reason::User, repository: "test".into() },
        replacing,
    });
    Changes { add: add.collect(), erase: Vec::new() }
}

fn packages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("built packages").map(|entry| entry.expect("a package"));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// An error with its causes.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, ": {error}").expect("text grows");
        cause = error.source();
    }
    text
}

fn compare(folder: &Path, case: &Case, ours: &Ours) -> Vec<String> {
    let said = fs::read_to_string(folder.join("output")).expect("what rpm said");
    let status = fs::read_to_string(folder.join("status")).expect("rpm's status");
    match (case.end, ours) {
        (End::Changed, Ours::Changed) => compare_roots(folder, &said),
        (End::Conflicts, Ours::Conflicts(conflicts)) => {
            let theirs = their_conflicts(&said);
            let untouched = untouched(folder);
            if *conflicts == theirs && !theirs.is_empty() && status.trim() != "0" && untouched.is_empty() {
                Vec::new()
            } else {
                vec![format!(
                    "conflicts: rpm has {theirs:#?}, we have {conflicts:#?}, changed {untouched:?}\n{said}"
                )]
            }
        }
        (End::Critical, Ours::Failed { critical: true, text }) => {
            let untouched = untouched(folder);
            if untouched.is_empty() && status.trim() != "0" {
                Vec::new()
            } else {
                vec![format!("rpm said\n{said}\n    we say {text}, and changed {untouched:?}")]
            }
        }
        (_, end) => {
            let end = match end {
                Ours::Changed => "changed".to_owned(),
                Ours::Conflicts(conflicts) => format!("in conflict: {conflicts:?}"),
                Ours::Failed { text, .. } => format!("failed: {text}"),
            };
            vec![format!("rpm ended with status {} and said\n{said}\n    ours is {end}", status.trim())]
        }
    }
}

/// What differs in our root from the start, except for what `rpm -Va` itself leaves beside the database.
fn untouched(folder: &Path) -> Vec<tree::Difference> {
    let mut differences = tree::differences(&folder.join("start"), &folder.join("ours"));
    differences.retain(|difference| !difference.path.to_string_lossy().contains("rpmdb.sqlite-"));
    differences
}

/// Trees, databases, and what rpm finds wrong.
fn compare_roots(folder: &Path, said: &str) -> Vec<String> {
    let (theirs, ours) = (folder.join("theirs"), folder.join("ours"));
    let mut differences: Vec<String> = tree::differences(&theirs, &ours)
        .into_iter()
        .filter(|difference| !is_meant(difference))
        .map(|difference| difference.to_string())
        .collect();
    let log = |root: &Path| fs::read_to_string(root.join("log")).unwrap_or_default();
    if log(&theirs) != log(&ours) {
        differences.push(format!("rpm's log is\n{}    ours is\n{}", log(&theirs), log(&ours)));
    }
    differences
        .extend(database::differences(&theirs.join(database::DATABASE), &ours.join(database::DATABASE)));
    let verified = |name: &str| fs::read_to_string(folder.join(name)).expect("what rpm verified");
    if verified("theirs.verified") != verified("ours.verified") {
        differences.push(format!(
            "rpm -Va says of theirs\n{}    and of ours\n{}",
            verified("theirs.verified"),
            verified("ours.verified")
        ));
    }
    if folder.join("ours.partial").exists() {
        differences.push("something is left beside the root".to_owned());
    }
    if !differences.is_empty() {
        differences.push(format!("rpm said\n{said}"));
    }
    differences
}

/// Differences that docs/design/0711-what-differs-from-rpm.md gives the reason of.
fn is_meant(difference: &tree::Difference) -> bool {
    let path = &difference.path;
    let made_now = difference.what == "time"
        && difference.ours == CHANGED.to_string()
        && difference.theirs.parse::<u32>().is_ok_and(|time| time > CHANGED);
    made_now
        || path.starts_with("/usr/lib/sysimage")
        || path.starts_with("/run")
        || path.starts_with("/tmp")
        // rpm makes these for its own use.
        || (difference.what == "presence" && ["/var", "/var/tmp"].iter().any(|own| path == Path::new(own)))
}

/// `file /x from install of b-2-1.noarch conflicts with file from package a-1-1.noarch`.
fn their_conflicts(said: &str) -> BTreeSet<String> {
    let mut conflicts = BTreeSet::new();
    for line in said.lines() {
        let line = line.trim().trim_start_matches("file ");
        if let Some((path, rest)) = line.split_once(" from install of ")
            && let Some((second, first)) = rest.split_once(" conflicts with file from package ")
        {
            conflicts.insert(format!("{path} {first} {second}"));
        } else if let Some((path, packages)) = line.split_once(" conflicts between attempted installs of ")
            && let Some((second, first)) = packages.split_once(" and ")
        {
            conflicts.insert(format!("{path} {first} {second}"));
        }
    }
    conflicts
}
