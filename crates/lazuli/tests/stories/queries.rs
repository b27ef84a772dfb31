//! Questions about packages: what a request needs, why a package is there, and the same as JSON.

use testkit::packages::{file, relation};

use crate::program::json;
use crate::world::World;

fn fill(world: &World) {
    world.package("editor", "1", |builder| {
        builder.requires(relation("/usr/share/words/en"));
        builder.recommends(relation("editor-themes"));
    });
    world.package("words", "1", |builder| file(builder, "/usr/share/words/en", "a"));
    world.package("editor-themes", "1", |_| {});
    world.package("other", "1", |builder| {
        builder.provides(relation("editor = 9"));
    });
    world.publish();
    world.image("small", &["editor"], "");
}

#[test]
fn solve_prints_what_a_request_needs() {
    let world = World::new();
    fill(&world);
    let repository = world.server.url("repo");
    let lines = |arguments: &[&str]| {
        let ended = world.succeeds([&["solve", "--repo", &repository], arguments].concat());
        ended.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (editor, themes, words) = ("editor-1-1.noarch", "editor-themes-1-1.noarch", "words-1-1.noarch");
    assert_eq!(lines(&["editor"]), [editor, themes, words], "the path is found in the file lists");
    assert_eq!(lines(&["editor", "--no-weak"]), [editor, words]);
    assert_eq!(lines(&["editor", "--exclude", "editor-themes"]), [editor, words]);
    assert_eq!(lines(&["/usr/share/words/en"]), [words]);
    assert_eq!(lines(&["editor >= 5", "--no-weak"]), ["other-1-1.noarch"]);
    world.fails(
        &["solve", "--repo", &repository, "editor", "--exclude", "words"],
        4,
        &["/usr/share/words/en"],
    );
    // The upstream of the definition gives the same.
    assert_eq!(world.succeeds(["solve", "editor", "--no-weak"]).stdout, format!("{editor}\n{words}\n"));
    let folder = world.path("mirror/repo").display().to_string();
    assert_eq!(world.succeeds(["solve", "words", "--repo", &folder]).stdout, format!("{words}\n"));
    world.fails(&["solve", "words", "--repo", "/absent"], 2, &["there is no repository at /absent"]);
}

#[test]
fn solve_answers_the_same_with_and_without_its_cache() {
    let world = World::new();
    fill(&world);
    let repository = world.server.url("repo");
    let ask = |arguments: &[&str]| {
        let ended = world.run([&["solve", "--repo", &repository], arguments].concat());
        assert_eq!(ended.stdout.is_empty(), ended.code == 4, "{ended}");
        (ended.stdout, ended.stderr)
    };
    let indexes = world.path("cache/indexes");
    for arguments in [&["editor"][..], &["/usr/share/words/en"], &["editor", "--exclude", "words"]] {
        let cold = ask(arguments);
        assert!(std::fs::read_dir(&indexes).unwrap().count() > 0, "the index is kept");
        assert_eq!(ask(arguments), cold);
        std::fs::remove_dir_all(&indexes).unwrap();
    }
}

#[test]
fn a_testcase_is_answered_and_compared() {
    let world = World::new();
    let write = |name: &str, text: &str| std::fs::write(world.path(name), text).unwrap();
    write(
        "packages",
        "=Ver: 3.0\n=Pkg: a 1 1 noarch\n=Prv: a = 1-1\n=Req: b\n=Pkg: b 1 1 noarch\n=Prv: b = 1-1\n",
    );
    let head = "repo available 0 testtags packages\nsystem x86_64 rpm\n";
    let right = "job install name a\nresult transaction,problems <inline>\n\
                 #>install a-1-1.noarch@available\n#>install b-1-1.noarch@available\n";
    write("right.t", &format!("{head}{right}nextjob\njob install name b\n"));
    let file = world.path("right.t").display().to_string();
    assert_eq!(
        world.succeeds(["solve", "--testcase", &file]).stdout,
        "# segment 1, line 1: as expected\ninstall a-1-1.noarch@available\ninstall b-1-1.noarch@available\n\
         # segment 2, line 8: no result is stated\ninstall b-1-1.noarch@available\n"
    );
    let told = json(&world.call(["solve", "--testcase", &file]).args(["--format", "json"]));
    assert_eq!(told[1]["answer"][0], "install b-1-1.noarch@available");

    write("wrong.t", &format!("{head}{}", right.replace("install b-1-1", "install c-1-1")));
    let file = world.path("wrong.t").display().to_string();
    let ended = world.run(["solve", "--testcase", &file]);
    assert_eq!(
        ended.stdout,
        "# segment 1, line 1: not as expected\n install a-1-1.noarch@available\n+install b-1-1.noarch@available\n\
         -install c-1-1.noarch@available\n"
    );
    world.fails(
        &["solve", "--testcase", &file],
        1,
        &["1 of 1 segments are not answered as", "wrong.t expects"],
    );
    write("broken.t", "repo\n");
    let file = world.path("broken.t").display().to_string();
    world.fails(&["solve", "--testcase", &file], 2, &["no testcase that can be answered", "line 1"]);
    write("outside.t", "repo available 0 testtags ../../packages\n");
    let file = world.path("outside.t").display().to_string();
    world.fails(&["solve", "--testcase", &file], 2, &["there is no file `../../packages`"]);
    world.fails(&["solve", "--testcase", &file, "a"], 2, &["cannot be used with"]);
}

#[test]
fn why_tells_who_asked() {
    let world = World::new();
    fill(&world);
    let ended = world.succeeds(["why", "words"]);
    assert!(ended.stdout.contains("image small"), "{ended}");
    assert!(ended.stdout.contains("editor") && ended.stdout.contains("/usr/share/words/en"), "{ended}");
    world.fails(&["why", "other"], 1, &["no image has a package `other`"]);
}

#[test]
fn every_command_that_prints_data_prints_it_as_json() {
    let world = World::new();
    fill(&world);
    let ask = |arguments: &[&str]| json(&world.call(arguments).args(["--format", "json"]));
    let changes = ask(&["lock", "update"]);
    assert!(
        changes.to_string().contains("editor-1-1.noarch") || changes.to_string().contains("\"editor\""),
        "{changes}"
    );
    assert_eq!(ask(&["solve", "words"])[0]["nevra"], "words-1-1.noarch");
    assert_eq!(ask(&["why", "words"])[0]["image"], "small");
    assert_eq!(ask(&["image", "list"])[0]["name"], "small");
    assert_eq!(ask(&["image", "build", "small", "--plan"])["packages"][0], "editor-1-1.noarch");
    assert_eq!(ask(&["upstream", "list"])[0]["id"], "tiny-1");
    assert_eq!(ask(&["upstream", "import"])["upstream"], "tiny-1");
    assert_eq!(ask(&["config", "check"])["images"], 1);
    let repository = world.path("mirror/repo").display().to_string();
    assert_eq!(ask(&["repo", "check", &repository])["packages"], 4);
    assert_eq!(ask(&["repo", "create", &repository])["packages"], 4);
    world.publish();
    let error = world.run(["solve", "absent", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(error.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(told["exit-code"], 4, "{error}");
}
