use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const DAY: u64 = 86_400;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn stable() -> Channel {
    let name = |text: &str| ImageName::parse(text).unwrap();
    Channel::new(name("host"), Architecture::X86_64, ChannelName::parse("stable").unwrap())
}

fn promote(text: &str) -> Promote {
    Promote {
        version: version(text),
        now: 0,
        waves: Waves::immediate(),
        barrier: None,
        allow_downgrade: false,
    }
}

/// Words as in `1 2! 3~ 4-`: `!` a barrier, `~` withdrawn, `-` downgraded to.
fn channel(words: &str) -> Channel {
    let mut channel = stable();
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let number = word.trim_end_matches(['!', '~', '-']);
        channel.promotions.push(Promotion {
            version: version(number),
            promoted: 0,
            waves: Waves::immediate(),
            barrier: word.contains('!').then(|| "new keys".to_owned()),
            downgrade: word.contains('-'),
            withdrawn: word.contains('~').then(|| "it loses data".to_owned()),
        });
    }
    channel
}

struct Facts {
    version: Version,
    pin: Option<Version>,
    quarantined: BTreeSet<Version>,
    allow_downgrade: bool,
    ignore_waves: bool,
}

fn at(text: &str) -> Facts {
    Facts {
        version: version(text),
        pin: None,
        quarantined: BTreeSet::new(),
        allow_downgrade: false,
        ignore_waves: false,
    }
}

fn choose<'a>(channel: &'a Channel, facts: &Facts, now: u64) -> Choice<'a> {
    let machine = Machine {
        image: &ImageName::parse("host").unwrap(),
        architecture: Architecture::X86_64,
        version: &facts.version,
        seed: b"a machine",
        pin: facts.pin.as_ref(),
        quarantined: &facts.quarantined,
        allow_downgrade: facts.allow_downgrade,
        ignore_waves: facts.ignore_waves,
    };
    channel.choose(&machine, now)
}

fn say(channel: &str, facts: &Facts) -> String {
    match choose(&self::channel(channel), facts, 0) {
        Choice::Current => "current".to_owned(),
        Choice::Take(promotion) => format!("take {}", promotion.version),
        Choice::Wait { promotion, .. } => format!("wait for {}", promotion.version),
        Choice::Stay(why) => why.to_string(),
    }
}

#[test]
fn a_machine_takes_the_latest() {
    for (words, from, answer) in [
        ("", "1", "current"),
        ("1", "1", "current"),
        ("1 2 3", "1", "take 3"),
        ("1 2 3~", "1", "take 2"),
        ("1 2~ 3~", "1", "current"),
        ("2", "3", "current"),
        ("1 3 2-", "1", "take 2"),
        ("1 3 2-", "3", "the channel goes back to 2, and this machine does not follow downgrades"),
    ] {
        assert_eq!(say(words, &at(from)), answer, "{words} from {from}");
    }
    assert_eq!(say("1 3 2-", &Facts { allow_downgrade: true, ..at("3") }), "take 2");
}

#[test]
fn a_barrier_is_passed_before_what_comes_after() {
    for (words, from, answer) in [
        ("1 2! 3 4! 5", "1", "take 2"),
        ("1 2! 3 4! 5", "2", "take 4"),
        ("1 2! 3 4! 5", "3", "take 4"),
        ("1 2! 3 4! 5", "4", "take 5"),
        (
            "1 2!~ 3",
            "1",
            "2 must be passed before any later version, and it was withdrawn without another in its place",
        ),
        ("1 2!~ 3 4! 5", "1", "take 4"),
        ("1 2!~ 3 4! 5", "2", "take 4"),
    ] {
        assert_eq!(say(words, &at(from)), answer, "{words} from {from}");
    }
}

