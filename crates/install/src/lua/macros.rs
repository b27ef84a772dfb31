//! Macro definitions and a text, in; the text as rpm expands it while a package is being installed, out.
//! What runs a program, evaluates an expression or takes parameters is an error: nothing that is being installed uses it.

use std::collections::BTreeMap;

/// rpm's own limit.
const DEEPEST_NESTING: usize = 64;

/// Why a text could not be expanded or a macro not be defined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MacroError {
    /// Macros that name each other in a circle.
    #[error("the macros in `{0}` nest too deeply (a circle?)")]
    TooDeep(String),
    /// A brace or parenthesis that is not closed.
    #[error("`{0}` is not closed")]
    Unclosed(String),
    /// Not a name of three or more letters, digits and `_`.
    #[error("`{0}` is no name for a macro")]
    Name(String),
    /// A definition without a body.
    #[error("the macro `{0}` has no body")]
    NoBody(String),
    /// A macro that takes parameters, or a builtin that has no place in a scriptlet.
    #[error("the macro `{0}` cannot be expanded while a package is being installed")]
    Unsupported(String),
}

/// The macros that a scriptlet sees; the newest definition of a name counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macros {
    definitions: BTreeMap<String, Vec<Definition>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Definition {
    body: String,
    parametric: bool,
}

impl Macros {
    /// No macros at all.
    pub fn empty() -> Self {
        Self { definitions: BTreeMap::new() }
    }

    /// rpm's defaults for Fedora on a 64 bit machine of this architecture (`x86_64`, `aarch64`).
    pub fn fedora(architecture: &str) -> Self {
        let mut macros = Self::empty();
        for (name, body) in DEFAULTS {
            macros.set(name, body);
        }
        for name in ["_arch", "_build_arch", "_build_cpu", "_host_cpu", "_target_cpu"] {
            macros.set(name, architecture);
        }
        macros.set("_isa", &format!("({}-64)", architecture.split('_').next().unwrap_or(architecture)));
        macros
    }

    /// Defines a macro without parameters, whatever its name.
    pub fn set(&mut self, name: &str, body: &str) {
        let definition = Definition { body: body.to_owned(), parametric: false };
        self.definitions.entry(name.to_owned()).or_default().push(definition);
    }

