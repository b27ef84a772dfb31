//! The command line itself: definitions and arguments that are wrong, help, completions, manual pages.

use std::fs;

use crate::world::{World, names};

#[test]
fn every_problem_of_a_definition_is_told_at_once() {
    let world = World::new();
    world.write("distro/key.asc", "");
    world.define("metalink = \"http://127.0.0.1:9/\"\ngpg-keys = \"key.asc\"\npriority = \"high\"", "");
    world.image("small", &["base"], "kernel = 3");
    let ended = world.run(["config", "check"]);
    assert_eq!(ended.code, 3, "{ended}");
    for word in
        ["unknown key `gpg-keys`", "did you mean `gpg-key`?", "lazuli.toml:", "small/image.toml:", "`high`"]
    {
        assert!(
            ended.stdout.contains(word) || ended.stdout.contains(&word.replace('`', "\"")),
            "{word} in {ended}"
        );
    }
    let ended = world.run(["config", "check", "--format", "json"]);
    assert_eq!(ended.code, 3, "{ended}");
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let problems = told["problems"]["problems"].as_array().or(told["problems"].as_array()).unwrap();
    assert!(problems.len() >= 3, "{told:#}");
    let misspelt =
        problems.iter().find(|problem| problem["message"].to_string().contains("gpg-keys")).unwrap();
    assert!(misspelt["file"].as_str().unwrap().ends_with("lazuli.toml"), "{misspelt}");
    assert!(misspelt["line"].as_u64().unwrap() > 1 && misspelt["column"] == 1, "{misspelt}");
    // Other commands refuse it with the same words.
    world.fails(&["image", "list"], 3, &["the definition is not usable", "unknown key `gpg-keys`"]);
}

#[test]
fn what_a_definition_hardly_means_is_told_and_refused_when_asked() {
    let world = World::new();
    let lint = |more: &[&str]| world.run(["config", "lint"].iter().chain(more));
    let ended = lint(&[]);
    assert_eq!((ended.code, ended.stdout.ends_with("lazuli.toml: no warning\n")), (0, true), "{ended}");
    let root = std::fs::read_to_string(world.path("distro/lazuli.toml")).unwrap();
    world.write(
        "distro/lazuli.toml",
        &format!("{root}\n[component-groups.nobody]\n[package-groups.nothing]\n"),
    );
    let ended = lint(&[]);
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("warning[selects-nothing]: component group `nobody`"), "{ended}");
    assert!(ended.stdout.ends_with("lazuli.toml: 2 selects-nothing\n"), "{ended}");
    let ended = lint(&["--deny", "all", "--format", "json"]);
    assert_eq!(ended.code, 3, "{ended}");
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(told["warnings"][0]["kind"], "selects-nothing", "{told:#}");
    let ended = lint(&["--deny", "all", "--allow", "selects-nothing"]);
    assert_eq!((ended.code, ended.stdout.ends_with("no warning\n")), (0, true), "{ended}");
    world.fails(&["config", "lint", "--deny", "shadow"], 2, &["no kind of warning `shadow`", "shadowed"]);
}

#[test]
fn no_definition_is_told() {
    let world = World::new();
    fs::remove_dir_all(world.path("distro")).unwrap();
    fs::create_dir(world.path("distro")).unwrap();
    let ended = world.run(["image", "list"]);
    assert_eq!(ended.code, 3, "{ended}");
    assert!(ended.stderr.contains("lazuli.toml"), "{ended}");
}

#[test]
fn a_wrong_command_line_is_told() {
    let world = World::new();
    world.image("small", &["base"], "");
    for (arguments, word) in [
        (&["images"][..], "unrecognized subcommand"),
        (&["image", "build"], "<NAME>"),
        (&["solve"], "<PACKAGE>"),
        (&["image", "list", "--format", "yaml"], "possible values: text, json"),
        (&["image", "build", "large"], "the definition has: small"),
        (&["lock", "update", "--upstream", "huge-1"], "the definition has: tiny-1"),
    ] {
        let ended = world.run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {ended}");
        assert!(ended.stderr.contains(word), "{word} in {ended}");
    }
}

/// All commands, by what the help of each says of its own.
fn commands(world: &World, command: &[String], found: &mut Vec<Vec<String>>) {
    let help = world.succeeds(command.iter().cloned().chain(["--help".to_owned()])).stdout;
    let listed =
        help.split_once("\nCommands:\n").map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default());
    let Some(listed) = listed else {
        found.push(command.to_vec());
        return;
    };
    for line in listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap().to_owned();
        if name != "help" {
            commands(world, &[command, &[name]].concat(), found);
        }
    }
}

#[test]
fn the_help_of_every_command_has_an_example() {
    let world = World::new();
    let mut found = Vec::new();
    commands(&world, &[], &mut found);
    assert!(found.len() >= 14, "{found:?}");
    for command in found {
        let help = world.succeeds(command.iter().cloned().chain(["--help".to_owned()])).stdout;
        let example = format!("Example:\n  lazuli {}", command.join(" "));
        assert!(help.contains(&example), "{example}\nis not in\n{help}");
    }
    assert!(world.succeeds(["--help"]).stdout.contains("Exit codes:"));
}

#[test]
fn shells_and_manuals_get_their_pages() {
    let world = World::new();
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef lazuli"), ("fish", "complete -c lazuli")]
    {
        assert!(world.succeeds(["completions", shell]).stdout.contains(word), "{shell}");
    }
    let folder = world.path("man");
    world.succeeds(["manual", "--output", &folder.display().to_string()]);
    let pages = names(&folder);
    for page in ["lazuli.1", "lazuli-image-build.1", "lazuli-solve.1"] {
        assert!(pages.iter().any(|name| name == page), "{page} in {pages:?}");
        assert!(fs::read_to_string(folder.join(page)).unwrap().contains(".TH "), "{page}");
    }
    for schema in ["project", "image", "overlay-file"] {
        let schema = world.succeeds(["config", "schema", schema]).stdout;
        assert!(serde_json::from_str::<serde_json::Value>(&schema).unwrap()["$schema"].is_string());
    }
}
