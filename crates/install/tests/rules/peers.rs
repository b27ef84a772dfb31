//! Cases, in; what rpm and this crate make of each, compared: trees, databases, what fails, what `rpm -Va` says.
//!
//! rpm is entered twice for all cases of a subject: once to build and install, once to verify our trees.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::report::WarningKind;
use install::{
    InstallError, InstallOptions, PackageRequest, PlanError, PlanOptions, Reason, Report, SignaturePolicy,
    execute, plan,
};

use crate::text::{SHELL, specs};
use crate::{database, interpreter, judge_root, tree};

/// The time that both installations claim.
pub(crate) const EPOCH: u32 = 1_790_000_000;
/// The time at which all files of the packages were made.
const BUILT: u32 = 1_700_000_000;

/// Packages, and how rpm is asked to install them.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// In the form that `text` reads.
    pub(crate) packages: &'static str,
    /// Beside them a package with `/bin/sh`.
    pub(crate) shell: bool,
    /// Options of rpm, and the same for this crate.
    pub(crate) policy: Policy,
    pub(crate) format: Format,
    pub(crate) end: End,
    /// Definitions for rpmbuild.
    pub(crate) define: &'static [&'static str],
    /// A package file that is there already.
    pub(crate) ready: Option<&'static Path>,
}

impl Case {
    pub(crate) const NEW: Case = Case {
        name: "",
        packages: "",
        shell: false,
        policy: Policy::All,
        format: Format::Four,
        end: End::Installed,
        define: &[],
        ready: None,
    };
}

/// Built once for all cases that want it.
const SHELL_ALONE: Case = Case { name: "shell", packages: SHELL, ..Case::NEW };

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    All,
    NoDocumentation,
    German,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Four,
    Six,
}

/// How the installation is to end, with both.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All packages are there. Scriptlets that fail are compared.
    Installed,
    /// Nothing was begun. The conflicts are compared.
    Conflicts,
    /// A script that must not fail did: rpm leaves its package out, we install nothing.
    Critical,
    /// Any of these, as long as both end alike.
    Any,
}

/// What is left of one case for closer looks.
pub(crate) struct Outcome {
    /// What the scripts wrote.
    pub(crate) log: String,
    /// Names in the order of installation.
    pub(crate) order: Vec<String>,
    /// Our root, if there is one.
    pub(crate) ours: PathBuf,
    /// What rpm said.
    pub(crate) said: String,
}

/// A folder with both installations of each case, gone after the test.
pub(crate) struct Judged {
    _work: tempfile::TempDir,
    outcomes: Vec<(&'static str, Outcome)>,
}

impl Judged {
    pub(crate) fn of(&self, name: &str) -> &Outcome {
        &self.outcomes.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("no case {name}")).1
    }
}

/// Builds, installs twice and compares; `None` where rpm is not there.
pub(crate) fn judge(cases: &[Case]) -> Option<Judged> {
    let judge = judge_root::root()?;
    // The judge sees /tmp at the same place.
    let work = tempfile::Builder::new().prefix("lazuli-rules-").tempdir_in("/tmp");
    let mut work = work.expect("a directory for the cases");
    work.disable_cleanup(std::env::var_os("LAZULI_KEEP_CASES").is_some());
    for case in cases.iter().chain([&SHELL_ALONE]) {
        write_specs(&work.path().join(case.name), case);
    }
    judge_root::check(&judge, &build_and_install(work.path(), cases));
    let mut wrong = String::new();
    let ends: Vec<Ours> = cases.iter().map(|case| install(&work.path().join(case.name), case)).collect();
    judge_root::check(&judge, &verify(work.path(), cases));
    let mut outcomes = Vec::new();
    for (case, ours) in cases.iter().zip(&ends) {
        let folder = work.path().join(case.name);
        let said = fs::read_to_string(folder.join("output")).expect("what rpm said");
        for difference in compare(&folder, case, ours, &said) {
            writeln!(wrong, "{}: {difference}", case.name).expect("text grows");
        }
        let order = ours.order.clone();
        let path = folder.join("ours");
        let log = fs::read_to_string(path.join("log")).unwrap_or_default();
        outcomes.push((case.name, Outcome { log, order, ours: path, said }));
    }
    assert!(wrong.is_empty(), "{}\n{wrong}", work.path().display());
    Some(Judged { _work: work, outcomes })
}

