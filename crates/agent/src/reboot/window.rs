//! Times of the week at which a machine may restart: a text and a second in; open or closed, and until when, out.

use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;

/// Windows in a time zone, never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    windows: Vec<Window>,
    time_zone: Zone,
}

/// `DAYS HH:MM LENGTH`, as in `Sat,Sun 02:00 3h`, `Mon-Fri 12:30 45m` or, for every day, `23:30 90m`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Window {
    days: Vec<Weekday>,
    start: Time,
    length: Duration,
}

/// A time zone by its name in the zone database, UTC unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone {
    zone: TimeZone,
}

/// Whether a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// It is.
    Open,
    /// None is.
    Closed {
        /// When the next one opens, in seconds since 1970.
        opens: u64,
    },
}

impl Windows {
    /// None where the list is empty.
    pub fn new(windows: Vec<Window>, time_zone: Zone) -> Option<Windows> {
        if windows.is_empty() { None } else { Some(Windows { windows, time_zone }) }
    }

    /// At a second since 1970.
    pub fn at(&self, now: u64) -> Opening {
        let seconds = i64::try_from(now).unwrap_or(i64::MAX);
        let moment = Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
        let today = moment.to_zoned(self.time_zone.zone.clone()).date();
        let mut next: Option<u64> = None;
        // A window of a week that began a week ago may still be open; the next one opens within a week.
        for day in -8..=8 {
            let Ok(date) = today.checked_add(day.days()) else { continue };
            for window in self.windows.iter().filter(|window| window.days.contains(&date.weekday())) {
                // Where the clock is put forward over the start, the window begins that much later.
                let Ok(start) = date.to_datetime(window.start).to_zoned(self.time_zone.zone.clone()) else {
                    continue;
                };
                let start = start.timestamp().as_second();
                if (start..start.saturating_add_unsigned(window.length.as_secs())).contains(&seconds) {
                    return Opening::Open;
                }
                if let Ok(start) = u64::try_from(start)
                    && start > now
                {
                    next = Some(next.map_or(start, |earlier| earlier.min(start)));
                }
            }
        }
        // Every window has a day of the week.
        Opening::Closed { opens: next.unwrap_or(u64::MAX) }
    }
}

impl TryFrom<String> for Window {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse(&text).ok_or_else(|| {
            format!(
                "`{text}` is no window: write days, a time and a length, as in `Sat,Sun 02:00 3h` or `23:30 90m`, of a week at most"
            )
        })
    }
}

fn parse(text: &str) -> Option<Window> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (days, start, length) = match words[..] {
        [start, length] => (ALL.to_vec(), start, length),
        [days, start, length] => (parse_days(days)?, start, length),
        _ => return None,
    };
    let (hour, minute) = start.split_once(':')?;
    let number = |digits: &str| -> Option<i8> {
        if digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            digits.parse().ok()
        } else {
            None
        }
    };
    let start = Time::new(number(hour)?, number(minute)?, 0, 0).ok()?;
    let length = release::waves::parse_duration(length).filter(|length| (1..=7 * 86_400).contains(length))?;
    Some(Window { days, start, length: Duration::from_secs(length) })
}

const ALL: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];
const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

fn parse_days(text: &str) -> Option<Vec<Weekday>> {
    let number = |name: &str| NAMES.iter().position(|known| *known == name);
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(ALL[number(part)?]),
            Some((first, last)) => {
                // `Fri-Mon` goes over the end of the week.
                let (first, last) = (number(first)?, number(last)?);
                let count = (last + 7 - first) % 7;
                days.extend((0..=count).map(|step| ALL[(first + step) % 7]));
            }
        }
    }
    Some(days)
}

impl Default for Zone {
    fn default() -> Self {
        Zone { zone: TimeZone::UTC }
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name == "UTC" {
            return Ok(Zone::default());
        }
        match TimeZone::get(&name) {
            Ok(zone) => Ok(Zone { zone }),
            Err(error) => Err(format!(
                "`{name}` is no time zone that this machine knows ({error}): write `UTC`, or a name as `Europe/Berlin` if the image has the zone database"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> u64 {
        u64::try_from(text.parse::<Timestamp>().unwrap().as_second()).unwrap()
    }

    /// `open`, or when the next window opens.
    fn at(windows: &[&str], zone: Zone, now: &str) -> String {
        let windows = windows.iter().map(|text| Window::try_from((*text).to_owned()).unwrap()).collect();
        match Windows::new(windows, zone).unwrap().at(seconds(now)) {
            Opening::Open => "open".to_owned(),
            Opening::Closed { opens } => {
                Timestamp::from_second(i64::try_from(opens).unwrap()).unwrap().to_string()
            }
        }
    }

    #[test]
    fn a_window_is_open_from_its_start_up_to_its_end() {
        // 2026-11-21 is a Saturday.
        for (now, expected) in [
            ("2026-11-21T01:59:59Z", "2026-11-21T02:00:00Z"),
            ("2026-11-21T02:00:00Z", "open"),
            ("2026-11-21T04:59:59Z", "open"),
            ("2026-11-21T05:00:00Z", "2026-11-22T02:00:00Z"),
            ("2026-11-22T05:00:00Z", "2026-11-28T02:00:00Z"),
        ] {
            assert_eq!(at(&["Sat,Sun 02:00 3h"], Zone::default(), now), expected, "{now}");
        }
    }

    #[test]
    fn a_window_goes_over_midnight_and_over_the_end_of_the_week() {
        assert_eq!(at(&["23:30 90m"], Zone::default(), "2026-11-21T00:59:00Z"), "open");
        assert_eq!(at(&["Sun 22:00 6h"], Zone::default(), "2026-11-23T03:59:00Z"), "open");
        assert_eq!(
            at(&["Fri-Mon 10:00 1m"], Zone::default(), "2026-11-24T00:00:00Z"),
            "2026-11-27T10:00:00Z"
        );
        assert_eq!(at(&["Mon 00:00 7d"], Zone::default(), "2026-11-22T23:59:59Z"), "open");
    }

    #[test]
    fn the_nearest_of_several_windows_counts() {
        assert_eq!(
            at(&["Wed 02:00 1h", "Tue 02:00 1h"], Zone::default(), "2026-11-23T00:00:00Z"),
            "2026-11-24T02:00:00Z"
        );
    }

    #[test]
    fn a_zone_s_summer_time_moves_the_window() {
        // A zone by its rule, so that the test needs no zone database.
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let berlin = || Zone { zone: zone.clone() };
        assert_eq!(at(&["04:00 1h"], berlin(), "2026-07-01T00:00:00Z"), "2026-07-01T02:00:00Z");
        assert_eq!(at(&["04:00 1h"], berlin(), "2026-12-01T00:00:00Z"), "2026-12-01T03:00:00Z");
        // 02:30 does not exist on the day on which the clock is put forward: the window comes an hour later by the clock.
        assert_eq!(at(&["02:30 10m"], berlin(), "2026-03-29T00:50:00Z"), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in [
            "",
            "02:00",
            "Sat 2:00 1h",
            "Sat 24:00 1h",
            "Sat 02:60 1h",
            "Sat 02:00 0h",
            "Sat 02:00 8d",
            "Sam 02:00 1h",
            "Sat 02:00 1h x",
            "Sat, 02:00 1h",
        ] {
            assert!(Window::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
