//! Numbers as the charts write them: short, with enough digits to be exact.

/// A strength with about four significant digits: `12.31`, `0.4123`, `1.24e-5`, `0`.
#[must_use]
pub fn strength(value: f64) -> String {
    let size = value.abs();
    match size {
        _ if !value.is_finite() => "–".to_owned(),
        0.0 => "0".to_owned(),
        s if s >= 1000.0 => format!("{value:.0}"),
        s if s >= 100.0 => format!("{value:.1}"),
        s if s >= 10.0 => format!("{value:.2}"),
        s if s >= 1.0 => format!("{value:.3}"),
        s if s >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

/// A share as `12.3 %`; what is there but rounds to nothing reads `< 0.1 %`.
#[must_use]
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        v if v > 0.0 && v < 0.05 => "< 0.1 %".to_owned(),
        v if v >= 99.95 => format!("{value:.0} %"),
        _ => format!("{value:.1} %"),
    }
}

/// A cosine with its sign, three digits; what rounds to nothing has no sign.
#[must_use]
pub fn cosine(value: f64) -> String {
    if value.abs() < 0.0005 { "0.000".to_owned() } else { format!("{value:+.3}") }
}

/// A tick of the axis, without trailing zeros.
#[must_use]
pub fn tick(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.abs() < 0.001 || value.abs() >= 100_000.0 {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_keep_about_four_digits() {
        let texts = [0.0, 12.3111, 0.41234, 1.0, 0.000_012_4, 4567.8].map(strength);
        assert_eq!(texts, ["0", "12.31", "0.4123", "1.000", "1.24e-5", "4568"]);
    }

    #[test]
    fn a_small_share_is_not_nothing() {
        assert_eq!([0.0, 0.0002, 0.1234, 1.0].map(percent), ["0.0 %", "< 0.1 %", "12.3 %", "100 %"]);
    }

    #[test]
    fn nothing_has_no_sign() {
        assert_eq!([0.0, -0.0001, 0.25, -0.5].map(cosine), ["0.000", "0.000", "+0.250", "-0.500"]);
    }

    #[test]
    fn ticks_lose_their_zeros() {
        assert_eq!([0.0, 0.5, 1.5, 2.0, 0.00005].map(tick), ["0", "0.5", "1.5", "2", "5e-5"]);
    }
}
