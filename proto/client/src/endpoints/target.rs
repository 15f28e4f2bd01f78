//! Where the servers are: a name that is looked up again and again, or a fixed list.

use crate::error::OptionsError;

/// Most endpoints of one target. A look-up that tells more is cut to so many.
pub(crate) const MAX_ENDPOINTS: usize = 256;

/// The servers of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(pub(crate) Places);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    /// One host; each of its addresses is an endpoint.
    Dns(Host),
    /// Each host is an endpoint, whatever addresses it has.
    Fixed(Vec<Host>),
}

/// `HOST:PORT`, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Target {
    /// All addresses behind a name, such as that of a headless service: `HOST:PORT`.
    ///
    /// # Errors
    /// When it is of another form.
    pub fn dns(target: &str) -> Result<Self, OptionsError> {
        Ok(Self(Places::Dns(Host::parse(target)?)))
    }

    /// These endpoints and no other, each `HOST:PORT`.
    ///
    /// # Errors
    /// When one is of another form, or there is none, or more than 256.
    pub fn fixed<S: AsRef<str>>(
        endpoints: impl IntoIterator<Item = S>,
    ) -> Result<Self, OptionsError> {
        let mut hosts: Vec<Host> = Vec::new();
        for endpoint in endpoints {
            let host = Host::parse(endpoint.as_ref())?;
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        let wrong = |why| OptionsError::Target { target: String::new(), why };
        match hosts.len() {
            0 => Err(wrong("the list is empty")),
            1..=MAX_ENDPOINTS => Ok(Self(Places::Fixed(hosts))),
            _ => Err(wrong("the list has more than 256 endpoints")),
        }
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, OptionsError> {
        let wrong = |why| OptionsError::Target { target: text.to_owned(), why };
        let (name, port) = text.rsplit_once(':').ok_or_else(|| wrong("there is no port"))?;
        let port = port.parse().ok().filter(|port| *port != 0);
        let port = port.ok_or_else(|| wrong("the port is not 1 to 65535"))?;
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let fit = match bare {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                (1..=253).contains(&name.len()) && name.chars().all(fits)
            }
        };
        if !fit {
            return Err(wrong("the host is neither a name nor an address"));
        }
        Ok(Self { name: bare.unwrap_or(name).to_owned(), port })
    }

    /// As it stands in a URI.
    pub(crate) fn authority(&self) -> String {
        let Self { name, port } = self;
        if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        for (text, name, port) in [
            ("index.music.svc:7072", "index.music.svc", 7072),
            ("127.0.0.1:80", "127.0.0.1", 80),
            ("[::1]:7071", "::1", 7071),
        ] {
            let host = Host::parse(text).expect("HOST:PORT");
            assert_eq!((host.name.as_str(), host.port), (name, port));
            assert_eq!(host.authority(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            ":1",
            "host:0",
            "host:99999",
            "a b:1",
            "::1:80",
            "http://h:1",
            "[x]:1",
        ] {
            assert!(Target::dns(text).is_err(), "{text}");
        }
        assert!(Target::fixed(Vec::<String>::new()).is_err());
        assert!(Target::fixed((1..300).map(|port| format!("h:{port}"))).is_err());
        let twice = Target::fixed(["h:1", "h:1"]).expect("one endpoint");
        assert_eq!(twice, Target::fixed(["h:1"]).expect("one endpoint"));
    }
}
