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

/// Whether a text says that there is no value, as pandas and numpy write it. `Null` and `NONE` may be
/// names; these spellings are programs'.
pub(super) fn says_missing(text: &str) -> bool {
    matches!(text, "nan" | "NaN" | "None" | "null" | "NA" | "<NA>")
}

/// A whole number without the `.0` that some programs write behind it, so that it is the same text from
/// every form of table.
pub(super) fn without_point(text: &str) -> &str {
    let Some(whole) = text.strip_suffix(".0") else { return text };
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        text
    } else {
        whole
    }
}

/// How a text table writes fractions: with a point, or with a comma where its separator is none. Both in one
/// table are refused, for one of them stands between thousands.
#[derive(Clone, Copy, Debug)]
pub(super) struct DecimalMark {
    comma_allowed: bool,
    seen: Option<char>,
}

impl DecimalMark {
    pub(super) fn new(comma_allowed: bool) -> Self {
        Self { comma_allowed, seen: None }
    }

    /// Whether a text that is no number here would be one in a table that writes fractions in the other way.
    pub(super) fn is_foreign(self, text: &str) -> bool {
        self.comma_allowed && text.contains([',', '.']) && {
            let digits = text.trim().replace([',', '.'], "");
            parse(&digits).is_some_and(f64::is_finite)
        }
    }

    /// As [`parse`].
    pub(super) fn parse(&mut self, text: &str) -> Option<f64> {
        let (has_comma, has_point) = (text.contains(','), text.contains('.'));
        if !self.comma_allowed || !(has_comma || has_point) {
            return parse(text);
        }
        let mark = if has_comma { ',' } else { '.' };
        let is_mixed = has_comma && has_point || self.seen.is_some_and(|seen| seen != mark);
        if is_mixed {
            return None;
        }
        self.seen = Some(mark);
        if has_comma { parse(&text.replacen(',', ".", 1)) } else { parse(text) }
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
        let mut mark = DecimalMark::new(true);
        assert_eq!(
            (mark.parse("7"), mark.parse("-1,5"), mark.parse("2,25e1")),
            (Some(7.0), Some(-1.5), Some(22.5))
        );
        assert_eq!(
            (mark.parse("1.5"), mark.parse("1.234,5"), mark.parse("1,2,3")),
            (None, None, None)
        );
        assert_eq!(DecimalMark::new(false).parse("1,5"), None);
        for wrong in ["inf", "-Infinity", "1e999", "1,5", "0x10", "abc"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_have_no_point_and_other_texts_stay() {
        for (text, expected) in [("59.0", "59"), ("-3.0", "-3"), ("007.0", "007")] {
            assert_eq!(without_point(text), expected);
        }
        for text in ["59", "59.00", "5.90", "1.2.0", ".0", "-.0", "v1.0", "1e3.0", ""] {
            assert_eq!(without_point(text), text);
        }
    }

    #[test]
    fn only_what_programs_write_is_missing() {
        for text in ["nan", "NaN", "None", "null", "NA", "<NA>"] {
            assert!(says_missing(text), "{text}");
        }
        for text in ["", "Nan", "NULL", "none", "N.A.", "Na", "nana"] {
            assert!(!says_missing(text), "{text}");
        }
    }
}
