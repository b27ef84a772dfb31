//! Whole updates on a host in memory: as they go well, as they fail, and cut at every write.

mod cuts;
mod failures;
mod real;

use release::Version;

use super::{Unwatched, execute};
use crate::error::Named;
use crate::esp::BootFolder as _;
use crate::plan::{Permissions, Plan, Refusal, Wish, plan};
use crate::situation::{Outcome, Situation};
use crate::source::Source;
use crate::world::{Payload, World};

const NOW: u64 = 1_800_000_000;

/// The agent of a running version.
struct Agent<'a> {
    world: &'a World,
    running: &'a Payload,
}

impl Agent<'_> {
    fn situation(&self) -> Situation {
        self.world.host(&self.running.running()).survey().unwrap()
    }

    fn plan(&self, wish: &Wish) -> Result<Plan, Refusal> {
        plan(&self.situation(), wish)
    }

    fn run(&self, wish: &Wish, source: &mut dyn Source) -> Result<Plan, Box<dyn Named>> {
        let host = self.world.host(&self.running.running());
        let plan = self.plan(wish).map_err(|error| Box::new(error) as Box<dyn Named>)?;
        match execute(&plan, &host, source, &mut Unwatched, NOW) {
            Ok(()) => Ok(plan),
            Err(error) => Err(Box::new(error)),
        }
    }

    /// A wish that needs no files of a release.
    fn wish(&self, wish: &Wish) -> Plan {
        self.run(wish, &mut self.running.source()).unwrap()
    }

    fn update(&self, to: &Payload, permissions: Permissions) {
        self.stage(to, permissions).unwrap();
        self.wish(&Wish::Apply);
    }

    fn stage(&self, to: &Payload, permissions: Permissions) -> Result<Plan, Box<dyn Named>> {
        self.run(&Wish::Stage(Box::new(to.manifest.clone()), permissions), &mut to.source())
    }

    /// What the service does at its start.
    fn settle(&self) -> Outcome {
        for _ in 0..4 {
            if self.wish(&Wish::Settle).is_empty() {
                return self.situation().outcome();
            }
        }
        panic!("settling does not end: {:#?}", self.situation());
    }
}

fn agent<'a>(world: &'a World, running: &'a Payload) -> Agent<'a> {
    Agent { world, running }
}

fn boot<'a>(world: &World, versions: &[&'a Payload], hanging: &[&str]) -> &'a Payload {
    let booted = world.boot(versions, hanging).unwrap();
    versions.iter().find(|version| version.manifest.version == booted.version).unwrap()
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

const DOWN: Permissions = Permissions { downgrade: true, quarantined: false };
const UP: Permissions = Permissions { downgrade: false, quarantined: false };

#[test]
fn a_version_is_staged_applied_and_committed_and_only_its_own_blocks_are_fetched() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let mut source = two.source();
    let first = agent(&world, &one);
    first.run(&Wish::Stage(Box::new(two.manifest.clone()), UP), &mut source).unwrap();
    assert_eq!(source.asked["root.erofs"], 4 * 4096);
    assert_eq!(world.entries(), ["host_1.efi", "host_2.efi.part"]);
    // Asked again, there is nothing to do.
    assert_eq!(first.plan(&Wish::Stage(Box::new(two.manifest.clone()), UP)).unwrap().steps, []);
    let plan = first.wish(&Wish::Apply);
    assert_eq!(
        plan.to_string(),
        "remember that 2 is tried in place of 1\nlabel slot B as 2\nrename host_2.efi.part to host_2+3.efi\nthen start the machine again\n"
    );
    assert_eq!(first.settle(), Outcome::Awaiting { version: version("2") });

    let running = boot(&world, &[&one, &two], &[]);
    let second = agent(&world, running);
    assert_eq!(second.settle(), Outcome::Trial { left: 2, fallback: Some(version("1")) });
    second.wish(&Wish::Commit);
    assert_eq!(world.entries(), ["host_1.efi", "host_2.efi"]);
    assert_eq!(second.settle(), Outcome::Settled);
    assert_eq!(second.situation().state.last.unwrap().failure, None);
    assert!(second.wish(&Wish::Commit).is_empty());
    assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("2"));

    // And on, into the slot that the first version left.
    let three = Payload::new("3");
    second.update(&three, UP);
    assert_eq!(world.entries(), ["host_2.efi", "host_3+3.efi"]);
    assert_eq!(boot(&world, &[&one, &two, &three], &[]).manifest.version, version("3"));
}

#[test]
fn a_slot_that_is_filled_anew_is_not_staged_meanwhile() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let host = agent(&world, &one);
    host.stage(&two, UP).unwrap();
    world.remove("host_2.efi.part").unwrap();
    let plan = host.plan(&Wish::Stage(Box::new(two.manifest.clone()), UP)).unwrap();
    let begun = Plan { steps: plan.steps[..1].to_vec(), reboot: false };
    execute(&begun, &world.host(&one.running()), &mut two.source(), &mut Unwatched, NOW).unwrap();
    assert_eq!(host.plan(&Wish::Apply), Err(Refusal::NotStaged));
}

#[test]
fn the_plan_of_staging_says_every_step() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let plan = agent(&world, &one).plan(&Wish::Stage(Box::new(two.manifest.clone()), UP)).unwrap();
    let root_hash = two.manifest.verity.root_hash;
    assert_eq!(
        plan.to_string(),
        format!(
            "remember that 2 is being staged\nfill slot B with 2\ncompare slot B with root hash {root_hash}\n\
             write host_2.efi.part, 5000 bytes\nremember that root hash {root_hash} is staged\n"
        )
    );
}

