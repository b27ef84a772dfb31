//! The definition and a command line, in; the components that it names, and where their files come from, out.

use std::path::PathBuf;

use component_sources::history::QueryReader;
use component_sources::prepare::PreparedFiles;
use component_sources::render::{Renderer, SpecMacros, upstream_files};
use component_sources::sources::{Options, Sources};
use definition::{Component, Distro};
use globset::{Glob, GlobMatcher};
use host_tools::Clock;

use crate::cli::{ComponentSelection, ComponentUpstream, Global};
use crate::failure::{Context as _, ExitCode, Failure};
use crate::pipeline::macros;
use crate::progress::Bars;
use crate::session;

/// What commands about components work with.
pub struct Components {
    /// The definition.
    pub distro: Distro,
    /// What macros in specs mean.
    pub macros: SpecMacros,
    /// The cache folder.
    pub cache_dir: PathBuf,
    /// Who hears of progress.
    pub bars: Bars,
    reader: QueryReader,
    options: Options,
}

impl Components {
    /// Loads the definition, and what macros mean.
    pub fn open(global: &Global, upstream: &ComponentUpstream) -> Result<Self, Failure> {
        let distro = session::load_definition(global)?;
        let cache_dir = session::cache_dir(global)?;
        let macros = macros::read(&distro.project.architecture, &upstream.macros)?;
        let reader = QueryReader::new(macros.macros.clone(), &macros.digest);
        let options = Options {
            cache: cache_dir.clone(),
            mirror: upstream.dist_git.clone(),
            offline: global.offline,
            now: Clock::System.now(),
        };
        Ok(Components { distro, macros, cache_dir, bars: Bars::new(global.quiet), reader, options })
    }

    /// Where upstream files and histories come from.
    pub fn sources(&self) -> Result<Sources<'_>, Failure> {
        Sources::open(&self.distro, &self.reader, self.options.clone())
            .context(|| "sources of components cannot be had".to_owned())
    }

    /// What renders components; `program` is this program's stamp.
    pub fn renderer<'c>(&'c self, sources: &'c Sources<'c>, program: &'c str) -> Renderer<'c> {
        Renderer { distro: &self.distro, sources, macros: &self.macros, program }
    }

    /// The upstream files of a component.
    pub fn upstream(&self, sources: &Sources<'_>, component: &Component) -> Result<PreparedFiles, Failure> {
        let failed = || format!("the sources of {} cannot be had", component.name.as_str());
        let source = sources.source_of(component).context(failed)?;
        upstream_files(&source).context(failed)
    }
}

/// The components that are asked for, in the order of their names.
pub fn select<'a>(distro: &'a Distro, selection: &ComponentSelection) -> Result<Vec<&'a Component>, Failure> {
    let names = Names::parse(&selection.names)?;
    names.refuse_unknown(distro.components.keys().map(String::as_str))?;
    let group = match &selection.group {
        Some(name) => Some(distro.component_groups.get(name).ok_or_else(|| no_group(distro, name))?),
        None => None,
    };
    let of_group = |name: &String| group.is_none_or(|group| group.components.contains(name));
    let selected = distro.components.iter().filter(|(name, _)| names.select(name) && of_group(name));
    Ok(selected.map(|(_, component)| component).collect())
}

fn no_group(distro: &Distro, name: &str) -> Failure {
    let groups: Vec<&str> = distro.component_groups.keys().map(String::as_str).collect();
    let failure = Failure::new(format!("there is no component group `{name}`")).code(ExitCode::Usage);
    if groups.is_empty() { failure } else { failure.hint(format!("the groups are {}", groups.join(", "))) }
}

/// Names and globs; none of them select everything.
pub struct Names {
    exact: Vec<String>,
    globs: Vec<GlobMatcher>,
}

impl Names {
    /// Reads them; a word with `*`, `?` or `[` is a glob.
    pub fn parse(words: &[String]) -> Result<Self, Failure> {
        let mut names = Names { exact: Vec::new(), globs: Vec::new() };
        for word in words {
            if word.contains(['*', '?', '[']) {
                let glob = Glob::new(word).map_err(|error| {
                    Failure::caused(format!("`{word}` is no pattern"), &error).code(ExitCode::Usage)
                })?;
                names.globs.push(glob.compile_matcher());
            } else {
                names.exact.push(word.clone());
            }
        }
        Ok(names)
    }

    /// Whether a name is asked for.
    pub fn select(&self, name: &str) -> bool {
        (self.exact.is_empty() && self.globs.is_empty())
            || self.exact.iter().any(|exact| exact == name)
            || self.globs.iter().any(|glob| glob.is_match(name))
    }

    /// Fails for a name, not a glob, that is none of those that there are.
    pub fn refuse_unknown<'a>(&self, known: impl Iterator<Item = &'a str> + Clone) -> Result<(), Failure> {
        let Some(unknown) = self.exact.iter().find(|exact| !known.clone().any(|name| name == *exact)) else {
            return Ok(());
        };
        let failure = Failure::new(format!("there is no component `{unknown}`")).code(ExitCode::Usage);
        let nearest = known
            .map(|name| (strsim::damerau_levenshtein(name, unknown), name))
            .min()
            .filter(|(distance, _)| *distance <= 1 + unknown.len() / 4);
        Err(match nearest {
            Some((_, nearest)) => failure.hint(format!("did you mean `{nearest}`?")),
            None => failure.hint("`lazuli component list` tells all names"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Names {
        Names::parse(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn names_and_globs_select() {
        assert!(names(&[]).select("bash"));
        let some = names(&["bash", "python-[a-c]*"]);
        let selected: Vec<&str> = ["bash", "bash-completion", "python-attrs", "python-dns"]
            .into_iter()
            .filter(|name| some.select(name))
            .collect();
        assert_eq!(selected, ["bash", "python-attrs"]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest() {
        let known = ["bash", "curl"].into_iter();
        assert!(names(&["cur*", "bash", "none*"]).refuse_unknown(known.clone()).is_ok());
        let said = names(&["crul"]).refuse_unknown(known).unwrap_err().render();
        assert_eq!(said, "error: there is no component `crul`\nhint: did you mean `curl`?\n");
    }
}
