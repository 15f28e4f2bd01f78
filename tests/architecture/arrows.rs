//! What must not be read from where: each line of the table names a place, what must not stand there,
//! and why.

use std::collections::BTreeSet;

use crate::sources::{assert_none, code, files, stands_in};

/// Within `places` (path prefixes) but not in `doors`, none of `forbidden` may stand in code.
struct Arrow {
    places: &'static [&'static str],
    doors: &'static [&'static str],
    forbidden: &'static [&'static str],
    why: &'static str,
}

const ARROWS: &[Arrow] = &[
    Arrow {
        places: &["proto/src/", "proto/build.rs"],
        doors: &[],
        forbidden: &["serving", "extractor_svc", "index_svc", "tokio", "tracing"],
        why: "the contract knows no server",
    },
    Arrow {
        places: &["proto/serving/src/"],
        doors: &[],
        forbidden: &["proto::", "extractor_svc", "index_svc", "soundalike.v1"],
        why: "the life of a server knows no message",
    },
    Arrow {
        places: &["proto/client/src/"],
        doors: &[],
        forbidden: &["serving::", "extractor_svc", "index_svc"],
        why: "a client knows the contract, and no server",
    },
    Arrow {
        places: &["proto/storage/src/"],
        doors: &[],
        forbidden: &["proto::", "serving", "extractor_svc", "index_svc", "soundalike.v1", "tonic"],
        why: "storage knows objects: no message, no server, and not what the objects mean",
    },
    Arrow {
        places: &["proto/roots/src/"],
        doors: &[],
        forbidden: &[
            "proto::",
            "serving",
            "client::",
            "storage",
            "tonic",
            "reqwest",
            "object_store",
        ],
        why: "whom to trust is known before it is known for what",
    },
    Arrow {
        places: &["extractor-svc/", "index-svc/", "proto/"],
        doors: &["proto/roots/src/"],
        forbidden: &[
            "rustls_native_certs",
            "webpki_root_certs",
            "with_native_roots",
            "with_webpki_roots",
        ],
        why: "whom to trust where nobody says it is decided once, in roots",
    },
    Arrow {
        places: &["extractor-svc/", "index-svc/", "proto/src/", "proto/client/", "proto/serving/"],
        doors: &[],
        forbidden: &["object_store", "reqwest"],
        why: "object storage has one door, the crate storage",
    },
    Arrow {
        places: &["extractor-svc/src/", "index-svc/src/", "proto/src/", "proto/serving/src/"],
        doors: &[],
        forbidden: &["client::"],
        why: "no server calls another",
    },
    Arrow {
        places: &["extractor-svc/src/"],
        doors: &[],
        forbidden: &["index_svc"],
        why: "the services meet on the wire",
    },
    Arrow {
        places: &["index-svc/src/"],
        doors: &[],
        forbidden: &["extractor_svc"],
        why: "the services meet on the wire",
    },
    Arrow {
        places: &["extractor-svc/src/"],
        doors: &[
            "extractor-svc/src/main.rs",
            "extractor-svc/src/cli.rs",
            "extractor-svc/src/config.rs",
            "extractor-svc/src/commands/",
            "extractor-svc/src/serve/",
            // The names of table formats are flag values.
            "extractor-svc/src/table/format.rs",
        ],
        forbidden: &["tonic", "tokio", "clap", "proto::v1", "prost_types", "anyhow"],
        why: "signal processing knows no server, no command line and no message",
    },
    Arrow {
        places: &["extractor-svc/src/"],
        doors: &[
            "extractor-svc/src/cli.rs",
            "extractor-svc/src/config.rs",
            "extractor-svc/src/commands/",
        ],
        forbidden: &["storage::"],
        why: "how a batch is cut and written is one thing, where it lies another",
    },
    Arrow {
        places: &["index-svc/engine/src/", "index-svc/index/src/", "index-svc/src/"],
        doors: &[
            "index-svc/src/main.rs",
            "index-svc/src/cli",
            "index-svc/src/config.rs",
            "index-svc/src/commands/",
            "index-svc/src/service.rs",
            "index-svc/src/info.rs",
            "index-svc/src/live.rs",
            "index-svc/src/status.rs",
            "index-svc/src/query/wire.rs",
            "index-svc/src/reply.rs",
        ],
        forbidden: &["tonic", "tokio", "clap", "proto::v1", "prost_types", "anyhow"],
        why: "search knows no server, no command line and no message",
    },
    Arrow {
        places: &["extractor-svc/src/dsp/"],
        doors: &[],
        forbidden: &["crate::features", "crate::recipe", "crate::decode", "crate::pipeline"],
        why: "signal processing is below the features, and knows no recipe",
    },
    Arrow {
        places: &["proto/", "extractor-svc/src/", "index-svc/src/"],
        doors: &[
            "proto/serving/src/call/status.rs",
            // A service of the test's own.
            "proto/serving/tests/",
            "extractor-svc/src/serve/status.rs",
            "index-svc/src/status.rs",
        ],
        forbidden: &["Status::new", "Status::with_", "Refusal::new", "Refusal::from_pool"],
        why: "a status is made in status.rs; the rest uses `?`",
    },
    Arrow {
        places: &["extractor-svc/src/", "index-svc/src/"],
        doors: &[
            "extractor-svc/src/main.rs",
            "extractor-svc/src/cli.rs",
            "extractor-svc/src/config.rs",
            "extractor-svc/src/commands/",
            "extractor-svc/src/lib.rs",
            "index-svc/src/main.rs",
            "index-svc/src/cli",
            "index-svc/src/config.rs",
            "index-svc/src/commands/",
            "index-svc/src/lib.rs",
        ],
        forbidden: &["crate::cli", "crate::commands", "extractor_svc::cli", "index_svc::cli"],
        why: "configuration goes down as values",
    },
    Arrow {
        places: &["proto/", "extractor-svc/src/", "index-svc/src/"],
        doors: &["proto/build.rs"],
        forbidden: &["env::var", "env::vars", "process::exit"],
        why: "clap reads the environment, and main returns the exit code",
    },
    Arrow {
        places: &[
            "index-svc/src/commands/serve.rs",
            "index-svc/src/service.rs",
            "index-svc/src/search.rs",
            "index-svc/engine/src/",
            "index-svc/index/src/",
        ],
        doors: &[],
        forbidden: &["builder::", "BuildPlan"],
        why: "serving opens an index read-only; building is offline",
    },
    Arrow {
        places: &["extractor-svc/", "index-svc/", "proto/"],
        doors: &["index-svc/engine/src/forest", "index-svc/engine/src/error.rs"],
        forbidden: &["arroy::"],
        why: "arroy has one door, so that the engine can be replaced",
    },
    Arrow {
        places: &["extractor-svc/", "index-svc/", "proto/"],
        doors: &[
            "index-svc/index/src/store.rs",
            "index-svc/index/src/store/",
            "index-svc/engine/src/forest",
            "index-svc/engine/src/error.rs",
            "index-svc/engine/src/passing.rs",
        ],
        forbidden: &["heed::"],
        why: "LMDB stays behind store and forest",
    },
    Arrow {
        places: &["extractor-svc/src/", "index-svc/", "proto/"],
        doors: &["extractor-svc/src/decode"],
        forbidden: &["symphonia::"],
        why: "symphonia has one door, decode",
    },
    Arrow {
        places: &["extractor-svc/src/", "index-svc/src/", "proto/"],
        doors: &["extractor-svc/src/dsp/fft/"],
        forbidden: &["rustfft", "realfft"],
        why: "the FFT library has one door",
    },
    Arrow {
        places: &["index-svc/src/"],
        doors: &["index-svc/src/report/"],
        forbidden: &["maud", "plotters", "quick_xml"],
        why: "how a report looks is the report's business",
    },
    Arrow {
        places: &["extractor-svc/", "index-svc/", "proto/"],
        doors: &[],
        forbidden: &["e2e::"],
        why: "nothing depends on its tests",
    },
];

