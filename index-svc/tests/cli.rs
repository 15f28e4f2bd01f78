//! The real binary: names, exit codes, formats, and a server from start to signal.

mod catalogue;

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use catalogue::{csv_text, golden_rows, held_out, write_csv};
use proto::{
    features::{DEFAULT_PROFILE, FeatureSchema},
    v1::{
        FeatureVector, GetIndexInfoRequest, LookupRequest, LookupView, QueryByFeaturesRequest,
        QueryByTrackIndexRequest, QueryOptions, index_service_client::IndexServiceClient,
    },
};
use serde_json::Value;
use tempfile::TempDir;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

fn index_svc(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_index-svc")).args(args).output().expect("the binary runs")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A table and the index built from it by the binary.
fn built() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let (table, index) = (folder.path().join("table.csv"), folder.path().join("index"));
    write_csv(&table, &golden_rows(), str::to_owned);
    let args =
        ["build", "--input", text(&table), "--output", text(&index), "--profile", DEFAULT_PROFILE];
    let output = index_svc(&args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, table, index)
}

#[test]
fn help_names_exit_codes_and_environment() {
    for command in ["build", "append", "remove", "import", "validate", "query", "serve"] {
        let help = index_svc(&[command, "--help"]);
        assert!(help.status.success());
        let help = String::from_utf8(help.stdout).expect("UTF-8");
        for expected in ["Examples:", "Exit codes:", "SOUNDALIKE_"] {
            assert!(help.contains(expected), "{command}: {expected}");
        }
        // What Jobs and services run is configured by their environment. A variable that lies about in a
        // shell must not choose what a person's command reads, or destroys.
        let own: &[&str] = match command {
            "build" | "validate" | "serve" => &[],
            _ => &["SOUNDALIKE_INDEX", "SOUNDALIKE_IDS", "SOUNDALIKE_OUTPUT", "SOUNDALIKE_FILTER"],
        };
        assert!(own.iter().all(|variable| !help.contains(variable)), "{help}");
        if !own.is_empty() {
            continue;
        }
        // Every flag but those of help and version has one.
        let is_flag = |line: &&str| line.starts_with("      --") || line.starts_with("  -k");
        let options = help.split("Examples:").next().expect("a first part");
        let flags = options.lines().filter(is_flag).count();
        assert_eq!(help.matches("[env: SOUNDALIKE_").count(), flags, "{help}");
    }
}

#[test]
fn usage_errors_and_failures_have_their_codes() {
    assert_eq!(index_svc(&["query", "--index", "x"]).status.code(), Some(2));
    assert_eq!(index_svc(&["build", "--output", "x"]).status.code(), Some(2));
    let missing = index_svc(&["query", "--index", "/no/such/index", "--track-index", "0"]);
    assert_eq!(missing.status.code(), Some(1));
    let message = String::from_utf8(missing.stderr).expect("UTF-8");
    assert!(message.contains("no such directory"), "{message}");
}