#[test]
fn what_rolled_back_here_is_not_tried_again() {
    let quarantined =
        |texts: &[&str]| Facts { quarantined: texts.iter().map(|text| version(text)).collect(), ..at("1") };
    assert_eq!(say("1 2 3", &quarantined(&["3"])), "take 2");
    assert_eq!(say("1 2 3", &quarantined(&["2", "3"])), "3 rolled back on this machine");
    assert_eq!(say("1 2! 3", &quarantined(&["2"])), "2 rolled back on this machine");
    assert_eq!(say("1 2!~ 3 4!", &quarantined(&["4"])), "4 rolled back on this machine");
    assert_eq!(say("1 2 3", &quarantined(&["2"])), "take 3");
}

#[test]
fn a_pin_goes_both_ways_but_not_behind_a_barrier() {
    let pinned = |from: &str, pin: &str| Facts { pin: Some(version(pin)), ..at(from) };
    for (words, from, pin, answer) in [
        ("1 2 3", "1", "2", "take 2"),
        ("1 2 3", "2", "2", "current"),
        ("1 2 3", "3", "1", "take 1"),
        ("1 2 3", "1", "9", "the pinned version 9 is not offered by the channel"),
        ("1 2~ 3", "1", "2", "the pinned version 2 is not offered by the channel"),
        ("1 2! 3", "1", "3", "take 2"),
        ("1 2! 3", "3", "2", "take 2"),
        ("1 2! 3", "3", "1", "the pinned version 1 lies before the barrier 2, which this machine has passed"),
        ("1 2 3!", "2", "1", "take 1"),
        ("1 2! 3! 4", "1", "4", "take 2"),
        (
            "1 2!~ 3",
            "1",
            "3",
            "2 must be passed before any later version, and it was withdrawn without another in its place",
        ),
        ("1 2!~ 3! 4", "1", "4", "take 3"),
    ] {
        assert_eq!(say(words, &pinned(from, pin)), answer, "{words} from {from} to {pin}");
    }
}

#[test]
fn a_channel_of_something_else_is_not_followed() {
    let channel = channel("2");
    let (image, other) = (ImageName::parse("host").unwrap(), ImageName::parse("server").unwrap());
    let mut machine = Machine {
        image: &other,
        architecture: Architecture::X86_64,
        version: &version("1"),
        seed: b"",
        pin: None,
        quarantined: &BTreeSet::new(),
        allow_downgrade: false,
        ignore_waves: true,
    };
    assert_eq!(channel.choose(&machine, 0), Choice::Stay(WhyNot::OtherImage(image.clone())));
    machine = Machine { image: &image, architecture: Architecture::Arm64, ..machine };
    assert_eq!(channel.choose(&machine, 0), Choice::Stay(WhyNot::OtherArchitecture(Architecture::X86_64)));
}

#[test]
fn a_machine_waits_for_its_place_unless_it_is_told_not_to() {
    let mut channel = stable();
    channel
        .promote(Promote { waves: "10%@1h 100%@1d".parse().unwrap(), now: 1_000_000, ..promote("2") })
        .unwrap();
    let starts = channel.starts(&channel.promotions[0], b"a machine").unwrap();
    assert!((1_000_000..1_000_000 + DAY).contains(&starts), "{starts}");
    let wait = Choice::Wait { promotion: &channel.promotions[0], until: Some(starts) };
    assert_eq!(choose(&channel, &at("1"), starts - 1), wait);
    // A clock that is behind is no reason to start.
    assert_eq!(choose(&channel, &at("1"), 0), wait);
    assert_eq!(choose(&channel, &at("1"), starts), Choice::Take(&channel.promotions[0]));
    let hurried = Facts { ignore_waves: true, ..at("1") };
    assert_eq!(choose(&channel, &hurried, 0), Choice::Take(&channel.promotions[0]));
}

#[test]
fn what_is_fully_rolled_out_is_taken_while_the_next_still_spreads() {
    let mut channel = stable();
    channel.promote(promote("2")).unwrap();
    channel.promote(Promote { waves: "100%@1000d".parse().unwrap(), ..promote("3") }).unwrap();
    assert_eq!(choose(&channel, &at("1"), 1), Choice::Take(&channel.promotions[0]));
}

