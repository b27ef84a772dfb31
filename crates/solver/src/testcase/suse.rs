//! A dependency in SUSE's spelling from before boolean dependencies, in; the term that it stands for, out.
//!
//! `packageand(a:b)` is `a & b`, `locale(foo:de;en)` is `foo` with one of two languages, and so on. Only testcases
//! have them: no package of today does.

use super::term::{Operator, Term};

/// Longer spellings stay as they are, as in libsolv.
const MAXIMUM_LENGTH: usize = 1024;

/// Which list of a package the dependency is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Provides,
    Supplements,
    Conflicts,
}

impl List {
    pub(super) fn named(name: &str) -> Option<List> {
        match name {
            "solvable:provides" => Some(List::Provides),
            "solvable:supplements" => Some(List::Supplements),
            "solvable:conflicts" => Some(List::Conflicts),
            _ => None,
        }
    }
}

/// The term it stands for; of what is provided, the supplement that follows from it, if one does.
pub(super) fn rewritten(term: Term, list: List) -> Option<Term> {
    match (list, term) {
        (List::Provides, Term::Literal(text)) if text.len() >= MAXIMUM_LENGTH => None,
        (_, Term::Literal(text)) if text.len() >= MAXIMUM_LENGTH => Some(Term::Literal(text)),
        (List::Provides, Term::Literal(text)) => supplement_of(&text).map(with_namespaces),
        (List::Provides, _) => None,
        (List::Supplements, Term::Literal(text)) => Some(match packages(&text) {
            Some(term) => term,
            None => namespace_of(text),
        }),
        (List::Supplements, term) => Some(with_namespaces(term)),
        (List::Conflicts, Term::Literal(text)) => {
            let others = text.strip_prefix("otherproviders(").filter(|rest| !rest.is_empty());
            let others =
                others.map(|rest| namespace("otherproviders", Term::Literal(unclosed(rest).to_owned())));
            Some(others.unwrap_or(Term::Literal(text)))
        }
        (List::Conflicts, term) => Some(term),
    }
}

/// `locale(foo:de;en)`, or `foo:/path` for a file that once was in `foo`.
fn supplement_of(text: &str) -> Option<Term> {
    if let Some(rest) = text.strip_prefix("locale(") {
        let rest = rest.split(')').next().unwrap_or_default();
        let (package, languages) = match rest.split_once(':').filter(|(package, _)| !package.is_empty()) {
            Some((package, languages)) => (Some(package), languages),
            None => (None, rest),
        };
        let languages = any_language(languages.split(';').filter(|name| !name.is_empty()));
        return match (package, languages) {
            (Some(package), Some(languages)) => {
                let package = Term::Literal(package.to_owned());
                Some(Term::relation(Operator::And, package, languages))
            }
            (_, languages) => languages,
        };
    }
    let (package, path) = text.split_once(':')?;
    if package.is_empty() || !path.starts_with('/') {
        return None;
    }
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    let [package, path] = [package, path].map(|text| Term::Literal(text.to_owned()));
    Some(namespace("splitprovides", Term::relation(Operator::With, package, path)))
}

/// Namespaces in all parts of a term that joins others.
fn with_namespaces(term: Term) -> Term {
    match term {
        Term::Literal(text) => namespace_of(text),
        Term::Relation(
            operator @ (Operator::And | Operator::Or | Operator::If | Operator::Unless | Operator::Else),
            left,
            right,
        ) => Term::relation(operator, with_namespaces(*left), with_namespaces(*right)),
        term => term,
    }
}

/// `modalias(...)`, `filesystem(...)` and `language(...)`; anything else as it is.
fn namespace_of(text: String) -> Term {
    if text.len() >= MAXIMUM_LENGTH {
        return Term::Literal(text);
    }
    let inside = |name: &str| {
        let rest = text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
        (!rest.is_empty()).then_some(rest)
    };
    if let Some(rest) = inside("modalias") {
        let alias = |text: &str| namespace("modalias", Term::Literal(text.to_owned()));
        return match rest.split_once(':').filter(|(package, rest)| !package.is_empty() && rest.contains(':'))
        {
            Some((package, rest)) => {
                Term::relation(Operator::And, Term::Literal(package.to_owned()), alias(rest))
            }
            None => alias(rest),
        };
    }
    if let Some(rest) = inside("filesystem") {
        return namespace("filesystem", Term::Literal(rest.to_owned()));
    }
    let languages = inside("language").filter(|rest| !rest.starts_with(';'));
    match languages.and_then(|rest| any_language(rest.split(';'))) {
        Some(languages) => languages,
        None => Term::Literal(text),
    }
}

/// `packageand(a:b:...)`; `pattern:` belongs to the name behind it.
fn packages(text: &str) -> Option<Term> {
    let mut rest = unclosed(text.strip_prefix("packageand(")?);
    let mut all: Option<Term> = None;
    while !rest.is_empty() {
        let kind = if rest.starts_with("pattern:") { "pattern:".len() } else { 0 };
        let end = rest[kind..].find(':').map_or(rest.len(), |place| kind + place);
        let (name, behind) = rest.split_at(end);
        rest = behind.strip_prefix(':').unwrap_or(behind);
        if !name.is_empty() {
            all = Some(joined(Operator::And, all, Term::Literal(name.to_owned())));
        }
    }
    all
}

fn any_language<'t>(names: impl Iterator<Item = &'t str>) -> Option<Term> {
    names.fold(None, |all, name| {
        Some(joined(Operator::Or, all, namespace("language", Term::Literal(name.to_owned()))))
    })
}

fn joined(operator: Operator, before: Option<Term>, term: Term) -> Term {
    match before {
        Some(before) => Term::relation(operator, before, term),
        None => term,
    }
}

fn namespace(name: &str, inside: Term) -> Term {
    Term::relation(Operator::Namespace, Term::Literal(format!("namespace:{name}")), inside)
}

/// Without the last parenthesis.
fn unclosed(text: &str) -> &str {
    text.strip_suffix(')').unwrap_or(text)
}
