//! The machine's architecture, in; how well a package's architecture fits it, out.

/// Architectures that a machine runs, best first.
const POLICIES: &[(&str, &[&str])] = &[
    ("x86_64", &["x86_64", "athlon", "i686", "i586", "i486", "i386"]),
    ("i686", &["i686", "i586", "i486", "i386"]),
    ("i586", &["i586", "i486", "i386"]),
    ("aarch64", &["aarch64"]),
    ("ppc64le", &["ppc64le"]),
    ("s390x", &["s390x"]),
    ("riscv64", &["riscv64"]),
];

/// Fits every machine equally.
pub(crate) const NOARCH: u32 = 1;

/// What a machine runs.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// Empty when everything runs.
    best_first: Vec<String>,
}

impl Policy {
    pub(crate) fn of(machine: &str) -> Self {
        let known = POLICIES.iter().find(|(name, _)| *name == machine);
        let best_first = match known {
            Some((_, list)) => list.iter().map(|name| (*name).to_owned()).collect(),
            None if machine.is_empty() => Vec::new(),
            None => vec![machine.to_owned()],
        };
        Policy { best_first }
    }

    /// 0: cannot be installed; [`NOARCH`]; otherwise the lower the better.
    pub(crate) fn score(&self, architecture: &str) -> u32 {
        if matches!(architecture, "src" | "nosrc") {
            return 0;
        }
        if architecture == "noarch" || self.best_first.is_empty() {
            return NOARCH;
        }
        let place = self.best_first.iter().position(|name| name == architecture);
        place.and_then(|place| u32::try_from(place + 2).ok()).unwrap_or(0)
    }
}

/// Whether two architectures cannot be installed side by side under one name: they share a word size, or one of
/// them has none (`noarch`). rpm calls this the colour.
pub(crate) fn colors_meet(a: &str, b: &str) -> bool {
    a == b || color(a) & color(b) != 0
}

fn color(architecture: &str) -> u8 {
    match architecture {
        "noarch" => 3,
        "s390x" | "ppc64le" => 2,
        name if name.contains("64") => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_machine_prefers_wide_packages_and_runs_narrow_ones() {
        let policy = Policy::of("x86_64");
        assert!(policy.score("x86_64") < policy.score("i686"));
        assert_eq!(policy.score("noarch"), NOARCH);
        assert_eq!(policy.score("aarch64"), 0);
        assert_eq!(policy.score("src"), 0);
    }

    #[test]
    fn word_sizes_live_side_by_side() {
        assert!(!colors_meet("x86_64", "i686"));
        assert!(colors_meet("x86_64", "noarch"));
        assert!(colors_meet("i586", "i686"));
    }
}