    /// Defines from `NAME BODY` or `NAME(OPTIONS) BODY`, as `rpm.define` does.
    pub fn define(&mut self, definition: &str) -> Result<(), MacroError> {
        let definition = definition.trim_start();
        let name_end = name_length(definition);
        let (name, rest) = definition.split_at(name_end);
        let parametric = rest.starts_with('(');
        let body = match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(')').ok_or_else(|| MacroError::Unclosed(definition.to_owned()))?.1,
            None => rest,
        };
        let first_is_digit = name.starts_with(|character: char| character.is_ascii_digit());
        if name.len() < 3 || first_is_digit || !body.starts_with([' ', '\t', '\n']) && !body.is_empty() {
            let word = definition.split_whitespace().next().unwrap_or_default();
            return Err(MacroError::Name(word.to_owned()));
        }
        let body = body.trim_start().trim_end_matches('\n');
        if body.is_empty() {
            return Err(MacroError::NoBody(name.to_owned()));
        }
        // A body in braces is what they hold.
        let body = match closing(body, '{', '}') {
            Some(end) if end + 1 == body.len() => &body[1..end],
            _ => body,
        };
        let definition = Definition { body: body.to_owned(), parametric };
        self.definitions.entry(name.to_owned()).or_default().push(definition);
        Ok(())
    }

    /// Defines everything in the text of a macro file: lines `%NAME BODY`, continued after a `\\` at their end.
    pub fn define_all(&mut self, text: &str) -> Result<(), MacroError> {
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(definition) = line.trim_start().strip_prefix('%') else { continue };
            let mut definition = definition.to_owned();
            while let Some(continued) = definition.strip_suffix('\\') {
                definition = format!("{continued}\n{}", lines.next().unwrap_or_default());
            }
            self.define(&definition)?;
        }
        Ok(())
    }

    /// Takes back the newest definition of a name.
    pub fn undefine(&mut self, name: &str) {
        if let Some(definitions) = self.definitions.get_mut(name) {
            definitions.pop();
            if definitions.is_empty() {
                self.definitions.remove(name);
            }
        }
    }

    /// Whether a name is defined, and whether it takes parameters.
    pub fn is_defined(&self, name: &str) -> Option<bool> {
        self.newest(name).map(|definition| definition.parametric)
    }

    /// Expands all macros of a text; unknown ones stay as they are written.
    pub fn expand(&mut self, text: &str) -> Result<String, MacroError> {
        self.expand_nested(text, 0)
    }

    fn newest(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name).and_then(|definitions| definitions.last())
    }

    fn expand_nested(&mut self, text: &str, depth: usize) -> Result<String, MacroError> {
        if depth > DEEPEST_NESTING {
            return Err(MacroError::TooDeep(text.to_owned()));
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            expanded.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            rest = self.expand_one(rest, depth, &mut expanded)?;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// Expands what follows a `%` and returns what follows it.
    fn expand_one<'a>(
        &mut self,
        rest: &'a str,
        depth: usize,
        expanded: &mut String,
    ) -> Result<&'a str, MacroError> {
        let unclosed = || MacroError::Unclosed(format!("%{rest}"));
        match rest.chars().next() {
            Some('%') => {
                expanded.push('%');
                Ok(&rest[1..])
            }
            Some('{') => {
                let end = closing(rest, '{', '}').ok_or_else(unclosed)?;
                let inside = &rest[1..end];
                expanded.push_str(&self.expand_name(inside, format!("%{{{inside}}}"), depth)?);
                Ok(&rest[end + 1..])
            }
            Some('(') => {
                let end = closing(rest, '(', ')').ok_or_else(unclosed)?;
                Err(MacroError::Unsupported(format!("%{}", &rest[..=end])))
            }
            Some('[') => {
                let end = closing(rest, '[', ']').ok_or_else(unclosed)?;
                Err(MacroError::Unsupported(format!("%{}", &rest[..=end])))
            }
            _ => self.expand_bare(rest, depth, expanded),
        }
    }

    fn expand_bare<'a>(
        &mut self,
        rest: &'a str,
        depth: usize,
        expanded: &mut String,
    ) -> Result<&'a str, MacroError> {
        let conditions_end =
            rest.find(|character| character != '?' && character != '!').unwrap_or(rest.len());
        let name_end = conditions_end + name_length(&rest[conditions_end..]);
        let name = &rest[conditions_end..name_end];
        let after = &rest[name_end..];
        match name {
            "" => {
                expanded.push('%');
                return Ok(rest);
            }
            "define" | "global" => {
                let (line, after) = line(after);
                // `%global` expands at once, `%define` when the macro is used.
                let line =
                    if name == "global" { self.expand_nested(line, depth + 1)? } else { line.to_owned() };
                self.define(&line)?;
                return Ok(after);
            }
            "undefine" => {
                let (line, after) = line(after);
                self.undefine(line.trim());
                return Ok(after);
            }
            "dnl" => return Ok(line(after).1),
            _ => {}
        }
        let inside = &rest[..name_end];
        expanded.push_str(&self.expand_name(inside, format!("%{inside}"), depth)?);
        Ok(after)
    }

    /// Expands `NAME`, `?NAME`, `!?NAME:TEXT`, `BUILTIN:TEXT`; an unknown name comes back as it was `written`.
    fn expand_name(&mut self, inside: &str, written: String, depth: usize) -> Result<String, MacroError> {
        let conditions_end =
            inside.find(|character| character != '?' && character != '!').unwrap_or(inside.len());
        let conditional = inside[..conditions_end].contains('?');
        let negated = inside[..conditions_end].matches('!').count() % 2 == 1;
        let rest = &inside[conditions_end..];
        let (name, argument) = rest.split_at(name_length(rest));
        let text = argument.strip_prefix(':');
        if !conditional && let Some(text) = text {
            return self.builtin(inside, name, text, depth);
        }
        let definition = self.newest(name).cloned();
        if conditional {
            if definition.is_some() == negated {
                return Ok(String::new());
            }
            if let Some(text) = text {
                return self.expand_nested(text, depth + 1);
            }
        }
        match definition {
            None if conditional => Ok(String::new()),
            None => Ok(written),
            Some(definition) if definition.parametric || !argument.is_empty() => {
                Err(MacroError::Unsupported(format!("%{{{inside}}}")))
            }
            Some(definition) => self.expand_nested(&definition.body, depth + 1),
        }
    }

    fn builtin(&mut self, inside: &str, name: &str, text: &str, depth: usize) -> Result<String, MacroError> {
        let unsupported = || MacroError::Unsupported(format!("%{{{inside}}}"));
        if !matches!(name, "expand" | "basename" | "dirname" | "lower" | "upper" | "len" | "suffix") {
            let known = matches!(
                name,
                "lua" | "expr" | "shrink" | "quote" | "gsub" | "sub" | "rep" | "reverse" | "load"
            ) || matches!(
                name,
                "uncompress" | "getncpus" | "getconfdir" | "getenv" | "exists" | "url2path" | "u2p"
            ) || matches!(
                name,
                "error" | "warn" | "echo" | "S" | "P" | "F" | "verbose" | "trace" | "dump" | "macrobody"
            );
            return if known || self.newest(name).is_some() {
                Err(unsupported())
            } else {
                Ok(format!("%{{{inside}}}"))
            };
        }
        let text = self.expand_nested(text, depth + 1)?;
        Ok(match name {
            "expand" => return self.expand_nested(&text, depth + 1),
            "basename" => text.rsplit('/').next().unwrap_or_default().to_owned(),
            "dirname" => {
                text.rsplit_once('/').map_or_else(|| text.clone(), |(directory, _)| directory.to_owned())
            }
            "suffix" => text.rsplit_once('.').map_or(String::new(), |(_, suffix)| suffix.to_owned()),
            "lower" => text.to_ascii_lowercase(),
            "upper" => text.to_ascii_uppercase(),
            _ => text.len().to_string(),
        })
    }
}