#[test]
fn a_pinned_version_is_waited_for() {
    let mut channel = stable();
    channel.promote(promote("2")).unwrap();
    channel.promote(Promote { waves: "100%@1000d".parse().unwrap(), ..promote("3") }).unwrap();
    let pinned = Facts { pin: Some(version("3")), ..at("1") };
    let wait = choose(&channel, &pinned, 1);
    assert!(matches!(wait, Choice::Wait { promotion, .. } if promotion.version == version("3")), "{wait:?}");
    // Nor does it go to another when the pinned one came back from here.
    let rolled_back = Facts { quarantined: BTreeSet::from([version("3")]), ..pinned };
    let stay = choose(&channel, &rolled_back, 2000 * DAY);
    assert_eq!(stay, Choice::Stay(WhyNot::Quarantined(version("3"))));
}

#[test]
fn what_would_harm_machines_is_refused() {
    let refused = |words: &str, what: Promote| channel(words).promote(what).unwrap_err().to_string();
    for (words, promoted, message) in [
        ("1 2", promote("2"), "2 is already in channel stable; promote a new version, or withdraw this one"),
        ("1 2~", promote("2"), "2 was withdrawn from channel stable: it loses data; build a new version"),
        (
            "1 3",
            promote("2"),
            "2 is older than 3, which channel stable offers; allow the downgrade if machines shall go back",
        ),
        (
            "1 2! 3",
            Promote { allow_downgrade: true, ..promote("1") },
            "channel stable has the barrier 2 (new keys), and 1 is older; machines behind a barrier cannot go back",
        ),
        (
            "",
            Promote { barrier: Some(String::new()), ..promote("1") },
            "a reason is a line of 1 to 200 characters",
        ),
    ] {
        assert_eq!(refused(words, promoted), message);
    }
    let withdrawn = |words: &str, text: &str, why: &str| {
        channel(words).withdraw(&version(text), why).unwrap_err().to_string()
    };
    assert_eq!(withdrawn("1", "2", "broken"), "2 is not in channel stable");
    assert_eq!(withdrawn("1", "1", "two\nlines"), "a reason is a line of 1 to 200 characters");
    assert_eq!(
        withdrawn("1 2! 3", "2", "broken"),
        "2 is a barrier (new keys), and machines older than it would be held for ever; promote a later version as barrier first"
    );
}

#[test]
fn a_downgrade_is_possible_when_it_is_allowed_and_the_way_up_after_it() {
    let mut channel = channel("1 2 3");
    channel.promote(Promote { allow_downgrade: true, ..promote("2") }).unwrap();
    assert_eq!(channel.head().unwrap().version, version("2"));
    assert!(channel.head().unwrap().downgrade);
    channel.promote(promote("4")).unwrap();
    assert_eq!(channel.head().unwrap().version, version("4"));
    assert_eq!(choose(&channel, &at("3"), 0), Choice::Take(channel.head().unwrap()));
}

#[test]
fn a_withdrawn_version_is_no_longer_taken() {
    let mut channel = channel("1 2 3!");
    channel.withdraw(&version("3"), "does not boot on some machines").unwrap();
    assert_eq!(choose(&channel, &at("2"), 0), Choice::Current);
    assert_eq!(choose(&channel, &at("3"), 0), Choice::Current);
}

#[test]
fn a_channel_is_written_as_it_is_read() {
    let mut channel = channel("1");
    channel
        .promote(Promote {
            waves: "1%@1h 100%@2d".parse().unwrap(),
            barrier: Some("new keys".to_owned()),
            ..promote("2026.11.21~rc1")
        })
        .unwrap_or_else(|error| panic!("{error}"));
    channel.withdraw(&version("1"), "old").unwrap();
    let text = r#"{
  "schema": 1,
  "image": "host",
  "architecture": "x86-64",
  "channel": "stable",
  "promotions": [
    {
      "version": "1",
      "promoted": 0,
      "waves": "100%@0s",
      "withdrawn": "old"
    },
    {
      "version": "2026.11.21~rc1",
      "promoted": 0,
      "waves": "1%@1h 100%@2d",
      "barrier": "new keys"
    }
  ]
}
"#;
    assert_eq!(channel.to_json(), text);
    assert_eq!(Channel::parse(text.as_bytes()).unwrap(), channel);
}

