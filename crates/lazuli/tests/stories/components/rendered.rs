//! What a rendered folder holds, and when none is written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::project::{HEADER, Project, TOOL, files, small};
use crate::program::run;

#[test]
fn an_untouched_component_is_its_upstream_spec_below_the_header_with_the_files_it_names() {
    let project = Project::with_tool("");
    let ended = project.render(0, &[]);
    assert_eq!(ended.stdout, "written   t/tool\n");
    let folder = project.path("project/specs/t/tool");
    assert_eq!(files(&folder), ["fix.patch", "sources", "tool.service", "tool.spec"]);
    assert_eq!(project.read("project/specs/t/tool/tool.spec"), format!("{HEADER}{TOOL}"));
    assert_eq!(project.render(0, &[]).stdout, "", "nothing is left to do");
    assert_eq!(
        files(&project.path("project/specs")),
        files(&folder).iter().map(|file| format!("t/tool/{file}")).collect::<Vec<_>>()
    );
}

#[test]
fn overlays_macros_and_skipped_tests_are_put_in() {
    let project = Project::with_tool(
        "build.with = [\"tests\"]\nbuild.defines.level = \"3\"\nbuild.check = { skip = true, skip_reason = \"no network\" }\n\
         [[components.tool.overlays]]\ntype = \"spec-remove-tag\"\ntag = \"BuildRequires\"\nvalue = \"xen-devel\"\n\
         [[components.tool.overlays]]\ntype = \"patch-add\"\nsource = \"ours.patch\"\n\
         [[components.tool.overlays]]\ntype = \"spec-search-replace\"\nsection = \"%build\"\nregex = ' --with-xen$'\nreplacement = ''\n",
    );
    project.write("project/components/ours.patch", "--- a/y\n+++ b/y\n");
    project.render(0, &[]);
    let expected = TOOL
        .replace("BuildRequires:  xen-devel\n", "")
        .replace("%configure --with-xen", "%configure")
        .replace(
            "Source1:        tool.service\n",
            "Source1:        tool.service\nSource9999: tool.azl.macros\n",
        )
        .replace("BuildRequires:  gcc\n\n", "BuildRequires:  gcc\n\nPatch1: ours.patch\n")
        .replace("%check\n", "%check\n# Check section disabled: no network\nexit 0\n\n");
    let load = "# All Azure Linux specs with overlays include this macro file, irrespective of whether new macros have been added.\n\
                %{load:%{_sourcedir}/tool.azl.macros}\n\n";
    assert_eq!(project.read("project/specs/t/tool/tool.spec"), format!("{HEADER}{load}{expected}"));
    assert!(project.read("project/specs/t/tool/tool.azl.macros").ends_with("%_with_tests 1\n%level 3\n"));
    assert_eq!(project.read("project/specs/t/tool/ours.patch"), "--- a/y\n+++ b/y\n");
}

#[test]
fn own_source_files_are_listed_among_the_sources() {
    let hash = "ab".repeat(64);
    let project = Project::with_tool(&format!(
        "[[components.tool.source-files]]\nfilename = \"extra.tar.xz\"\nhash = \"{hash}\"\nhash-type = \"SHA512\"\n\
         origin = {{ type = \"download\", uri = \"https://origin.invalid/extra.tar.xz\" }}\n"
    ));
    project.render(0, &[]);
    let expected = format!("SHA512 (tool-1.0.tar.gz) = 00ff\nSHA512 (extra.tar.xz) = {hash}\n");
    assert_eq!(project.read("project/specs/t/tool/sources"), expected);
}

#[test]
fn a_component_whose_overlay_does_not_apply_says_so_in_its_folder_and_stops_no_other() {
    let project = Project::with_tool(
        "[[components.tool.overlays]]\ntype = \"spec-remove-tag\"\ndescription = \"Xen guests are no target\"\n\
         tag = \"BuildRequires\"\nvalue = \"xen-level\"\n",
    );
    project.define("other", "");
    project.write("dist-git/other/other.spec", &small("other", ""));
    let ended = project.render(1, &[]);
    assert_eq!(files(&project.path("project/specs/t/tool")), ["RENDER_FAILED"]);
    let marker = project.read("project/specs/t/tool/RENDER_FAILED");
    assert_eq!(marker, "Rendering failed. See azldev logs for details.\n");
    assert_eq!(project.read("project/specs/o/other/other.spec"), format!("{HEADER}{}", small("other", "")));
    for word in [
        "failed    tool",
        "overlay 1 (spec-remove-tag: Xen guests are no target)",
        "components/tool.toml:3:",
        "xen-devel",
    ] {
        assert!(ended.stdout.contains(word), "{word}: {ended}");
    }
    assert!(ended.stderr.contains("1 of 2 components could not be rendered"), "{ended}");
    // The failure is remembered and told again; whoever knows of it may accept it, and a check finds all as it should be.
    let again = project.render(1, &[]);
    assert_eq!(
        again.stdout,
        ended.stdout.replace("written   o/other\n", "").replace("written   t/tool\n", "")
    );
    project.render(0, &["--accept-failures"]);
    project.render(0, &["--check-only"]);
    project.define("tool", "");
    project.render(1, &["--check-only"]);
    project.render(0, &[]);
    assert!(!project.path("project/specs/t/tool/RENDER_FAILED").exists());
}

