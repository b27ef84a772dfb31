//! A component table, in; every single value that it states, by key, out. Lists are left out: they never override.

use crate::decode::Text;
use crate::place::{Located, Place};
use crate::tables::ComponentTable;

/// One value that a table states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    /// The key with its tables, such as `build.check.skip`.
    pub(crate) key: String,
    /// The value as text.
    pub(crate) value: &'a str,
    pub(crate) place: Place,
}

impl Statement<'_> {
    /// Whether it says something that can override: text that is empty and `false` say nothing.
    pub(crate) fn says_something(&self) -> bool {
        !matches!(self.value, "" | "false")
    }
}

impl ComponentTable {
    /// Every value but lists.
    pub(crate) fn statements(&self) -> Vec<Statement<'_>> {
        let mut found = Found(Vec::new());
        if let Some(spec) = &self.spec {
            if let Some(kind) = spec.kind {
                found.push("spec.type", kind.value.as_str(), kind.place);
            }
            found.text("spec.path", spec.path.as_ref());
            found.text("spec.upstream-name", spec.upstream_name.as_ref());
            found.text("spec.upstream-commit", spec.upstream_commit.as_ref());
            if let Some(distro) = &spec.upstream_distro {
                found.text("spec.upstream-distro.name", distro.name.as_ref());
                found.text("spec.upstream-distro.version", distro.version.as_ref());
                found.text("spec.upstream-distro.snapshot", distro.snapshot.as_ref());
            }
        }
        if let Some(calculation) = self.release.as_ref().and_then(|release| release.calculation) {
            found.push("release.calculation", calculation.value.as_str(), calculation.place);
        }
        if let Some(build) = &self.build {
            for (name, value) in &*build.defines {
                found.push(&format!("build.defines.{name}"), &value.value, value.place);
            }
            found.truth("build.emit-upstream-provenance", build.emit_upstream_provenance);
            if let Some(check) = &build.check {
                found.truth("build.check.skip", check.skip);
                found.text("build.check.skip_reason", check.skip_reason.as_ref());
            }
            if let Some(failure) = &build.failure {
                found.truth("build.failure.expected", failure.expected);
                found.text("build.failure.expected-reason", failure.expected_reason.as_ref());
            }
            if let Some(hints) = &build.hints {
                found.truth("build.hints.expensive", hints.expensive);
            }
        }
        if let Some(render) = &self.render {
            found.truth("render.skip-file-filter", render.skip_file_filter);
        }
        if let Some(publish) = &self.publish {
            found.text("publish.rpm-channel", publish.rpm_channel.as_ref());
            found.text("publish.srpm-channel", publish.srpm_channel.as_ref());
            found.text("publish.debuginfo-channel", publish.debuginfo_channel.as_ref());
        }
        found.0
    }
}

struct Found<'a>(Vec<Statement<'a>>);

impl<'a> Found<'a> {
    fn push(&mut self, key: &str, value: &'a str, place: Place) {
        self.0.push(Statement { key: key.to_owned(), value, place });
    }

    fn text(&mut self, key: &str, text: Option<&'a Text>) {
        if let Some(text) = text {
            self.push(key, &text.value, text.place);
        }
    }

    fn truth(&mut self, key: &str, truth: Option<Located<bool>>) {
        if let Some(truth) = truth {
            self.push(key, if truth.value { "true" } else { "false" }, truth.place);
        }
    }
}
