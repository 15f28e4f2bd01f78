//! The demo, one function per step: library, extractor, index, questions.

use std::{
    ffi::OsStr,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use e2e::{
    binaries::Binaries,
    calls::{CHUNK_BYTES, extract, full_view, query, top},
    library::run,
    process::Server,
};
use proto::v1::FeatureVector;
use tokio::task::{JoinSet, spawn_blocking};
use tonic::{Status, transport::Channel};

use crate::{
    Options,
    library::{self, Song},
    report::{self, Answer},
};

/// Streams in flight for each core: enough to keep the extractor busy while others upload.
const STREAMS_PER_CORE: usize = 2;

/// Neighbours asked for.
const K: i32 = 3;

/// Runs the whole demo in `folder`; dropping the future stops the servers.
pub(crate) async fn tell(options: &Options, binaries: &Binaries, folder: &Path) -> Result<()> {
    let songs = gather(options, folder).await?;

    println!("[3/5] Streaming them to extractor-svc ...");
    let extractor = Server::start::<&str>(&binaries.extractor, &[])?;
    println!("      listening on {}", extractor.address());
    let extracted = extract_all(&extractor, songs).await?;
    let (asked, indexed): (Vec<_>, Vec<_>) =
        extracted.into_iter().partition(|(song, _)| song.held_out);
    ensure!(!asked.is_empty(), "none of the held-out songs could be read");

    println!("[4/5] Building the index of {} songs ...", indexed.len());
    let index_folder = build_index(binaries, folder, &indexed).await?;
    let args = [OsStr::new("--index"), index_folder.as_os_str()];
    let index = Server::start(&binaries.index, &args)?;
    println!("      index-svc is listening on {}", index.address());

    println!("[5/5] Asking for neighbours of songs the index has not seen:");
    let answers = ask(&index, asked).await?;
    report::print_answers(&answers, options.music.is_none());

    for (name, mut server) in [("extractor-svc", extractor), ("index-svc", index)] {
        let status = server.terminate()?;
        ensure!(status.success(), "{name} ended with {status}:\n{}", server.log());
    }
    Ok(())
}

async fn gather(options: &Options, folder: &Path) -> Result<Vec<Song>> {
    let started = Instant::now();
    let songs = if let Some(music) = &options.music {
        println!("[2/5] Looking for music in {} ...", music.display());
        let (music, max_files) = (music.clone(), options.max_files);
        spawn_blocking(move || library::own(&music, max_files)).await??
    } else {
        let count = crate::songs::STYLES.len();
        println!(
            "[2/5] Synthesising {count} styles x {} songs of {} s (your own: cargo demo -- ~/Music) ...",
            options.songs, options.seconds
        );
        let (folder, options) = (folder.to_owned(), options.clone());
        spawn_blocking(move || library::synthesise(&folder, &options)).await??
    };
    println!("      {} songs after {}", songs.len(), report::seconds(started.elapsed()));
    Ok(songs)
}

/// One song through the wire: its vector, or the refusal, and the time it took.
async fn extract_one(channel: Channel, song: Song) -> (Song, Duration, Result<FeatureVector>) {
    let started = Instant::now();
    let vector = async {
        let path = song.path.clone();
        let audio = spawn_blocking(|| std::fs::read(path)).await??;
        extract(&channel, full_view(), &audio, CHUNK_BYTES).await.map_err(readable)
    };
    let vector = vector.await;
    (song, started.elapsed(), vector)
}

fn readable(status: Status) -> anyhow::Error {
    anyhow::anyhow!("{:?}: {}", status.code(), status.message())
}

async fn extract_all(server: &Server, songs: Vec<Song>) -> Result<Vec<(Song, FeatureVector)>> {
    let channel = server.connect().await?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let total = songs.len();
    let mut waiting = songs.into_iter().enumerate();
    let mut calls = JoinSet::new();
    let (mut done, mut times) = (Vec::with_capacity(total), Vec::with_capacity(total));
    let (mut refused, mut audio_seconds) = (Vec::new(), 0.0);
    let started = Instant::now();
    loop {
        while calls.len() < cores * STREAMS_PER_CORE {
            let Some((place, song)) = waiting.next() else { break };
            let channel = channel.clone();
            calls.spawn(async move { (place, extract_one(channel, song).await) });
        }
        let Some(call) = calls.join_next().await else { break };
        let (place, (song, elapsed, vector)) = call?;
        match vector {
            Ok(vector) => {
                audio_seconds += report::audio_seconds(&vector);
                times.push(elapsed);
                done.push((place, song, vector));
            }
            Err(error) => refused.push(format!("{}: {error}", song.title)),
        }
        progress(done.len() + refused.len(), total);
    }
    println!("{}", report::extraction(&mut times, audio_seconds, started.elapsed()));
    report::print_refused(&refused);
    // Calls end in any order; the table is in the library's.
    done.sort_by_key(|(place, ..)| *place);
    Ok(done.into_iter().map(|(_, song, vector)| (song, vector)).collect())
}

/// Rewrites one line on a terminal; writes nothing elsewhere.
fn progress(done: usize, total: usize) {
    let mut terminal = std::io::stdout();
    if terminal.is_terminal() {
        let end = if done == total { "\r      \r" } else { "" };
        // A closed terminal ends the demo at its next line anyway.
        let _ = write!(terminal, "\r      {done} of {total}{end}").and_then(|()| terminal.flush());
    }
}

async fn build_index(
    binaries: &Binaries,
    folder: &Path,
    songs: &[(Song, FeatureVector)],
) -> Result<PathBuf> {
    let started = Instant::now();
    let (table, index) = (folder.join("library.csv"), folder.join("index"));
    let (_, first) = songs.first().context("no song could be read")?;
    let mut writer = csv::Writer::from_path(&table)?;
    let metadata = ["track_id", "track_title", "artist_name", "album_title"];
    writer.write_record(metadata.into_iter().chain(first.names.iter().map(String::as_str)))?;
    for (song, vector) in songs {
        let id = song.path.to_string_lossy().into_owned();
        let texts = [id, song.title.clone(), song.artist.clone(), song.album.clone()];
        writer.write_record(texts.into_iter().chain(vector.values.iter().map(f64::to_string)))?;
    }
    writer.flush()?;

    let (binary, output, profile) =
        (binaries.index.clone(), index.clone(), first.profile_id.clone());
    spawn_blocking(move || {
        run(
            &binary,
            &[
                OsStr::new("build"),
                OsStr::new("--input"),
                table.as_os_str(),
                OsStr::new("--output"),
                output.as_os_str(),
                OsStr::new("--profile"),
                OsStr::new(&profile),
            ],
        )
    })
    .await??;
    println!("      built after {}", report::seconds(started.elapsed()));
    Ok(index)
}

async fn ask(server: &Server, songs: Vec<(Song, FeatureVector)>) -> Result<Vec<Answer>> {
    let channel = server.connect().await?;
    let mut answers = Vec::with_capacity(songs.len());
    for (song, vector) in songs {
        let started = Instant::now();
        let response = query(&channel, vector, top(K)).await.map_err(readable)?;
        let elapsed = started.elapsed();
        answers.push(Answer { song, neighbors: response.neighbors, elapsed });
    }
    Ok(answers)
}
