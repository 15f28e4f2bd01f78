//! The first bytes of audio that is read here: what begins at a place, if it is certain.
//!
//! Asked where bytes may be anything: at the beginning of what is declared as samples, and behind the
//! end of a recording. A container is held to 32 bits of its own or more, and frames, which have no
//! marker, must follow each other.

use crate::decode::containers::riff::Flavour;
use crate::decode::containers::{adts, aiff, au, caf, matroska, mp4};
use crate::decode::mpeg;
use crate::decode::source::SourceView;
use crate::error::ExtractError;

/// Frames in a row that make a stream of them.
const FRAMES: usize = 3;

/// The name of the audio that begins at byte `at`.
pub(in crate::decode) fn audio(
    view: &mut SourceView,
    at: u64,
) -> Result<Option<&'static str>, ExtractError> {
    let mut head = [0; 16];
    view.read_at(at, &mut head)?;
    Ok(match container(&head) {
        None if mpeg::is_stream(view, at, FRAMES)? => Some("MPEG audio (MP3)"),
        None if adts::is_stream(view, at, FRAMES)? => Some("AAC in ADTS"),
        found => found,
    })
}

/// The container that begins with `head`.
pub(in crate::decode) fn container(head: &[u8; 16]) -> Option<&'static str> {
    let at = |place: usize, bytes: &[u8]| head[place..].starts_with(bytes);
    let kinds = [
        (Flavour::detect(head).is_some(), "WAVE"),
        (aiff::detect(head), "AIFF"),
        // The stream information comes first, and is as long as this.
        (at(0, b"fLaC") && head[4] & 0x7f == 0 && at(5, &[0, 0, 34]), "FLAC"),
        (at(0, b"OggS\0") && head[5] & 0xf8 == 0, "Ogg"),
        (mp4::is_one(*head), "MP4"),
        (at(0, &matroska::MARKER) && head[4] != 0, "Matroska or WebM"),
        (caf::detect(head) && at(4, &[0, 1, 0, 0]), "CAF"),
        // The samples begin within the first 64 KiB.
        (au::detect(head) && (at(4, &[0, 0]) || at(6, &[0, 0])), "Sun AU"),
    ];
    kinds.into_iter().find_map(|(is_it, name)| is_it.then_some(name))
}
