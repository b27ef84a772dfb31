//! A small world as text, in; repositories, requests and what is expected of them, out.
//!
//! ```text
//! repository main                  (or: repository main priority 10)
//! package app-1-1                  (x86_64 when no architecture is stated)
//!   requires (mta or mailer)       (also provides, conflicts, obsoletes, recommends, suggests, ...)
//!   file /usr/bin/app
//!
//! install app web                  (a request; `install` once a want when a want has blanks: install: a >= 2)
//!   without weak                   (options: without weak, without best, exclude X, lock NEVRA, favor NEVRA)
//! > app-1-1.x86_64 user            (every line that is expected)
//! ```

use rpm_model::{Capability, Dependency, FileKind, Nevra, PackageFile, PackageRecord, Requirement};
use solver::{Reason, Repository, Request, Universe, Want, solve};

use super::metadata::record;

/// A world and what is asked of it.
pub(crate) struct Story {
    pub(crate) repositories: Vec<World>,
    pub(crate) requests: Vec<Asked>,
}

/// One repository.
pub(crate) struct World {
    pub(crate) id: String,
    pub(crate) priority: i32,
    pub(crate) packages: Vec<PackageRecord>,
}

/// A request with the answer that is expected.
pub(crate) struct Asked {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) request: Request,
    pub(crate) expected: Vec<String>,
}

impl World {
    pub(crate) fn repository(&self) -> Repository<'_> {
        Repository { id: &self.id, priority: self.priority, cost: 1000, packages: &self.packages }
    }
}

pub(crate) fn parse(text: &str) -> Story {
    let mut story = Story { repositories: Vec::new(), requests: Vec::new() };
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let (word, rest) = line.trim_start().split_once(' ').unwrap_or((line.trim_start(), ""));
        let indented = line.starts_with(' ');
        match (indented, word) {
            (_, "") => {}
            (false, "#") => {}
            (false, "repository") => story.repositories.push(world(rest)),
            (false, "package") => {
                let world = story.repositories.last_mut().expect("a repository comes before its packages");
                world.packages.push(package(rest));
            }
            (false, "install") => story.requests.push(asked(number + 1, rest, rest.split(' '))),
            (false, "install:") => story.requests.push(asked(number + 1, rest, std::iter::once(rest))),
            (false, ">") => {
                story.requests.last_mut().expect("after a request").expected.push(rest.to_owned())
            }
            (true, _) if story.requests.is_empty() => {
                let package = story.repositories.last_mut().and_then(|world| world.packages.last_mut());
                add(package.expect("after a package"), word, rest);
            }
            (true, _) => {
                option(&mut story.requests.last_mut().expect("after a request").request, line.trim())
            }
            _ => panic!("line {}: {line}", number + 1),
        }
    }
    story
}

/// The answer as lines: packages with their reason, or the text of the conflict.
pub(crate) fn answer(story: &Story, request: &Request) -> Vec<String> {
    let repositories: Vec<Repository<'_>> = story.repositories.iter().map(World::repository).collect();
    let universe = Universe::new("x86_64", &repositories);
    match solve(&universe, request) {
        Err(conflict) => conflict.to_string().lines().map(str::to_owned).collect(),
        Ok(solution) => {
            let line = |chosen: &solver::Chosen<'_>| {
                let reason = match chosen.reason {
                    Reason::User => "user",
                    Reason::Dependency => "dependency",
                    Reason::Weak => "weak",
                };
                format!("{} {reason}", chosen.nevra())
            };
            solution.packages().iter().map(line).collect()
        }
    }
}

fn world(text: &str) -> World {
    let mut words = text.split(' ');
    let id = words.next().unwrap().to_owned();
    let priority = words.nth(1).map_or(99, |number| number.parse().unwrap());
    World { id, priority, packages: Vec::new() }
}

pub(crate) fn package(text: &str) -> PackageRecord {
    let known = [".x86_64", ".i686", ".noarch", ".aarch64", ".src"];
    let stated = known.iter().any(|arch| text.ends_with(arch));
    let text = if stated { text.to_owned() } else { format!("{text}.x86_64") };
    record(Nevra::parse(&text).unwrap())
}

pub(crate) fn add(package: &mut PackageRecord, list: &str, text: &str) {
    let dependency = || Dependency::parse(text).unwrap();
    let capability = || Capability::parse(text).unwrap();
    match list {
        "provides" => package.provides.push(capability()),
        "obsoletes" => package.obsoletes.push(capability()),
        "requires" => package.requires.push(Requirement { dependency: dependency(), pre: false }),
        "conflicts" => package.conflicts.push(dependency()),
        "recommends" => package.recommends.push(dependency()),
        "suggests" => package.suggests.push(dependency()),
        "supplements" => package.supplements.push(dependency()),
        "enhances" => package.enhances.push(dependency()),
        "file" => package.files.push(PackageFile { path: text.to_owned(), kind: FileKind::File }),
        _ => panic!("unknown line: {list} {text}"),
    }
}

fn asked<'t>(line: usize, text: &str, wants: impl Iterator<Item = &'t str>) -> Asked {
    let install = wants.map(|want| Want::parse(want).unwrap()).collect();
    let request = Request { install, ..Request::default() };
    Asked { line, text: text.to_owned(), request, expected: Vec::new() }
}

fn option(request: &mut Request, text: &str) {
    match text.split_once(' ') {
        Some(("without", "weak")) => request.weak = false,
        Some(("without", "best")) => request.best = false,
        Some(("exclude", pattern)) => request.exclude.push(pattern.to_owned()),
        Some(("lock", nevra)) => request.lock.push(Nevra::parse(nevra).unwrap()),
        Some(("favor", nevra)) => request.favor.push(Nevra::parse(nevra).unwrap()),
        _ => panic!("unknown option: {text}"),
    }
}
