//! What a definition states is counted, explained and dated.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without is its verdict")]

mod world;

use std::path::Path;

use deviation::{Kind, Report, Unaged, page};
use jiff::Timestamp;
use world::World;

const PATCH: &str = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n same\n-old\n+new\n+newer\n";

const TABLES: &str = r#"
[components.bare]
[components.own]
spec = { type = "local", path = "own.spec" }
[components.tool]
spec = { type = "upstream", upstream-commit = "0123456789abcdef0123456789abcdef01234567", upstream-name = "tool-ng", upstream-distro = { name = "up", version = "8" } }
build = { with = ["lto"], without = ["docs"], defines = { level = "3" }, check = { skip = true, skip_reason = "needs a display" } }
release = { calculation = "manual" }
[[components.tool.overlays]]
type = "spec-remove-tag"
description = "Xen is not a target."
tag = "BuildRequires"
value = "xen-devel"
[components.tool.overlays.metadata]
category = "azl-pruning"
upstream-status = "inapplicable"
bugs = [{ url = "https://bugs.example.org/1" }]
[[components.tool.overlays]]
type = "patch-add"
source = "fix.patch"
[[components.tool.overlays]]
type = "file-prepend-lines"
file = "*.conf"
lines = ["ours = 1", ""]
"#;

fn world() -> World {
    World::with_files(TABLES, &[("own.spec", "Name: own\nVersion: 1\n"), ("fix.patch", PATCH)])
}

#[test]
fn each_way_to_differ_is_one_entry_with_its_reason() {
    let world = world();
    let report = Report::of(&world.distro, &Unaged, None);
    let told: Vec<String> = report
        .components
        .iter()
        .flat_map(|component| component.deviations.iter().map(move |deviation| (component, deviation)))
        .map(|(component, deviation)| {
            let why = deviation.why.as_deref().unwrap_or("-");
            let (kind, what, lines) = (deviation.kind.words(), &deviation.what, deviation.lines);
            format!("{} | {kind} | {what} | {why} | {lines}", component.component)
        })
        .collect();
    let expected = [
        "own | own spec | the spec is own.spec of the project | - | 2",
        "tool | pinned commit | commit 0123456789abcdef0123456789abcdef01234567 of up 8 whatever the snapshot | - | 1",
        "tool | other source | made of the source package tool-ng | - | 1",
        "tool | other source | taken from up 8 | - | 1",
        "tool | spec change | remove `BuildRequires: xen-devel` | Xen is not a target. | 1",
        "tool | patch | add the patch fix.patch | - | 3",
        "tool | file change | 2 lines at the top of *.conf | - | 2",
        "tool | build option | with lto, without docs, %level is 3 | - | 3",
        "tool | tests skipped | %check does nothing | needs a display | 1",
        "tool | release | its release is counted by hand | - | 1",
    ];
    assert_eq!(told, expected);
    let overlay = &report.components[1].deviations[3];
    assert_eq!((overlay.category, overlay.upstream_status), (Some("azl-pruning"), Some("inapplicable")));
    assert_eq!(overlay.bugs, ["https://bugs.example.org/1"]);
    assert!(overlay.place.ends_with("azldev.toml:25:8"), "{}", overlay.place);
}

#[test]
fn totals_count_components_kinds_and_what_is_missing() {
    let world = world();
    let totals = Report::of(&world.distro, &Unaged, None).totals;
    assert_eq!((totals.components, totals.deviating, totals.deviating_beyond_checks), (3, 2, 2));
    assert_eq!((totals.deviations, totals.lines), (10, 16));
    assert_eq!((totals.unexplained, totals.without_upstream_status), (8, 2));
    assert_eq!(totals.kinds[&Kind::OtherSource], 2);
    assert_eq!(totals.categories["azl-pruning"], 1);
}

#[test]
fn a_definition_that_asks_for_nothing_has_nothing_to_report() {
    let world = World::of("[components.bare]\n[components.tool]\n");
    let report = Report::of(&world.distro, &Unaged, None);
    assert!(report.components.is_empty());
    assert_eq!((report.totals.components, report.totals.deviations), (2, 0));
}

struct Dated;

impl deviation::World for Dated {
    fn since(&self, _file: &Path, line: usize) -> Option<Timestamp> {
        // One day a line.
        Timestamp::from_second(i64::try_from(line).unwrap() * 86_400).ok()
    }
}

#[test]
fn ages_count_whole_days_from_the_oldest_line() {
    let world = world();
    let as_of = Timestamp::from_second(100 * 86_400 + 86_399).unwrap();
    let report = Report::of(&world.distro, &Dated, Some(as_of));
    // `own` is defined in line 18 of the file, the oldest of `tool` is its table in line 20.
    let ages: Vec<_> = report.components.iter().map(|component| component.oldest_days).collect();
    assert_eq!(ages, [Some(100 - 18), Some(100 - 20)]);
}

#[test]
fn a_trend_names_what_came_and_went() {
    let older = World::of(
        "[[components.tool.overlays]]\ntype = \"spec-remove-section\"\nsection = \"%check\"\n\
         [[components.tool.overlays]]\ntype = \"spec-set-tag\"\ntag = \"A\"\nvalue = \"1\"\n",
    );
    let newer = World::of(
        "[[components.tool.overlays]]\ntype = \"spec-set-tag\"\ntag = \"A\"\nvalue = \"1\"\n\
         [[components.tool.overlays]]\ntype = \"spec-set-tag\"\ntag = \"A\"\nvalue = \"1\"\n",
    );
    let report = |world: &World| Report::of(&world.distro, &Unaged, None);
    let trend = report(&newer).since(&report(&older));
    let told = |moved: &[deviation::Moved]| moved.iter().map(|moved| moved.what.clone()).collect::<Vec<_>>();
    assert_eq!(told(&trend.came), ["set `A: 1`"], "it is there twice now");
    assert_eq!(told(&trend.went), ["remove %check"]);
}

#[test]
fn the_page_is_one_document_that_names_everything() {
    let world = world();
    let report = Report::of(&world.distro, &Unaged, None);
    let page = page("Example <Linux>", &report, Some(&report.since(&report)));
    assert!(page.starts_with("<!DOCTYPE html>\n") && page.ends_with("</html>\n"));
    assert!(page.contains("<title>Example &lt;Linux&gt;: deviations</title>"));
    assert!(page.contains("<a href=\"https://bugs.example.org/1\">"));
    for deviation in report.components.iter().flat_map(|component| &component.deviations) {
        assert!(page.contains(&deviation.what.replace('\'', "&#39;")), "{}", deviation.what);
    }
    for tag in ["table", "details", "tbody", "tr", "td", "th", "thead", "summary", "code"] {
        let (open, close) = (
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count(),
            page.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(open, close, "<{tag}>");
    }
    assert!(
        !page.contains("http-equiv") && !page.contains("<script") && !page.contains("src="),
        "nothing is loaded"
    );
}
