//! Durations as they are written in contract files: `200ms`, `1s`, `50us`.

use std::time::Duration;

/// Units from the largest to the smallest, in nanoseconds.
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Reads a whole number followed by a unit. `None` when it is anything else, or over 2⁶⁴ ns.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = if unit == "µs" { "us" } else { unit };
    let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let number: u64 = number.parse().ok()?;
    Some(Duration::from_nanos(number.checked_mul(*nanos)?))
}

/// Writes a duration in the largest unit that leaves a whole number.
pub fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| nanos.is_multiple_of(u128::from(*size)))
        .expect("every number of nanoseconds is a multiple of one");
    format!("{}{unit}", nanos / u128::from(size))
}

/// For serde: a duration as the text that a contract file holds.
pub(crate) fn serialize<S: serde::Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_unit_is_read() {
        let nanos = |text| parse(text).map(|d| d.as_nanos());
        assert_eq!(nanos("7ns"), Some(7));
        assert_eq!(nanos("7us"), Some(7_000));
        assert_eq!(nanos("7µs"), Some(7_000));
        assert_eq!(nanos("200ms"), Some(200_000_000));
        assert_eq!(nanos("1s"), Some(1_000_000_000));
        assert_eq!(nanos("2m"), Some(120_000_000_000));
        assert_eq!(nanos("1h"), Some(3_600_000_000_000));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "ms",
            "-1s",
            "1.5s",
            "1 s",
            "1S",
            "1day",
            "18446744073709551615h",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 256, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn what_is_written_is_read_back(nanos: u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }
    }
}
