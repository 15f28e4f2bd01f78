//! A number as text tables write it.

/// How missing values are spelt, lower-case.
const MISSING: [&str; 8] = ["", "nan", "-nan", "na", "n/a", "<na>", "null", "none"];

/// The number of a cell, NaN for a missing one; `None` when it is not a finite number.
pub(super) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Some(value),
        _ if MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing)) => Some(f64::NAN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_is_nan_and_infinite_is_refused() {
        assert_eq!(parse(" -1.5e3 "), Some(-1500.0));
        for missing in ["", " ", "NaN", "nan", "NA", "null", "None", "<NA>"] {
            assert!(parse(missing).is_some_and(f64::is_nan), "{missing}");
        }
        for wrong in ["inf", "-Infinity", "1e999", "1,5", "0x10", "abc"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
