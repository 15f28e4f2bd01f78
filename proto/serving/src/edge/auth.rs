//! Who may call: bearer tokens, and the identities of client certificates.
//!
//! Tokens are kept as SHA-256 digests alone, and every call is compared with all of them in
//! constant time.

use std::{fmt, path::Path, sync::Arc};

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use crate::{
    call::{peer::Peer, status::Refusal},
    config::Security,
    edge::reload::{Latest, ReloadError, Reloading},
};

/// Shortest token: 16 characters of base64 are 96 bits.
const MIN_TOKEN_BYTES: usize = 16;
/// Most tokens of one file, since each call looks at all.
const MAX_TOKENS: usize = 1024;

/// What a call must show.
#[derive(Clone, Debug)]
pub(crate) struct Auth {
    tokens: Option<Latest<Tokens>>,
    identities: Arc<[String]>,
    domain: &'static str,
}

impl Auth {
    pub(crate) fn new(
        tokens: Option<Latest<Tokens>>,
        security: &Security,
        domain: &'static str,
    ) -> Self {
        Self { tokens, identities: security.allow_identities.as_slice().into(), domain }
    }

    /// Lets a call in, or says why not. The peer is named after its token when its certificate has
    /// no name.
    pub(crate) fn check(&self, peer: &mut Peer, headers: &HeaderMap) -> Result<(), Refusal> {
        if !self.identities.is_empty() {
            let allowed = peer
                .identity
                .as_deref()
                .is_some_and(|identity| self.identities.iter().any(|one| one == identity));
            if !allowed {
                return Err(Refusal::forbidden(self.domain));
            }
        }
        let Some(tokens) = &self.tokens else { return Ok(()) };
        let refuse = |message| Err(Refusal::unauthenticated(self.domain, message));
        let Some(value) = headers.get(AUTHORIZATION) else {
            return refuse("this server expects `authorization: Bearer TOKEN`");
        };
        let Some(token) = bearer(value.as_bytes()) else {
            return refuse("the authorization header is not `Bearer TOKEN`");
        };
        let Some(name) = tokens.value().find(token) else {
            return refuse("the bearer token is not known here");
        };
        peer.identity = peer.identity.take().or(name);
        Ok(())
    }
}

/// The token of an authorization header; the scheme's case does not matter (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| rest.trim_ascii())
}

/// The tokens of one file.
pub(crate) struct Tokens(Vec<Token>);

struct Token {
    name: Option<Arc<str>>,
    digest: [u8; 32],
}

impl Tokens {
    /// Reads the file, and again when it changes.
    ///
    /// # Errors
    /// When it cannot be read, has no token, or has a line that is no token.
    pub(crate) fn open(path: &Path) -> Result<Reloading<Self>, ReloadError> {
        let file = path.to_owned();
        Reloading::open("tokens", vec![path.to_owned()], move |contents| {
            Self::parse(contents.first().map_or(&[], Vec::as_slice))
                .map_err(|message| ReloadError::Content { path: file.clone(), message })
        })
    }

    fn parse(content: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(content).map_err(|_| "not UTF-8".to_owned())?;
        let mut tokens = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, token) = match line.split_once(':') {
                Some((name, token)) => (Some(name.trim().into()), token.trim()),
                None => (None, line),
            };
            // The line itself is a secret and is not told.
            if token.len() < MIN_TOKEN_BYTES {
                let length = token.len();
                return Err(format!(
                    "the token on line {number} has {length} characters, expected at least \
                     {MIN_TOKEN_BYTES}"
                ));
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("the token on line {number} is not all visible ASCII"));
            }
            tokens.push(Token { name, digest: Sha256::digest(token).into() });
        }
        match tokens.len() {
            0 => Err("no token found".to_owned()),
            1..=MAX_TOKENS => Ok(Self(tokens)),
            more => Err(format!("{more} tokens, expected at most {MAX_TOKENS}")),
        }
    }

    /// The name of a token that is in the list. Looks at all of them, whatever it finds.
    fn find(&self, token: &[u8]) -> Option<Option<Arc<str>>> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let mut known = Choice::from(0);
        let mut name = None;
        for one in &self.0 {
            let same = one.digest.ct_eq(&digest);
            known |= same;
            if bool::from(same) {
                name.clone_from(&one.name);
            }
        }
        bool::from(known).then_some(name)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} tokens", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# for the players\nplayer:AAAAAAAAAAAAAAAA\n\n  BBBBBBBBBBBBBBBB=  \n";

    #[test]
    fn known_tokens_are_found_with_their_names() {
        let tokens = Tokens::parse(FILE.as_bytes()).expect("well formed");
        assert_eq!(tokens.find(b"AAAAAAAAAAAAAAAA"), Some(Some("player".into())));
        assert_eq!(tokens.find(b"BBBBBBBBBBBBBBBB="), Some(None));
        for wrong in [&b""[..], b"AAAAAAAAAAAAAAA", b"player:AAAAAAAAAAAAAAAA", b"CCCCCCCCCCCCCCCC"]
        {
            assert_eq!(tokens.find(wrong), None);
        }
    }

    #[test]
    fn no_error_and_no_debug_form_tells_a_token() {
        let told = format!("{:?}", Tokens::parse(FILE.as_bytes()));
        assert_eq!(told, "Ok(2 tokens)");
        for (content, line) in
            [("abc:short", "line 1"), ("x:AAAAAAAAAAAAAAAA\nB B B B B B B B B", "line 2")]
        {
            let message = Tokens::parse(content.as_bytes()).expect_err("must be refused");
            assert!(message.contains(line) && !message.contains("short"), "{message}");
            assert!(!message.contains("B B"), "{message}");
        }
        assert!(Tokens::parse(b"# nothing\n").is_err());
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer  abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"Bearer"), None);
    }
}
