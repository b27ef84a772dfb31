//! A render that is killed: every folder is the old one or the new one, and the next run finishes the work.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

use super::project::{Project, files, small};

const COMPONENTS: usize = 60;

fn write(project: &Project, version: &str) {
    for number in 0..COMPONENTS {
        let name = format!("tool{number}");
        project.define(&name, "");
        project.write(
            &format!("dist-git/{name}/{name}.spec"),
            &small(&name, &format!("Source0: a.txt\n# {version}\n")),
        );
        project.write(&format!("dist-git/{name}/a.txt"), version);
    }
}

/// The version that a folder has, as a whole.
fn version(folder: &Path, name: &str) -> Option<String> {
    if !folder.exists() {
        return None;
    }
    assert_eq!(files(folder), ["a.txt".to_owned(), format!("{name}.spec")]);
    let version = std::fs::read_to_string(folder.join("a.txt")).unwrap();
    let spec = std::fs::read_to_string(folder.join(format!("{name}.spec"))).unwrap();
    assert!(spec.contains(&format!("# {version}\n")), "{name} is half of one version and half of another");
    Some(version)
}

#[test]
fn every_folder_is_the_old_one_or_the_new_one() {
    let project = Project::new();
    write(&project, "old");
    project.render(0, &[]);
    let dist_git = project.path("dist-git").display().to_string();
    let mut killed_at_work = 0;
    for milliseconds in [2, 5, 8, 12, 16, 20, 25, 30, 40, 60] {
        write(&project, &format!("after {milliseconds}"));
        let call = project.call(&["component", "render", "--dist-git", &dist_git]);
        // The time limit kills the program.
        let ended = host_tools::program::run(&call.time_limit(Duration::from_millis(milliseconds)));
        let killed = match ended {
            Ok(output) => output.status.signal().is_some(),
            Err(_) => true,
        };
        killed_at_work += usize::from(killed);
        for number in 0..COMPONENTS {
            let name = format!("tool{number}");
            let folder = project.path("project/specs").join("t").join(&name);
            assert!(version(&folder, &name).is_some(), "{name} is gone");
        }
    }
    assert!(killed_at_work > 0, "the machine is faster than this test");
    project.render(0, &[]);
    let wanted = version(&project.path("dist-git/tool7"), "tool7").unwrap();
    assert_eq!(version(&project.path("project/specs/t/tool7"), "tool7"), Some(wanted));
    assert!(!project.path("project/specs/.rendering").exists());
}