fn write_specs(folder: &Path, case: &Case) {
    fs::create_dir_all(folder.join("specs")).expect("a folder for specs");
    for spec in specs(case.packages) {
        fs::write(folder.join(format!("specs/{}.spec", spec.name)), spec.text).expect("a spec");
    }
    if let Some(file) = case.ready {
        let name = file.file_name().expect("a file has a name");
        fs::create_dir(folder.join("built")).expect("a folder for packages");
        fs::copy(file, folder.join("built").join(name)).expect("a copy of the package");
    }
    let format = if case.format == Format::Six { 6 } else { 4 };
    let mut define = format!("--define '_rpmformat {format}'");
    for definition in case.define {
        write!(define, " --define '{definition}'").expect("text grows");
    }
    fs::write(folder.join("define"), define).expect("definitions");
    fs::write(folder.join("shared"), if case.shell { "../shell/built/*.rpm" } else { "" }).expect("a list");
    fs::write(folder.join("options"), case.policy.options()).expect("options");
}

impl Policy {
    fn options(self) -> &'static str {
        match self {
            Policy::All => "",
            Policy::NoDocumentation => "--excludedocs",
            Policy::German => "--define '_install_langs de:fr'",
        }
    }

    fn ours(self) -> FilePolicy {
        match self {
            Policy::All => FilePolicy::default(),
            Policy::NoDocumentation => FilePolicy { documentation: false, ..FilePolicy::default() },
            Policy::German => {
                FilePolicy { languages: Some(vec!["de".into(), "fr".into()]), ..FilePolicy::default() }
            }
        }
    }
}

