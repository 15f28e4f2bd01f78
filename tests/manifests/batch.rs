//! The jobs of a batch: that their steps fit each other and the binaries, and that together, on real
//! binaries and a folder for a store, they make an index out of audio.

use std::{collections::BTreeMap, fs, process::Command};

use e2e::{binaries::Binaries, clips, library::binaries};
use serde_json::Value;

use crate::render::{Overlay, bytes, list, text};

/// Files in work or ahead of it: those of the jobs, of the downloads twice, and one on its way.
fn kept_files(settings: &BTreeMap<String, String>) -> u64 {
    let number = |key: &str| settings[key].parse::<u64>().expect("a number");
    number("SOUNDALIKE_JOBS") + 2 * number("SOUNDALIKE_DOWNLOADS") + 1
}

fn job(step: &'static str) -> Option<Overlay> {
    let name = match step {
        "plan" => "jobs/batch/plan",
        "extract" => "jobs/batch/extract",
        _ => "jobs/batch/index",
    };
    Overlay::render(name)
}

fn spec(overlay: &Overlay) -> &Value {
    let jobs: Vec<_> = overlay.kind("Job").collect();
    assert_eq!(jobs.len(), 1, "{}", overlay.name);
    &jobs[0]["spec"]
}

fn pod(overlay: &Overlay) -> &Value {
    &spec(overlay)["template"]["spec"]
}

/// The variables that the ConfigMaps of a step's first container make.
fn settings(overlay: &Overlay) -> BTreeMap<String, String> {
    let pod = pod(overlay);
    let all = list(&pod["initContainers"]).iter().chain(list(&pod["containers"]));
    let container = all.into_iter().next().expect("a container");
    let mut settings = BTreeMap::new();
    for source in list(&container["envFrom"]) {
        let Some(name) = source["configMapRef"]["name"].as_str() else { continue };
        let map = overlay.find("ConfigMap", name).expect("rendered");
        for (key, value) in map["data"].as_object().expect("data") {
            settings.insert(key.clone(), text(value).to_owned());
        }
    }
    settings
}

#[test]
fn the_steps_of_a_batch_agree() {
    let (Some(plan), Some(extract), Some(index)) = (job("plan"), job("extract"), job("index"))
    else {
        return;
    };
    let (planned, extracted, indexed) = (settings(&plan), settings(&extract), settings(&index));
    for key in ["SOUNDALIKE_BATCH", "SOUNDALIKE_BATCH_WORKERS", "SOUNDALIKE_STORAGE_REGION"] {
        assert_eq!(planned[key], extracted[key], "{key}");
    }
    let job = spec(&extract);
    assert_eq!(job["completions"].to_string(), extracted["SOUNDALIKE_BATCH_WORKERS"]);
    assert_eq!(job["completionMode"], "Indexed");
    assert_eq!(
        indexed["SOUNDALIKE_INPUT"],
        format!("{}/tables/*.parquet", planned["SOUNDALIKE_BATCH"])
    );
    assert_eq!(indexed["SOUNDALIKE_OUTPUT"], indexed["SOUNDALIKE_INDEX"]);
    let names: Vec<_> = ["Job", "ServiceAccount", "ConfigMap", "NetworkPolicy"]
        .iter()
        .map(|kind| extract.kind(kind).count())
        .collect();
    assert_eq!(names, [1, 1, 2, 1]);
}

#[test]
fn a_command_line_that_is_wrong_ends_its_job_and_a_lost_node_costs_no_try() {
    for step in ["plan", "extract"] {
        let Some(overlay) = job(step) else { return };
        let rules = list(&spec(&overlay)["podFailurePolicy"]["rules"]);
        let codes = &rules[0]["onExitCodes"];
        let container = &list(&pod(&overlay)["containers"])[0];
        assert_eq!((&rules[0]["action"], &codes["operator"]), (&"FailJob".into(), &"In".into()));
        assert_eq!(codes["containerName"], container["name"], "{step}");
        // As `--help` says.
        assert_eq!(codes["values"], serde_json::json!([2]));
        assert_eq!(rules[1]["action"], "Ignore");
        assert_eq!(rules[1]["onPodConditions"][0]["type"], "DisruptionTarget");
        // Kubernetes wants it so, where there is such a policy.
        assert_eq!(pod(&overlay)["restartPolicy"], "Never");
    }
}

#[test]
fn the_spool_holds_every_file_that_a_worker_keeps() {
    let Some(extract) = job("extract") else { return };
    let settings = settings(&extract);
    let spool = list(&pod(&extract)["volumes"]).iter().find(|volume| volume["name"] == "spool");
    let size = bytes(&spool.expect("a spool")["emptyDir"]["sizeLimit"]);
    let largest: u64 = settings["SOUNDALIKE_MAX_FILE_BYTES"].parse().expect("a number");
    let table = 1 << 27;
    let needed = kept_files(&settings) * largest + table;
    assert!(size >= needed, "{size} bytes of spool, {needed} needed");
}

/// Runs a container's command with its job's settings; some of them stand for places that only a
/// cluster has.
fn run(
    binaries: &Binaries,
    container: &Value,
    settings: &BTreeMap<String, String>,
    more: &[(&str, &str)],
) {
    let binary = match text(&container["image"]).contains("index-svc") {
        true => &binaries.index,
        false => &binaries.extractor,
    };
    let args: Vec<&str> = list(&container["args"]).iter().map(text).collect();
    let output =
        Command::new(binary).args(&args).envs(settings).envs(more.iter().copied()).output();
    let output = output.expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {}\n{said}", output.status);
}

#[test]
fn the_steps_of_a_batch_make_an_index() {
    let (Some(plan), Some(extract), Some(index)) = (job("plan"), job("extract"), job("index"))
    else {
        return;
    };
    let binaries = binaries().expect("the services compile");
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir(place("spool")).expect("writable");
    let batch = format!("file://{}", place("batch"));
    let source =
        format!("file://{}", clips::audio_folder().canonicalize().expect("there").display());
    let workers = 3;
    let here = |mut settings: BTreeMap<String, String>| {
        let stands_for = [
            ("SOUNDALIKE_BATCH", batch.clone()),
            ("SOUNDALIKE_SOURCE", source.clone()),
            ("SOUNDALIKE_BATCH_WORKERS", workers.to_string()),
            ("SOUNDALIKE_SPOOL", place("spool")),
            ("SOUNDALIKE_INPUT", format!("{batch}/tables/*.parquet")),
            ("SOUNDALIKE_OUTPUT", place("index")),
            ("SOUNDALIKE_INDEX", place("index")),
            ("SOUNDALIKE_STORE", format!("file://{}", place("published"))),
        ];
        for (key, value) in stands_for {
            settings.entry(key.to_owned()).and_modify(|there| *there = value);
        }
        settings
    };
    run(binaries, &list(&pod(&plan)["containers"])[0], &here(settings(&plan)), &[]);
    for worker in 0..workers {
        let index = worker.to_string();
        let variable = [("JOB_COMPLETION_INDEX", index.as_str())];
        run(binaries, &list(&pod(&extract)["containers"])[0], &here(settings(&extract)), &variable);
    }
    let settings = here(settings(&index));
    let steps = list(&pod(&index)["initContainers"]).iter().chain(list(&pod(&index)["containers"]));
    for container in steps {
        run(binaries, container, &settings, &[]);
    }
    assert!(folder.path().join("index/manifest.json").exists(), "an index is there");
    assert!(folder.path().join("published").exists(), "and in the store");
}