#[test]
fn flags_that_are_out_of_range_are_usage_errors() {
    let (_folder, _, index) = built();
    for wrong in [
        ["--target-recall", "2"],
        ["--filter", "nope = 1"],
        ["--group-weight", "mfcc"],
        ["--diversity", "2"],
    ] {
        let mut args = vec!["query", "--index", text(&index), "--track-id", "t1"];
        args.extend(wrong);
        let output = index_svc(&args);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {message}");
    }
    let unknown = index_svc(&["query", "--index", text(&index), "--track-id", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
}

/// Titles are anybody's; a terminal obeys what begins with ESC.
#[test]
fn texts_of_tables_do_not_command_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let (table, index) = (folder.path().join("table.csv"), folder.path().join("index"));
    let rows = csv_text(&golden_rows(), str::to_owned).replace("Title ", "\u{1b}[2J\u{9b}1mT ");
    fs::write(&table, rows.replace(",genre,", ",\u{1b}c,")).expect("writable");
    let build =
        ["build", "--input", text(&table), "--output", text(&index), "--profile", DEFAULT_PROFILE];
    let query = ["query", "--index", text(&index), "--track-id", "t17", "--explain"];
    let wrong = ["query", "--index", text(&index), "--track-id", "\u{1b}[31m"];
    let validate =
        ["validate", "--index", text(&index), "--sample", "20", "--genre-column", "\u{1b}c"];
    for args in [&build[..], &query, &wrong, &validate] {
        let output = index_svc(args);
        for stream in [output.stdout, output.stderr] {
            let told = String::from_utf8(stream).expect("UTF-8");
            let obeyed = |c: char| c.is_control() && c != '\n';
            assert!(!told.contains(obeyed), "{args:?}: {told:?}");
        }
    }
    let told = String::from_utf8(index_svc(&query).stdout).expect("UTF-8");
    assert!(told.contains(r"\u{1b}[2J\u{9b}1mT 202"), "{told}");
}

#[test]
fn a_table_of_queries_may_come_on_standard_input() {
    let (folder, table, index) = built();
    let args = ["--index", text(&index), "--profile", DEFAULT_PROFILE, "--format", "json"];
    let ask = |features: &str, input: Stdio| {
        let output = Command::new(env!("CARGO_BIN_EXE_index-svc"))
            .args(["query", "--features", features])
            .args(args)
            .stdin(input)
            .output()
            .expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let queries = folder.path().join("queries.csv");
    let lines: Vec<String> =
        fs::read_to_string(table).expect("readable").lines().take(4).map(str::to_owned).collect();
    fs::write(&queries, lines.join("\n")).expect("writable");
    let by_path = ask(text(&queries), Stdio::null());
    let input = fs::File::open(&queries).expect("readable");
    assert_eq!(ask("-", input.into()), by_path);
    let first: Value = serde_json::from_str(by_path.lines().next().expect("three")).expect("JSON");
    assert_eq!(first["promised_recall"], 1.0, "so few rows are answered exactly");
}

#[test]
fn a_build_without_a_profile_says_how_to_state_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (table, index) = (folder.path().join("table.csv"), folder.path().join("index"));
    write_csv(&table, &golden_rows(), str::to_owned);
    let output = index_svc(&["build", "--input", text(&table), "--output", text(&index)]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(message.contains("--profile"), "{message}");
}

#[test]
fn queries_answer_by_id_row_and_table() {
    let (folder, _, index) = built();
    let ask = |args: &[&str]| {
        let mut all =
            vec!["query", "--index", text(&index), "--format", "json", "-k", "3", "--exact"];
        all.extend(args);
        json(&index_svc(&all))
    };
    let by_id = ask(&["--track-id", "t17"]);
    let by_row = ask(&["--track-index", "17"]);
    assert_eq!(by_id["neighbors"], by_row["neighbors"]);
    let rows = |answer: &Value| -> Vec<i64> {
        let neighbors = answer["neighbors"].as_array().expect("a list");
        neighbors.iter().map(|neighbor| neighbor["track_index"].as_i64().expect("a row")).collect()
    };
    // numpy's brute force has them in this order after the seed itself.
    assert_eq!(rows(&by_id), [202, 222, 16]);
    assert_eq!(by_id["neighbors"][0]["attributes"]["genre"], "g1");

    let queries = folder.path().join("queries.csv");
    write_csv(&queries, &golden_rows()[17..18], |name| name.replace("mfcc_mean_", "mfcc_mean_0"));
    let refused = index_svc(&["query", "--index", text(&index), "--features", text(&queries)]);
    assert_eq!(refused.status.code(), Some(1), "the table states no profile");
    let by_table = ask(&["--features", text(&queries), "--profile", DEFAULT_PROFILE]);
    assert_eq!(rows(&by_table), rows(&by_id));
    let other =
        ["query", "--index", text(&index), "--features", text(&queries), "--profile", "other"];
    let message = String::from_utf8(index_svc(&other).stderr).expect("UTF-8");
    assert!(message.contains("other") && message.contains(DEFAULT_PROFILE), "{message}");

    let table = index_svc(&["query", "--index", text(&index), "--track-id", "t17"]);
    let table = String::from_utf8(table.stdout).expect("UTF-8");
    assert_eq!(table.lines().count(), 13, "a title, ten rows, and how to go on: {table}");
}

#[test]
fn tables_may_be_gzip_json_lines_or_many() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = golden_rows();
    let reference = folder.path().join("reference.csv");
    write_csv(&reference, &rows, str::to_owned);
    let zipped = folder.path().join("first.csv.gz");
    let mut encoder = flate2::write::GzEncoder::new(
        fs::File::create(&zipped).expect("writable"),
        flate2::Compression::fast(),
    );
    encoder.write_all(csv_text(&rows[..200], str::to_owned).as_bytes()).expect("writable");
    encoder.finish().expect("writable");
    let lines = folder.path().join("second.jsonl");
    let names = FeatureSchema::librosa();
    let mut jsonl = String::new();
    for (i, row) in rows.iter().enumerate().skip(200) {
        let mut object = serde_json::json!({
            "track_id": format!("t{i}"), "track_title": format!("Title {i}"), "album_title": "Album",
            "artist_name": format!("Artist, {}", i % 7), "genre": format!("g{}", i % 3),
        });
        for (name, value) in names.names().iter().zip(row) {
            object[name] = (*value).into();
        }
        jsonl += &format!("{object}\n");
    }
    fs::write(&lines, jsonl).expect("writable");
    let contents = |name: &str, inputs: &[&Path]| {
        let index = folder.path().join(name);
        let mut args =
            vec!["build", "--trees", "2", "--profile", "p", "--output", text(&index), "--input"];
        args.extend(inputs.iter().map(|path| text(path)));
        let output = index_svc(&args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let manifest = fs::read(index.join("manifest.json")).expect("readable");
        serde_json::from_slice::<Value>(&manifest).expect("JSON")["contents"].clone()
    };
    assert_eq!(contents("a", &[&reference]), contents("b", &[&zipped, &lines]));
}

#[test]
fn validate_reports_and_fails_under_a_floor() {
    let (folder, table, index) = built();
    let report = json(&index_svc(&[
        "validate",
        "--index",
        text(&index),
        "--input",
        text(&table),
        "--format",
        "json",
        "--sample",
        "50",
        "--fail-under",
        "recall=0.5",
    ]));
    assert_eq!(report["passed"], true);
    assert_eq!(report["constant_features"], serde_json::json!(["mfcc_mean_6"]));
    assert!(report["recall"]["recall@10"].as_f64().expect("a figure") > 0.5);
    let queries = folder.path().join("queries.csv");
    write_csv(&queries, &[held_out()], str::to_owned);
    // One candidate at a time cannot find a hundred neighbours among 400 isotropic rows.
    let failed = index_svc(&[
        "validate",
        "--index",
        text(&index),
        "--queries",
        text(&queries),
        "--search-k",
        "1",
        "--fail-under",
        "recall@100=1",
    ]);
    assert_eq!(failed.status.code(), Some(1));
    let report = String::from_utf8(failed.stdout).expect("UTF-8");
    assert!(report.contains("FAIL  recall@100 gate"), "{report}");
}

/// A served index; killed when dropped.
struct Server {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Server {
    fn start() -> Self {
        let (folder, _, index) = built();
        let mut child = Command::new(env!("CARGO_BIN_EXE_index-svc"))
            .args(["serve", "--index", text(&index), "--listen", "127.0.0.1:0", "--verify"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
        let address =
            line.trim().strip_prefix("listening on ").expect("the promised line").to_owned();
        Self { child, address, _folder: folder }
    }

    async fn client(&self) -> IndexServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).expect("a URI");
        IndexServiceClient::new(endpoint.connect().await.expect("it listens"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn vector(values: Vec<f64>) -> FeatureVector {
    FeatureVector { values, profile_id: DEFAULT_PROFILE.to_owned(), ..FeatureVector::default() }
}

#[track_caller]
fn refused<T>(answer: Result<T, Status>, code: Code, reason: &str) -> tonic_types::ErrorDetails {
    let status = answer.err().expect("must be refused");
    assert_eq!(status.code(), code, "{status:?}");
    let details = status.get_error_details();
    assert_eq!(details.error_info().expect("always set").reason, reason);
    details
}

// The client must be able to close its connection while the test waits for the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_answers_refuses_and_ends_cleanly() {
    let mut server = Server::start();
    let mut client = server.client().await;
    let info = client.get_index_info(GetIndexInfoRequest {}).await.expect("answers").into_inner();
    assert_eq!((info.track_count, info.tree_count, info.max_page_size), (400, 50, 1000));
    assert_eq!(info.constant_features, ["mfcc_mean_6"]);
    assert_eq!(info.index_version.len(), 64);
    // The figures themselves are numpy's in tests/card.rs.
    let card = info.card.expect("the builder measures it");
    let duplicates = card.duplicates.expect("set");
    assert_eq!((duplicates.group_count, duplicates.row_count), (1, 3));
    assert_eq!(duplicates.largest_group_track_index, Some(0));
    assert_eq!(card.hubness.expect("set").row_count, 398);
    assert_eq!(card.genre_purity.expect("there is a genre").column, "genre");
    assert_eq!(info.missing_values.expect("set").rule, "zero");
    let limits = info.limits.expect("set");
    assert_eq!((limits.default_page_size, limits.max_page_size), (10, info.max_page_size));

    let lookup = |track_id: &str, view: LookupView| LookupRequest {
        track_id: track_id.to_owned(),
        view: view.into(),
    };
    let found = client.lookup(lookup("t17", LookupView::Full)).await.expect("known").into_inner();
    let raw = found.feature_vector.expect("asked for");
    assert_eq!(raw.values, golden_rows()[17]);
    assert_eq!((raw.names.len(), found.track.expect("set").track_index), (74, 17));
    let bare =
        client.lookup(lookup("t17", LookupView::Unspecified)).await.expect("known").into_inner();
    assert!(bare.feature_vector.is_none());

    let options = QueryOptions { exact: true, page_size: 3, ..QueryOptions::default() };
    let by_row = QueryByTrackIndexRequest { track_index: Some(17), options: Some(options.clone()) };
    let answer = client.query_by_track_index(by_row).await.expect("in range").into_inner();
    let rows: Vec<i64> =
        answer.neighbors.iter().map(|n| n.track.as_ref().expect("set").track_index).collect();
    assert_eq!(rows, [202, 222, 16]);
    assert_eq!(answer.seed.expect("set").track_id, "t17");
    let stats = answer.stats.expect("set");
    assert_eq!((stats.candidate_count, stats.suppressed_seed_count), (400, 1));
    assert_eq!((stats.engine.as_str(), stats.effort.as_str()), ("blocks", "exact"));
    let by_forest = QueryOptions { search_k: 70, ..QueryOptions::default() };
    let by_forest = QueryByTrackIndexRequest { track_index: Some(17), options: Some(by_forest) };
    let stats = client.query_by_track_index(by_forest).await.expect("in range").into_inner().stats;
    let stats = stats.expect("set");
    assert_eq!((stats.engine.as_str(), stats.effort.as_str()), ("forest", "rows=70"));
    // So few rows are always answered exactly, and there is nothing to calibrate.
    assert_eq!((info.recall_curve.len(), info.recall_at_10), (0, 1.0));
    assert_eq!(info.default_engine, "blocks");
    assert_eq!(stats.promised_recall, None, "nobody has measured that search_k");
    let by_vector =
        QueryByFeaturesRequest { feature_vector: Some(vector(raw.values)), options: Some(options) };
    let again = client.query_by_features(by_vector).await.expect("the same").into_inner();
    assert_eq!(again.neighbors, answer.neighbors);

    refusals(&mut client).await;

    let killed = Command::new("kill").arg(server.child.id().to_string()).status();
    assert!(killed.expect("kill runs").success());
    assert_eq!(server.child.wait().expect("waitable").code(), Some(0), "SIGTERM ends cleanly");
}

async fn refusals(client: &mut IndexServiceClient<Channel>) {
    let by_vector = |vector: Option<FeatureVector>, options: QueryOptions| QueryByFeaturesRequest {
        feature_vector: vector,
        options: Some(options),
    };
    let plain = QueryOptions::default;
    let answer = client.query_by_features(by_vector(None, plain())).await;
    refused(answer, Code::InvalidArgument, "VECTOR_MISSING");
    let theirs = FeatureVector { profile_id: "theirs".into(), ..vector(held_out()) };
    let details = refused(
        client.query_by_features(by_vector(Some(theirs), plain())).await,
        Code::FailedPrecondition,
        "PROFILE_MISMATCH",
    );
    assert_eq!(details.error_info().expect("set").metadata["index_profile"], DEFAULT_PROFILE);
    let schema = FeatureVector { schema_sha256: "00".into(), ..vector(held_out()) };
    let answer = client.query_by_features(by_vector(Some(schema), plain())).await;
    refused(answer, Code::FailedPrecondition, "SCHEMA_MISMATCH");
    let unstated = FeatureVector { profile_id: String::new(), ..vector(held_out()) };
    let answer = client.query_by_features(by_vector(Some(unstated), plain())).await;
    refused(answer, Code::InvalidArgument, "PROFILE_MISSING");
    let answer = client.query_by_features(by_vector(Some(vector(vec![0.0; 73])), plain())).await;
    refused(answer, Code::InvalidArgument, "VECTOR_LENGTH");
    for wrong in [f64::NAN, f64::INFINITY] {
        let mut values = held_out();
        values[17] = wrong;
        let details = refused(
            client.query_by_features(by_vector(Some(vector(values)), plain())).await,
            Code::InvalidArgument,
            "VALUE_NOT_FINITE",
        );
        let field = &details.bad_request().expect("set").field_violations[0].field;
        assert_eq!(field, "feature_vector.values[17]");
    }
    let stale = QueryOptions { expected_index_version: "0".repeat(16), ..plain() };
    let answer = client.query_by_features(by_vector(Some(vector(held_out())), stale)).await;
    refused(answer, Code::Aborted, "INDEX_VERSION_MISMATCH");
    let negative = QueryOptions { page_size: -1, ..plain() };
    let answer = client.query_by_features(by_vector(Some(vector(held_out())), negative)).await;
    refused(answer, Code::InvalidArgument, "INVALID_PAGE_SIZE");
    let greedy = QueryOptions { search_k: 1_000_001, ..plain() };
    let answer = client.query_by_features(by_vector(Some(vector(held_out())), greedy)).await;
    refused(answer, Code::InvalidArgument, "INVALID_SEARCH_K");
    for target in [f64::NAN, 0.0, -0.1, 1.1] {
        let aimed = QueryOptions { target_recall: Some(target), ..plain() };
        let answer = client.query_by_features(by_vector(Some(vector(held_out())), aimed)).await;
        let details = refused(answer, Code::InvalidArgument, "INVALID_TARGET_RECALL");
        let field = &details.bad_request().expect("set").field_violations[0].field;
        assert_eq!(field, "options.target_recall");
    }
    let row = |row| QueryByTrackIndexRequest { track_index: Some(row), options: None };
    let answer = client.query_by_track_index(row(400)).await;
    refused(answer, Code::OutOfRange, "TRACK_INDEX_OUT_OF_RANGE");
    let answer = client.query_by_track_index(row(-1)).await;
    refused(answer, Code::InvalidArgument, "INVALID_TRACK_INDEX");
    let id = |track_id: String| LookupRequest { track_id, view: 0 };
    refused(client.lookup(id("nobody".into())).await, Code::NotFound, "TRACK_NOT_FOUND");
    refused(client.lookup(id(String::new())).await, Code::InvalidArgument, "INVALID_TRACK_ID");
    refused(client.lookup(id("x".repeat(513))).await, Code::InvalidArgument, "INVALID_TRACK_ID");
    let view = LookupRequest { track_id: "t1".into(), view: 9 };
    refused(client.lookup(view).await, Code::InvalidArgument, "INVALID_VIEW");
}
