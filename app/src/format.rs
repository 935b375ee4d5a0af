//! Numbers, sizes and times for people. The same on server and browser: no locale, no clock, UTC.

/// `1,284`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 adapter`, `2 adapters`.
#[must_use]
pub fn plural(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", count(n)) }
}

/// Bytes in decimal units, three figures: `306 MB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (n as f64, 0);
    while value >= 999.5 && unit < UNITS.len() - 1 {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 99.95 { 0 } else { 1 };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// A strength: three figures that matter, `0.412`, `12.4`, `3.1e-5`.
#[must_use]
pub fn strength(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if !(0.001..100_000.0).contains(&size) {
        format!("{value:.1e}")
    } else {
        let digits = (2 - size.log10().floor() as i32).clamp(0, 5);
        format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
    }
}

/// Time left: `40 s left`, `3 min left`.
#[must_use]
pub fn time_left(ms: i64) -> String {
    match ms / 1000 {
        ..=1 => "a moment left".to_owned(),
        s @ 2..=90 => format!("{s} s left"),
        s @ 91..=5400 => format!("{} min left", (s + 30) / 60),
        s => format!("{} h left", (s + 1800) / 3600),
    }
}

/// `2026-11-21` in UTC.
#[must_use]
pub fn date(ms: i64) -> String {
    let (year, month, day) = civil(ms.div_euclid(86_400_000));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2026-11-21 02:48` in UTC.
#[must_use]
pub fn date_time(ms: i64) -> String {
    let minute = ms.div_euclid(60_000).rem_euclid(1440);
    format!("{} {:02}:{:02}", date(ms), minute / 60, minute % 60)
}

/// Days since 1970 to year, month, day (Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(["0", "999", "1,000", "1,284,000"], [0, 999, 1000, 1_284_000].map(count).each_ref().map(String::as_str));
    }

    #[test]
    fn sizes_have_three_figures() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999_600), "1.0 MB");
        assert_eq!(bytes(306_000_000), "306 MB");
    }

    #[test]
    fn days_are_right_at_the_borders() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date_time(951_782_399_000), "2000-02-28 23:59");
        assert_eq!(date(951_782_400_000), "2000-02-29");
    }

    #[test]
    fn strengths_keep_what_matters() {
        assert_eq!(strength(0.41249), "0.412");
        assert_eq!(strength(12.44), "12.4");
        assert_eq!(strength(0.00003), "3.0e-5");
    }
}
