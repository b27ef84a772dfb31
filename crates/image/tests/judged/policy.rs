//! A policy compiled at the build, judged by what libsemanage made of the same modules when the package was installed.

use std::error::Error as _;

use image::tree::{Tree, TreePath};
use image::{BuildError, OwnModule, PolicyModules, Selinux, SelinuxMode, Specification, Tools, compose};

use crate::judge::{EPOCH, Judge, ext4};

const OWN: &str = "\
(type issue_t)
(roletype object_r issue_t)
(typeattributeset file_type (issue_t))
(filecon \"/etc/issue\" file (system_u object_r issue_t ((s0) (s0))))
";

#[test]
fn a_compiled_policy_labels_as_the_installed_one_does() {
    let Some(judge) = Judge::find() else { return };
    let installed = judge.composed(None).unwrap();
    let compiled = judge.composed(Some(PolicyModules { taken: None, own: Vec::new() })).unwrap();
    let contexts = |tree: &Tree, name: &str| -> Vec<String> {
        let path = TreePath::parse(format!("etc/selinux/default/contexts/files/{name}")).unwrap();
        let text = tree.read_text(&path).unwrap();
        // What libsemanage says of itself.
        let says = |line: &&str| !line.is_empty() && !line.starts_with('#');
        text.lines().filter(says).map(str::to_owned).collect()
    };
    for name in ["file_contexts", "file_contexts.homedirs"] {
        let (ours, theirs) = (contexts(&compiled, name), contexts(&installed, name));
        assert!(theirs.len() > 100, "{name} has {} lines", theirs.len());
        assert_eq!(ours, theirs, "{name}");
    }
    let labels = |tree: &Tree| -> Vec<(String, Option<Vec<u8>>)> {
        let label = |(path, entry): (&TreePath, &image::tree::Entry)| {
            (path.to_string(), entry.attributes.get("security.selinux").cloned())
        };
        let gone = |path: &str| path.starts_with("/var/lib/selinux/default") || path.ends_with(".bin");
        tree.entries().map(label).filter(|(path, _)| !gone(path)).collect()
    };
    assert_eq!(labels(&compiled), labels(&installed));
}

#[test]
fn chosen_and_own_modules_make_a_policy_that_says_no_more() {
    let Some(judge) = Judge::find() else { return };
    let own = vec![OwnModule { name: "issue".into(), text: OWN.into() }];
    let taken = Some(vec!["ssh".to_owned()]);
    let tree = judge.composed(Some(PolicyModules { taken, own })).unwrap();
    let path = |text: &str| TreePath::parse(text).unwrap();
    let issue = tree.get(&path("etc/issue")).unwrap();
    assert_eq!(issue.attributes["security.selinux"], b"system_u:object_r:issue_t:s0\0");
    let policy = tree.list(&path("etc/selinux/default/policy")).pop().unwrap();
    let bytes = tree.read(&policy).unwrap();
    // The magic number of a policy for kernels (libsepol: POLICYDB_MAGIC).
    assert_eq!(bytes[..4], 0xf97c_ff8c_u32.to_le_bytes());
    let names = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
    assert!(names("sshd_t") && names("issue_t"));
    assert!(!names("dockerd_t") && !names("asterisk_exec_t"));
    assert!(tree.get(&path("var/lib/selinux/default")).is_none(), "the store would say what was before");
    let again = judge
        .composed(Some(PolicyModules {
            taken: Some(vec!["ssh".to_owned()]),
            own: vec![OwnModule { name: "issue".into(), text: OWN.into() }],
        }))
        .unwrap();
    assert_eq!(again.read(&policy).unwrap(), bytes, "the same modules give the same policy");
}

#[test]
fn a_module_that_cannot_be_compiled_is_named_with_its_line() {
    let Some(judge) = Judge::find() else { return };
    let refusal = |text: &str| {
        let own = vec![OwnModule { name: "host".into(), text: text.into() }];
        let error = judge.composed(Some(PolicyModules { taken: Some(Vec::new()), own })).unwrap_err();
        let mut said = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            said += &format!("\n{cause}");
            source = cause.source();
        }
        said
    };
    let said = refusal("; a comment\n(allow nobody_t nobody_t (file (read)))\n");
    assert!(said.starts_with("the modules of the SELinux policy `default` cannot be compiled"), "{said}");
    assert!(said.contains("host.cil:2"), "{said}");
    // What refpolicy promises of every policy holds for ours.
    let said = refusal("(allow init_t policy_config_t (file (relabelto)))\n");
    assert!(said.contains("neverallow") && said.contains("host.cil:1"), "{said}");
}

impl Judge {
    /// The server's tree as an image would hold it, with the policy compiled from `modules`.
    fn composed(&self, modules: Option<PolicyModules>) -> Result<Tree, BuildError> {
        let selinux = Selinux { policy: "default".into(), mode: SelinuxMode::Permissive, modules };
        let specification = Specification { selinux: Some(selinux), ..ext4() };
        let (work, output) = (self.folder.path().join("work"), self.folder.path().join("output"));
        let tools = Tools::new(&self.tools, self.folder.path(), EPOCH);
        compose(&specification, &self.places(&work, &output), &tools, EPOCH)
    }
}
