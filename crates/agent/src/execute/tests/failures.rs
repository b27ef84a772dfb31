//! What fails: versions that do not come up, payloads that are damaged, disks without room.

use super::*;
use crate::plan::Step;
use crate::storage::Device as _;

#[test]
fn a_version_that_never_comes_up_is_left_after_three_boots_and_not_tried_again() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    agent(&world, &one).update(&two, UP);
    let booted = world.boot(&[&one, &two], &["2"]).unwrap();
    assert_eq!((booted.version, booted.resets), (version("1"), 3));
    let host = agent(&world, &one);
    assert_eq!(host.situation().outcome(), Outcome::RolledBack { version: version("2") });
    assert_eq!(host.settle(), Outcome::Settled);
    assert_eq!(world.entries(), ["host_1.efi"]);
    let state = host.situation().state;
    assert_eq!(state.quarantine[&version("2")].reason, "it did not come up in 3 boots");
    assert_eq!(state.last.unwrap().failure.as_deref(), Some("it did not come up in 3 boots"));
    assert_eq!(host.stage(&two, UP).unwrap_err().name(), "update.quarantined");
    host.stage(&two, Permissions { quarantined: true, downgrade: false }).unwrap();
}

#[test]
fn an_older_version_that_never_comes_up_gives_way_to_the_newer_one_again() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&two);
    agent(&world, &two).update(&one, DOWN);
    assert_eq!(boot(&world, &[&one, &two], &["1"]).manifest.version, version("2"));
    let host = agent(&world, &two);
    assert_eq!(host.settle(), Outcome::Settled);
    assert_eq!(world.entries(), ["host_2.efi"]);
    assert!(host.situation().state.quarantine.contains_key(&version("1")));
}

#[test]
fn what_failed_is_seen_though_the_state_was_lost() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    agent(&world, &one).update(&two, UP);
    boot(&world, &[&one, &two], &["2"]);
    let mut kept = world.kept();
    kept.state = None;
    let world = World::of(kept);
    let host = agent(&world, &one);
    host.settle();
    assert!(host.situation().state.quarantine.contains_key(&version("2")));
}

#[test]
fn an_unhealthy_version_is_rejected_and_the_one_before_runs_after_one_start() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    for (first, second) in [(&one, &two), (&two, &one)] {
        let world = World::new(first);
        agent(&world, first).update(second, DOWN);
        let host = agent(&world, boot(&world, &[&one, &two], &[]));
        host.settle();
        let plan = host.wish(&Wish::Reject { reason: "containerd.service is not active".into() });
        assert!(plan.reboot);
        let booted = world.boot(&[&one, &two], &[]).unwrap();
        assert_eq!((&booted.version, booted.resets), (&first.manifest.version, 0));
        let host = agent(&world, first);
        assert_eq!(host.settle(), Outcome::Settled);
        assert_eq!(world.entries(), [format!("{}.efi", first.label())]);
        let state = host.situation().state;
        assert_eq!(state.quarantine[&second.manifest.version].reason, "containerd.service is not active");
    }
}

#[test]
fn without_a_version_to_go_back_to_nothing_is_rejected() {
    let one = Payload::new("1");
    let world = World::new(&one);
    let refused = agent(&world, &one).plan(&Wish::Reject { reason: String::new() }).unwrap_err();
    assert_eq!(
        (refused.name(), refused.to_string().as_str()),
        ("update.no-fallback", "there is no version to go back to: the other slot is empty")
    );
    assert_eq!(agent(&world, &one).plan(&Wish::Apply), Err(Refusal::NotStaged));
}

#[test]
fn a_damaged_block_is_never_written_and_nothing_is_staged() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    for (file, place, expected) in [
        ("root.erofs", 3 * 4096 + 17, "payload.block"),
        ("root.verity", 4096 + 100, "payload.tree"),
        ("linux.efi", 4999, "payload.kernel"),
    ] {
        let world = World::new(&one);
        let mut source = two.source();
        source.files.get_mut(file).unwrap()[place] ^= 1;
        let host = agent(&world, &one);
        let wish = Wish::Stage(Box::new(two.manifest.clone()), UP);
        let error = host.run(&wish, &mut source).unwrap_err();
        assert_eq!(error.name(), expected, "{error}");
        assert_eq!(host.plan(&Wish::Apply), Err(Refusal::NotStaged));
        assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("1"));
        // The next attempt, of a source that is whole, fetches only what is missing.
        let mut source = two.source();
        host.run(&wish, &mut source).unwrap();
        host.wish(&Wish::Apply);
        assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("2"));
    }
}

