//! Packages made here go into roots: what is made, what is refused, and that a failure leaves nothing behind.
//!
//! Owners and scriptlets need root; without it these tests say so and pass.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test tells what it found, and panics"
)]

mod failing;
mod killed;
mod making;
mod packages;
mod repeating;
mod storing;
#[path = "../existing/tracing.rs"]
mod tracing;

use std::path::{Path, PathBuf};

use host_tools::progress::Silent;
use install::files::FilePolicy;
use install::lua::Interpreter;
use install::{
    InstallError, InstallOptions, InstalledRoot, PackageRequest, PlanError, PlanOptions, Reason,
    SignaturePolicy, Transaction, execute, plan,
};

pub(crate) const EPOCH: u32 = 1_750_000_000;

/// A directory for packages and roots that is gone after the test.
pub(crate) struct World {
    directory: tempfile::TempDir,
}

impl World {
    /// `None`, with the reason told, when this process is not root.
    pub(crate) fn new() -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            Some(World { directory: tempfile::tempdir().expect("a directory for the test") })
        } else {
            testkit::prepared::skip("it gives files to owners, which needs root");
            None
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn plan(&self, packages: &[PathBuf]) -> Result<Transaction, PlanError> {
        let options = PlanOptions { signatures: SignaturePolicy::DigestsOnly, files: FilePolicy::default() };
        plan(&packages.iter().map(|file| request(file)).collect::<Vec<_>>(), &options)
    }

    pub(crate) fn install(&self, packages: &[PathBuf]) -> Result<InstalledRoot, InstallError> {
        self.install_into("root", packages)
    }

    pub(crate) fn install_into(
        &self,
        name: &str,
        packages: &[PathBuf],
    ) -> Result<InstalledRoot, InstallError> {
        let transaction = self.plan(packages).unwrap_or_else(|error| panic!("{error}"));
        execute(&transaction, &self.path(name), &options(), &Silent)
    }

    /// Neither the root nor a part of it is there.
    pub(crate) fn assert_nothing_left(&self) {
        assert!(!self.path("root").exists(), "the root appeared");
        assert!(!self.path("root.partial").exists(), "a part of the root is left");
    }
}

pub(crate) fn request(file: &Path) -> PackageRequest {
    PackageRequest { file: file.to_owned(), checksum: None, reason: Reason::User, repository: "test".into() }
}

pub(crate) fn options() -> InstallOptions {
    let lua = Interpreter::program(env!("CARGO_BIN_EXE_lazuli-lua"))
        .expect("the interpreter was built with this test");
    InstallOptions::new(EPOCH, Some(lua))
}

/// An error with all its causes.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