#[test]
fn going_back_to_an_older_version_is_asked_for_and_tried_like_any_other() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&two);
    let newer = agent(&world, &two);
    assert_eq!(newer.stage(&one, UP).unwrap_err().name(), "update.downgrade");
    newer.update(&one, DOWN);
    assert_eq!(world.entries(), ["host_1+3.efi", "host_2+0.efi"]);
    let older = agent(&world, boot(&world, &[&one, &two], &[]));
    assert_eq!(older.settle(), Outcome::Trial { left: 2, fallback: Some(version("2")) });
    older.wish(&Wish::Commit);
    assert_eq!(world.entries(), ["host_1.efi", "host_2+0.efi"]);
    assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("1"));
    // The newer one is a way back all the same.
    older.wish(&Wish::Rollback { reason: "a test".into() });
    assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("2"));
}

#[test]
fn a_version_that_proved_itself_is_left_on_request_and_not_taken_again() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    agent(&world, &one).update(&two, UP);
    let second = agent(&world, boot(&world, &[&one, &two], &[]));
    second.wish(&Wish::Commit);
    second.wish(&Wish::Rollback { reason: "payments are refused".into() });
    assert_eq!(world.entries(), ["host_1+3.efi", "host_2+0.efi"]);
    let first = agent(&world, boot(&world, &[&one, &two], &[]));
    assert_eq!(first.settle(), Outcome::Trial { left: 2, fallback: Some(version("2")) });
    first.wish(&Wish::Commit);
    let refused = first.stage(&two, UP).unwrap_err();
    assert_eq!(
        (refused.name(), refused.to_string().as_str()),
        (
            "update.quarantined",
            "2 failed on this host (payments are refused) and is not tried again; allow it explicitly to try it"
        )
    );
    first.wish(&Wish::Forgive(version("2")));
    first.stage(&two, UP).unwrap();
}

#[test]
fn what_was_applied_is_taken_back_before_it_runs() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    for (running, other) in [(&one, &two), (&two, &one)] {
        let world = World::new(running);
        let host = agent(&world, running);
        host.update(other, DOWN);
        host.wish(&Wish::Cancel);
        assert_eq!(world.entries(), [format!("{}.efi", running.label())]);
        assert_eq!(host.settle(), Outcome::Settled);
        assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, running.manifest.version);
        // And again from the beginning.
        host.update(other, DOWN);
        assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, other.manifest.version);
    }
}

#[test]
fn a_rollback_is_taken_back_before_it_runs() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    for (first, second, expected) in
        [(&one, &two, ["host_1.efi", "host_2.efi"]), (&two, &one, ["host_1.efi", "host_2+0.efi"])]
    {
        let world = World::new(first);
        agent(&world, first).update(second, DOWN);
        let running = agent(&world, boot(&world, &[&one, &two], &[]));
        running.wish(&Wish::Commit);
        running.wish(&Wish::Rollback { reason: "a test".into() });
        running.wish(&Wish::Cancel);
        assert_eq!(world.entries(), expected);
        assert_eq!(running.situation().state.quarantine.len(), 0);
        assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, second.manifest.version);
    }
}

#[test]
fn two_updates_in_a_row_without_a_start_between_end_in_the_second() {
    let (one, two, three) = (Payload::new("1"), Payload::new("2"), Payload::new("3"));
    let world = World::new(&one);
    let host = agent(&world, &one);
    host.update(&two, UP);
    host.update(&three, UP);
    assert_eq!(world.entries(), ["host_1.efi", "host_3+3.efi"]);
    assert_eq!(boot(&world, &[&one, &two, &three], &[]).manifest.version, version("3"));

    // Downwards the running version leads again before the slot is emptied.
    let world = World::new(&three);
    let host = agent(&world, &three);
    host.update(&one, DOWN);
    host.update(&two, DOWN);
    assert_eq!(world.entries(), ["host_2+3.efi", "host_3+0.efi"]);
    assert_eq!(boot(&world, &[&one, &two, &three], &[]).manifest.version, version("2"));
}

#[test]
fn a_pinned_version_is_the_only_one_and_may_be_older() {
    let (one, two, three) = (Payload::new("1"), Payload::new("2"), Payload::new("3"));
    let world = World::new(&two);
    let host = agent(&world, &two);
    host.wish(&Wish::Pin(Some(version("1"))));
    assert_eq!(host.stage(&three, UP).unwrap_err().name(), "update.pinned");
    host.update(&one, UP);
    assert_eq!(boot(&world, &[&one, &two, &three], &[]).manifest.version, version("1"));
    host.wish(&Wish::Pin(None));
    host.stage(&three, UP).unwrap();
}

#[test]
fn a_pack_and_a_patch_give_the_same_slot_and_kernel_and_cost_less() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let patch = format!("patch-{}", &one.manifest.verity.root_hash.to_string()[..32]);
    let mut kept = Vec::new();
    for (mut source, file) in
        [(two.source(), "root.erofs"), (two.packed(None), "blocks.pack"), (two.packed(Some(&one)), &*patch)]
    {
        let world = World::new(&one);
        let host = agent(&world, &one);
        host.run(&Wish::Stage(Box::new(two.manifest.clone()), UP), &mut source).unwrap();
        assert!(source.asked[file] > 0);
        let whole = source.asked.get("root.erofs").copied().unwrap_or_default();
        assert_eq!(whole > 0, file == "root.erofs", "{:?}", source.asked);
        assert_eq!(source.asked.contains_key("linux.efi"), file == "root.erofs");
        host.wish(&Wish::Apply);
        kept.push((world.kept().disk, world.kept().names.len()));
        assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("2"));
    }
    assert!(kept[0] == kept[1] && kept[1] == kept[2]);
}
