//! Amounts of memory as people write them.

use std::fmt;
use std::str::FromStr;

/// Bytes. Read from a number with a unit: `6GiB`, `6 GB`, `800M`, `4294967296`; G, GB and GiB are all 2³⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim().to_ascii_lowercase();
        let factor: u64 = match unit.trim_end_matches('b').trim_end_matches('i') {
            "" => 1,
            "k" => 1 << 10,
            "m" => 1 << 20,
            "g" => 1 << 30,
            "t" => 1 << 40,
            _ => return Err("write a number with a unit, such as 6GiB or 800MiB".to_owned()),
        };
        let number: f64 = number.parse().map_err(|_| "write a number with a unit, such as 6GiB or 800MiB".to_owned())?;
        let bytes = number * factor as f64;
        if bytes < f64::from(1 << 20) || bytes > (1_u64 << 50) as f64 {
            return Err("it must lie between 1 MiB and 1024 TiB".to_owned());
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.0 as f64 / f64::from(1 << 20);
        if mib < 1024.0 { write!(f, "{mib:.0}MiB") } else { write!(f, "{:.1}GiB", mib / 1024.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_understood_and_nonsense_is_not() {
        for (text, bytes) in [("6GiB", 6 << 30), ("6 gb", 6 << 30), ("800M", 800 << 20), ("1.5g", 3 << 29), ("4294967296", 1 << 32)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "much", "6 parsecs", "-1G", "12", "1e9G"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert_eq!(Bytes(3 << 29).to_string(), "1.5GiB");
    }
}
