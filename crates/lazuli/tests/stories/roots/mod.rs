//! Roots that exist and change: `lazuli root install`, `upgrade`, `remove` and `list` on a repository that moves on.

mod changing;
mod kernels;
mod lasting;
mod refused;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use host_tools::{Call, program};
use rpm::{Dependency, FileOptions};
use testkit::packages::{file, log, lua, relation};

use crate::world::{Ended, World, listing};

/// A root that an image build made, and the repository that it came from.
pub struct Rooted {
    /// The repository, and the definition that nothing here needs any more.
    pub world: World,
    /// `--repo` and `--key` with their arguments.
    pub options: [String; 4],
}

impl Rooted {
    /// `base` and `editor` were asked for, `words` came as `editor` needs a path in it; `watch` watches units.
    pub fn new(test: &str) -> Option<Self> {
        let world = World::for_root(test)?;
        world.package("base", "1", |builder| {
            file(builder, "/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
            file(builder, "/etc/group", "root:x:0:\n");
        });
        editor(&world, "1");
        world.package("words", "1", |builder| file(builder, "/usr/share/words/en", "a\n"));
        world.package("watch", "1", |builder| {
            builder.requires(Dependency::script_pre("base"));
            let come = lua(&log("'watch filetriggerin ' .. rpm.next_file()"));
            let gone = lua(&log("'watch transfiletriggerpostun'"));
            builder.file_trigger_in("/usr/lib/units", None, come);
            builder.trans_file_trigger_postun("/usr/lib/units", None, gone);
        });
        world.publish();
        world.image("small", &["base", "editor", "watch"], "");
        world.succeeds(["lock", "update"]);
        let tree = world.build("small");
        copy(&tree, &world.path("root"));
        world.write("key.asc", &world.key.public());
        let repository = format!("tiny={}", world.server.url("repo"));
        let options =
            ["--repo".into(), repository, "--key".into(), world.path("key.asc").display().to_string()];
        Some(Rooted { world, options })
    }

    /// The root.
    pub fn root(&self) -> PathBuf {
        self.world.path("root")
    }

    /// Text of a file in the root.
    pub fn read(&self, path: &str) -> String {
        let path = self.root().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Whether something is at a path in the root.
    pub fn has(&self, path: &str) -> bool {
        self.root().join(path).symlink_metadata().is_ok()
    }

    /// What scripts logged since the last time.
    pub fn log(&self) -> Vec<String> {
        let log = self.root().join("log");
        let lines = fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect();
        fs::write(log, "").unwrap();
        lines
    }

    /// `lazuli root COMMAND ROOT WORD… --repo tiny=… --key …`.
    pub fn call(&self, command: &str, words: &[&str]) -> Call {
        let mut arguments: Vec<OsString> = vec!["root".into(), command.into(), self.root().into()];
        arguments.extend(words.iter().map(Into::into));
        if command != "list" {
            arguments.extend(self.options.iter().map(Into::into));
        }
        self.world.call(arguments)
    }

    /// Runs such a command, which must succeed and leave nothing beside the root.
    pub fn succeeds(&self, command: &str, words: &[&str]) -> Ended {
        let ended = Ended::of(&program::run(&self.call(command, words)).unwrap());
        println!("$ lazuli root {command} root {}\n{ended}", words.join(" "));
        assert_eq!(ended.code, 0, "{ended}");
        assert!(!self.world.path("root.partial").exists(), "something is left beside the root");
        ended
    }

    /// Runs such a command, which must end with this code, say these words, and leave the root as it was.
    pub fn is_refused(&self, command: &str, words: &[&str], code: i32, told: &[&str]) {
        let before = listing(&self.root());
        let ended = Ended::of(&program::run(&self.call(command, words)).unwrap());
        println!("$ lazuli root {command} root {}\n{ended}", words.join(" "));
        assert_eq!(ended.code, code, "{command} {words:?}: {ended}");
        assert!(ended.stderr.contains("error: ") && !ended.stderr.contains("panicked"), "{ended}");
        for word in told {
            assert!(ended.stderr.contains(word), "`{word}` is not in {ended}");
        }
        assert_eq!(ended.stdout, "", "no plan is printed for what is not done: {ended}");
        assert_eq!(listing(&self.root()), before, "{command} {words:?} changed the root");
        assert!(!self.world.path("root.partial").exists(), "something is left beside the root");
    }

    /// The lines of `root list`.
    pub fn list(&self) -> Vec<String> {
        self.succeeds("list", &[]).stdout.lines().map(str::to_owned).collect()
    }

    /// `NAME-VERSION` of everything installed.
    pub fn installed(&self) -> Vec<String> {
        let name = |line: &String| line.split("-1.noarch ").next().unwrap_or_default().to_owned();
        self.list().iter().map(name).collect()
    }
}

/// A version of the editor: its configuration is its version, its scripts log, and one of its units has the version in its name.
pub fn editor(world: &World, version: &str) {
    world.package("editor", version, |builder| {
        builder.requires(relation("/usr/share/words/en"));
        file(builder, "/usr/bin/editor", &format!("editor {version}\n"));
        file(builder, &format!("/usr/lib/units/editor-{version}"), "[Unit]\n");
        let configuration = FileOptions::new("/etc/editor.conf").mode(0o100_644).config().noreplace();
        builder.with_file_contents(format!("default of {version}\n"), configuration).unwrap();
        let told = |script: &str| lua(&log(&format!("'editor-{version} {script} ' .. arg[2]")));
        builder.pre_install_script(told("pre")).post_install_script(told("post"));
        builder.pre_uninstall_script(told("preun")).post_uninstall_script(told("postun"));
        builder.post_trans_script(told("posttrans"));
    });
}

/// A root beside another, with all that it has.
pub fn copy(from: &Path, to: &Path) {
    program::run(&Call::new("cp").arg("-a").arg(from).arg(to)).unwrap();
}
