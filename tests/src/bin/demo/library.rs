//! The music of a demo run: synthesised songs written as WAV files, or a folder of the user's own.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use e2e::waveform::wav_s16;
use walkdir::WalkDir;

use crate::{Options, instruments::SAMPLE_RATE, songs::STYLES};

/// One song on disk, and what the index will say about it.
#[derive(Clone, Debug)]
pub(crate) struct Song {
    pub(crate) path: PathBuf,
    pub(crate) title: String,
    pub(crate) artist: String,
    /// Style of a synthesised song; the folder of a user's own.
    pub(crate) album: String,
    /// Kept out of the index and asked for.
    pub(crate) held_out: bool,
}

/// Endings of files that are tried.
const ENDINGS: [&str; 16] = [
    "mp3", "flac", "ogg", "oga", "wav", "m4a", "mp4", "aac", "aif", "aiff", "aifc", "caf", "mka",
    "mkv", "webm", "mp2",
];

/// Songs of the user's own that are held out, spread over the folder.
const OWN_QUERIES: usize = 5;

/// Writes the synthesised songs into `folder`, the last of each style held out.
pub(crate) fn synthesise(folder: &Path, options: &Options) -> Result<Vec<Song>> {
    let write = |style: &crate::songs::Style| -> Result<Vec<Song>> {
        (1..=options.songs)
            .map(|number| {
                let title = format!("{} {number}", style.title);
                let path = folder.join(format!("{title}.wav"));
                let samples = style.song(options.seed, number, options.seconds);
                fs::write(&path, wav_s16(SAMPLE_RATE, 1, &samples))
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Ok(Song {
                    path,
                    title,
                    artist: style.artist.to_owned(),
                    album: style.name.to_owned(),
                    held_out: number == options.songs,
                })
            })
            .collect()
    };
    let write = &write;
    let parts: Vec<_> = thread::scope(|scope| {
        let writers: Vec<_> =
            STYLES.iter().map(|style| scope.spawn(move || write(style))).collect();
        writers.into_iter().map(|writer| writer.join().expect("composing does not panic")).collect()
    });
    Ok(parts.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// The audio files under `folder`, in path order, a few of them held out.
pub(crate) fn own(folder: &Path, max_files: usize) -> Result<Vec<Song>> {
    ensure!(folder.is_dir(), "{} is not a folder", folder.display());
    let mut songs: Vec<_> = WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)) && path.is_file()
        })
        .take(max_files)
        .map(|path| {
            let part = |part: Option<&std::ffi::OsStr>| {
                part.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            };
            Song {
                title: part(path.file_stem()),
                artist: String::new(),
                album: part(path.parent().and_then(Path::file_name)),
                held_out: false,
                path,
            }
        })
        .collect();
    ensure!(
        songs.len() > OWN_QUERIES,
        "{} has {} audio files, expected more than {OWN_QUERIES}",
        folder.display(),
        songs.len()
    );
    let stride = songs.len() / OWN_QUERIES;
    for song in songs.iter_mut().skip(stride / 2).step_by(stride).take(OWN_QUERIES) {
        song.held_out = true;
    }
    Ok(songs)
}
