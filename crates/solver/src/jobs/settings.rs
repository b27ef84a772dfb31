//! Switches of the search, by the names that libsolv's testcases use.

/// One switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// An upgrade may choose an older version.
    AllowDowngrade,
    /// An upgrade may choose a package of another name that replaces this one.
    AllowNameChange,
    /// An upgrade may choose another architecture.
    AllowArchitectureChange,
    /// An upgrade may choose another vendor's package.
    AllowVendorChange,
    /// Installed packages may go when they are in the way.
    AllowUninstall,
    /// A replacing package need not provide the replaced name.
    NoUpdateProvide,
    /// A replacing package has to provide the replaced name.
    NeedUpdateProvide,
    /// Weak dependencies install nothing.
    IgnoreRecommended,
    /// Weak dependencies of installed packages count too.
    AddAlreadyRecommended,
    /// Only weak dependencies on namespaces count.
    OnlyNamespaceRecommended,
    /// Recommendations are rules, given up only when they cannot hold.
    StrongRecommends,
    /// A worse architecture is as good as a better one.
    NoArchitectureCheck,
    /// Packages that are installed side by side still replace what they obsolete.
    KeepExplicitObsoletes,
    /// The best version is the best that an upgrade would choose.
    BestObeyPolicy,
    /// A request that names no installed package is not read as naming its targets.
    NoAutoTarget,
    /// The same as the first four, for a distribution upgrade.
    DupAllowDowngrade,
    /// See [`Setting::AllowArchitectureChange`].
    DupAllowArchitectureChange,
    /// See [`Setting::AllowVendorChange`].
    DupAllowVendorChange,
    /// See [`Setting::AllowNameChange`].
    DupAllowNameChange,
    /// Installed packages that no repository has stay.
    KeepOrphans,
    /// Installed packages are decided before the request.
    FocusInstalled,
    /// What the request needs is decided before installed packages, in the best version.
    FocusBest,
    /// What the request needs anew is decided before installed packages.
    FocusNew,
    /// Of several packages that replace one, all or none are chosen.
    YumObsoletes,
    /// A request for an installed package may upgrade it.
    InstallAlsoUpdates,
    /// A name that a better repository has is not taken from a worse one.
    StrictRepositoryPriority,
    /// Packages with languages and kernel modules are put in the order of urpmi.
    UrpmReorder,
    /// Architectures of different word sizes live side by side under one name.
    ImplicitObsoletesUseColors,
    /// An obsoletes does not reach across word sizes.
    ObsoletesUseColors,
    /// What an installed package obsoletes does not count.
    NoInstalledObsoletes,
    /// A package may not conflict with what it provides itself.
    ForbidSelfConflicts,
    /// Excluded packages still count as providers.
    ProvidersWithDisabled,
}

use Setting as S;

/// Switches of the solver proper, with libsolv's names and defaults.
const OF_SOLVER: &[(Setting, &str, bool)] = &[
    (S::AllowDowngrade, "allowdowngrade", false),
    (S::AllowNameChange, "allownamechange", true),
    (S::AllowArchitectureChange, "allowarchchange", false),
    (S::AllowVendorChange, "allowvendorchange", false),
    (S::AllowUninstall, "allowuninstall", false),
    (S::NoUpdateProvide, "noupdateprovide", false),
    (S::NeedUpdateProvide, "needupdateprovide", false),
    (S::IgnoreRecommended, "ignorerecommended", false),
    (S::AddAlreadyRecommended, "addalreadyrecommended", false),
    (S::OnlyNamespaceRecommended, "onlynamespacerecommended", false),
    (S::StrongRecommends, "strongrecommends", false),
    (S::NoArchitectureCheck, "noinfarchcheck", false),
    (S::KeepExplicitObsoletes, "keepexplicitobsoletes", false),
    (S::BestObeyPolicy, "bestobeypolicy", false),
    (S::NoAutoTarget, "noautotarget", false),
    (S::DupAllowDowngrade, "dupallowdowngrade", true),
    (S::DupAllowArchitectureChange, "dupallowarchchange", true),
    (S::DupAllowVendorChange, "dupallowvendorchange", true),
    (S::DupAllowNameChange, "dupallownamechange", true),
    (S::KeepOrphans, "keeporphans", false),
    (S::FocusInstalled, "focusinstalled", false),
    (S::FocusBest, "focusbest", false),
    (S::FocusNew, "focusnew", false),
    (S::YumObsoletes, "yumobsoletes", false),
    (S::InstallAlsoUpdates, "installalsoupdates", false),
    (S::StrictRepositoryPriority, "strictrepopriority", false),
    (S::UrpmReorder, "urpmreorder", false),
];

/// Switches of the package pool.
const OF_POOL: &[(Setting, &str)] = &[
    (S::ImplicitObsoletesUseColors, "implicitobsoleteusescolors"),
    (S::ObsoletesUseColors, "obsoleteusescolors"),
    (S::NoInstalledObsoletes, "noinstalledobsoletes"),
    (S::ForbidSelfConflicts, "forbidselfconflicts"),
    (S::ProvidersWithDisabled, "whatprovideswithdisabled"),
];

/// Which switches are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings(u64);

impl Default for Settings {
    /// libsolv's.
    fn default() -> Self {
        let on = OF_SOLVER.iter().filter(|(_, _, on)| *on);
        on.fold(Settings(0), |settings, (setting, ..)| settings.with(*setting, true))
    }
}

impl Settings {
    /// dnf's.
    pub(crate) fn of_dnf() -> Self {
        let on = [
            S::KeepOrphans,
            S::BestObeyPolicy,
            S::YumObsoletes,
            S::UrpmReorder,
            S::AllowVendorChange,
            S::ImplicitObsoletesUseColors,
            S::ProvidersWithDisabled,
        ];
        on.into_iter().fold(Settings::default(), |settings, setting| settings.with(setting, true))
    }

    pub(crate) fn has(self, setting: Setting) -> bool {
        self.0 & (1 << setting as u64) != 0
    }

    /// With what is on in the pool of another.
    pub(crate) fn union(self, other: Settings) -> Self {
        let pool = OF_POOL.iter().filter(|(setting, _)| other.has(*setting));
        pool.fold(self, |settings, (setting, _)| settings.with(*setting, true))
    }

    pub(crate) fn with(self, setting: Setting, on: bool) -> Self {
        let bit = 1 << setting as u64;
        Settings(if on { self.0 | bit } else { self.0 & !bit })
    }
}

/// The solver's switch of that name in a testcase.
pub(crate) fn of_solver(name: &str) -> Option<Setting> {
    OF_SOLVER.iter().find(|(_, known, _)| *known == name).map(|(setting, ..)| *setting)
}

/// The pool's switch of that name in a testcase.
pub(crate) fn of_pool(name: &str) -> Option<Setting> {
    OF_POOL.iter().find(|(_, known)| *known == name).map(|(setting, _)| *setting)
}

/// Switches that change no answer: how libsolv stores what files provide, and a default of the solver's.
pub(crate) const WITHOUT_EFFECT: &[&str] =
    &["noobsoletesmultiversion", "addfileprovidesfiltered", "nowhatprovidesaux"];