fn findings(arrow: &Arrow, path: &str, text: &str) -> Vec<String> {
    let inside = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
    if !inside(arrow.places) || inside(arrow.doors) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in code(text) {
        for word in arrow.forbidden.iter().filter(|word| stands_in(line, word)) {
            found.push(format!("{path}:{number}: `{word}`: {}", arrow.why));
        }
    }
    found
}

#[test]
fn no_arrow_points_the_wrong_way() {
    let sources = files(&[".rs"]);
    assert!(sources.len() > 10, "the scan sees the project");
    let found = |arrow| sources.iter().flat_map(move |(path, text)| findings(arrow, path, text));
    assert_none(ARROWS.iter().flat_map(found).collect());
}

/// The table would be worthless if a place were renamed and nobody noticed.
#[test]
fn every_place_and_door_exists() {
    let sources = files(&[".rs"]);
    let named = ARROWS.iter().flat_map(|arrow| arrow.places.iter().chain(arrow.doors));
    let gone = named.filter(|place| !sources.iter().any(|(path, _)| path.starts_with(**place)));
    assert_none(gone.map(|place| format!("{place}: no such file")).collect());
}

#[test]
fn an_arrow_is_seen_in_code_and_not_in_comments_or_tests() {
    let arrow = Arrow { places: &["a/"], doors: &["a/door.rs"], forbidden: &["tonic"], why: "x" };
    let check = |path: &str, text: &str, lines: &[&str]| {
        assert_eq!(findings(&arrow, path, text), lines, "{text}");
    };
    check("a/b.rs", "use std::io;\nuse tonic::Status;\n", &["a/b.rs:2: `tonic`: x"]);
    check("a/b.rs", "// tonic\nlet architectonic = 1; // tonic\n", &[]);
    check("a/b.rs", "fn a() {}\n#[cfg(test)]\nmod tests { use tonic::Status; }\n", &[]);
    check("a/door.rs", "use tonic::Status;\n", &[]);
    check("b/b.rs", "use tonic::Status;\n", &[]);
}

/// Rooms of `features/` that are no feature: the list, the order of work with the pass over the
/// frames, what a feature is, and the statistics.
const NO_FEATURES: [&str; 4] = ["mod", "analysis", "feature", "statistics"];

/// One feature never reads another; what two need is in `dsp/`.
#[test]
fn features_do_not_know_each_other() {
    let folder = "extractor-svc/src/features/";
    let sources = files(&[".rs"]);
    let rooms: BTreeSet<_> = sources
        .iter()
        .filter_map(|(path, _)| path.strip_prefix(folder))
        .filter_map(|inside| inside.split(['/', '.']).next())
        .filter(|room| !NO_FEATURES.contains(room))
        .collect();
    assert!(rooms.contains("spectral_rolloff"), "the scan sees the features: {rooms:?}");
    let mut found = Vec::new();
    for (path, text) in &sources {
        let Some(own) = path.strip_prefix(folder).and_then(|at| at.split(['/', '.']).next()) else {
            continue;
        };
        for other in rooms.iter().filter(|room| **room != own && rooms.contains(own)) {
            let ways = [format!("super::{other}"), format!("features::{other}")];
            for (number, line) in code(text) {
                if ways.iter().any(|way| stands_in(line, way)) {
                    found.push(format!("{path}:{number}: {own} reads {other}"));
                }
            }
        }
    }
    assert_none(found);
}
