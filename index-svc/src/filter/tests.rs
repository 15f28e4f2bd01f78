//! Laws of filters: a printed one reads back, rows are those a plain reading gives, and any text is
//! read or refused at a place that is in it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use engine::{RowSet, Stop};
use proptest::prelude::*;

use super::{
    Comparison, Expression, Filter, MAX_DEPTH, MAX_FILTER_BYTES, MAX_TERMS, NAMED_FIELDS, Pattern,
    Problem, Term, Test, Value,
    column::{Column, Texts},
    decimal::Decimal,
    evaluate::evaluate,
    fold::fold,
};
use crate::{error::Error, work::Work};

const ATTRIBUTES: [&str; 4] = ["year", "genre_top", "my column", "AND"];

fn attributes() -> Vec<String> {
    ATTRIBUTES.map(str::to_owned).to_vec()
}

fn parse(text: &str) -> Result<Option<Filter>, super::FilterError> {
    Filter::parse(text, &attributes())
}

/// Texts that rows have and that filters ask for: quotes, cases, numbers and look-alikes of them.
fn texts() -> impl Strategy<Value = String> {
    let pool = [
        "", "Rock", "rock", "Hip-Hop", "1999", "1999.0", " 7 ", "-5", "1e3", "inf", "NaN", "1e999",
    ];
    let odd =
        ["\"", "\\", "'", "AND", "*", "ä ß", "(a, b)", "a:b=c!", "R*", "*ck", "1*9*", "**", "ΣΣ"];
    prop::sample::select([pool.as_slice(), odd.as_slice()].concat()).prop_map(str::to_owned)
}

fn values() -> impl Strategy<Value = Value> {
    let numbers = prop_oneof![
        prop::sample::select(vec!["1999", "7", "-5", "1000", "0"]).prop_map(str::to_owned),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(|n| n.to_string()),
    ];
    let numbers = numbers.prop_map(|text| Decimal::parse(&text).expect("a number"));
    prop_oneof![texts().prop_map(Value::Text), numbers.prop_map(Value::Number)]
}

/// A pattern whose every star is a wildcard.
fn wild(text: &str) -> Pattern {
    let stars: Vec<usize> = text.match_indices('*').map(|(at, _)| at).collect();
    Pattern::new(text, &stars)
}

fn patterns() -> impl Strategy<Value = Value> {
    let text = texts().prop_filter("with a star", |text| text.contains('*'));
    text.prop_map(|text| Value::Pattern(wild(&text)))
}

fn terms() -> impl Strategy<Value = Term> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    let signs = [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual];
    let compare = (prop::sample::select(signs.to_vec()), values());
    let alike = (prop::sample::select(vec![Equal, NotEqual]), patterns());
    let listed = prop_oneof![values(), patterns()];
    // Literal texts, and texts with wildcards that are not at their ends.
    let parts = prop_oneof![
        texts().prop_map(|text| Some(Pattern::new(&text, &[]))),
        texts().prop_map(|text| wild(&text).anywhere()),
    ];
    let tests = prop_oneof![
        4 => compare.prop_map(|(sign, value)| Test::Compare(sign, value)),
        2 => alike.prop_map(|(sign, value)| Test::Compare(sign, value)),
        1 => parts.prop_map(|part| part.map_or(Test::Present, Test::Contains)),
        1 => Just(Test::Present),
        1 => prop::collection::vec(listed, 1..4).prop_map(Test::In),
    ];
    (0..NAMED_FIELDS.len() + ATTRIBUTES.len(), tests).prop_map(|(field, test)| {
        let name = NAMED_FIELDS.iter().chain(&ATTRIBUTES).nth(field).expect("in range");
        Term { field, name: (*name).to_owned(), test }
    })
}

fn expressions() -> impl Strategy<Value = Expression> {
    terms().prop_map(Expression::Term).prop_recursive(4, 16, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(Expression::And),
            several.prop_map(Expression::Or),
            inner.prop_map(|inner| Expression::Not(Box::new(inner))),
        ]
    })
}

