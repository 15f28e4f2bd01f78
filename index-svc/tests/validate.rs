//! `validate` as a gate: the real binary over real indexes with planted faults, each found by its own
//! check and by no other; and its report in every form.

mod catalogue;
mod planted;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use planted::{Library, Planted};
use serde_json::{Value, json};

/// Figures that the sound library meets.
const GATE: &str = "recall=0.99,recall@100=0.99,artist_purity=0.4,genre_purity=0.5,duplicates=0,\
                    hubness=3,orphans=0.2,constant=0,missing=0";

fn validate(index: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_index-svc"))
        .args(["validate", "--sample", "300", "--fail-under", GATE, "--index"])
        .arg(index)
        .args(more)
        .output()
        .expect("the binary runs")
}

fn report(index: &Path, more: &[&str]) -> Value {
    let output = validate(index, &[&["--format", "json"], more].concat());
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let passed = report["passed"].as_bool().expect("a verdict");
    assert_eq!(output.status.code(), Some(i32::from(!passed)), "the code is the verdict");
    report
}

/// Names of the checks that failed.
fn failed(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().expect("a list");
    let failed = checks.iter().filter(|check| check["passed"] == json!(false));
    failed.map(|check| check["name"].as_str().expect("a name")).collect()
}

/// The checks that fail with the planted index and its own table.
#[track_caller]
fn check(planted: &Planted, expected: &[&str]) {
    let table = planted.table.to_str().expect("UTF-8");
    let report = report(&planted.index, &["--input", table]);
    assert_eq!(failed(&report), expected, "{:#}", report["checks"]);
}

