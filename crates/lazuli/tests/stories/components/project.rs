//! A project whose components come from folders beside it.

use std::fs;
use std::path::{Path, PathBuf};

use host_tools::Call;

use crate::program::{lazuli, run};
use crate::world::Ended;

/// What every rendered spec begins with.
pub const HEADER: &str = "# This spec file has been modified by azldev to include build configuration overlays.\n\
                          # Do not edit manually; changes may be overwritten.\n\n";

/// The upstream spec of `tool`.
pub const TOOL: &str = "\
Name:           tool
Version:        1.0
Release:        1%{?dist}
Summary:        A tool
License:        MIT
Source0:        https://example.com/tool-%{version}.tar.gz
Source1:        tool.service
Patch0:         fix.patch
BuildRequires:  gcc
BuildRequires:  xen-devel

%description
A tool.

%build
%configure --with-xen
%make_build

%check
make check

%files
/usr/bin/tool

%changelog
* Mon Jan 05 2026 A Person <person@example.com> - 1.0-1
- Begin
";

/// A spec of few lines.
pub fn small(name: &str, more: &str) -> String {
    format!(
        "Name: {name}\nVersion: 1\nRelease: 1\nSummary: Small\nLicense: MIT\n{more}\n%description\nSmall.\n\n\
         %files\n\n%changelog\n* Mon Jan 05 2026 A Person <person@example.com> - 1-1\n- Begin\n"
    )
}

/// Everything that a story about components happens in.
pub struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// A project without components.
    pub fn new() -> Self {
        let project = Project { folder: tempfile::tempdir().unwrap() };
        project.write(
            "project/lazuli.toml",
            "includes = [\"components/*.toml\"]\n\
             [project]\ndescription = \"A tiny distribution\"\nrendered-specs-dir = \"specs\"\n\
             default-distro = { name = \"tiny\", version = \"1\" }\n\
             [distros.tiny.versions.1]\nrelease-ver = \"1\"\n\
             default-component-config.spec = { type = \"upstream\", upstream-distro = { name = \"origin\", version = \"9\" } }\n\
             [distros.origin]\ndist-git-base-uri = \"https://origin.invalid/$pkg.git\"\n\
             lookaside-base-uri = \"https://origin.invalid/$pkg/$filename/$hashtype/$hash\"\n\
             [distros.origin.versions.9]\nrelease-ver = \"9\"\ndist-git-branch = \"main\"\n",
        );
        project
    }

    /// A project with `tool` and its upstream files.
    pub fn with_tool(table: &str) -> Self {
        let project = Project::new();
        project.define("tool", table);
        project.write("dist-git/tool/tool.spec", TOOL);
        project.write("dist-git/tool/tool.service", "[Service]\nExecStart=/usr/bin/tool\n");
        project.write("dist-git/tool/fix.patch", "--- a/x\n+++ b/x\n");
        project.write("dist-git/tool/sources", "SHA512 (tool-1.0.tar.gz) = 00ff\n");
        project.write("dist-git/tool/README.md", "Not part of the package.\n");
        project
    }

    /// Defines a component; `table` goes on after `[components.NAME]`.
    pub fn define(&self, name: &str, table: &str) {
        self.write(&format!("project/components/{name}.toml"), &format!("[components.'{name}']\n{table}"));
    }

    /// A path in the folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file in the folder.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file of the folder.
    pub fn read(&self, path: &str) -> String {
        let path = self.path(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A command on this definition with its own cache, from the folders beside it.
    pub fn call(&self, arguments: &[&str]) -> Call {
        let call = lazuli(arguments).arg("-C").arg(self.path("project")).arg("--offline");
        call.arg("--cache-dir").arg(self.path("cache")).env("HOME", self.path("home"))
    }

    /// Runs a command.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&run(&self.call(arguments)))
    }

    /// Runs a command that must end with this code; its data.
    pub fn ends(&self, code: i32, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, code, "{arguments:?}: {ended}");
        assert!(!ended.stderr.contains("panicked"), "{ended}");
        ended
    }

    /// Renders from the folders beside the project.
    pub fn render(&self, code: i32, arguments: &[&str]) -> Ended {
        let dist_git = self.path("dist-git").display().to_string();
        self.ends(code, &[&["component", "render", "--dist-git", &dist_git], arguments].concat())
    }
}

/// Paths of files below a folder, sorted.
pub fn files(folder: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}