/// What a filter means, said as plainly as it can be, one row at a time.
fn holds(expression: &Expression, row: &[String]) -> bool {
    let term = match expression {
        Expression::And(parts) => return parts.iter().all(|part| holds(part, row)),
        Expression::Or(parts) => return parts.iter().any(|part| holds(part, row)),
        Expression::Not(inner) => return !holds(inner, row),
        Expression::Term(term) => term,
    };
    let text = &row[term.field];
    let number = Decimal::parse(text.trim());
    let compare = |sign: Comparison, value: &Value| match (value, &number) {
        (Value::Text(other), _) => match sign {
            Comparison::Equal => text == other,
            Comparison::NotEqual => text != other,
            Comparison::Less => text < other,
            Comparison::LessOrEqual => text <= other,
            Comparison::Greater => text > other,
            Comparison::GreaterOrEqual => text >= other,
        },
        (Value::Pattern(pattern), _) => pattern.whole().is(text) == (sign == Comparison::Equal),
        (Value::Number(other), Some(number)) => match sign {
            Comparison::Equal => number == other,
            Comparison::NotEqual => number != other,
            Comparison::Less => number < other,
            Comparison::LessOrEqual => number <= other,
            Comparison::Greater => number > other,
            Comparison::GreaterOrEqual => number >= other,
        },
        (Value::Number(_), None) => sign == Comparison::NotEqual,
    };
    match &term.test {
        Test::Compare(sign, value) => compare(*sign, value),
        Test::Contains(part) => part.folded().within().is_in(&fold(text)),
        Test::Present => !text.is_empty(),
        Test::In(values) => values.iter().any(|value| compare(Comparison::Equal, value)),
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(expression in expressions()) {
        let printed = expression.to_string();
        prop_assume!(printed.len() <= MAX_FILTER_BYTES);
        let read = parse(&printed).expect("printed filters are filters").expect("not blank");
        prop_assert_eq!(&read.expression, &expression, "{}", &printed);
        prop_assert_eq!(read.text, printed);
    }

    #[test]
    fn rows_are_those_of_a_plain_reading(
        expression in expressions(),
        rows in prop::collection::vec(
            prop::collection::vec(texts(), NAMED_FIELDS.len() + ATTRIBUTES.len()), 0..90),
    ) {
        let mut column = |field: usize| {
            let mut texts = Texts::default();
            rows.iter().for_each(|row| texts.push(&row[field]));
            Ok(Arc::new(texts.finish()))
        };
        let found = evaluate(&expression, rows.len(), &mut column, &Work::unlimited(), Stop::never()).expect("in memory");
        let plain = (0_u32..).zip(&rows).filter(|(_, row)| holds(&expression, row));
        let plain = RowSet::from_members(rows.len(), plain.map(|(row, _)| row));
        prop_assert_eq!(found, plain, "{}", expression);
    }

    #[test]
    fn each_column_is_read_once_for_all_its_terms(expression in expressions()) {
        let mut read = Vec::new();
        let mut column = |field: usize| {
            read.push(field);
            let mut texts = Texts::default();
            texts.push("Rock");
            Ok(Arc::new(texts.finish()))
        };
        evaluate(&expression, 1, &mut column, &Work::unlimited(), Stop::never()).expect("in memory");
        let repeated = (1..read.len()).find(|at| read[..*at].contains(&read[*at]));
        prop_assert_eq!(repeated, None, "{:?}: {}", read, expression);
    }

    #[test]
    fn any_text_is_read_or_refused_at_a_place_in_it(text in "[a-z_ ()\"'=!<>:,\\-0-9ANDORTI\\\\ä]{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error);
        }
    }
}

/// 190 tests of 100,000 distinct texts are 19 million: whoever waits is asked about all the time, and work
/// ends at the first no.
#[test]
fn a_term_is_left_in_its_middle_when_nobody_waits() {
    let mut texts = Texts::default();
    (0..100_000).for_each(|row| texts.push(&row.to_string()));
    let ids = Arc::new(texts.finish());
    let text: Vec<String> = (0..190).map(|id| format!("track_id : '{id}'")).collect();
    let filter = parse(&text.join(" OR ")).expect("sound").expect("not blank");
    for last in [2, 900, 2300] {
        let asked = AtomicUsize::new(0);
        let enough = || asked.fetch_add(1, Relaxed) + 1 == last;
        let mut column = |_: usize| Ok(Arc::clone(&ids));
        let stopped = evaluate(
            &filter.expression,
            100_000,
            &mut column,
            &Work::unlimited(),
            Stop::when(&enough),
        );
        assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
        assert_eq!(asked.load(Relaxed), last);
    }
}

