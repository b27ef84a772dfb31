//! Images whose root is sealed: what is planned for them, and what is refused before anything is built.

use std::fs;

use host_tools::Call;
use testkit::packages::file;

use crate::program::{lazuli, run};
use crate::world::{Ended, World};

const SLOTS: &str = "\
[filesystem]
type = \"erofs\"

[verity]
slots = 2

[[partitions]]
type = \"esp\"
size-mib = 64

[[partitions]]
type = \"root\"
size-mib = 32

[[partitions]]
type = \"root-verity\"
size-mib = 1

[[partitions]]
type = \"root-verity-sig\"
size-mib = 1

[disk]
formats = [\"raw\", \"cosi\"]
";

fn host(world: &World, name: &str, top: &str, version: &str) {
    world.write(
        &format!("distro/more/{name}.toml"),
        &format!("[images.{name}]\ndefinition = {{ type = \"native\", path = \"{name}/image.toml\" }}\n"),
    );
    let os_release = format!(
        "[os-release]\nNAME = \"Tiny\"\nID = \"tiny\"\nPRETTY_NAME = \"Tiny\"\nVERSION_ID = \"{version}\"\n"
    );
    let text = format!("kind = \"disk\"\n{top}\n[packages]\ninstall = [\"base\"]\n\n{os_release}\n{SLOTS}");
    world.write(&format!("distro/more/{name}/image.toml"), &text);
}

fn world() -> World {
    let world = World::new();
    world.package("base", "1", |builder| file(builder, "/etc/base", "content"));
    world.publish();
    host(&world, "host", "", "1.5");
    host(&world, "host-with-a-name-of-30-letters", "", "1.5");
    host(&world, "agent-host", "programs = [\"lazuli-agent\"]", "1.5");
    host(&world, "odd", "", "1_5");
    world.succeeds(["lock", "update"]);
    world
}

#[test]
fn a_plan_names_both_slots_and_the_files_of_the_payload() {
    let world = world();
    let plan = world.succeeds(["image", "build", "host", "--plan"]).stdout;
    let partitions: Vec<&str> = plan.lines().filter_map(|line| line.strip_prefix("  partition ")).collect();
    assert_eq!(partitions.len(), 7, "{plan}");
    assert_eq!(partitions[1], "host_1.5 (erofs, UUID of the root hash), 32 MiB");
    assert!(partitions[4].starts_with("_empty (erofs, "), "{plan}");
    assert!(plan.contains("  kernel command line: roothash=(the root's) rootfstype=erofs ro\n"), "{plan}");
    for output in ["host.raw", "host.cosi", "host_1.5.payload/manifest.json", "host_1.5.payload/root.erofs"] {
        assert!(plan.contains(&format!("  write {output}\n")), "{plan}");
    }
    let other = world.succeeds(["image", "build", "host", "--plan", "--image-version", "2.0~rc1"]).stdout;
    assert!(other.contains("host_2.0~rc1 (erofs"), "{other}");
}

#[test]
fn versions_that_cannot_be_released_are_refused_with_advice() {
    let world = world();
    let plan = |name, version| ["image", "build", name, "--plan", "--image-version", version];
    world.fails(
        &plan("host", "1+3"),
        2,
        &["--image-version cannot be used", "`1+3` is not the version of an image"],
    );
    world.fails(
        &plan("host-with-a-name-of-30-letters", "1.2.3.4"),
        3,
        &["has 38 characters, and 36 are possible", "hint: shorten the version of the image"],
    );
    world.fails(
        &["image", "build", "odd", "--plan"],
        3,
        &[
            "image `odd` has no version to update from",
            "`1_5`",
            "write another IMAGE_VERSION in [os-release]",
        ],
    );
    world.succeeds(plan("odd", "1.5"));
}

#[test]
fn a_root_of_trust_is_looked_at_before_an_image_has_it_for_good() {
    let world = world();
    world.write("key.json", "{\"signed\": {\"_type\": \"targets\"}, \"signatures\": []}");
    world.write("cut.json", "{\"signed\": ");
    world.write("root.json", "{\"signed\": {\"_type\": \"root\"}, \"signatures\": []}");
    let plan = |file: &str| {
        let file = world.path(file).display().to_string();
        ["image", "build", "host", "--plan", "--release-root"].map(str::to_owned).into_iter().chain([file])
    };
    for (file, words) in [
        ("key.json", "key.json is no signed root of TUF metadata"),
        ("cut.json", "cut.json cannot be used as a root of trust"),
        ("absent.json", "absent.json cannot be used as a root of trust"),
    ] {
        let ended = world.run(plan(file));
        assert_eq!(ended.code, 2, "{ended}");
        assert!(
            ended.stderr.contains(words) && ended.stderr.contains("hint: give the file N.root.json"),
            "{ended}"
        );
    }
    world.succeeds(plan("root.json"));
}

#[test]
fn a_program_that_is_not_built_is_named_with_the_way_to_build_it() {
    let world = world();
    // Beside this copy there is no agent.
    let program = world.path("bin/lazuli");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_lazuli"), &program).unwrap();
    let call = Call::new(&program).args(["image", "build", "agent-host", "--plan", "-C"]).accept_any_status();
    let ended = Ended::of(&run(&call.arg(world.path("distro"))));
    assert_eq!(ended.code, 1, "{ended}");
    let agent = world.path("bin/lazuli-agent").display().to_string();
    for words in [&agent, "image `agent-host` asks for it", "cargo build -p agent"] {
        assert!(ended.stderr.contains(words), "`{words}` is not in {ended}");
    }
}

#[test]
fn a_signature_without_a_partition_is_refused() {
    let world = world();
    let unsigned = SLOTS.replace("[[partitions]]\ntype = \"root-verity-sig\"\nsize-mib = 1\n", "");
    let file = "distro/more/host/image.toml";
    let text = fs::read_to_string(world.path(file)).unwrap();
    world.write(file, &text.replace(SLOTS, &unsigned));
    let keys = ["--root-hash-key", "key.pem", "--root-hash-certificate", "certificate.pem"];
    let arguments = [&["image", "build", "host", "--plan"][..], &keys].concat();
    world.fails(
        &arguments,
        2,
        &["image `host` has no partition for the signature", "type = \"root-verity-sig\""],
    );
    let plan = world.succeeds(["image", "build", "host", "--plan"]).stdout;
    assert_eq!(plan.matches("  partition ").count(), 5, "{plan}");
}

#[test]
fn keys_come_with_their_certificates() {
    let ended = Ended::of(&run(&lazuli(["image", "build", "host", "--secure-boot-key", "key.pem"])));
    assert_eq!(ended.code, 2, "{ended}");
    assert!(ended.stderr.contains("--secure-boot-certificate"), "{ended}");
}
