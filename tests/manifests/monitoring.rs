//! What is asked of Prometheus, against what the servers really export.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    time::Duration,
};

use e2e::{
    calls::{CHUNK_BYTES, extract, full_view, health, query, top},
    clips,
    library::Library,
    process::Server,
};
use serde_json::Value;
use tonic::Code;

use crate::{
    promql::selected,
    render::{list, overlay, text},
};

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Labels that Prometheus adds to what it scrapes.
const TARGET_LABELS: [&str; 4] = ["job", "namespace", "pod", "instance"];

/// Metric names with their labels.
type Exposed = BTreeMap<String, BTreeSet<String>>;

/// Adds the samples of a text exposition.
fn read(text: &str, exposed: &mut Exposed) {
    let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for sample in samples {
        let (name, rest) = sample.split_at(sample.find(['{', ' ']).expect("a sample"));
        let labels = exposed.entry(name.to_owned()).or_default();
        let inside = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        for pair in inside.into_iter().flat_map(|(labels, _)| labels.split("\",")) {
            labels.insert(pair.split('=').next().expect("a label").to_owned());
        }
    }
}

/// What both servers export after a good call and a refused one each.
async fn exposed() -> Exposed {
    let library = Library::shared().expect("the library builds");
    let metrics = ["--metrics-listen", "127.0.0.1:0"];
    let extractor = Server::start(&library.binaries().extractor, &metrics).expect("it starts");
    let index = library.index();
    let args = [metrics[0], metrics[1], "--index"].map(OsStr::new).into_iter();
    let args: Vec<_> = args.chain([index.as_os_str()]).collect();
    let index = Server::start(&library.binaries().index, &args).expect("it starts");

    let channel = extractor.connect().await.expect("it listens");
    let audio = clips::read("drums_s16_11025.flac").expect("the clip is there");
    let vector = extract(&channel, full_view(), &audio, CHUNK_BYTES).await.expect("decodable");
    extract(&channel, full_view(), b"no audio", CHUNK_BYTES).await.expect_err("not audio");
    let other = index.connect().await.expect("it listens");
    query(&other, vector.clone(), top(3)).await.expect("answered");
    let refused = query(&other, vector, top(-1)).await.expect_err("no such number");
    assert_eq!(refused.code(), Code::InvalidArgument);
    // Connections that ended are counted by their end.
    drop((channel, other));
    let mut exposed = Exposed::new();
    for server in [&extractor, &index] {
        let counted = "grpc_server_connections_ended_total";
        let shown = async {
            while !server.page("/metrics").expect("answered").contains(counted) {
                let again = server.connect().await.expect("it listens");
                health(&again, "").await.expect("it serves");
                drop(again);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.expect("connections that ended are counted");
        let response = server.page("/metrics").expect("answered");
        read(response.split_once("\r\n\r\n").expect("a body").1, &mut exposed);
    }
    exposed.insert("up".to_owned(), BTreeSet::new());
    exposed
}

/// The queries of a dashboard, wherever they stand.
fn queries(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| queries(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn alerts_and_dashboards_ask_for_what_is_exported() {
    let Some(overlay) = overlay("overlays/prod") else { return };
    let mut exposed = exposed().await;
    let mut asked = Vec::new();
    let rules = overlay.kind("PrometheusRule").flat_map(|rule| list(&rule["spec"]["groups"]));
    for rule in rules.flat_map(|group| list(&group["rules"])) {
        if let Some(name) = rule["record"].as_str() {
            let labels = ["namespace", "pod", "job", "grpc_code"].map(str::to_owned);
            exposed.insert(name.to_owned(), labels.into());
        }
        asked.push(text(&rule["expr"]).to_owned());
    }
    let rules = asked.len();
    let dashboards = overlay.find("ConfigMap", "soundalike-dashboards").expect("rendered");
    for content in dashboards["data"].as_object().expect("data").values() {
        queries(&serde_json::from_str(text(content)).expect("JSON"), &mut asked);
    }
    assert!(rules > 10 && asked.len() > rules + 30, "{rules} rules, {} queries", asked.len());

    let mut wrong = Vec::new();
    for query in &asked {
        for selected in selected(query) {
            let Some(labels) = exposed.get(&selected.metric) else {
                wrong.push(format!("nobody exports {}: {query}", selected.metric));
                continue;
            };
            let known =
                |label: &String| labels.contains(label) || TARGET_LABELS.contains(&label.as_str());
            let unknown = selected.labels.iter().filter(|label| !known(label));
            wrong.extend(unknown.map(|label| format!("{} has no {label}", selected.metric)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whoever is woken finds a paragraph, and no paragraph is about an alert that is gone.
#[test]
fn every_alert_is_in_the_runbook() {
    let Some(overlay) = overlay("overlays/prod") else { return };
    let readme = include_str!("../../deploy/README.md");
    let described: BTreeSet<_> =
        readme.lines().filter_map(|line| line.strip_prefix("#### Soundalike")).collect();
    let rules = overlay.kind("PrometheusRule").flat_map(|rule| list(&rule["spec"]["groups"]));
    let mut alerts = BTreeSet::new();
    for rule in rules.flat_map(|group| list(&group["rules"])) {
        let Some(alert) = rule["alert"].as_str() else { continue };
        alerts.insert(alert.strip_prefix("Soundalike").expect("our alerts begin so"));
        let anchor = format!("deploy/README.md#{}", alert.to_lowercase());
        assert_eq!(rule["annotations"]["runbook"], anchor);
        assert!(["warning", "critical"].contains(&text(&rule["labels"]["severity"])));
    }
    assert_eq!(alerts, described);
}
