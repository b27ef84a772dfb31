//! What is known of components without rendering them.

use super::project::{Project, TOOL};
use crate::program::json;

#[test]
fn components_are_listed_with_what_is_done_to_them() {
    let project = Project::with_tool(
        "build.check = { skip = true, skip_reason = \"none\" }\n\
         [[components.tool.overlays]]\ntype = \"spec-remove-tag\"\ntag = \"Patch0\"\n",
    );
    project.define("bare", "");
    let listed = project.ends(0, &["component", "list"]).stdout;
    assert_eq!(listed, "bare  origin-9\ntool  origin-9  (1 overlay, no %check)\n");
    assert_eq!(project.ends(0, &["component", "list", "b*"]).stdout, "bare  origin-9\n");
    let ended = project.ends(2, &["component", "list", "tol"]);
    assert!(ended.stderr.contains("did you mean `tool`?"), "{ended}");
    let data = json(&project.call(&["component", "list", "tool", "--format", "json"]));
    assert_eq!(data[0]["overlays"][0]["overlay"]["type"], "spec-remove-tag");
    assert_eq!(data[0]["build"]["check_skipped"], "none");
}

#[test]
fn a_query_tells_what_the_changed_spec_describes() {
    let project = Project::with_tool(
        "[[components.tool.overlays]]\ntype = \"spec-update-tag\"\ntag = \"Version\"\nvalue = \"2.0\"\n",
    );
    project.write(
        "dist-git/tool/tool.spec",
        &TOOL.replace(
            "%files\n",
            "%package devel\nSummary: More\n\n%description devel\nMore.\n\n%files devel\n\n%files\n",
        ),
    );
    let dist_git = project.path("dist-git").display().to_string();
    let told = project.ends(0, &["component", "query", "--dist-git", &dist_git]).stdout;
    assert!(told.contains("tool-2.0-1") && told.contains("tool-devel-2.0-1"), "{told}");
}
