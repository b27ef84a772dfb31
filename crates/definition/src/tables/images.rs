//! `[images.<name>]` and `[test-suites.<name>]`.

use crate::decode::{Text, choice, table};
use crate::place::Located;

table! {
    /// An image.
    pub(crate) struct ImageTable {
        /// What it is for.
        "description" => description: Option<Text>,
        /// The file that says what is in it.
        "definition" => definition: Option<ImageDefinitionTable>,
        /// What it can do.
        "capabilities" => capabilities: Option<CapabilitiesTable>,
        /// How it is tested.
        "tests" => tests: Option<ImageTestsTable>,
        /// Where it is published.
        "publish" => publish: Option<ImagePublishTable>,
    }
}

choice! {
    /// Format of an image's own file.
    pub(crate) enum ImageDefinitionType {
        /// This tool's own format, an `image.toml`.
        "native" => Native,
        /// A kiwi description.
        "kiwi" => Kiwi,
    }
}

table! {
    /// The file that says what is in an image.
    pub(crate) struct ImageDefinitionTable {
        /// Its format.
        "type" => kind: Option<Located<ImageDefinitionType>>,
        /// The file.
        "path" => path: Option<Text>,
        /// A profile in it (kiwi only).
        "profile" => profile: Option<Text>,
    }
}

table! {
    /// What an image can do; an absent key says nothing either way.
    pub(crate) struct CapabilitiesTable {
        /// It boots on a machine.
        "machine-bootable" => machine_bootable: Option<bool>,
        /// It runs as a container.
        "container" => container: Option<bool>,
        /// systemd runs in it.
        "systemd" => systemd: Option<bool>,
        /// Packages can be added while it runs.
        "runtime-package-management" => runtime_package_management: Option<bool>,
    }
}

table! {
    /// How an image is tested.
    pub(crate) struct ImageTestsTable {
        /// The suites it must pass.
        "test-suites" => test_suites: Option<Vec<TestSuiteReferenceTable>>,
    }
}

table! {
    /// A test suite, by name.
    pub(crate) struct TestSuiteReferenceTable {
        /// A name from `[test-suites]`.
        "name" => name: Text,
    }
}

table! {
    /// Where an image is published.
    pub(crate) struct ImagePublishTable {
        /// The channels that carry it.
        "channels" => channels: Option<Vec<Text>>,
    }
}

choice! {
    /// The program that runs a test suite.
    pub(crate) enum TestSuiteType {
        /// pytest.
        "pytest" => Pytest,
        /// LISA.
        "lisa" => Lisa,
    }
}

table! {
    /// A test suite.
    pub(crate) struct TestSuiteTable {
        /// What it tests.
        "description" => description: Option<Text>,
        /// The program that runs it.
        "type" => kind: Located<TestSuiteType>,
        /// Settings of a pytest suite.
        "pytest" => pytest: Option<Located<PytestTable>>,
        /// Settings of a LISA suite.
        "lisa" => lisa: Option<Located<LisaTable>>,
    }
}

choice! {
    /// How a pytest suite's dependencies are installed.
    pub(crate) enum PytestInstall {
        /// From its pyproject.toml.
        "pyproject" => Pyproject,
        /// From its requirements.txt.
        "requirements" => Requirements,
        /// Not at all.
        "none" => None,
    }
}

table! {
    /// Settings of a pytest suite.
    pub(crate) struct PytestTable {
        /// The folder it runs in.
        "working-dir" => working_dir: Option<Text>,
        /// The tests, relative to that folder.
        "test-paths" => test_paths: Option<Vec<Text>>,
        /// Further arguments.
        "extra-args" => extra_args: Option<Vec<Text>>,
        /// How its dependencies are installed (default `none`).
        "install" => install: Option<PytestInstall>,
    }
}

table! {
    /// Settings of a LISA suite.
    pub(crate) struct LisaTable {
        /// Where LISA comes from.
        "framework" => framework: Option<LisaFrameworkTable>,
        /// The cases to run.
        "test-cases" => test_cases: Option<Vec<Text>>,
        /// Python packages installed first.
        "pip-pre-install" => pip_pre_install: Option<Vec<Text>>,
        /// Optional parts of LISA.
        "pip-extras" => pip_extras: Option<Vec<Text>>,
        /// Further arguments.
        "extra-args" => extra_args: Option<Vec<Text>>,
    }
}

table! {
    /// Where LISA comes from.
    pub(crate) struct LisaFrameworkTable {
        /// Git address.
        "git-url" => git_url: Text,
        /// Commit, 40 hexadecimal digits.
        "ref" => reference: Text,
    }
}
