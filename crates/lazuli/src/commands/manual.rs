//! `lazuli manual`: manual pages, and the same as Markdown for the book.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use clap::CommandFactory as _;

use crate::cli::{Arguments, Manual};
use crate::failure::{Context as _, Failure};
use crate::output;

/// Writes the manual pages, or prints the reference.
pub fn run(options: &Manual) -> Result<(), Failure> {
    let mut command = Arguments::command();
    // Fills in the usage lines of all sub-commands.
    command.build();
    if options.markdown {
        let mut text = String::from(
            "# Command reference\n\nMade by `lazuli manual --markdown` from the program itself.\n",
        );
        reference(&mut command, "lazuli", &mut text);
        return output::print_text(&text);
    }
    fs::create_dir_all(&options.output).context(|| format!("{} cannot be made", options.output.display()))?;
    pages(&command, "lazuli", &options.output)
}

fn pages(command: &clap::Command, name: &str, folder: &Path) -> Result<(), Failure> {
    let mut page = Vec::new();
    // roff names are static: the few pages of one run may stay in memory until it ends.
    let title: &'static str = Box::leak(name.replace(' ', "-").into_boxed_str());
    let path = folder.join(format!("{title}.1"));
    clap_mangen::Man::new(command.clone().name(title))
        .render(&mut page)
        .and_then(|()| fs::write(&path, &page))
        .context(|| format!("{} cannot be written", path.display()))?;
    for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
        pages(child, &format!("{name} {}", child.get_name()), folder)?;
    }
    Ok(())
}

fn reference(command: &mut clap::Command, name: &str, text: &mut String) {
    // A fixed width, so that the page does not depend on the terminal.
    let help = command.clone().term_width(100).render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _infallible = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n").trim());
    for child in command.get_subcommands_mut().filter(|child| child.get_name() != "help") {
        let name = format!("{name} {}", child.get_name());
        reference(child, &name, text);
    }
}
