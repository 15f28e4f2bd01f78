//! One file per subcommand: wiring only.

pub(crate) mod append;
pub(crate) mod build;
pub(crate) mod import;
pub(crate) mod inputs;
pub(crate) mod prune;
pub(crate) mod publish;
pub(crate) mod query;
pub(crate) mod remove;
pub(crate) mod rollback;
pub(crate) mod serve;
pub(crate) mod validate;
pub(crate) mod versions;

/// An error with its causes, each of which is said once: many messages end with their cause's already.
pub(crate) fn with_causes(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use index_svc::Error;

    use super::with_causes;

    #[test]
    fn a_cause_is_said_once() {
        let missing = || std::io::Error::other("it is gone");
        let own = Error::Io { path: "t.csv".into(), source: missing() };
        assert_eq!(with_causes(&own.into()), "t.csv: it is gone");
        let wrapped = Err::<(), _>(missing()).context("cannot read").expect_err("an error");
        assert_eq!(with_causes(&wrapped.context("no index")), "no index: cannot read: it is gone");
    }
}
