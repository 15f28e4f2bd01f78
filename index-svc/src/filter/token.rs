//! The text of a filter into tokens. A leading `-` stays in its word: whether it negates a term or
//! belongs to a number is for the parser to know.

use super::{FilterError, MAX_ECHO_CHARS, Problem, expression::Comparison};

/// What stands in a filter, and the column it begins at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) column: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Open,
    Close,
    Comma,
    Has,
    Compare(Comparison),
    Word(String),
    Quoted(Quoted),
    End,
}

/// A quoted text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Quoted {
    pub(super) text: String,
    /// Byte offsets of the stars that are not escaped.
    pub(super) stars: Vec<usize>,
}

impl Kind {
    /// As an error names it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::Comma => "`,`".to_owned(),
            Self::Has => "`:`".to_owned(),
            Self::Compare(_) => "a comparator".to_owned(),
            Self::Word(word) => format!("`{}`", echo(word)),
            Self::Quoted(quoted) => format!("the text \"{}\"", echo(&quoted.text)),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A stranger's text as an error may repeat it.
pub(super) fn echo(text: &str) -> String {
    text.chars().take(MAX_ECHO_CHARS).collect()
}

/// All tokens, [`Kind::End`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut rest = text.chars().zip(1..).peekable();
    let mut found = Vec::new();
    while let Some((c, column)) = rest.next() {
        let mut then_equal = |with, without| {
            let equal = rest.next_if(|(c, _)| *c == '=').is_some();
            Kind::Compare(if equal { with } else { without })
        };
        let kind = match c {
            _ if c.is_whitespace() => continue,
            '(' => Kind::Open,
            ')' => Kind::Close,
            ',' => Kind::Comma,
            ':' => Kind::Has,
            '=' => Kind::Compare(Comparison::Equal),
            '<' => then_equal(Comparison::LessOrEqual, Comparison::Less),
            '>' => then_equal(Comparison::GreaterOrEqual, Comparison::Greater),
            '!' if rest.next_if(|(c, _)| *c == '=').is_some() => {
                Kind::Compare(Comparison::NotEqual)
            }
            '!' => {
                let (found, expected) = ("`!`".to_owned(), "`!=`; negation is `NOT` or `-`");
                let problem = Problem::Unexpected { found, expected };
                return Err(FilterError { column, problem });
            }
            '"' | '\'' => Kind::Quoted(quoted(&mut rest, c, column)?),
            _ => {
                let mut word = String::from(c);
                while let Some((c, _)) = rest.next_if(|(c, _)| in_word(*c)) {
                    word.push(c);
                }
                Kind::Word(word)
            }
        };
        found.push(Token { kind, column });
    }
    found.push(Token { kind: Kind::End, column: text.chars().count() + 1 });
    Ok(found)
}

fn in_word(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '(' | ')' | ',' | ':' | '=' | '<' | '>' | '!' | '"' | '\'')
}

/// The rest of a quoted text that began at `column`.
fn quoted(
    rest: &mut impl Iterator<Item = (char, usize)>,
    quote: char,
    column: usize,
) -> Result<Quoted, FilterError> {
    let mut found = Quoted::default();
    while let Some((c, _)) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some((c @ ('"' | '\'' | '\\' | '*'), _)) => found.text.push(c),
                Some((found, column)) => {
                    return Err(FilterError { column, problem: Problem::Escape { found } });
                }
                None => break,
            },
            _ if c == quote => return Ok(found),
            _ => {
                if c == '*' {
                    found.stars.push(found.text.len());
                }
                found.text.push(c);
            }
        }
    }
    Err(FilterError { column, problem: Problem::Unterminated })
}
