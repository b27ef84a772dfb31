//! The power goes at every write: what is kept starts, and the update goes on from there to its end.

use super::*;
use crate::world::{Dice, Kept};

/// Cuts what `action` writes everywhere; each state that may be kept is handed to `judge`. Within what `judge` does first,
/// the power may go a second time.
fn cut_everywhere(world: &World, action: impl FnOnce(&World), judge: impl Fn(&World)) {
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    world.begin();
    action(world);
    let mut states = 0;
    for count in 0..=world.events() {
        for kept in world.cut(count, 3, &mut dice) {
            judge(&World::of(kept));
            states += 1;
        }
    }
    assert!(states > 10, "{states} states are no test");
}

/// Starts whatever is kept, settles it, also with a second cut within settling, and hands on what runs.
fn started<'a>(kept: Kept, versions: &[&'a Payload], judge: &impl Fn(&World, &'a Payload)) {
    let world = World::of(kept);
    let running = boot(&world, versions, &[]);
    world.begin();
    agent(&world, running).settle();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for count in 0..world.events() {
        for kept in world.cut(count, 1, &mut dice) {
            let world = World::of(kept);
            let running = boot(&world, versions, &[]);
            agent(&world, running).settle();
            judge(&world, running);
        }
    }
    judge(&world, running);
}

/// Does what the service does until `to` runs and has proven itself.
fn arrive<'a>(world: &World, mut running: &'a Payload, to: &'a Payload, versions: &[&'a Payload]) {
    for _ in 0..4 {
        let host = agent(world, running);
        match host.settle() {
            Outcome::Trial { .. } => {
                host.wish(&Wish::Commit);
            }
            Outcome::Settled if running.manifest == to.manifest => return,
            Outcome::Settled => host.update(to, DOWN),
            Outcome::Awaiting { .. } => {}
            Outcome::RolledBack { version } => panic!("{version} rolled back and nothing failed"),
        }
        running = boot(world, versions, &[]);
    }
    panic!("it does not arrive: {:?}", world.entries());
}

/// Tells a story of a host's first version and of the other one, upwards and downwards.
fn up_and_down(story: impl Fn(&World, &Payload, &Payload, &[&Payload])) {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    for (first, second) in [(&one, &two), (&two, &one)] {
        story(&World::new(first), first, second, &[&one, &two]);
    }
}

#[test]
fn staging_and_applying_up_and_down_leave_a_whole_version_at_every_cut_and_can_be_done_again() {
    up_and_down(|world, first, second, versions| {
        let slot = agent(world, first).situation().slot.root;
        let range = usize::try_from(slot.start).unwrap()..usize::try_from(slot.start + slot.size).unwrap();
        let before = world.kept().disk[range.clone()].to_vec();
        cut_everywhere(
            world,
            |world| agent(world, first).update(second, DOWN),
            |world| {
                assert!(world.kept().disk[range.clone()] == before, "the running slot was written");
                started(world.kept(), versions, &|world, running| arrive(world, running, second, versions));
            },
        );
    });
}

#[test]
fn the_slot_of_a_version_to_go_back_to_is_reused_and_no_cut_starts_it_half_written() {
    let (one, two, three) = (Payload::new("1"), Payload::new("2"), Payload::new("3"));
    let versions = [&one, &two, &three];
    let world = World::new(&one);
    agent(&world, &one).update(&two, UP);
    let second = boot(&world, &versions, &[]);
    agent(&world, second).wish(&Wish::Commit);
    cut_everywhere(
        &world,
        |world| agent(world, second).update(&three, UP),
        |world| {
            let running = world.boot(&versions, &[]).unwrap();
            assert_eq!(running.resets, 0);
            assert_ne!(running.version, version("1"));
            started(world.kept(), &versions, &|world, running| arrive(world, running, &three, &versions));
        },
    );
}

#[test]
fn staging_by_a_pack_is_cut_anywhere_and_begun_again() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let versions = [&one, &two];
    for old in [None, Some(&one)] {
        let world = World::new(&one);
        let stage = |world: &World| {
            let wish = Wish::Stage(Box::new(two.manifest.clone()), UP);
            agent(world, &one).run(&wish, &mut two.packed(old)).unwrap();
        };
        cut_everywhere(&world, stage, |world| {
            assert_eq!(boot(world, &versions, &[]).manifest.version, version("1"));
            agent(world, &one).settle();
            stage(world);
            agent(world, &one).wish(&Wish::Apply);
            assert_eq!(boot(world, &versions, &[]).manifest.version, version("2"));
        });
    }
}

#[test]
fn committing_is_cut_anywhere() {
    up_and_down(|world, first, second, versions| {
        agent(world, first).update(second, DOWN);
        let running = boot(world, versions, &[]);
        cut_everywhere(
            world,
            |world| {
                agent(world, running).wish(&Wish::Commit);
            },
            |world| {
                started(world.kept(), versions, &|world, running| arrive(world, running, second, versions))
            },
        );
    });
}

#[test]
fn rejecting_is_cut_anywhere_and_ends_on_the_version_before() {
    up_and_down(|world, first, second, versions| {
        agent(world, first).update(second, DOWN);
        let running = boot(world, versions, &[]);
        let reject = |world: &World, running| {
            agent(world, running).wish(&Wish::Reject { reason: "unhealthy".into() });
        };
        cut_everywhere(
            world,
            |world| reject(world, running),
            |world| {
                started(world.kept(), versions, &|world, mut running| {
                    // The version is as unhealthy as before, should it run once more.
                    if running.manifest == second.manifest {
                        reject(world, running);
                        running = boot(world, versions, &[]);
                    }
                    assert_eq!(running.manifest.version, first.manifest.version);
                    let host = agent(world, running);
                    assert_eq!(host.settle(), Outcome::Settled);
                    assert!(host.situation().state.quarantine.contains_key(&second.manifest.version));
                });
            },
        );
    });
}

#[test]
fn rolling_back_is_cut_anywhere_and_ends_on_one_of_the_two() {
    up_and_down(|world, first, second, versions| {
        agent(world, first).update(second, DOWN);
        let running = boot(world, versions, &[]);
        agent(world, running).wish(&Wish::Commit);
        let rollback = |world: &World, running| {
            agent(world, running).wish(&Wish::Rollback { reason: "a test".into() });
        };
        cut_everywhere(
            world,
            |world| rollback(world, running),
            |world| {
                started(world.kept(), versions, &|world, mut running| {
                    if running.manifest == second.manifest {
                        rollback(world, running);
                        running = boot(world, versions, &[]);
                    }
                    let host = agent(world, running);
                    host.settle();
                    host.wish(&Wish::Commit);
                    assert_eq!(boot(world, versions, &[]).manifest.version, first.manifest.version);
                });
            },
        );
    });
}

#[test]
fn taking_note_of_a_failure_is_cut_anywhere() {
    up_and_down(|world, first, second, versions| {
        agent(world, first).update(second, DOWN);
        boot(world, versions, &[second.manifest.version.as_str()]);
        cut_everywhere(
            world,
            |world| {
                agent(world, first).settle();
            },
            |world| {
                let running = boot(world, versions, &[second.manifest.version.as_str()]);
                assert_eq!(running.manifest.version, first.manifest.version);
                let host = agent(world, running);
                assert_eq!(host.settle(), Outcome::Settled);
                assert!(host.situation().state.quarantine.contains_key(&second.manifest.version));
                assert_eq!(world.entries(), [format!("{}.efi", first.label())]);
            },
        );
    });
}