#[test]
fn a_sound_index_passes_every_check() {
    let sound = Library::sound().build();
    let table = sound.table.to_str().expect("UTF-8");
    let report = report(&sound.index, &["--input", table]);
    assert_eq!(failed(&report), Vec::<&str>::new(), "{:#}", report["checks"]);
    let names: BTreeSet<&str> = report["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| check["name"].as_str().expect("a name"))
        .collect();
    let promised = [
        "file digests",
        "stored features",
        "track ids",
        "scaler",
        "content digests",
        "forest vectors",
        "blocks image",
        "self-test",
        "exact answers",
        "recall curve",
        "model card",
        "source features",
        "source metadata",
        "recall@10 gate",
        "recall@100 gate",
        "artist_purity gate",
        "genre_purity gate",
        "duplicates gate",
        "hubness gate",
        "orphans gate",
        "constant gate",
        "missing gate",
    ];
    assert_eq!(names, BTreeSet::from(promised));
}

/// What is wrong with the catalogue itself: a gate finds it, and the index is intact.
#[test]
fn faults_of_a_catalogue_are_found_by_their_gates() {
    let library = Library::sound;
    check(&library().with_duplicates().build(), &["duplicates gate"]);
    check(&library().with_a_hub().build(), &["hubness gate"]);
    check(&library().with_a_constant_column().build(), &["constant gate"]);
    check(&library().with_a_missing_value().build(), &["missing gate"]);
    check(&library().with_genres_at_random().build(), &["genre_purity gate"]);
}

/// The table that is compared is not the one the index was built from.
#[test]
fn another_table_is_found_by_what_differs() {
    let planted = Library::sound().build();
    planted.write_table(&Library::sound().with_titles_swapped());
    check(&planted, &["source metadata"]);
    planted.write_table(&Library::sound().with_a_changed_vector());
    check(&planted, &["source features"]);
}

/// A part of the index is changed, and every digest is made to fit: only what compares contents
/// can find it.
#[test]
fn changed_parts_are_found_by_their_checks() {
    check(&Library::sound().build().swap_titles(), &["source metadata"]);
    check(&Library::sound().build().change_stored_vector(), &["stored features"]);
    check(&Library::sound().build().change_scaler(), &["scaler"]);
    check(&Library::sound().build().change_card(), &["model card"]);
    check(&Library::sound().build().change_file_digest(), &["file digests"]);
    check(&Library::sound().build().change_content_digest(), &["content digests"]);
    check(&Library::sound().build().change_recall_curve(), &["recall curve"]);
}

#[test]
fn an_index_that_cannot_be_opened_fails_in_every_form() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("missing");
    assert_eq!(failed(&report(&missing, &[])), ["readable"]);
    for form in ["text", "junit", "html"] {
        let output = validate(&missing, &["--format", form]);
        assert_eq!(output.status.code(), Some(1), "{form}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains("no such directory"), "{form}: {text}");
    }
}

#[test]
fn what_cannot_be_measured_or_read_does_not_pass() {
    let planted = Library::sound().without_genres().build();
    assert_eq!(failed(&report(&planted.index, &[])), ["genre_purity gate"]);
    let unknown = validate(&planted.index, &["--genre-column", "mood"]);
    assert_eq!(unknown.status.code(), Some(1));
    let message = String::from_utf8(unknown.stderr).expect("UTF-8");
    assert!(message.contains("mood"), "{message}");
    for wrong in
        [["--fail-under", "speed=1"], ["--fail-under", "recall=2"], ["--target-recall", "2"]]
    {
        let output = validate(&planted.index, &wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: the command line is wrong");
    }
}

/// JUnit XML has the checks and outcomes that the JSON has, for a parser of another make.
#[test]
fn junit_has_every_check() {
    let planted = Library::sound().with_duplicates().build();
    let expected = report(&planted.index, &[]);
    let path = planted.folder.path().join("report.xml");
    let output =
        validate(&planted.index, &["--format", "junit", "--output", path.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(log.contains("FAIL  duplicates gate") && log.contains("checks passed"), "{log}");
    let xml = fs::read_to_string(&path).expect("it was written");
    let document = roxmltree::Document::parse(&xml).expect("well-formed");
    let suite = document.root_element().first_element_child().expect("a suite");
    let cases: Vec<(&str, bool)> = suite
        .children()
        .filter(|node| node.has_tag_name("testcase"))
        .map(|case| {
            let failed = case.children().any(|node| node.has_tag_name("failure"));
            (case.attribute("name").expect("a name"), !failed)
        })
        .collect();
    let checks: Vec<(&str, bool)> = expected["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| (check["name"].as_str().expect("a name"), check["passed"] == json!(true)))
        .collect();
    assert_eq!(cases, checks);
    assert_eq!(suite.attribute("tests"), Some(checks.len().to_string().as_str()));
    assert_eq!(suite.attribute("failures"), Some("1"));
    let properties = suite.children().find(|node| node.has_tag_name("properties"));
    let properties = properties.expect("figures").children().filter(|node| node.is_element());
    let names: Vec<_> = properties.filter_map(|it| it.attribute("name")).collect();
    assert!(names.contains(&"hubness") && names.contains(&"index_version"), "{names:?}");
}

/// The page is one file that fetches nothing, says first what failed, shows every picture, and takes
/// texts of the catalogue for texts.
#[test]
fn the_page_stands_alone() {
    let planted = Library::sound().with_duplicates().with_wild_texts().build();
    let path = planted.folder.path().join("report.html");
    let output =
        validate(&planted.index, &["--format", "html", "--output", path.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(1));
    let page = fs::read_to_string(&path).expect("it was written");
    for foreign in
        ["http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "<img", "48\"</b>"]
    {
        let at = page.find(foreign);
        assert_eq!(at, None, "{foreign}: {:?}", at.map(|at| &page[at.saturating_sub(60)..at + 20]));
    }
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("no `{text}`"));
    assert!(place("What failed") < place("The catalogue from above"));
    assert!(place("duplicates gate") < place("Key figures"));
    for heading in ["Recall against effort", "Near against random", "Features before and after"] {
        assert!(place(heading) < place("All checks"), "{heading}");
    }
    // Map, two charts, 74 features; each says in words what it shows.
    assert_eq!(page.matches("role=\"img\"").count(), 3 + 74);
    assert_eq!(page.matches("aria-label=\"mfcc_mean_").count(), 20);
    assert!(page.contains("&lt;img"), "the genre is shown as it is written");
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    let sound = Library::sound().build();
    let output = validate(&sound.index, &["--format", "html"]);
    let page = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(!page.contains("What failed") && page.contains("checks passed"));
}
