//! Both services together, as a recommender uses them: audio in, neighbours out.

use e2e::{
    calls::{CHUNK_BYTES, extract, full_view, query, top},
    clips,
    library::Library,
};
use proto::v1::QueryOptions;

/// The original's catalogue and queries came from different recipes, and a song found itself in
/// 46.7 % of the cases. One recipe on both sides: always.
#[tokio::test]
async fn every_streamed_clip_finds_itself() {
    let library = Library::shared().expect("the library builds");
    let extractor = library.start_extractor().expect("the extractor starts");
    let index = library.start_index().expect("the index opens");
    let to_extractor = extractor.connect().await.expect("it listens");
    let to_index = index.connect().await.expect("it listens");

    for clip in clips::all().expect("the tables are readable") {
        let audio = clips::read(&clip.file).expect("the clip is there");
        let vector =
            extract(&to_extractor, full_view(), &audio, CHUNK_BYTES).await.expect("decodable");
        let options = QueryOptions { include_seeds: true, ..top(3) };
        let answer = query(&to_index, vector, options).await.expect("one recipe on both sides");
        let first = &answer.neighbors[0];
        let track = first.track.as_ref().expect("a hit has a track");
        assert!(track.track_id.ends_with(&clip.file), "{}: {first:?}", clip.file);
        assert!(first.distance < 1e-6, "{}: {}", clip.file, first.distance);
    }
}

/// The same music in another container is nearer than other music.
#[tokio::test]
async fn another_encoding_is_the_nearest_neighbour() {
    let library = Library::shared().expect("the library builds");
    let extractor = library.start_extractor().expect("the extractor starts");
    let index = library.start_index().expect("the index opens");
    let to_extractor = extractor.connect().await.expect("it listens");
    let to_index = index.connect().await.expect("it listens");

    for (file, music) in
        [("chords_alac_22050.m4a", "/chords_"), ("arpeggio_s16_22050.caf", "/arpeggio_")]
    {
        let audio = clips::read(file).expect("the clip is there");
        let vector =
            extract(&to_extractor, full_view(), &audio, CHUNK_BYTES).await.expect("decodable");
        let options = QueryOptions { include_seeds: true, ..top(2) };
        let answer = query(&to_index, vector, options).await.expect("one recipe on both sides");
        let ids: Vec<_> = answer
            .neighbors
            .iter()
            .filter_map(|hit| Some(hit.track.as_ref()?.track_id.as_str()))
            .collect();
        assert!(ids.len() == 2 && ids.iter().all(|id| id.contains(music)), "{file}: {ids:?}");
    }
}
