//! Sizes and durations as manifests and configurations write them, and the place of an error in such a file.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, de};

/// A duration in whole nanoseconds, as counters and clocks hold it; 584 years where it is longer.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A number of bytes: an integer, or text such as `"64MiB"`, `"1.5GiB"`, `"10MB"`, `"512"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A span of time: text such as `"250ms"`, `"5s"`, `"2m"`, `"1h"`. A bare number is refused: it has no unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// What is wrong with a TOML text, and where. One line, as is each of its parts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct Fault {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What was found and what was expected.
    pub reason: String,
}

const BYTE_UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

const TIME_UNITS: [(&str, u64); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

impl ByteSize {
    /// Reads `"64MiB"` and its like.
    pub fn parse(text: &str) -> Option<Self> {
        scaled(text, &BYTE_UNITS).or_else(|| text.parse().ok()).map(Self)
    }
}

impl Period {
    /// Reads `"250ms"` and its like.
    pub fn parse(text: &str) -> Option<Self> {
        scaled(text, &TIME_UNITS).map(|nanos| Self(Duration::from_nanos(nanos)))
    }
}

/// A limit of time, as a field that may be left out; none would let nothing through.
pub(crate) fn lasting<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    match Period::deserialize(deserializer)? {
        Period(Duration::ZERO) => {
            Err(de::Error::custom("a limit of no time would let nothing through (at least \"1ms\")"))
        }
        Period(time) => Ok(Some(time)),
    }
}

/// A decimal number and one of `units`, as whole basic units.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, scale) = units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))?;
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), "0"));
    let digits = |text: &str| {
        (!text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<u128>().ok())
    };
    let part = digits(fraction)?? * u128::from(scale) / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    u64::try_from(digits(whole)??.checked_mul(scale.into())?.checked_add(part)?).ok()
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, scale): &&(&str, u64)| self.0 >= *scale && self.0.is_multiple_of(*scale);
        match BYTE_UNITS[..4].iter().rev().find(fits) {
            Some((unit, scale)) => write!(f, "{}{unit}", self.0 / scale),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            whole if whole.is_multiple_of(60_000) && whole > 0 => write!(f, "{}m", whole / 60_000),
            whole if whole.is_multiple_of(1_000) => write!(f, "{}s", whole / 1_000),
            millis => write!(f, "{millis}ms"),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sizes;
        impl Visitor<'_> for Sizes {
            type Value = ByteSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as \"64MiB\", or a number of bytes")
            }
            fn visit_i64<E: Error>(self, bytes: i64) -> Result<ByteSize, E> {
                let wrong = |_| E::invalid_value(de::Unexpected::Signed(bytes), &self);
                u64::try_from(bytes).map(ByteSize).map_err(wrong)
            }
            fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
                ByteSize::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Sizes)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Periods;
        impl Visitor<'_> for Periods {
            type Value = Period;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration with its unit, such as \"250ms\", \"5s\", \"2m\" or \"1h\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Period, E> {
                Period::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Periods)
    }
}

/// Reads `text` as TOML.
///
/// # Errors
/// One line that tells the place and what was expected there.
pub fn from_toml<T: de::DeserializeOwned>(text: &str) -> Result<T, Fault> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Fault {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            reason: error.message().lines().map(str::trim).collect::<Vec<_>>().join(", "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_and_durations_have_units() {
        for (text, bytes) in [("64MiB", 64 << 20), ("1.5 GiB", 3 << 29), ("10MB", 10_000_000), ("512", 512), ("0B", 0)]
        {
            assert_eq!(ByteSize::parse(text), Some(ByteSize(bytes)), "{text}");
        }
        for (text, millis) in [("250ms", 250), ("5s", 5_000), ("0.5s", 500), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(Period::parse(text), Some(Period(Duration::from_millis(millis))), "{text}");
        }
        for bad in ["", "MiB", "-1MiB", "1.MiB", ".5MiB", "1e3B", "64mib", "99999999999TiB", "1 s s"] {
            assert_eq!((ByteSize::parse(bad), Period::parse(bad)), (None, None), "{bad}");
        }
        assert_eq!(Period::parse("5"), None);
    }

    #[test]
    fn a_fault_tells_its_line_and_column() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            #[allow(dead_code)]
            size: ByteSize,
        }
        let fault = from_toml::<File>("# é\nsize = \"many\"").unwrap_err();
        assert_eq!((fault.line, fault.column), (2, 8));
        assert!(fault.reason.contains("many") && fault.reason.contains("64MiB"), "{fault}");
        let fault = from_toml::<File>("size = 1\nsise = 2").unwrap_err();
        assert_eq!((fault.line, fault.column), (2, 1));
        assert!(fault.to_string().contains("sise"), "{fault}");
        assert!(from_toml::<File>("size = ").unwrap_err().to_string().lines().count() == 1);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(bytes: u64, millis in 0_u64..1 << 40, any in ".{0,12}") {
            prop_assert_eq!(ByteSize::parse(&ByteSize(bytes).to_string()), Some(ByteSize(bytes)));
            let period = Period(Duration::from_millis(millis));
            prop_assert_eq!(Period::parse(&period.to_string()), Some(period));
            let _ = (ByteSize::parse(&any), Period::parse(&any));
        }
    }
}
