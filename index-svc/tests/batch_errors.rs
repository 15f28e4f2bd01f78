//! A batch of which one item meets damage: its error is its own.

mod catalogue;
mod running;

use std::{fs, fs::OpenOptions, os::unix::fs::FileExt as _};

use catalogue::{golden_rows, plan, write_csv};
use index_svc::builder::{BuildPlan, build};
use prost::Message as _;
use proto::v1::{
    BatchRecommendRequest, QueryOptions, RecommendRequest, Seed,
    batch_recommend_response::result::Result as Outcome, seed,
};
use running::Running;
use tonic::Code;

/// The track that cannot be read.
const DAMAGED: i64 = 17;

fn request(row: i64) -> RecommendRequest {
    let seed = Some(seed::Seed::TrackIndex(row));
    let options = QueryOptions { page_size: 1, include_seeds: true, ..QueryOptions::default() };
    RecommendRequest {
        seeds: vec![Seed { seed, ..Seed::default() }],
        options: Some(options),
        ..RecommendRequest::default()
    }
}

#[tokio::test]
async fn the_error_of_an_item_is_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let (table, path) = (folder.path().join("table.csv"), folder.path().join("index"));
    write_csv(&table, &golden_rows(), str::to_owned);
    build(&BuildPlan { trees: 3, ..plan(vec![table], path.clone()) }).expect("a sound table");
    let server = Running::start(&path, &[]);

    // After the digests were compared: a page that rots.
    let tracks = path.join("tracks.bin");
    let bytes = fs::read(&tracks).expect("readable");
    let title = format!("Title {DAMAGED}");
    let at = bytes.windows(title.len() + 1).position(|window| {
        window.starts_with(title.as_bytes()) && !window[title.len()].is_ascii_digit()
    });
    let file = OpenOptions::new().write(true).open(&tracks).expect("writable");
    file.write_all_at(&[0xff], at.expect("its title") as u64).expect("writable");

    let requests = vec![request(3), request(DAMAGED), RecommendRequest::default(), request(5)];
    let reply = server.client().await.batch_recommend(BatchRecommendRequest { requests }).await;
    let outcomes = reply.expect("a batch is answered").into_inner().results.into_iter();
    let codes: Vec<Code> = outcomes
        .map(|item| match item.result.expect("each has an outcome") {
            Outcome::Response(answer) => {
                assert_eq!(answer.neighbors.len(), 1);
                Code::Ok
            }
            Outcome::ErrorStatus(status) => {
                tonic_types::pb::Status::decode(&*status).expect("a status").code.into()
            }
        })
        .collect();
    assert_eq!(codes, [Code::Ok, Code::Internal, Code::InvalidArgument, Code::Ok]);
}