#[test]
fn blocks_that_an_interrupted_staging_left_are_not_fetched_again() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let host = agent(&world, &one);
    let wish = Wish::Stage(Box::new(two.manifest.clone()), UP);
    let mut source = two.source();
    source.files.get_mut("root.erofs").unwrap()[13 * 4096] ^= 1;
    host.run(&wish, &mut source).unwrap_err();
    let mut source = two.source();
    host.run(&wish, &mut source).unwrap();
    assert_eq!(source.asked["root.erofs"], 2 * 4096);
}

#[test]
fn a_disk_that_forgets_what_was_written_is_found_before_anything_is_applied() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let host = agent(&world, &one);
    let plan = host.plan(&Wish::Stage(Box::new(two.manifest.clone()), UP)).unwrap();
    let parts = world.host(&one.running());
    let fill = Plan { steps: plan.steps[..2].to_vec(), reboot: false };
    execute(&fill, &parts, &mut two.source(), &mut Unwatched, NOW).unwrap();
    let root = host.situation().other.root;
    world.write_at(root.start + 7 * 4096, b"rot").unwrap();
    let compare = Plan { steps: plan.steps[2..3].to_vec(), reboot: false };
    let error = execute(&compare, &parts, &mut two.source(), &mut Unwatched, NOW).unwrap_err();
    assert_eq!(error.name(), "slot.damaged");
    assert!(error.to_string().ends_with("block 7 is damaged"), "{error}");
}

#[test]
fn the_running_slot_is_refused_whatever_a_plan_says() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let slot = agent(&world, &one).situation().slot.name;
    let before = world.kept();
    let manifest = || Box::new(two.manifest.clone());
    for step in [Step::Empty(slot), Step::Fill(slot, manifest()), Step::Label(slot, manifest())] {
        let plan = Plan { steps: vec![step], reboot: false };
        let host = world.host(&one.running());
        let error = execute(&plan, &host, &mut two.source(), &mut Unwatched, NOW).unwrap_err();
        assert_eq!(error.to_string(), "slot A is the running one and is never written");
    }
    assert!(world.kept() == before);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_changed() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let before = world.kept();
    let host = agent(&world, &one);
    let refused = |change: fn(&mut Payload)| {
        let mut payload = two.clone();
        change(&mut payload);
        let refused = host.stage(&payload, UP).unwrap_err();
        (refused.name(), refused.to_string())
    };
    let (name, text) = refused(|payload| payload.manifest.files.root.size = 1 << 30);
    assert_eq!(name, "slot.too-small");
    assert!(text.starts_with(
        "the root file system of 2 has 1073741824 bytes, and partition 4 of the other slot has 98304"
    ));
    assert_eq!(refused(|payload| payload.manifest.files.kernel.size = 2 << 30).0, "esp.full");
    assert_eq!(
        refused(|payload| payload.manifest.architecture = release::Architecture::Arm64).1,
        "the update is for arm64, and this host is x86-64"
    );
    assert_eq!(
        refused(|payload| payload.manifest.image = release::ImageName::parse("other").unwrap()).0,
        "update.wrong-image"
    );
    assert_eq!(host.stage(&one, UP).unwrap_err().name(), "update.already-running");
    assert!(world.kept() == before);
}

#[test]
fn an_efi_system_partition_that_fills_up_meanwhile_is_an_error_and_the_old_version_boots() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let host = agent(&world, &one);
    let plan = host.plan(&Wish::Stage(Box::new(two.manifest.clone()), UP)).unwrap();
    world.set_room(6000);
    let parts = world.host(&one.running());
    let error = execute(&plan, &parts, &mut two.source(), &mut Unwatched, NOW).unwrap_err();
    assert_eq!(
        (error.name(), error.to_string().as_str()),
        ("esp.full", "cannot write host_2.efi.part in EFI/Linux")
    );
    assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("1"));
}

#[test]
fn without_an_entry_of_the_running_version_no_other_is_removed() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    let mut kept = world.kept();
    let file = kept.names.remove("host_1.efi").unwrap();
    kept.names.insert("somebody-s.efi".to_owned(), file);
    let world = World::of(kept);
    assert_eq!(agent(&world, &one).stage(&two, UP).unwrap_err().name(), "esp.own-entry-missing");
    assert_eq!(world.entries(), ["somebody-s.efi"]);
}

