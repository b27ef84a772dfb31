//! rpmspec of the judges' root, which sees the specs where they are.
#![allow(clippy::disallowed_methods, reason = "a judge has to be independent of the code it judges")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use spec_query::Macros;

/// Packages with what rpm states about them, then the source package.
const PACKAGES: &str = "package %{NAME}-%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}.%{ARCH}\\n";
const RELATIONS: [(&str, &str); 9] = [
    ("provides", "PROVIDE"),
    ("requires", "REQUIRE"),
    ("recommends", "RECOMMEND"),
    ("suggests", "SUGGEST"),
    ("supplements", "SUPPLEMENT"),
    ("enhances", "ENHANCE"),
    ("conflicts", "CONFLICT"),
    ("obsoletes", "OBSOLETE"),
    ("orders", "ORDER"),
];
const OTHERS: &str = "[exclusivearch %{EXCLUSIVEARCH}\\n][excludearch %{EXCLUDEARCH}\\n][source %{SOURCE}\\n][patch %{PATCH}\\n]";

/// Between the answers to two specs.
const END: &str = "=== end of answer ===";

/// The judges' root.
pub struct Judge {
    root: PathBuf,
}

impl Judge {
    /// None where there is no such root.
    pub fn new() -> Option<Self> {
        let root = testkit::prepared::judge_root()?;
        if !root.join("usr/bin/rpmspec").exists() {
            testkit::prepared::skip("the judges' root has no rpmspec");
            return None;
        }
        Some(Self { root })
    }

    /// The macros that rpm reads in that root.
    pub fn macros(&self) -> Macros {
        let mut macros = Macros::of_architecture("x86_64");
        for file in ["macros", "platform/x86_64-linux/macros"] {
            let path = self.root.join("usr/lib/rpm").join(file);
            assert_eq!(macros.read(file, &fs::read(path).unwrap()), []);
        }
        macros.share()
    }

    /// What each spec describes, as the expected texts have it.
    pub fn query(&self, specs: &[PathBuf], sources: &Path) -> Vec<String> {
        let relation = |word: &str, tag: &str| {
            format!(
                "[{word} %{{{tag}FLAGS:deptype}} %{{{tag}NAME}} %{{{tag}FLAGS:depflags}} %{{{tag}VERSION}}\\n]"
            )
        };
        let relations: String = RELATIONS.iter().map(|(word, tag)| relation(word, tag)).collect();
        let packages = format!("{PACKAGES}{relations}");
        let source = format!(
            "source\\n{}{}{OTHERS}",
            relation("buildrequires", "REQUIRE"),
            relation("buildconflicts", "CONFLICT")
        );
        let script = format!(
            r#"{{ rpmspec $options -q --qf '{packages}' "$spec" || echo refused
            rpmspec $options -q --srpm --qf '{source}' "$spec" 2> /dev/null || echo refused; }} | sed 's/ *$//'"#
        );
        self.run(specs, sources, &script)
    }

    /// Each spec with macros expanded.
    pub fn expand(&self, specs: &[PathBuf], sources: &Path) -> Vec<String> {
        self.run(specs, sources, r#"rpmspec $options -P "$spec""#)
    }

    /// Runs a script for each spec; its output goes on standard output, between the lines that end answers.
    fn run(&self, specs: &[PathBuf], sources: &Path, script: &str) -> Vec<String> {
        let enter = r#"
            root=$1 sources=$2 script=$3
            shift 3
            mount --bind "$root" "$root"
            mount -o remount,bind,ro "$root"
            for d in proc dev; do mount --rbind "/$d" "$root/$d"; done
            for d in mnt run tmp var/tmp; do mount -t tmpfs tmpfs "$root/$d"; done
            mkdir -p "$root/mnt/sources" "$root/mnt/specs"
            mount --bind "$sources" "$root/mnt/sources"
            mount --bind "$(dirname "$1")" "$root/mnt/specs"
            exec chroot "$root" /bin/sh -c "$script" judge "$@""#;
        // Definitions have blanks, at which the shell would split them: they go into a file.
        let each = format!(
            r#"printf '%%_topdir /builddir/build\n%%_sourcedir /mnt/sources\n' > /tmp/macros
            options="--macros /usr/lib/rpm/macros:/usr/lib/rpm/platform/x86_64-linux/macros:/tmp/macros"
            for spec; do
                spec=/mnt/specs/$(basename "$spec")
                {script}
                echo '{END}'
            done"#
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "/bin/sh", "-e", "-c", enter, "enter"]);
        command.arg(&self.root).arg(sources).arg(each).args(specs);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/tmp")
            .env("LC_ALL", "C.UTF-8");
        let output = command.output().expect("unshare runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let end = format!("{END}\n");
        let answers: Vec<String> = text
            .split(&end)
            .map(|answer| answer.replace("/mnt/sources", spec_query::SOURCE_FOLDER))
            .collect();
        assert_eq!(answers.len(), specs.len() + 1, "{}", String::from_utf8_lossy(&output.stderr));
        answers.into_iter().take(specs.len()).collect()
    }
}
