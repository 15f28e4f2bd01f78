//! What a filter says, and its canonical text: reading that text gives the expression back.

use std::fmt;

use super::{
    decimal::Decimal,
    pattern::{Pattern, escaped},
};

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// All of these hold; at least two.
    And(Vec<Self>),
    /// One of these holds; at least two.
    Or(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// A field passes a test.
    Term(Term),
}

/// A test of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Number of the field in a metadata record.
    pub field: usize,
    /// Its name.
    pub name: String,
    /// The test.
    pub test: Test,
}

/// A test of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Stands in this relation to a value.
    Compare(Comparison, Value),
    /// Contains this text, case ignored.
    Contains(Pattern),
    /// Is not empty.
    Present,
    /// Equals one of these; at least one.
    In(Vec<Value>),
}

/// A relation of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What a field is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Compared as text, byte by byte.
    Text(String),
    /// Compared as text with wildcards; in equality alone.
    Pattern(Pattern),
    /// Compared as a number, exactly.
    Number(Decimal),
}

/// Words that mean something where they stand alone.
pub(super) const KEYWORDS: [&str; 4] = ["AND", "OR", "NOT", "IN"];

impl Expression {
    /// How many values there are to compare a row with.
    pub(super) fn values(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::values).sum(),
            Self::Not(inner) => inner.values(),
            Self::Term(Term { test: Test::In(values), .. }) => values.len(),
            Self::Term(_) => 1,
        }
    }

    fn write(&self, out: &mut fmt::Formatter<'_>, parenthesised: bool) -> fmt::Result {
        if parenthesised {
            return write!(out, "({self})");
        }
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut joined = |parts: &[Self], word: &str, inner: fn(&Self) -> bool| {
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    write!(out, " {word} ")?;
                }
                part.write(out, inner(part))?;
            }
            Ok(())
        };
        match self {
            Self::And(parts) => joined(parts, "AND", |part| matches!(part, Self::And(_))),
            Self::Or(parts) => {
                joined(parts, "OR", |part| matches!(part, Self::And(_) | Self::Or(_)))
            }
            Self::Not(inner) => {
                out.write_str("NOT ")?;
                inner.write(out, !matches!(**inner, Self::Term(_)))
            }
            Self::Term(term) => fmt::Display::fmt(term, out),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let bare = self.name.starts_with(|c: char| c.is_ascii_alphabetic())
            && self.name.chars().all(plain)
            && !KEYWORDS.contains(&self.name.as_str());
        if bare {
            out.write_str(&self.name)?;
        } else {
            write!(out, "{}", Quoted(&self.name))?;
        }
        match &self.test {
            Test::Compare(comparison, value) => write!(out, " {} {value}", comparison.sign()),
            Test::Contains(part) => write!(out, " : \"{part}\""),
            Test::Present => out.write_str(" : *"),
            Test::In(values) => {
                out.write_str(" IN (")?;
                for (i, value) in values.iter().enumerate() {
                    let comma = if i > 0 { ", " } else { "" };
                    write!(out, "{comma}{value}")?;
                }
                out.write_str(")")
            }
        }
    }
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether values in this order stand in this relation.
    pub(super) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => fmt::Display::fmt(&Quoted(text), out),
            Self::Pattern(pattern) => write!(out, "\"{pattern}\""),
            Self::Number(number) => write!(out, "{number}"),
        }
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", escaped(self.0))
    }
}