fn name_length(text: &str) -> usize {
    text.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(text.len())
}

fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Where the bracket that `text` begins with is closed.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    if !text.starts_with(open) {
        return None;
    }
    let mut depth = 0_usize;
    for (position, character) in text.char_indices() {
        if character == open {
            depth += 1;
        } else if character == close {
            depth -= 1;
            if depth == 0 {
                return Some(position);
            }
        }
    }
    None
}

/// rpm's `macros` and `platform` files with what Fedora changes in them, and the folders of systemd-rpm-macros.
const DEFAULTS: [(&str, &str); 60] = [
    ("_usr", "/usr"),
    ("_usrsrc", "%{_usr}/src"),
    ("_var", "/var"),
    ("_prefix", "/usr"),
    ("_exec_prefix", "%{_prefix}"),
    ("_bindir", "%{_exec_prefix}/bin"),
    ("_sbindir", "%{_bindir}"),
    ("_libexecdir", "%{_exec_prefix}/libexec"),
    ("_datarootdir", "%{_prefix}/share"),
    ("_datadir", "%{_datarootdir}"),
    ("_sysconfdir", "/etc"),
    ("_sharedstatedir", "/var/lib"),
    ("_localstatedir", "/var"),
    ("_runstatedir", "/run"),
    ("_rundir", "/run"),
    ("_lib", "lib64"),
    ("_libdir", "%{_exec_prefix}/%{_lib}"),
    ("_includedir", "%{_prefix}/include"),
    ("_infodir", "%{_datarootdir}/info"),
    ("_mandir", "%{_datarootdir}/man"),
    ("_docdir", "%{_datadir}/doc"),
    ("_pkgdocdir", "%{_docdir}/%{NAME}"),
    ("_defaultdocdir", "%{_datadir}/doc"),
    ("_defaultlicensedir", "%{_datadir}/licenses"),
    ("_initddir", "%{_sysconfdir}/rc.d/init.d"),
    ("_initrddir", "%{_initddir}"),
    ("_fontbasedir", "%{_datadir}/fonts"),
    ("_tmppath", "%{_var}/tmp"),
    ("_os", "linux"),
    ("_build_os", "%{_os}"),
    ("_host_os", "linux"),
    ("_target_os", "linux"),
    ("_vendor", "redhat"),
    ("_host_vendor", "redhat"),
    ("_rpmconfigdir", "/usr/lib/rpm"),
    ("_usrlibrpm", "/usr/lib/rpm"),
    ("_rpmmacrodir", "/usr/lib/rpm/macros.d"),
    ("_dbpath", "%{_usr}/lib/sysimage/rpm"),
    ("_db_backend", "sqlite"),
    ("_keyring", "rpmdb"),
    ("_install_langs", "all"),
    ("_install_script_path", "/sbin:/bin:/usr/sbin:/usr/bin:/usr/X11R6/bin"),
    ("_transaction_color", "3"),
    ("_prefer_color", "2"),
    ("_unitdir", "/usr/lib/systemd/system"),
    ("_userunitdir", "/usr/lib/systemd/user"),
    ("_presetdir", "/usr/lib/systemd/system-preset"),
    ("_userpresetdir", "/usr/lib/systemd/user-preset"),
    ("_udevhwdbdir", "/usr/lib/udev/hwdb.d"),
    ("_udevrulesdir", "/usr/lib/udev/rules.d"),
    ("_journalcatalogdir", "/usr/lib/systemd/catalog"),
    ("_binfmtdir", "/usr/lib/binfmt.d"),
    ("_sysctldir", "/usr/lib/sysctl.d"),
    ("_sysusersdir", "/usr/lib/sysusers.d"),
    ("_tmpfilesdir", "/usr/lib/tmpfiles.d"),
    ("_modulesloaddir", "/usr/lib/modules-load.d"),
    ("_modprobedir", "/usr/lib/modprobe.d"),
    ("_environmentdir", "/usr/lib/environment.d"),
    ("_systemdgeneratordir", "/usr/lib/systemd/system-generators"),
    ("nil", "%{!?nil}"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> String {
        Macros::fedora("x86_64").expand(text).unwrap()
    }

    #[test]
    fn paths_are_those_of_fedora() {
        assert_eq!(
            expand("%{_dbpath} %_sysconfdir/x %{_libdir}%{_isa}"),
            "/usr/lib/sysimage/rpm /etc/x /usr/lib64(x86-64)"
        );
    }

    #[test]
    fn unknown_macros_stay_as_written() {
        assert_eq!(
            expand("%{unknown} %unknown 100% %{unknown:a} %{unknown a}"),
            "%{unknown} %unknown 100% %{unknown:a} %{unknown a}"
        );
    }

    #[test]
    fn conditions_ask_whether_a_name_is_defined() {
        assert_eq!(
            expand("[%{?unknown}] [%{?_var:yes}] [%{!?_var:no}] [%{!?unknown:no}] [%?_var]"),
            "[] [yes] [] [no] [/var]"
        );
    }

    #[test]
    fn definitions_last_until_taken_back() {
        let mut macros = Macros::fedora("x86_64");
        assert_eq!(
            macros
                .expand("%global _thing %{_var}/thing\n%{_thing}%define _var /elsewhere\n%{_thing}")
                .unwrap(),
            "/var/thing/var/thing"
        );
        macros.define("_thing {two words}").unwrap();
        assert_eq!(macros.expand("%{_thing} %{upper:%{_thing}}").unwrap(), "two words TWO WORDS");
        macros.undefine("_thing");
        assert_eq!(macros.expand("%{_thing}").unwrap(), "/var/thing");
    }

    #[test]
    fn what_cannot_be_expanded_is_an_error() {
        let mut macros = Macros::empty();
        macros.define("with_parameters() %1").unwrap();
        macros.define("circle %{circle}").unwrap();
        assert_eq!(macros.is_defined("with_parameters"), Some(true));
        assert!(matches!(macros.expand("%{with_parameters a}"), Err(MacroError::Unsupported(_))));
        assert!(matches!(macros.expand("%(date)"), Err(MacroError::Unsupported(_))));
        assert!(matches!(macros.expand("%{circle}"), Err(MacroError::TooDeep(_))));
        assert!(matches!(macros.expand("%{open"), Err(MacroError::Unclosed(_))));
        assert!(matches!(macros.define("x y"), Err(MacroError::Name(_))));
    }
}
