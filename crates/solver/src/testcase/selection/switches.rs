//! The switches of a selection, in words, in; the same as a set, out.

use super::TestcaseError;

/// Where a selection looks and how it compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Switches(u32);

const NAMES: &[(&str, Switches)] = &[
    ("name", Switches::NAME),
    ("provides", Switches::PROVIDES),
    ("filelist", Switches::FILES),
    ("canon", Switches::CANONICAL),
    ("dotarch", Switches::DOT_ARCHITECTURE),
    ("rel", Switches::RELATION),
    ("installedonly", Switches::INSTALLED_ONLY),
    ("glob", Switches::GLOB),
    ("flat", Switches::FLAT),
    ("nocase", Switches::ANY_CASE),
    ("sourceonly", Switches::SOURCE_ONLY),
    ("withsource", Switches::WITH_SOURCE),
    ("skipkind", Switches::SKIP_KIND),
    ("depstr", Switches::AS_TEXT),
    ("withdisabled", Switches::WITH_DISABLED),
    ("withbadarch", Switches::WITH_FOREIGN),
    ("add", Switches::ADD),
    ("subtract", Switches::SUBTRACT),
    ("filter", Switches::FILTER),
];

impl Switches {
    /// By the name of the package.
    pub(super) const NAME: Switches = Switches(1);
    /// By what it provides.
    pub(super) const PROVIDES: Switches = Switches(1 << 1);
    /// By its files.
    pub(super) const FILES: Switches = Switches(1 << 2);
    /// By name and version joined by a dash.
    pub(super) const CANONICAL: Switches = Switches(1 << 3);
    /// `.ARCHITECTURE` may follow.
    pub(super) const DOT_ARCHITECTURE: Switches = Switches(1 << 4);
    /// `= VERSION` and the like may follow.
    pub(super) const RELATION: Switches = Switches(1 << 5);
    /// Nothing but what is installed.
    pub(super) const INSTALLED_ONLY: Switches = Switches(1 << 6);
    /// `*`, `?` and `[...]` are patterns.
    pub(super) const GLOB: Switches = Switches(1 << 7);
    /// As one list of packages.
    pub(super) const FLAT: Switches = Switches(1 << 8);
    /// Upper and lower case are the same.
    pub(super) const ANY_CASE: Switches = Switches(1 << 9);
    /// Nothing but source packages.
    pub(super) const SOURCE_ONLY: Switches = Switches(1 << 10);
    /// Source packages, too.
    pub(super) const WITH_SOURCE: Switches = Switches(1 << 11);
    /// `pattern:` and the like in front of a name do not count.
    pub(super) const SKIP_KIND: Switches = Switches(1 << 12);
    /// Dependencies are compared as they are written.
    pub(super) const AS_TEXT: Switches = Switches(1 << 13);
    /// Disabled packages, too.
    pub(super) const WITH_DISABLED: Switches = Switches(1 << 14);
    /// Packages for other machines, too.
    pub(super) const WITH_FOREIGN: Switches = Switches(1 << 15);
    /// To what was selected before.
    pub(super) const ADD: Switches = Switches(1 << 16);
    /// From what was selected before.
    pub(super) const SUBTRACT: Switches = Switches(1 << 17);
    /// Only what was selected before as well.
    pub(super) const FILTER: Switches = Switches(1 << 18);

    /// Reads `name,dotarch,rel`.
    pub(super) fn parse(text: &str, line: usize) -> Result<Self, TestcaseError> {
        let mut switches = Switches::default();
        for name in text.split(',') {
            let unknown =
                || TestcaseError::Unsupported { line, what: format!("the switch {name} of a selection") };
            let switch = NAMES.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?.1;
            switches = switches.and(switch);
        }
        Ok(switches)
    }

    pub(super) fn has(self, switch: Switches) -> bool {
        self.0 & switch.0 == switch.0
    }

    pub(super) fn and(self, switch: Switches) -> Switches {
        Switches(self.0 | switch.0)
    }

    pub(super) fn without(self, switch: Switches) -> Switches {
        Switches(self.0 & !switch.0)
    }

    /// Whether what was selected before counts.
    pub(super) fn combines(self) -> bool {
        [Switches::ADD, Switches::SUBTRACT, Switches::FILTER].iter().any(|switch| self.has(*switch))
    }

    /// Whether packages are wanted that nobody could install.
    pub(super) fn wants_extra(self) -> bool {
        self.has(Switches::WITH_SOURCE) || self.wants_unusable()
    }

    /// The same but for source packages.
    pub(super) fn wants_unusable(self) -> bool {
        self.has(Switches::WITH_DISABLED) || self.has(Switches::WITH_FOREIGN)
    }
}
