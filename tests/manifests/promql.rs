//! As much of PromQL as it takes to see which metrics a query reads, and by which labels.

use std::collections::BTreeSet;

/// Words between metrics that are none.
const WORDS: [&str; 13] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "inf",
    "nan",
];

/// Words whose brackets hold labels.
const LABEL_LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// A metric, and the labels it is selected by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selected {
    pub(crate) metric: String,
    pub(crate) labels: BTreeSet<String>,
}

/// The metrics a query reads.
pub(crate) fn selected(query: &str) -> Vec<Selected> {
    let mut found: Vec<Selected> = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        if first.is_alphabetic() || first == '_' {
            let word = word(rest);
            rest = rest[word.len()..].trim_start();
            if LABEL_LISTS.contains(&word) && rest.starts_with('(') {
                rest = &rest[rest.find(')').expect("closed") + 1..];
            } else if !WORDS.contains(&word) && !is_called(rest) {
                found.push(Selected { metric: word.to_owned(), labels: BTreeSet::new() });
            }
        } else if first == '{' {
            let (labels, after) = matchers(&rest[1..]);
            found.last_mut().expect("a metric before its labels").labels = labels;
            rest = after;
        } else if first == '[' {
            rest = &rest[rest.find(']').expect("closed") + 1..];
        } else if first == '"' {
            rest = rest[1..].split_once('"').expect("closed").1;
        } else if first.is_ascii_digit() {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// Whether a word before this is a function: `sum (…)`, `sum by (…) (…)`.
fn is_called(rest: &str) -> bool {
    rest.starts_with('(') || ["by", "without"].contains(&word(rest))
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    &text[..end.unwrap_or(text.len())]
}

/// The labels of `a="b", c=~"d"}`, and what follows.
fn matchers(text: &str) -> (BTreeSet<String>, &str) {
    let (mut labels, mut rest) = (BTreeSet::new(), text);
    loop {
        rest = rest.trim_start_matches([' ', ',', '\n']);
        if let Some(after) = rest.strip_prefix('}') {
            return (labels, after);
        }
        let label = word(rest);
        assert!(!label.is_empty(), "not a matcher: {rest}");
        labels.insert(label.to_owned());
        let from = rest.find('"').expect("a value") + 1;
        let to = from + rest[from..].find('"').expect("a closed value");
        rest = &rest[to + 1..];
    }
}

#[test]
fn metrics_and_labels_are_seen_through_functions_and_groups() {
    let check = |query: &str, expected: &[(&str, &[&str])]| {
        let expected: Vec<_> = expected
            .iter()
            .map(|(metric, labels)| Selected {
                metric: (*metric).to_owned(),
                labels: labels.iter().map(|label| (*label).to_owned()).collect(),
            })
            .collect();
        assert_eq!(selected(query), expected, "{query}");
    };
    check("up == 0", &[("up", &[])]);
    check(
        "sum by (a, b) (rate(x_total{c=\"d\", e=~\"f|g\"}[5m])) > 0.5",
        &[("x_total", &["c", "e"])],
    );
    check(
        "histogram_quantile(0.99, sum by (le) (rate(y_bucket[$__rate_interval]))) or z:w:rate5m * 1e3",
        &[("y_bucket", &[]), ("z:w:rate5m", &[])],
    );
    check(
        "label_replace(u / v, \"what\", \"places\", \"\", \"\") or w",
        &[("u", &[]), ("v", &[]), ("w", &[])],
    );
    check("a * on (n) group_left () (b{c=\"}\"} > 0 or vector(1))", &[("a", &[]), ("b", &["c"])]);
}
