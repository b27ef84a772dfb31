//! Component tables in the order in which later ones override, in; one table that says the same, out.
//! A later layer counts where it says something: text that is empty and `false` say nothing, so neither takes back what an
//! earlier layer says. Lists grow; `overlay-files` alone is replaced, also by an empty list.

use crate::decode::Text;
use crate::place::Located;
use crate::tables::{
    BuildTable, CheckTable, ComponentPublishTable, ComponentTable, FailureTable, HintsTable, ReleaseTable,
    ReleaseWord, RenderTable, SpecSourceTable, SpecSourceType, UpstreamDistroTable,
};

impl ComponentTable {
    /// Lays a later layer over this one.
    pub(crate) fn override_by(&mut self, over: &Self) {
        table(&mut self.spec, over.spec.as_ref(), |base, over| base.override_by(over));
        table(&mut self.release, over.release.as_ref(), ReleaseTable::override_by);
        append(&mut self.overlays, over.overlays.as_ref());
        if over.overlay_files.is_some() {
            self.overlay_files.clone_from(&over.overlay_files);
        }
        table(&mut self.build, over.build.as_ref(), |base, over| base.override_by(over));
        table(&mut self.render, over.render.as_ref(), RenderTable::override_by);
        append(&mut self.source_files, over.source_files.as_ref());
        self.packages.0.extend(over.packages.iter().map(|(name, config)| (name.clone(), config.clone())));
        table(&mut self.publish, over.publish.as_ref(), ComponentPublishTable::override_by);
    }
}

impl SpecSourceTable {
    fn override_by(&mut self, over: &Self) {
        if over.kind.is_some_and(|kind| kind.value != SpecSourceType::Inherited) {
            self.kind = over.kind;
        }
        text(&mut self.path, over.path.as_ref());
        text(&mut self.upstream_name, over.upstream_name.as_ref());
        text(&mut self.upstream_commit, over.upstream_commit.as_ref());
        table(&mut self.upstream_distro, over.upstream_distro.as_ref(), UpstreamDistroTable::override_by);
    }
}

impl UpstreamDistroTable {
    fn override_by(&mut self, over: &Self) {
        text(&mut self.name, over.name.as_ref());
        text(&mut self.version, over.version.as_ref());
        text(&mut self.snapshot, over.snapshot.as_ref());
    }
}

impl ReleaseTable {
    fn override_by(&mut self, over: &Self) {
        if over.calculation.is_some_and(|calculation| calculation.value != ReleaseWord::Unset) {
            self.calculation = over.calculation;
        }
    }
}

impl BuildTable {
    fn override_by(&mut self, over: &Self) {
        append(&mut self.with, over.with.as_ref());
        append(&mut self.without, over.without.as_ref());
        self.defines.0.extend(over.defines.iter().map(|(name, value)| (name.clone(), value.clone())));
        append(&mut self.undefines, over.undefines.as_ref());
        truth(&mut self.emit_upstream_provenance, over.emit_upstream_provenance);
        table(&mut self.check, over.check.as_ref(), CheckTable::override_by);
        table(&mut self.failure, over.failure.as_ref(), FailureTable::override_by);
        table(&mut self.hints, over.hints.as_ref(), HintsTable::override_by);
    }
}

impl CheckTable {
    fn override_by(&mut self, over: &Self) {
        truth(&mut self.skip, over.skip);
        text(&mut self.skip_reason, over.skip_reason.as_ref());
    }
}

impl FailureTable {
    fn override_by(&mut self, over: &Self) {
        truth(&mut self.expected, over.expected);
        text(&mut self.expected_reason, over.expected_reason.as_ref());
    }
}

impl HintsTable {
    fn override_by(&mut self, over: &Self) {
        truth(&mut self.expensive, over.expensive);
    }
}

impl RenderTable {
    fn override_by(&mut self, over: &Self) {
        truth(&mut self.skip_file_filter, over.skip_file_filter);
    }
}

impl ComponentPublishTable {
    fn override_by(&mut self, over: &Self) {
        text(&mut self.rpm_channel, over.rpm_channel.as_ref());
        text(&mut self.srpm_channel, over.srpm_channel.as_ref());
        text(&mut self.debuginfo_channel, over.debuginfo_channel.as_ref());
    }
}

fn table<T: Clone>(base: &mut Option<T>, over: Option<&T>, merge: impl FnOnce(&mut T, &T)) {
    match (base.as_mut(), over) {
        (Some(base), Some(over)) => merge(base, over),
        (None, over) => *base = over.cloned(),
        (Some(_), None) => {}
    }
}

fn text(base: &mut Option<Text>, over: Option<&Text>) {
    if let Some(over) = over
        && !over.is_empty()
    {
        *base = Some(over.clone());
    }
}

fn truth(base: &mut Option<Located<bool>>, over: Option<Located<bool>>) {
    if over.is_some_and(|over| over.value) {
        *base = over;
    }
}

fn append<T: Clone>(base: &mut Option<Vec<T>>, over: Option<&Vec<T>>) {
    match (base.as_mut(), over) {
        (Some(base), Some(over)) => base.extend(over.iter().cloned()),
        (None, over) => *base = over.cloned(),
        (Some(_), None) => {}
    }
}
