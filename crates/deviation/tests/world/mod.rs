//! A project with one component named `tool`, and files of its upstream.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::fs;

use component_sources::prepare::{PreparedFile, PreparedFiles};
use definition::{Component, Distro};

/// A definition on disk.
pub struct World {
    /// The same, read.
    pub distro: Distro,
    _folder: tempfile::TempDir,
}

impl World {
    /// The usual upstream, and these tables.
    pub fn of(tables: &str) -> Self {
        World::with_files(tables, &[])
    }

    /// The same, with files beside the definition.
    pub fn with_files(tables: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let usual = "[project]\ndefault-distro = { name = \"ours\", version = \"1\" }\ndefault-author-email = \"team@example.org\"\n\
             [distros.ours.versions.1]\nrelease-ver = \"1\"\n\
             default-component-config = { spec = { type = \"upstream\", upstream-distro = { name = \"up\", version = \"9\" } } }\n\
             [distros.up]\ndefault-version = \"9\"\ndist-git-base-uri = \"https://dist-git.example.org/$pkg.git\"\n\
             [distros.up.versions.9]\nrelease-ver = \"9\"\ndist-git-branch = \"main\"\n\
             [distros.up.versions.8]\nrelease-ver = \"8\"\ndist-git-branch = \"old\"\n";
        fs::write(folder.path().join("azldev.toml"), format!("{usual}{tables}")).unwrap();
        let distro = definition::load(folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
        World { distro, _folder: folder }
    }

    /// The component `tool`.
    pub fn tool(&self) -> &Component {
        &self.distro.components["tool"]
    }
}

/// Files of an upstream, by name.
pub fn files(files: &[(&str, &str)]) -> PreparedFiles {
    let file = |text: &str| PreparedFile { bytes: text.as_bytes().to_vec(), executable: false };
    files.iter().map(|(name, text)| ((*name).to_owned(), file(text))).collect()
}
