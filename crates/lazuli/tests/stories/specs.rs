//! What a spec says, asked of the program without a build root.

use serde_json::Value;

use crate::world::World;

const TOOL: &str = "\
%bcond docs 0
Name: tool
Version: 1.%{minor}
Release: 1
Summary: A tool
License: MIT
BuildRequires: gcc
%if %{with docs}
BuildRequires: pandoc
%endif
%description
A tool.
%package devel
Summary: For programs that use it
Requires: %{name} = %{version}
%description devel
Headers.
%files
%files devel
";

fn world() -> World {
    let world = World::new();
    world.write("tool.spec", TOOL);
    world.write("macros.minor", "%minor 5\n");
    world
}

#[test]
fn macros_and_conditions_decide_what_a_spec_describes() {
    let world = world();
    let (spec, macros) = (world.path("tool.spec"), world.path("macros.minor"));
    let (spec, macros) = (spec.to_str().unwrap(), macros.to_str().unwrap());
    let query = |more: &[&str]| {
        let ended = world.run(["spec", "query", spec, "--macros", macros].iter().chain(more));
        assert_eq!(ended.code, 0, "{ended}");
        ended.stdout
    };
    let plain = query(&[]);
    assert!(
        plain.contains("package tool-1.5-1.x86_64\n") && plain.contains("  requires tool = 1.5\n"),
        "{plain}"
    );
    assert!(plain.contains("to build\n  requires gcc\n") && !plain.contains("pandoc"), "{plain}");
    let with_docs = query(&["--define", "_with_docs 1"]);
    assert!(with_docs.contains("  requires pandoc\n"), "{with_docs}");
    let data: Value = serde_json::from_str(&query(&["--format", "json"])).unwrap();
    let names: Vec<&str> = data[0]["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["tool", "tool-devel"]);

    let ended = world.run(["spec", "expand", spec, "--macros", macros]);
    assert!(ended.stdout.contains("Version: 1.5\n") && !ended.stdout.contains("pandoc"), "{ended}");
}

#[test]
fn a_spec_that_rpm_would_refuse_is_refused_with_its_line() {
    let world = world();
    world.write("tool.spec", &TOOL.replace("%endif\n", ""));
    let path = world.path("tool.spec");
    let ended = world.run(["spec", "query", path.to_str().unwrap()]);
    assert_ne!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains("tool.spec") && ended.stderr.contains(":8"), "{ended}");
}