#[test]
fn a_version_on_trial_keeps_the_one_before_it() {
    let (one, two, three) = (Payload::new("1"), Payload::new("2"), Payload::new("3"));
    let world = World::new(&one);
    agent(&world, &one).update(&two, UP);
    let host = agent(&world, boot(&world, &[&one, &two], &[]));
    assert_eq!(host.stage(&three, UP).unwrap_err().name(), "update.on-trial");
    assert_eq!(host.plan(&Wish::Cancel).unwrap_err().name(), "update.on-trial");
}

#[test]
fn a_rollback_to_a_version_that_rotted_is_refused_and_changes_nothing() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let world = World::new(&one);
    agent(&world, &one).update(&two, UP);
    let host = agent(&world, boot(&world, &[&one, &two], &[]));
    host.wish(&Wish::Commit);
    let root = host.situation().other.root;
    world.write_at(root.start, b"rot").unwrap();
    let before = world.kept();
    let error = host.run(&Wish::Rollback { reason: String::new() }, &mut one.source()).unwrap_err();
    assert_eq!(error.name(), "slot.damaged");
    assert!(world.kept() == before);
}

#[test]
fn a_damaged_pack_or_patch_or_index_stages_nothing_or_what_is_right() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let patch = format!("patch-{}", &one.manifest.verity.root_hash.to_string()[..32]);
    for (file, old) in [("blocks.pack", None), ("blocks.index", None), (&*patch, Some(&one))] {
        let length = two.packed(old).files[file].len();
        for place in (0..length).step_by((length / 40).max(1)) {
            let world = World::new(&one);
            let host = agent(&world, &one);
            let mut source = two.packed(old);
            source.files.get_mut(file).unwrap()[place] ^= 0x41;
            match host.run(&Wish::Stage(Box::new(two.manifest.clone()), UP), &mut source) {
                // A patch that cannot be used is passed over for the pack, and a byte may not matter.
                Ok(_) => {
                    host.wish(&Wish::Apply);
                    assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("2"));
                }
                Err(error) => {
                    assert!(
                        error.name().starts_with("payload.") || error.name() == "download.range",
                        "{file} {place}: {error}"
                    );
                    assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("1"));
                }
            }
        }
    }
}

#[test]
fn a_running_slot_that_rotted_is_not_copied_from() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    for old in [None, Some(&one)] {
        let world = World::new(&one);
        let host = agent(&world, &one);
        let root = host.situation().slot.root;
        world.write_at(root.start + 2 * 4096, b"rot").unwrap();
        let mut source = two.packed(old);
        host.run(&Wish::Stage(Box::new(two.manifest.clone()), UP), &mut source).unwrap();
        host.wish(&Wish::Apply);
        assert_eq!(boot(&world, &[&one, &two], &[]).manifest.version, version("2"));
    }
}

#[test]
fn a_server_that_lacks_a_file_is_asked_for_the_next_one() {
    let (one, two) = (Payload::new("1"), Payload::new("2"));
    let patch = format!("patch-{}", &one.manifest.verity.root_hash.to_string()[..32]);
    for (missing, taken) in [
        (&[&*patch][..], "blocks.pack"),
        (&[&*patch, "blocks.pack"], "root.erofs"),
        (&[&*patch, "blocks.index"], "root.erofs"),
    ] {
        let world = World::new(&one);
        let mut source = two.packed(Some(&one));
        source.missing = missing.iter().map(|name| (*name).to_owned()).collect();
        agent(&world, &one).run(&Wish::Stage(Box::new(two.manifest.clone()), UP), &mut source).unwrap();
        assert!(source.asked.contains_key(taken), "{:?}", source.asked);
    }
    // When nothing is left, what went wrong first is told.
    let world = World::new(&one);
    let mut source = two.packed(Some(&one));
    source.files.get_mut(&patch).unwrap().pop();
    source.missing = ["blocks.index", "root.verity"].map(str::to_owned).into();
    let wish = Wish::Stage(Box::new(two.manifest.clone()), UP);
    let error = agent(&world, &one).run(&wish, &mut source).unwrap_err();
    assert_eq!(error.name(), "download.range");
}
