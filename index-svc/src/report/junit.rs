//! JUnit XML, as build servers read it: one test case per check, figures as properties.

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use super::Report;

/// Name of the suite and prefix of its cases.
const SUITE: &str = "index-svc validate";

impl Report {
    /// The XML.
    ///
    /// # Errors
    /// Never when memory suffices; the writer's form asks for it.
    pub fn to_junit(&self) -> std::io::Result<String> {
        let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
        let tests = self.checks.len().to_string();
        let failures = self.failures().count().to_string();
        xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        xml.create_element("testsuites")
            .with_attributes([("tests", &*tests), ("failures", &*failures), ("errors", "0")])
            .write_inner_content(|xml| self.suite(xml, &tests, &failures))?;
        let mut text = xml.into_inner();
        text.push(b'\n');
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn suite(&self, xml: &mut Writer<Vec<u8>>, tests: &str, failures: &str) -> std::io::Result<()> {
        let counts = [("name", SUITE), ("tests", tests), ("failures", failures), ("errors", "0")];
        xml.create_element("testsuite").with_attributes(counts).write_inner_content(|xml| {
            self.properties(xml)?;
            for check in &self.checks {
                let detail = printable(&check.detail);
                let case = xml
                    .create_element("testcase")
                    .with_attributes([("classname", SUITE), ("name", check.name)]);
                case.write_inner_content(|xml| {
                    let text = BytesText::new(&detail);
                    if check.passed {
                        xml.create_element("system-out").write_text_content(text)?;
                    } else {
                        xml.create_element("failure")
                            .with_attributes([("message", &*detail), ("type", check.name)])
                            .write_text_content(text)?;
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn properties(&self, xml: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let Some(found) = &self.findings else { return Ok(()) };
        let figures = found.figures.iter().filter_map(|(name, value)| Some((name, value?)));
        let mut properties = vec![
            ("index_version", found.index_version.clone()),
            ("profile_id", printable(&found.profile_id)),
            ("tracks", found.tracks.to_string()),
        ];
        properties.extend(figures.map(|(name, value)| (name, value.to_string())));
        xml.create_element("properties").write_inner_content(|xml| {
            for (name, value) in &properties {
                xml.create_element("property")
                    .with_attributes([("name", *name), ("value", &**value)])
                    .write_empty()?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

/// Text without the characters that XML 1.0 has no form for (section 2.2, production 2).
fn printable(text: &str) -> String {
    let allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    text.chars().map(|c| if allowed(&c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Check;

    /// Another parser reads what was written, foreign texts included.
    #[test]
    fn another_parser_reads_every_check() {
        let wild = "a < b && \"c\" > 'd' ]]> \u{1}\u{FFFE}é";
        let checks = vec![
            Check::new("self-test", None, wild.to_owned()),
            Check::new("scaler", Some(wild.to_owned()), String::new()),
        ];
        let report = Report { passed: false, checks, findings: None, gates: 0, pictures: None };
        let xml = report.to_junit().expect("memory suffices");
        let document = roxmltree::Document::parse(&xml).expect("well-formed");
        let suite = document.root_element().first_element_child().expect("a suite");
        assert_eq!((suite.tag_name().name(), suite.attribute("tests")), ("testsuite", Some("2")));
        assert_eq!(suite.attribute("failures"), Some("1"));
        let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
        let names: Vec<_> = cases.iter().filter_map(|case| case.attribute("name")).collect();
        assert_eq!(names, ["self-test", "scaler"]);
        let failure = cases[1].first_element_child().expect("it failed");
        let readable = "a < b && \"c\" > 'd' ]]> \u{FFFD}\u{FFFD}é";
        assert!(failure.has_tag_name("failure"));
        assert_eq!(failure.attribute("message"), Some(readable));
        assert_eq!(failure.text(), Some(readable));
        assert!(cases[0].first_element_child().expect("output").has_tag_name("system-out"));
    }
}
