//! How numbers are written for people: in the terminal, in reports and in tables. Data files hold them in full.

/// A number to so many significant digits, without trailing zeros: `0.1235`, `475`, `1.2e-9`, `NaN`.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() || value == 0.0 {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let digits = digits.max(1);
    // The exponent after rounding: 9.9996 to four digits is 1.000e1.
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| -> String {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text.into() }
    };
    if (-4..9).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        trim(&format!("{value:.decimals$}"))
    } else {
        format!("{}e{exponent}", trim(mantissa))
    }
}

/// A whole number with thousands separated: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A magnitude in a few characters: `950`, `12.5k`, `3.1M`, `7.2G`.
pub fn magnitude(value: f64) -> String {
    for (factor, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value.abs() >= factor {
            return format!("{}{suffix}", significant(value / factor, 3));
        }
    }
    significant(value, 3)
}

/// A time span in its fitting unit: `0.12 s`, `48 s`, `3 min 05 s`, `2 h 10 min`, `1 d 4 h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".into();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 if seconds < 10.0 => format!("{} s", significant(seconds, 2)),
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min {:02} s", whole / 60, whole % 60),
        3_600..86_400 => format!("{} h {:02} min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn significant_digits() {
        for (value, text) in [
            (0.123_456, "0.1235"),
            (475.0, "475"),
            (9.999_96, "10"),
            (-1234.5678, "-1235"),
            (1.2e-9, "1.2e-9"),
            (3.0e20, "3e20"),
            (-0.0, "0"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(significant(value, 4), text);
        }
    }

    #[test]
    fn counts_magnitudes_and_durations() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([950.0, 12_500.0, 3.14e6, -7.2e9].map(magnitude), ["950", "12.5k", "3.14M", "-7.2G"]);
        assert_eq!(
            [0.1234, 47.6, 185.0, 7_800.0, 100_800.0, f64::NAN].map(duration),
            ["0.12 s", "48 s", "3 min 05 s", "2 h 10 min", "1 d 4 h", "unknown"]
        );
    }
}