#[test]
fn a_check_writes_nothing_and_tells_what_would_be_written() {
    let project = Project::with_tool("");
    let ended = project.render(1, &["--check-only"]);
    assert!(!project.path("project/specs").exists());
    assert!(ended.stderr.contains("1 of 1 rendered components are not up to date"), "{ended}");
    project.render(0, &[]);
    project.render(0, &["--check-only"]);
    project.write("project/specs/t/tool/tool.spec", "edited");
    let ended = project.render(1, &["--check-only"]);
    assert_eq!(ended.stdout, "differs   t/tool\n");
    assert_eq!(project.read("project/specs/t/tool/tool.spec"), "edited");
    project.render(0, &[]);
    assert_eq!(project.read("project/specs/t/tool/tool.spec"), format!("{HEADER}{TOOL}"));
}

#[test]
fn folders_of_components_that_are_gone_are_removed_when_asked() {
    let project = Project::with_tool("");
    project.write("project/specs/g/gone/gone.spec", "Name: gone\n");
    project.write("project/specs/README.md", "By hand.\n");
    project.write("project/specs/docs/gone/gone.spec", "");
    project.render(0, &[]);
    assert!(project.path("project/specs/g/gone").exists(), "not without --clean-stale");
    project.render(0, &["--check-only"]);
    let ended = project.render(1, &["--check-only", "--clean-stale"]);
    assert_eq!(ended.stdout, "stale     g/gone\n");
    assert_eq!(project.render(0, &["--clean-stale"]).stdout, "removed   g/gone\n");
    assert!(!project.path("project/specs/g/gone").exists());
    assert!(
        project.path("project/specs/README.md").exists() && project.path("project/specs/docs/gone").exists()
    );
    project.render(2, &["tool", "--clean-stale"]);
}

#[test]
fn a_name_that_addresses_encode_gets_a_link() {
    let project = Project::new();
    project.define("libtool++", "");
    project.write("dist-git/libtool++/libtool++.spec", &small("libtool++", ""));
    project.render(0, &[]);
    let link = project.path("project/specs/l/libtool%2B%2B");
    assert_eq!(fs::read_link(&link).unwrap().to_str(), Some("libtool++"));
    project.render(0, &["--check-only"]);
    fs::remove_file(&link).unwrap();
    project.render(1, &["--check-only"]);
    project.render(0, &[]);
    assert!(link.is_symlink());
}

#[test]
fn a_component_of_another_name_gets_its_upstream_s_spec_under_its_own() {
    let project = Project::new();
    project.define("tool2", "spec = { type = \"upstream\", upstream-name = \"tool\" }\n");
    project.write("dist-git/tool/tool.spec", TOOL);
    project.render(0, &[]);
    assert_eq!(files(&project.path("project/specs")), ["t/tool2/tool2.spec"]);
}

#[test]
fn local_components_are_the_files_beside_their_spec() {
    let project = Project::new();
    project.define("ours", "spec = { type = \"local\", path = \"ours/ours.spec\" }\n");
    project.write("project/components/ours/ours.spec", &small("ours", "Source0: data.txt\n"));
    project.write("project/components/ours/data.txt", "data\n");
    project.write("project/components/ours/notes.txt", "notes\n");
    project.render(0, &[]);
    assert_eq!(files(&project.path("project/specs/o/ours")), ["data.txt", "ours.spec"]);
    project.define(
        "ours",
        "spec = { type = \"local\", path = \"ours/ours.spec\" }\nrender.skip-file-filter = true\n",
    );
    project.render(0, &[]);
    assert_eq!(files(&project.path("project/specs/o/ours")), ["data.txt", "notes.txt", "ours.spec"]);
}

#[test]
fn sources_that_cannot_be_had_leave_the_folder_as_it_was() {
    let project = Project::with_tool("");
    project.render(0, &[]);
    fs::rename(project.path("dist-git/tool"), project.path("away")).unwrap();
    let ended = project.render(1, &[]);
    assert!(ended.stdout.starts_with("left      tool\n"), "{ended}");
    assert_eq!(project.read("project/specs/t/tool/tool.spec"), format!("{HEADER}{TOOL}"));
    let ended = project.render(1, &["--check-only"]);
    assert!(ended.stderr.contains("1 of 1 components cannot be rendered, and not be compared"), "{ended}");
    fs::rename(project.path("away"), project.path("dist-git/tool")).unwrap();
    assert_eq!(project.render(0, &[]).stdout, "");
}