#[test]
fn a_text_that_is_no_channel_says_why() {
    let message = |text: &str| {
        let error = Channel::parse(text.as_bytes()).unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    };
    let entry = r#"{"version":"1","promoted":0,"waves":"100%@0s"}"#;
    let channel = |entries: &str| {
        format!(
            r#"{{"schema":1,"image":"host","architecture":"x86-64","channel":"stable","promotions":[{entries}]}}"#
        )
    };
    assert_eq!(message("{}"), "the channel cannot be read: missing field `schema` at line 1 column 2");
    assert_eq!(
        message(r#"{"schema":2,"waves":[]}"#),
        "the channel has schema 2, this program reads 1; take a newer program"
    );
    assert_eq!(message(&channel(&format!("{entry},{entry}"))), "the channel has version 1 twice");
    let wrong = message(&channel(r#"{"version":"1_2","promoted":0,"waves":"100%@0s"}"#));
    assert!(wrong.contains("`1_2` is not the version of an image"), "{wrong}");
    assert!(wrong.contains("line 1 column 100"), "{wrong}");
}

fn any_channel() -> impl Strategy<Value = String> {
    let word = (1..8_u8, 0..8_u8).prop_map(|(number, marks)| {
        let mark = |bit: u8, text: &'static str| if marks & bit == 0 { "" } else { text };
        (number, format!("{number}{}{}{}", mark(1, "!"), mark(2, "~"), mark(4, "-")))
    });
    proptest::collection::vec(word, 0..7).prop_map(|words| {
        let mut seen = BTreeSet::new();
        let kept: Vec<String> =
            words.into_iter().filter(|(number, _)| seen.insert(*number)).map(|(_, word)| word).collect();
        kept.join(" ")
    })
}

proptest! {
    /// Whatever a channel holds, following it ends: no machine is sent in a circle.
    #[test]
    fn every_machine_comes_to_rest(words in any_channel(), from in 1..8_u8, allow_downgrade: bool) {
        let channel = channel(&words);
        let mut facts = Facts { allow_downgrade, ..at(&from.to_string()) };
        let mut passed = Vec::new();
        while let Choice::Take(promotion) = choose(&channel, &facts, 0) {
            prop_assert!(promotion.withdrawn.is_none());
            prop_assert!(allow_downgrade || promotion.version > facts.version);
            passed.push(facts.version.clone());
            facts.version = promotion.version.clone();
            prop_assert!(passed.len() < 8, "{words} from {from}: {passed:?}");
        }
    }

    /// Going up, no step leaves out a barrier that is offered.
    #[test]
    fn no_step_jumps_over_a_barrier(words in any_channel(), from in 1..8_u8) {
        let channel = channel(&words);
        if let Choice::Take(taken) = choose(&channel, &at(&from.to_string()), 0) {
            let between = |one: &&Promotion| one.version > version(&from.to_string()) && one.version < taken.version;
            let jumped = channel.promotions.iter().filter(between).find(|one| one.barrier.is_some() && one.withdrawn.is_none());
            prop_assert_eq!(jumped, None, "{} from {}", words, from);
        }
    }

    /// Damaged somewhere, a text is refused, or read as something that has one text again.
    #[test]
    fn a_damaged_text_is_refused_or_means_one_thing(words in any_channel(), position: usize, byte in b' '..=b'~') {
        let mut text = channel(&words).to_json().into_bytes();
        let position = position % text.len();
        text[position] = byte;
        if let Ok(read) = Channel::parse(&text) {
            prop_assert_eq!(Channel::parse(read.to_json().as_bytes()).unwrap(), read);
        }
    }
}
