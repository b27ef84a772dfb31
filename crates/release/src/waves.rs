//! Waves: how a release spreads over the machines of a channel as time goes on. A wave definition and a machine's seed
//! in; the second at which that machine may start, out. Never a clock: time is an argument.
//!
//! Every machine has a place between the first and the last of each release, drawn from its seed and the release, so
//! that no machine is always among the first. Between two steps the machines start evenly, never in a crowd.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Shares and times of a roll-out, as they are written: `1%@2h 10%@1d 100%@3d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Waves(Vec<Step>);

/// By `after` seconds, the first `percent` of a hundred machines may have started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of a hundred machines, 1 to 100.
    pub percent: u8,
    /// Seconds since the release was promoted.
    pub after: u64,
}

/// Why a text is not a wave definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongWaves {
    /// A step is not of the form.
    #[error(
        "`{0}` is not a step of a roll-out: write PERCENT%@TIME, as in `10%@1d`, with s, m, h or d behind the number"
    )]
    Step(String),
    /// The steps do not rise.
    #[error("step `{later}` does not come after `{earlier}`: percents must rise, and times must not fall")]
    Order {
        /// The step before.
        earlier: Step,
        /// The step that should have more.
        later: Step,
    },
    /// There is no step, or there are too many.
    #[error("a roll-out has 1 to 100 steps")]
    Number,
}

/// A machine's place in a roll-out: 0 is the first of all, 2^32 would be behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u32);

impl Waves {
    /// Everybody at once.
    pub fn immediate() -> Waves {
        Waves(vec![Step { percent: 100, after: 0 }])
    }

    /// Reads steps parted by blanks or commas.
    pub fn parse(text: &str) -> Result<Waves, WrongWaves> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let steps: Vec<Step> = words.map(parse_step).collect::<Result<_, _>>()?;
        if !(1..=100).contains(&steps.len()) {
            return Err(WrongWaves::Number);
        }
        for pair in steps.windows(2) {
            if pair[1].percent <= pair[0].percent || pair[1].after < pair[0].after {
                return Err(WrongWaves::Order { earlier: pair[0], later: pair[1] });
            }
        }
        Ok(Waves(steps))
    }

    /// Seconds after promotion at which the machine at this place may start; none where the last step ends before it.
    pub fn starts_after(&self, place: Place) -> Option<u64> {
        let position = u128::from(place.0) * 100;
        let mut before = Step { percent: 0, after: 0 };
        for step in &self.0 {
            let [low, high] = [before.percent, step.percent].map(|percent| u128::from(percent) << 32);
            if position < high {
                let wait = u128::from(step.after - before.after) * (position - low) / (high - low);
                // Not more than the step's own time, which is a u64.
                return Some(before.after + u64::try_from(wait).unwrap_or(u64::MAX));
            }
            before = *step;
        }
        None
    }

    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl Place {
    /// The place of the machine with this seed in the roll-out of what `salt` names.
    pub fn draw(seed: &[u8], salt: &str) -> Place {
        let mut digest = Sha256::new();
        // Length first: no other pair of salt and seed gives the same bytes.
        digest.update((salt.len() as u64).to_le_bytes());
        digest.update(salt.as_bytes());
        digest.update(seed);
        let digest: [u8; 32] = digest.finalize().into();
        Place(u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]]))
    }
}

fn parse_step(word: &str) -> Result<Step, WrongWaves> {
    let wrong = || WrongWaves::Step(word.to_owned());
    let (percent, time) = word.split_once("%@").ok_or_else(wrong)?;
    let percent = parse_number(percent).filter(|percent| (1..=100).contains(percent)).ok_or_else(wrong)?;
    let after = parse_duration(time).ok_or_else(wrong)?;
    Ok(Step { percent: u8::try_from(percent).map_err(|_| wrong())?, after })
}

/// Reads a time in whole seconds, minutes, hours or days: `90s`, `15m`, `12h`, `3d`.
pub fn parse_duration(text: &str) -> Option<u64> {
    let last = text.chars().last()?;
    let (_, unit) = UNITS.iter().find(|(letter, _)| *letter == last)?;
    parse_number(&text[..text.len() - last.len_utf8()])?.checked_mul(*unit)
}

/// Digits alone: no sign, no blank.
fn parse_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, unit): &&(char, u64)| self.after != 0 && self.after.is_multiple_of(*unit);
        let (letter, unit) = UNITS.iter().find(fits).unwrap_or(&('s', 1));
        write!(formatter, "{}%@{}{letter}", self.percent, self.after / unit)
    }
}

impl fmt::Display for Waves {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            let blank = if number == 0 { "" } else { " " };
            write!(formatter, "{blank}{step}")?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Waves {
    type Error = WrongWaves;

    fn try_from(text: String) -> Result<Self, WrongWaves> {
        Waves::parse(&text)
    }
}

impl From<Waves> for String {
    fn from(waves: Waves) -> String {
        waves.to_string()
    }
}

impl std::str::FromStr for Waves {
    type Err = WrongWaves;

