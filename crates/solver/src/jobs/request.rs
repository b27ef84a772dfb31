//! What a caller may ask for: the packages to install, upgrade and erase, and how freely the solver may choose.

use std::fmt;

use rpm_model::{CapabilityError, Dependency, Nevra, RichDependency};

/// What is to be installed, upgraded and erased, and how freely the solver may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is to be installed; what is installed already meets it.
    pub install: Vec<Want>,
    /// Which installed packages are to be brought up to date.
    pub upgrade: Upgrade,
    /// Installed packages that have to go, and with them what needs them.
    pub erase: Vec<Want>,
    /// Whether what nothing needs any more goes with an erased package.
    pub clean: bool,
    /// Installed packages that a user asked for once: never unneeded.
    pub user_installed: Vec<Nevra>,
    /// Names of installed packages that may be upgraded but not erased.
    pub protect: Vec<String>,
    /// Packages that may not be installed: names, NEVRAs or globs of them.
    pub exclude: Vec<String>,
    /// Whether recommended and supplementing packages come along.
    pub weak: bool,
    /// Whether each want must be met by its best package: highest priority, best architecture, newest version.
    pub best: bool,
    /// Packages that are the only ones of their name and architecture that may be installed.
    pub lock: Vec<Nevra>,
    /// Packages to choose where there is a choice.
    pub favor: Vec<Nevra>,
    /// Capabilities whose providers are installed side by side in several versions.
    pub install_only: Vec<String>,
}

/// One thing to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// What one types: a name, NAME.ARCH, a NEVRA or the beginning of one, a glob of these, a capability (`webserver`,
    /// `perl(Foo) >= 2`), a path, or the name of a program in /usr/bin or /usr/sbin; the first that matches counts.
    Spec(String),
    /// Whatever makes a boolean dependency hold.
    Rich(RichDependency),
    /// Exactly this package.
    Package(Nevra),
}

/// Which installed packages are to be brought up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// None, but for those that something else needs in a newer version.
    #[default]
    Nothing,
    /// All, as far as it goes.
    All,
    /// These.
    Listed(Vec<Want>),
    /// All, to exactly what the repositories have, be it newer or older.
    Synchronize,
}

impl Default for Request {
    fn default() -> Self {
        let install_only = [
            "kernel",
            "kernel-PAE",
            "installonlypkg(kernel)",
            "installonlypkg(kernel-module)",
            "installonlypkg(vm)",
            "multiversion(kernel)",
        ];
        Request {
            install: Vec::new(),
            upgrade: Upgrade::Nothing,
            erase: Vec::new(),
            clean: true,
            user_installed: Vec::new(),
            protect: Vec::new(),
            exclude: Vec::new(),
            weak: true,
            best: true,
            lock: Vec::new(),
            favor: Vec::new(),
            install_only: install_only.map(str::to_owned).to_vec(),
        }
    }
}

impl Request {
    /// Asks for what one would type, in dnf's default mood.
    pub fn install<T: AsRef<str>>(specs: impl IntoIterator<Item = T>) -> Result<Self, CapabilityError> {
        let install = specs.into_iter().map(|spec| Want::parse(spec.as_ref())).collect::<Result<_, _>>()?;
        Ok(Request { install, ..Request::default() })
    }
}

impl Want {
    /// Reads what one types; only a boolean dependency, `(a or b)`, can be wrong.
    pub fn parse(text: &str) -> Result<Self, CapabilityError> {
        if !text.trim_start().starts_with('(') {
            return Ok(Want::Spec(text.trim().to_owned()));
        }
        match Dependency::parse(text)? {
            Dependency::Rich(rich) => Ok(Want::Rich(rich)),
            Dependency::Simple(capability) => Ok(Want::Spec(capability.to_string())),
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Want::Spec(text) => f.write_str(text),
            Want::Rich(rich) => rich.fmt(f),
            Want::Package(nevra) => nevra.fmt(f),
        }
    }
}