fn build_and_install(work: &Path, cases: &[Case]) -> String {
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    // Two at a time: rpmbuild mostly waits for the shells that it starts.
    format!(
        "cd {}
        cat > build-case <<'END'
        cd $1
        export SOURCE_DATE_EPOCH={BUILT}
        [ -z \"$(ls specs)\" ] || eval rpmbuild -bb --nodeps --define \"'_topdir $PWD/top'\" --define \"'_rpmdir $PWD/built'\" \
            --define \"'_buildhost localhost'\" --define \"'__os_install_post %{{nil}}'\" \
            --define \"'_build_name_fmt %%{{NAME}}-%%{{VERSION}}-%%{{RELEASE}}.%%{{ARCH}}.rpm'\" \
            --define \"'build_mtime_policy clamp_to_source_date_epoch'\" --define \"'_binary_payload w1.zstdio'\" \
            --define \"'use_source_date_epoch_as_buildtime 1'\" --define \"'_missing_doc_files_terminate_build 0'\" \
            $(cat define) specs/*.spec > build.log 2>&1 || {{ echo $1:; grep -A3 'error:' build.log; exit 255; }}
        rm -rf top
        [ -z \"$(cat shared)\" ] || cp $(cat shared) built/
        mkdir theirs
        export SOURCE_DATE_EPOCH={EPOCH}
        rpm=\"rpm --root $PWD/theirs --dbpath /usr/lib/sysimage/rpm --define '__systemd_sysusers /usr/bin/systemd-sysusers'\"
        status=0
        eval $rpm -i --nodeps --nosignature --ignorearch --ignoreos $(cat options) built/*.rpm > output 2>&1 < /dev/null || status=$?
        echo $status > status
        [ ! -e theirs/usr/lib/sysimage/rpm/rpmdb.sqlite ] || eval $rpm -Va --nodeps > theirs.verified 2>&1 || true
END
        sh -e ./build-case shell
        echo {} | tr ' ' '\\n' | xargs -P2 -n1 sh -e ./build-case 2>&1",
        work.display(),
        names.join(" ")
    )
}

fn verify(work: &Path, cases: &[Case]) -> String {
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    format!(
        "cd {}
        for case in {}; do
            [ ! -e $case/ours ] || rpm --root $PWD/$case/ours --dbpath /usr/lib/sysimage/rpm -Va --nodeps \
                > $case/ours.verified 2>&1 || true
        done",
        work.display(),
        names.join(" ")
    )
}

/// How our installation of a case ended.
struct Ours {
    order: Vec<String>,
    end: OurEnd,
}

enum OurEnd {
    Installed(Report),
    Conflicts(BTreeSet<String>),
    Failed { text: String, critical: bool },
}

fn install(folder: &Path, case: &Case) -> Ours {
    let entries =
        fs::read_dir(folder.join("built")).expect("built packages").map(|entry| entry.expect("a package"));
    let mut requests: Vec<PackageRequest> = entries
        .map(|entry| PackageRequest {
            file: entry.path(),
            checksum: None,
            reason: Reason::User,
            repository: "test".into(),
        })
        .collect();
    requests.sort_by(|a, b| a.file.cmp(&b.file));
    let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: case.policy.ours() };
    let failed = |text: String, critical| Ours { order: Vec::new(), end: OurEnd::Failed { text, critical } };
    let transaction = match plan(&requests, &options) {
        Ok(transaction) => transaction,
        Err(PlanError::Conflicts(conflicts)) => {
            let conflicts = conflicts.iter().map(|conflict| {
                format!("{} {} {}", conflict.path.display(), conflict.first, conflict.second)
            });
            return Ours { order: Vec::new(), end: OurEnd::Conflicts(conflicts.collect()) };
        }
        Err(error) => return failed(told(&error), false),
    };
    let order = transaction.steps.iter().map(|step| step.package.nevra().name.clone()).collect();
    let options = InstallOptions::new(EPOCH, Some(interpreter()));
    match execute(&transaction, &folder.join("ours"), &options, &Silent) {
        Ok(installed) => Ours { order, end: OurEnd::Installed(installed.report) },
        Err(error) => {
            let critical = matches!(error, InstallError::Scriptlet { .. } | InstallError::Accounts { .. });
            failed(told(&error), critical)
        }
    }
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

fn compare(folder: &Path, case: &Case, ours: &Ours, said: &str) -> Vec<String> {
    let status = fs::read_to_string(folder.join("status")).expect("rpm's status");
    match (case.end, &ours.end) {
        (End::Installed | End::Any, OurEnd::Installed(report)) => {
            if !folder.join("theirs.verified").exists() {
                return vec![format!("rpm installed nothing:\n{said}")];
            }
            let mut differences = compare_roots(folder);
            let failures = our_failures(report);
            if failures != their_failures(said) {
                differences.push(format!("failures: rpm said\n{said}\n    we say {failures:?}"));
            }
            differences
        }
        (End::Conflicts | End::Any, OurEnd::Conflicts(conflicts)) => {
            let theirs = their_conflicts(said);
            if *conflicts == theirs && status.trim() != "0" {
                Vec::new()
            } else {
                vec![format!("conflicts: rpm has {theirs:#?}, we have {conflicts:#?}")]
            }
        }
        (End::Critical | End::Any, OurEnd::Failed { text, critical: true }) => {
            // `error: %prein(bad-1-1.noarch) scriptlet failed, exit status 1`
            let named = their_failures(said).into_iter().any(|(kind, package)| {
                text.starts_with(&format!("%{kind} of {package} "))
                    || text.contains(&format!("accounts of {package}"))
            });
            let left_out = said.contains("error:") && status.trim() != "0";
            if named && left_out { Vec::new() } else { vec![format!("rpm said\n{said}\n    we say {text}")] }
        }
        (End::Any, OurEnd::Failed { text, .. })
            if said.contains("digest: BAD") && text.contains("instead of") =>
        {
            Vec::new()
        }
        (_, end) => {
            let end = match end {
                OurEnd::Installed(_) => "installed".to_owned(),
                OurEnd::Conflicts(conflicts) => format!("in conflict: {conflicts:?}"),
                OurEnd::Failed { text, .. } => format!("failed: {text}"),
            };
            vec![format!("rpm ended with status {} and said\n{said}\n    ours is {end}", status.trim())]
        }
    }
}

/// Trees, databases, and what rpm finds wrong.
fn compare_roots(folder: &Path) -> Vec<String> {
    let (theirs, ours) = (folder.join("theirs"), folder.join("ours"));
    let mut differences: Vec<String> = tree::differences(&theirs, &ours)
        .into_iter()
        .filter(|difference| !is_meant(difference))
        .map(|difference| difference.to_string())
        .collect();
    differences
        .extend(database::differences(&theirs.join(database::DATABASE), &ours.join(database::DATABASE)));
    let verified = |name: &str| {
        fs::read_to_string(folder.join(name)).unwrap_or_else(|_| "nothing is installed\n".into())
    };
    let (theirs, ours) = (verified("theirs.verified"), verified("ours.verified"));
    if theirs != ours {
        differences.push(format!("rpm -Va says of theirs\n{theirs}    and of ours\n{ours}"));
    }
    differences
}

/// Differences that docs/design/0711-what-differs-from-rpm.md gives the reason of.
fn is_meant(difference: &tree::Difference) -> bool {
    let path = &difference.path;
    let made_now = difference.what == "time"
        && difference.ours == EPOCH.to_string()
        && difference.theirs.parse::<u32>().is_ok_and(|time| time > EPOCH);
    made_now
        || path.starts_with("/usr/lib/sysimage")
        || path.starts_with("/run")
        || path.starts_with("/tmp")
        // systemd-sysusers leaves them.
        || ["passwd-", "group-", "shadow-", "gshadow-", ".pwd.lock"].iter().any(|own| *path == Path::new("/etc").join(own))
        // rpm makes these for its own use.
        || (difference.what == "presence" && ["/var", "/var/tmp"].iter().any(|own| path == Path::new(own)))
        // Of the parents of its database, which it makes before the first package.
        || (difference.what == "time" && ["/", "/usr", "/usr/lib"].iter().any(|own| path == Path::new(own)))
}

/// Kind of script and package of every scriptlet that failed.
fn our_failures(report: &Report) -> BTreeSet<(String, String)> {
    report
        .warnings
        .iter()
        .filter_map(|warning| match &warning.what {
            WarningKind::Scriptlet { kind, .. } => Some((kind.name().to_owned(), warning.package.clone())),
            _ => None,
        })
        .collect()
}

/// `warning: %post(bad-1-1.noarch) scriptlet failed, exit status 3`, and a place in a Lua script.
fn their_failures(said: &str) -> BTreeSet<(String, String)> {
    let mut failures = BTreeSet::new();
    for line in said.lines() {
        let failed = line.contains("scriptlet failed") || line.contains("lua script");
        let Some((_, rest)) = line.split_once('%').filter(|_| failed) else { continue };
        let Some((kind, rest)) = rest.split_once('(') else { continue };
        let Some((package, _)) = rest.split_once(')') else { continue };
        let kind = match kind {
            "prein" => "pre",
            other => other,
        };
        failures.insert((kind.to_owned(), package.to_owned()));
    }
    failures
}

/// `file /x from install of b-1-1.noarch conflicts with file from package a-1-1.noarch`, between new packages:
/// `file /x conflicts between attempted installs of a-1-1.noarch and b-1-1.noarch`.
fn their_conflicts(said: &str) -> BTreeSet<String> {
    let mut conflicts = BTreeSet::new();
    for line in said.lines() {
        let Some((path, packages)) = line.trim().split_once(" conflicts between attempted installs of ")
        else {
            continue;
        };
        let Some((second, first)) = packages.split_once(" and ") else { continue };
        conflicts.insert(format!("{} {first} {second}", path.trim_start_matches("file ")));
    }
    conflicts
}