    fn from_str(text: &str) -> Result<Self, WrongWaves> {
        Waves::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn waves(text: &str) -> Waves {
        Waves::parse(text).unwrap()
    }

    #[test]
    fn a_definition_is_written_as_it_is_read() {
        for (text, canonical) in [
            ("100%@0s", "100%@0s"),
            ("1%@120m, 10%@24h,100%@3d", "1%@2h 10%@1d 100%@3d"),
            ("50%@61s", "50%@61s"),
        ] {
            assert_eq!(waves(text).to_string(), canonical);
            assert_eq!(waves(canonical), waves(text));
        }
    }

    #[test]
    fn a_wrong_definition_says_which_step() {
        for (text, message) in [
            ("", "a roll-out has 1 to 100 steps"),
            (
                "10%",
                "`10%` is not a step of a roll-out: write PERCENT%@TIME, as in `10%@1d`, with s, m, h or d behind the number",
            ),
            (
                "0%@1d",
                "`0%@1d` is not a step of a roll-out: write PERCENT%@TIME, as in `10%@1d`, with s, m, h or d behind the number",
            ),
            (
                "+5%@1d",
                "`+5%@1d` is not a step of a roll-out: write PERCENT%@TIME, as in `10%@1d`, with s, m, h or d behind the number",
            ),
            (
                "5%@99999999999999999999d",
                "`5%@99999999999999999999d` is not a step of a roll-out: write PERCENT%@TIME, as in `10%@1d`, with s, m, h or d behind the number",
            ),
            (
                "5%@1é",
                "`5%@1é` is not a step of a roll-out: write PERCENT%@TIME, as in `10%@1d`, with s, m, h or d behind the number",
            ),
            (
                "10%@2d 20%@1d",
                "step `20%@1d` does not come after `10%@2d`: percents must rise, and times must not fall",
            ),
        ] {
            assert_eq!(Waves::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn machines_start_evenly_within_a_step() {
        let waves = waves("10%@1h 50%@1d");
        let at = |percent: u64| Place(u32::try_from((percent << 32) / 100).unwrap());
        assert_eq!(waves.starts_after(Place(0)), Some(0));
        assert_eq!(waves.starts_after(at(5)), Some(1_799)); // the place is cut to a whole number
        assert_eq!(waves.starts_after(at(10)), Some(3_599));
        assert_eq!(waves.starts_after(at(30)), Some(3_600 + (86_400 - 3_600) / 2 - 1));
        assert_eq!(waves.starts_after(at(51)), None);
        assert_eq!(Waves::immediate().starts_after(Place(u32::MAX)), Some(0));
    }

    #[test]
    fn another_release_draws_another_order() {
        let first =
            |salt: &str| (0..1000_u32).min_by_key(|seed| Place::draw(&seed.to_le_bytes(), salt)).unwrap();
        let firsts: std::collections::BTreeSet<u32> = ["a", "b", "c", "d", "e"].map(first).into();
        assert_eq!(firsts.len(), 5);
    }

    fn any_waves() -> impl Strategy<Value = Waves> {
        proptest::collection::btree_map(1..=100_u8, 1..200_000_u64, 1..6).prop_map(|steps| {
            let mut after = 0;
            Waves(
                steps
                    .into_iter()
                    .map(|(percent, wait)| {
                        after += wait;
                        Step { percent, after }
                    })
                    .collect(),
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn who_is_earlier_in_place_never_starts_later(waves in any_waves(), left: u32, right: u32) {
            let [early, late] = [left.min(right), left.max(right)].map(|place| waves.starts_after(Place(place)).unwrap_or(u64::MAX));
            prop_assert!(early <= late);
        }

        /// The bound that a roll-out promises: in no stretch of time do more start than the step's share of it.
        #[test]
        fn no_crowd_starts_at_once(waves in any_waves()) {
            const MACHINES: u32 = 4_000;
            let mut starts: Vec<u64> = (0..MACHINES)
                .filter_map(|seed| waves.starts_after(Place::draw(&seed.to_le_bytes(), "container-host 2")))
                .collect();
            starts.sort_unstable();
            let mut before = Step { percent: 0, after: 0 };
            for step in waves.steps() {
                let share = f64::from(step.percent - before.percent) / 100.0;
                let tenth = (step.after - before.after).div_ceil(10);
                for part in 0..10 {
                    let from = before.after + part * tenth;
                    let to = (from + tenth).min(step.after);
                    let started = starts.iter().filter(|start| (from..to).contains(start)).count();
                    let expected = f64::from(MACHINES) * share * (to.saturating_sub(from)) as f64
                        / (step.after - before.after) as f64;
                    // Five standard deviations of a binomial draw, and one machine a second for rounding to seconds.
                    let bound = expected + 5.0 * expected.sqrt() + f64::from(MACHINES) * share / (step.after - before.after) as f64 + 5.0;
                    prop_assert!(started as f64 <= bound, "{started} of {expected} in {from}..{to} of {waves}");
                }
                before = *step;
            }
        }

        #[test]
        fn any_definition_survives_its_text(waves in any_waves()) {
            prop_assert_eq!(Waves::parse(&waves.to_string()).unwrap(), waves);
        }
    }
}