#[test]
fn another_output_folder_is_written_only_where_renders_wrote() {
    let project = Project::with_tool("");
    let other = project.path("other");
    let output = other.display().to_string();
    project.render(0, &["-o", &output]);
    assert_eq!(
        files(&other),
        ["t/tool/fix.patch", "t/tool/sources", "t/tool/tool.service", "t/tool/tool.spec"]
    );
    assert!(!project.path("project/specs").exists());
    fs::remove_dir_all(other.join("t/tool")).unwrap();
    project.write("other/t/tool/thesis.txt", "years of work");
    let ended = project.render(1, &["-o", &output]);
    assert!(ended.stderr.contains("holds no rendered component"), "{ended}");
    assert_eq!(files(&other), ["t/tool/thesis.txt"]);
}

#[test]
fn the_result_is_the_same_whatever_the_umask_and_the_folder() {
    let project = Project::with_tool("");
    let script = project.path("dist-git/tool/tool.service");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let dist_git = project.path("dist-git").display().to_string();
    let call = project.call(&["component", "render", "--dist-git", &dist_git, "-o", "strict"]);
    // A shell of the test alone: the program inherits its umask and folder.
    let strict = host_tools::Call::new("sh")
        .args(["-c", "umask 077; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_lazuli"));
    let strict = strict.args(["component", "render", "--dist-git", &dist_git, "-o", "strict"]);
    let strict = strict
        .arg("-C")
        .arg(project.path("project"))
        .arg("--offline")
        .arg("--cache-dir")
        .arg(project.path("cache2"));
    drop(call);
    run(&strict.directory(project.path("")));
    project.render(0, &["-o", &project.path("usual").display().to_string()]);
    let modes = |folder: &str| {
        let folder = project.path(folder);
        files(&folder)
            .into_iter()
            .map(|file| {
                let mode = folder.join(&file).metadata().unwrap().permissions().mode() & 0o777;
                (file.clone(), mode, fs::read(folder.join(&file)).unwrap())
            })
            .collect::<Vec<_>>()
    };
    let usual = modes("usual");
    assert_eq!(usual, modes("strict"));
    let modes: Vec<u32> = usual.iter().map(|(_, mode, _)| *mode).collect();
    assert_eq!(modes, [0o644, 0o644, 0o755, 0o644], "{usual:?}");
}

#[test]
fn hostile_upstream_files_are_refused() {
    let project = Project::with_tool("");
    std::os::unix::fs::symlink("/etc/hostname", project.path("dist-git/tool/tool.conf")).unwrap();
    let ended = project.render(1, &[]);
    assert!(ended.stdout.contains("leads out of the source folder"), "{ended}");
    fs::remove_file(project.path("dist-git/tool/tool.conf")).unwrap();
    std::os::unix::fs::symlink("tool.service", project.path("dist-git/tool/alias.service")).unwrap();
    project.write("dist-git/tool/tool.spec", &TOOL.replace("tool.service", "alias.service"));
    project.render(0, &[]);
    let alias = project.path("project/specs/t/tool/alias.service");
    assert!(!alias.is_symlink(), "a copy");
    assert_eq!(fs::read_to_string(alias).unwrap(), "[Service]\nExecStart=/usr/bin/tool\n");
}

#[test]
fn the_result_is_told_as_json_too() {
    let project =
        Project::with_tool("[[components.tool.overlays]]\ntype = \"spec-remove-tag\"\ntag = \"Vendor\"\n");
    project.define("plain", "");
    project.write("dist-git/plain/plain.spec", &small("plain", "Source0: %{font}.txt\n"));
    let told: serde_json::Value =
        serde_json::from_str(&project.render(1, &["--format", "json"]).stdout).unwrap();
    let (plain, tool) = (&told["components"][0], &told["components"][1]);
    assert_eq!([&plain["component"], &plain["status"], &plain["folder"]], ["plain", "ok", "p/plain"]);
    assert!(plain["notes"][0].as_str().unwrap().contains("%{font}"), "{plain}");
    assert_eq!((&tool["status"], &tool["changed"]), (&"failed".into(), &true.into()));
    assert!(tool["error"]["place"].as_str().unwrap().contains("components/tool.toml:3:"), "{tool}");
}

#[test]
fn a_release_that_only_other_macros_tell_leaves_the_folder_as_it_was() {
    let project = Project::new();
    project.define("tool", "");
    let spec = small("tool", "").replace("Version: 1", "Version: %distribution_version");
    project.write("dist-git/tool/tool.spec", &spec.replace("Release: 1", "Release: %autorelease"));
    let ended = project.render(1, &[]);
    assert!(
        ended.stdout.starts_with("left      tool\n") && ended.stdout.contains("%distribution_version"),
        "{ended}"
    );
    project.write("macros.distribution", "%distribution_version 7\n");
    project.render(0, &["--macros", &project.path("macros.distribution").display().to_string()]);
    let rendered = project.read("project/specs/t/tool/tool.spec");
    assert!(
        rendered.starts_with("## START: Set by rpmautospec\n") && rendered.contains(HEADER),
        "{rendered}"
    );
}
