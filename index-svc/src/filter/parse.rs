//! Tokens into an expression.
//!
//! ```text
//! filter  = [ all ]
//! all     = any { "AND" any }
//! any     = single { "OR" single }
//! single  = [ "NOT" | "-" ] ( "(" all ")" | term )
//! term    = field ( sign value | ":" ( value | "*" ) | "IN" "(" value { "," value } ")" )
//! field   = word | quoted
//! value   = word | quoted
//! ```
//!
//! A star in a value is a wildcard after `=`, `!=`, `:` and in a list, unless it is escaped in a quoted text.

use super::{
    FilterError, NAMED_FIELDS, Problem,
    decimal::Decimal,
    expression::{Comparison, Expression, KEYWORDS, Term, Test, Value},
    pattern::Pattern,
    token::{Kind, Quoted, Token, echo, tokens},
};

/// Longest filter, in bytes.
pub const MAX_FILTER_BYTES: usize = 4096;
/// Most parentheses inside each other.
pub const MAX_DEPTH: usize = 32;
/// Most comparisons and list values.
pub const MAX_TERMS: usize = 200;
/// Most fields that an error lists.
const MAX_KNOWN: usize = 50;

/// Reads a filter; none if it is blank.
pub(super) fn parse(
    text: &str,
    attribute_names: &[String],
) -> Result<Option<Expression>, FilterError> {
    if text.len() > MAX_FILTER_BYTES {
        let problem = Problem::TooLong { got: text.len() };
        return Err(FilterError { column: 1, problem });
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, terms: 0, attribute_names };
    if parser.kind() == &Kind::End {
        return Ok(None);
    }
    let expression = parser.all()?;
    if parser.kind() != &Kind::End {
        return Err(parser.unexpected("`AND`, `OR` or the end"));
    }
    Ok(Some(expression))
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    terms: usize,
    attribute_names: &'a [String],
}

impl<'a> Parser<'a> {
    fn all(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.any()?];
        while self.take_word("AND") {
            parts.push(self.any()?);
        }
        Ok(joined(parts, Expression::And))
    }

    fn any(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.single()?];
        while self.take_word("OR") {
            parts.push(self.single()?);
        }
        Ok(joined(parts, Expression::Or))
    }

    fn single(&mut self) -> Result<Expression, FilterError> {
        if self.take_word("NOT") || self.take_word("-") {
            return Ok(Expression::Not(Box::new(self.operand(0)?)));
        }
        match self.kind() {
            Kind::Word(word) if word.starts_with('-') => {
                Ok(Expression::Not(Box::new(self.operand(1)?)))
            }
            _ => self.operand(0),
        }
    }

    /// A term or what stands in parentheses; `skip` characters of the field's word are a sign.
    fn operand(&mut self, skip: usize) -> Result<Expression, FilterError> {
        if self.kind() != &Kind::Open {
            return Ok(Expression::Term(self.term(skip)?));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(Problem::TooDeep));
        }
        self.at += 1;
        let inside = self.all()?;
        self.close("`AND`, `OR` or `)`")?;
        self.depth -= 1;
        Ok(inside)
    }

    fn term(&mut self, skip: usize) -> Result<Term, FilterError> {
        let column = self.column();
        let name = match self.kind() {
            Kind::Word(word) if !KEYWORDS.contains(&word.as_str()) => &word[skip..],
            Kind::Quoted(quoted) => quoted.text.as_str(),
            _ => return Err(self.unexpected("a field, `NOT`, `-` or `(`")),
        };
        let field = self.field(name, column + skip)?;
        let name = name.to_owned();
        self.at += 1;
        let test = match self.kind() {
            Kind::Compare(comparison) => {
                let comparison = *comparison;
                self.at += 1;
                let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
                Test::Compare(comparison, self.value(equality)?)
            }
            Kind::Has => {
                self.at += 1;
                self.contained()?
            }
            Kind::Word(word) if word == "IN" => {
                self.at += 1;
                self.list()?
            }
            _ => return Err(self.unexpected("`=`, `!=`, `<`, `<=`, `>`, `>=`, `:` or `IN`")),
        };
        Ok(Term { field, name, test })
    }

    fn contained(&mut self) -> Result<Test, FilterError> {
        let text = self.text("a value or `*`")?;
        self.count()?;
        self.at += 1;
        let part = Pattern::new(&text.text, &text.stars).anywhere();
        Ok(part.map_or(Test::Present, Test::Contains))
    }

    /// The text at hand; in a word each star is one.
    fn text(&self, expected: &'static str) -> Result<Quoted, FilterError> {
        match self.kind() {
            Kind::Word(word) if !KEYWORDS.contains(&word.as_str()) => {
                let stars = word.match_indices('*').map(|(at, _)| at).collect();
                Ok(Quoted { text: word.clone(), stars })
            }
            Kind::Quoted(quoted) => Ok(quoted.clone()),
            _ => Err(self.unexpected(expected)),
        }
    }

    fn list(&mut self) -> Result<Test, FilterError> {
        if self.kind() != &Kind::Open {
            return Err(self.unexpected("`(`"));
        }
        self.at += 1;
        let mut values = vec![self.value(true)?];
        while self.kind() == &Kind::Comma {
            self.at += 1;
            values.push(self.value(true)?);
        }
        self.close("`,` or `)`")?;
        Ok(Test::In(values))
    }

    /// A value; `equality` says whether it may have wildcards.
    fn value(&mut self, equality: bool) -> Result<Value, FilterError> {
        let Quoted { text, stars } = self.text("a value; keywords are quoted")?;
        let bare = matches!(self.kind(), Kind::Word(_));
        let value = match Decimal::parse(&text).filter(|_| bare) {
            Some(number) => Value::Number(number),
            None if equality && !stars.is_empty() => Value::Pattern(Pattern::new(&text, &stars)),
            None => Value::Text(text),
        };
        self.count()?;
        self.at += 1;
        Ok(value)
    }

    fn field(&self, name: &str, column: usize) -> Result<usize, FilterError> {
        let named = NAMED_FIELDS.iter().position(|field| *field == name);
        let attribute = || self.attribute_names.iter().position(|field| field == name);
        let found = named.or_else(|| attribute().map(|at| NAMED_FIELDS.len() + at));
        found.ok_or_else(|| {
            let attributes = self.attribute_names.iter().map(String::as_str);
            let known = NAMED_FIELDS.into_iter().chain(attributes).take(MAX_KNOWN);
            let known = known.map(str::to_owned).collect();
            FilterError { column, problem: Problem::UnknownField { name: echo(name), known } }
        })
    }

    fn count(&mut self) -> Result<(), FilterError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.error(Problem::TooManyTerms));
        }
        Ok(())
    }

    fn close(&mut self, expected: &'static str) -> Result<(), FilterError> {
        if self.kind() != &Kind::Close {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let there = matches!(self.kind(), Kind::Word(word) if word == wanted);
        self.at += usize::from(there);
        there
    }

    /// The token at hand; the last one, [`Kind::End`], is never passed.
    fn kind(&self) -> &'a Kind {
        &self.tokens[self.at].kind
    }

    fn column(&self) -> usize {
        self.tokens[self.at].column
    }

    fn unexpected(&self, expected: &'static str) -> FilterError {
        self.error(Problem::Unexpected { found: self.kind().describe(), expected })
    }

    fn error(&self, problem: Problem) -> FilterError {
        FilterError { column: self.column(), problem }
    }
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}