#[test]
fn errors_name_the_column() {
    let check = |text: &str, column: usize| {
        let error = parse(text).expect_err(text);
        assert_eq!(error.column, column, "{text}: {error}");
        error.problem
    };
    check("genre_top = ", 13);
    check("year >= 1990 AND", 17);
    check("year 1990", 6);
    check("(year = 1", 10);
    check("year = 1)", 9);
    check("year = 1 year = 2", 10);
    check("year IN (1 2)", 12);
    check("year IN ()", 10);
    check("NOT NOT year = 1", 5);
    check("year ! 5", 6);
    check("year = OR", 8);
    // Characters, not bytes.
    check("artist_name = \"ä\" x", 19);
    assert_eq!(check("artist_name = \"x", 15), Problem::Unterminated);
    assert_eq!(check(r#"artist_name = "\n""#, 17), Problem::Escape { found: 'n' });
    for (text, column) in [("genre = \"x\"", 1), ("year = 1 OR -nope = 1", 14), ("AND.x = 1", 1)] {
        let problem = check(text, column);
        let Problem::UnknownField { known, .. } = problem else { panic!("{problem:?}") };
        assert!(known.contains(&"my column".to_owned()), "{known:?}");
    }
}

#[test]
fn sizes_are_limited() {
    let long = "x".repeat(MAX_FILTER_BYTES + 1);
    assert!(matches!(parse(&long), Err(error) if matches!(error.problem, Problem::TooLong { .. })));
    let nested = |depth| format!("{}year = 1{}", "(".repeat(depth), ")".repeat(depth));
    parse(&nested(MAX_DEPTH)).expect("as deep as may be");
    let refused = parse(&nested(MAX_DEPTH + 1)).expect_err("too deep");
    assert_eq!((refused.problem, refused.column), (Problem::TooDeep, MAX_DEPTH + 1));
    let list = |values| format!("year IN ({})", vec!["1"; values].join(","));
    parse(&list(MAX_TERMS)).expect("as many as may be");
    assert_eq!(parse(&list(MAX_TERMS + 1)).expect_err("too many").problem, Problem::TooManyTerms);
}

#[test]
fn words_mean_what_the_standard_says() {
    let printed = |text: &str| parse(text).expect(text).expect("not blank").text;
    for (text, expected) in [
        ("year=1 AND year=2 OR year=3", "year = 1 AND year = 2 OR year = 3"),
        ("(year=1 AND year=2) OR year=3", "(year = 1 AND year = 2) OR year = 3"),
        ("-year=-1", "NOT year = -1"),
        ("-(year=1 OR year=2)", "NOT (year = 1 OR year = 2)"),
        ("NOT \"my column\":*", "NOT \"my column\" : *"),
        ("\"AND\" : \"*\"", "\"AND\" : *"),
        (r#""AND" : "\*""#, r#""AND" : "\*""#),
        ("genre_top = Ro*", "genre_top = \"Ro*\""),
        (r#"genre_top != "*a\*b**c""#, r#"genre_top != "*a\*b*c""#),
        ("genre_top : *beat*les*", "genre_top : \"beat*les\""),
        ("year = 19*", "year = \"19*\""),
        ("year > \"19*\"", r#"year > "19\*""#),
        ("genre_top IN (R*, \"Jazz\")", "genre_top IN (\"R*\", \"Jazz\")"),
        ("genre_top IN (Rock, 'Hip-Hop',7)", "genre_top IN (\"Rock\", \"Hip-Hop\", 7)"),
        ("track_id = \"007\"", "track_id = \"007\""),
        ("year > 1990-05-01", "year > \"1990-05-01\""),
    ] {
        assert_eq!(printed(text), expected);
    }
    // OR binds tighter than AND.
    let filter = parse("year=1 AND year=2 OR year=3").expect("sound").expect("not blank");
    assert!(matches!(&filter.expression, Expression::And(parts)
        if matches!(parts[..], [Expression::Term(_), Expression::Or(_)])));
    for blank in ["", "  \t "] {
        assert_eq!(parse(blank).expect("blank"), None);
    }
}

/// Rows whose text passes a test of the column `genre_top`.
fn passing<'t>(test: &str, texts: &[&'t str]) -> Vec<&'t str> {
    let filter = parse(&format!("genre_top {test}")).expect(test).expect("not blank");
    let mut column = |_: usize| {
        let mut column = Texts::default();
        texts.iter().for_each(|text| column.push(text));
        Ok(Arc::new(column.finish()))
    };
    let found =
        evaluate(&filter.expression, texts.len(), &mut column, &Work::unlimited(), Stop::never());
    let found = found.expect("in memory");
    found.iter().map(|row| texts[row as usize]).collect()
}

#[test]
fn stars_stand_for_any_text_and_case_counts_in_equality_alone() {
    let artists =
        ["Artist 1", "Artist 10", "artist 1", "An Artist 1", "5*", "", "ΜΟΥΣΙΚΗ", "straße"];
    for (test, expected) in [
        ("= \"Artist 1*\"", &["Artist 1", "Artist 10"][..]),
        ("= \"*Artist 1\"", &["Artist 1", "An Artist 1"]),
        ("= \"*rtist*\"", &artists[..4]),
        ("!= \"*rtist*\"", &artists[4..]),
        (r#"= "5\*""#, &["5*"]),
        (r#"= "*\*""#, &["5*"]),
        ("= \"*\"", &artists),
        ("IN (\"A*0\", \"5*\")", &["Artist 10", "5*"]),
        (": \"ARTIST 1*\"", &artists[..4]),
        (": \"an*1\"", &["An Artist 1"]),
        (r#": "\*""#, &["5*"]),
        (":*", &["Artist 1", "Artist 10", "artist 1", "An Artist 1", "5*", "ΜΟΥΣΙΚΗ", "straße"]),
        (": μους", &["ΜΟΥΣΙΚΗ"]),
        (": ΜΟΥΣ", &["ΜΟΥΣΙΚΗ"]),
        (": STRASSE", &["straße"]),
        (": ß", &["straße"]),
        ("= STRASSE", &[]),
    ] {
        assert_eq!(passing(test, &artists), expected, "{test}");
    }
    // The letter with its accent, in one character or two.
    let both = ["Beyonc\u{e9}", "Beyonce\u{301}", "Beyonce"];
    assert_eq!(passing(": BEYONC\u{c9}", &both), both[..2]);
    assert_eq!(passing("= Beyonc\u{e9}", &both), both[..1]);
}

/// Floats of 64 bits cannot tell these apart.
#[test]
fn numbers_are_compared_digit_by_digit() {
    let ids = [
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "90071992547409930e-1",
        "123456789012345678901234567890",
        "123456789012345678901234567891",
        "1e400",
        "",
        "x",
    ];
    for (test, expected) in [
        ("= 9007199254740993", &ids[2..4]),
        ("= 9007199254740992.0", &ids[1..2]),
        ("!= 9007199254740992", &[&ids[..1], &ids[2..]].concat()),
        ("< 9007199254740993", &ids[..2]),
        ("<= 9007199254740992", &ids[..2]),
        ("> 123456789012345678901234567890", &ids[5..7]),
        (">= 123456789012345678901234567890", &ids[4..7]),
        ("IN (9007199254740992, 123456789012345678901234567891)", &[ids[1], ids[5]]),
        ("IN (1e400, x)", &[ids[6], ids[8]]),
    ] {
        assert_eq!(passing(test, &ids), expected, "{test}");
    }
}

#[test]
fn what_a_filter_takes_is_counted_before_it_is_done() {
    const ROWS: u64 = 10_000;
    let titles = |tail: &str| {
        let mut texts = Texts::default();
        (0..ROWS).for_each(|row| texts.push(&format!("title {row:05}{tail}")));
        Arc::new(texts.finish())
    };
    let (short, long) = (titles(""), titles(&"!".repeat(1000)));
    let taken = |text: &str, titles: &Arc<Column>, limit: u64| {
        let filter = parse(text).expect("sound").expect("not blank");
        let mut column = |_: usize| Ok(Arc::clone(titles));
        let work = Work::within(limit);
        let done = evaluate(&filter.expression, ROWS as usize, &mut column, &work, Stop::never());
        done.map(|_| work.done())
    };
    let many = |sign: &str, join: &str| {
        let terms: Vec<String> = (0..190).map(|n| format!("year {sign} 't{n}'")).collect();
        terms.join(join)
    };
    let of = |text: &str| taken(text, &short, u64::MAX).expect("no limit");
    // Values that one field may equal are one list.
    assert_eq!(of(&many("=", " OR ")), of("year = 't'"));
    assert!(of(&many("!=", " AND ")) > 190 * 2 * ROWS);
    assert!(of(&many(":", " OR ")) > 190 * 2 * ROWS);
    // The longer the texts, the more there is to search.
    let in_long = taken("year : 't1'", &long, u64::MAX).expect("no limit");
    assert!(in_long > of("year : 't1'") + ROWS * 1000 / 40);
    let (filter, all) = (many(":", " OR "), of(&many(":", " OR ")));
    assert_eq!(taken(&filter, &short, all).expect("as much as may be"), all);
    let refused = taken(&filter, &short, all / 2);
    assert!(matches!(refused, Err(Error::WorkTooLarge { limit, .. }) if limit == all / 2));
}
