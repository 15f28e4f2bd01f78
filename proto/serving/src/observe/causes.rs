//! An error as one line for a person.

use std::{error::Error, iter};

/// `error` and its causes, outermost first, each said once: many errors name their cause themselves.
#[must_use]
pub fn told_once(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in iter::successors(Some(error), |&error| error.source()) {
        let said = cause.to_string();
        if text.is_empty() {
            text = said;
        } else if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("cannot listen on a:1: {source}")]
    struct Naming {
        source: io::Error,
    }

    #[derive(Debug, Error)]
    #[error("it did not start")]
    struct Silent {
        source: Naming,
    }

    #[test]
    fn a_cause_is_said_once() {
        let naming = Naming { source: io::Error::other("in use") };
        assert_eq!(told_once(&naming), "cannot listen on a:1: in use");
        let silent = Silent { source: naming };
        assert_eq!(told_once(&silent), "it did not start: cannot listen on a:1: in use");
    }
}
