//! What is taken over from an earlier run, and everything that must keep it from being taken over.

use std::fs;
use std::time::{Duration, SystemTime};

use super::project::{HEADER, Project, TOOL};

/// Old enough to be known again by its times.
fn age(project: &Project) {
    let _aged = project;
    std::thread::sleep(Duration::from_millis(2100));
}

#[test]
fn an_unchanged_component_is_not_written_again() {
    let project = Project::with_tool("");
    project.render(0, &[]);
    let spec = project.path("project/specs/t/tool/tool.spec");
    let written = |path: &std::path::Path| path.metadata().unwrap().modified().unwrap();
    let first = written(&spec);
    for arguments in [&[][..], &["--fresh"]] {
        project.render(0, arguments);
        assert_eq!(written(&spec), first, "{arguments:?}");
    }
}

#[test]
fn every_input_is_compared_before_a_result_is_taken_over() {
    let table = "[[components.tool.overlays]]\ntype = \"file-add\"\nfile = \"fix.patch2\"\nsource = \"added\"\n\
                 [[components.tool.overlays]]\ntype = \"spec-add-tag\"\ntag = \"Source7\"\nvalue = \"fix.patch2\"\n";
    let project = Project::with_tool(table);
    project.write("project/components/added", "1\n");
    project.render(0, &[]);
    age(&project);
    project.render(0, &[]);
    let rewritten = |what: &str| assert_eq!(project.render(0, &[]).stdout, "written   t/tool\n", "{what}");

    project.write("dist-git/tool/fix.patch", "--- a/x\n+++ b/z\n");
    rewritten("an upstream file of the same size");
    assert_eq!(project.read("project/specs/t/tool/fix.patch"), "--- a/x\n+++ b/z\n");
    project.write("project/components/added", "2\n");
    rewritten("a file that an overlay brings in");
    assert_eq!(project.read("project/specs/t/tool/fix.patch2"), "2\n");
    project.define("tool", &table.replace("Source7", "Source8"));
    rewritten("an overlay");
    project.define("tool", &format!("build.defines.a = \"1\"\n{}", table.replace("Source7", "Source8")));
    rewritten("a macro");
    project.write("dist-git/tool/new.file", "nobody names it\n");
    assert_eq!(project.render(0, &[]).stdout, "", "it is rendered again, and nothing differs");
}

#[test]
fn a_folder_that_was_touched_is_restored() {
    let project = Project::with_tool("");
    project.render(0, &[]);
    age(&project);
    project.render(0, &[]);
    let spec = project.path("project/specs/t/tool/tool.spec");
    let restored = |what: &str| {
        assert_eq!(project.render(0, &[]).stdout, "written   t/tool\n", "{what}");
        assert_eq!(project.read("project/specs/t/tool/tool.spec"), format!("{HEADER}{TOOL}"), "{what}");
    };
    // The same size, and the modification time put back.
    let modified = spec.metadata().unwrap().modified().unwrap();
    fs::write(&spec, format!("{HEADER}{TOOL}").replace("1.0", "2.0")).unwrap();
    fs::File::options().write(true).open(&spec).unwrap().set_modified(modified).unwrap();
    restored("edited");
    fs::remove_file(&spec).unwrap();
    restored("removed");
    project.write("project/specs/t/tool/extra", "");
    restored("one file more");
    // Times alone are no difference.
    fs::File::options().write(true).open(&spec).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(project.render(0, &[]).stdout, "");
}

#[test]
fn a_damaged_memory_is_no_memory() {
    let project = Project::with_tool("");
    project.render(0, &[]);
    for file in fs::read_dir(project.path("cache/rendered")).unwrap().map(|entry| entry.unwrap().path()) {
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x20;
        fs::write(&file, bytes).unwrap();
    }
    project.write("project/specs/t/tool/tool.spec", "edited");
    assert_eq!(project.render(0, &[]).stdout, "written   t/tool\n");
    fs::remove_dir_all(project.path("cache")).unwrap();
    assert_eq!(project.render(0, &[]).stdout, "");
}
