//! What time it is, for the lines of a log.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// The time as RFC 3339 with milliseconds, in UTC.
///
/// The date is put together, and the system's clock asked, once a second: until then the moments
/// that it is asked for tell how far the second has come.
#[derive(Default)]
pub(crate) struct Clock {
    /// A second's beginning.
    second: Option<Instant>,
    text: String,
}

impl Clock {
    /// The time of `moment`.
    pub(crate) fn at(&mut self, moment: Instant) -> &str {
        self.at_by(moment, |moment| SystemTime::now() - moment.elapsed())
    }

    /// The same by any clock.
    fn at_by(&mut self, moment: Instant, clock: impl FnOnce(Instant) -> SystemTime) -> &str {
        let within = self.second.and_then(|second| moment.checked_duration_since(second));
        let millis = match within {
            Some(within) if within < Duration::from_secs(1) => within.subsec_millis(),
            _ => self.begin(moment, clock(moment)),
        };
        self.text.truncate(self.text.len() - 4);
        for unit in [100, 10, 1] {
            self.text.push(char::from_digit(millis / unit % 10, 10).unwrap_or('0'));
        }
        self.text.push('Z');
        &self.text
    }

    fn begin(&mut self, moment: Instant, time: SystemTime) -> u32 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = i64::try_from(since.as_secs()).unwrap_or(0);
        let at = OffsetDateTime::from_unix_timestamp(second).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (date, time) = (at.date(), at.time());
        self.text = format!("{date}T{:02}:{:02}:{:02}.000Z", time.hour(), time.minute(), time.second());
        self.second = moment.checked_sub(Duration::from_nanos(u64::from(since.subsec_nanos())));
        since.subsec_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_rfc_3339() {
        let parse =
            |text: &str| OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).expect("a time");
        let (moment, time) = (Instant::now(), SystemTime::now());
        let mut clock = Clock::default();
        let mut parsed = |later: Duration| parse(clock.at_by(moment + later, |asked| time + (asked - moment)));
        let first = parsed(Duration::ZERO);
        // Later in the same second, in later ones, and a line that comes late.
        for millis in [1, 600, 999, 1000, 61_001, 0] {
            let later = parsed(Duration::from_millis(millis)) - first;
            assert!((later.whole_milliseconds() - i128::from(millis)).abs() <= 1, "{later} for {millis} ms");
        }
        // By the system's clock, which is asked after the other: it may be off by as long as this thread has to wait.
        let (before, now) = (SystemTime::now(), Instant::now());
        let said = SystemTime::from(parse(Clock::default().at(now)));
        assert!(said + now.elapsed() + Duration::from_millis(1) > before && said <= SystemTime::now());
    }
}
