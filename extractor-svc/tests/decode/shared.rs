//! Where the audio lies, and how it is read.

#![expect(clippy::disallowed_methods, reason = "a test has no command line to take a path from")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use extractor_svc::decode::Window;
use extractor_svc::decode::{EncodedAudio, SourceFacts, StreamBounds, load_mono, stream};
use extractor_svc::error::ExtractError;
use extractor_svc::limits::Limits;

/// The corpus folder, or `None` (with a printed sentence) where it is absent.
pub(crate) fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let named = std::env::var_os("SOUNDALIKE_SHARED").map(PathBuf::from);
    let found = [Some(beside), named].into_iter().flatten().find(|dir| dir.join("corpus").is_dir());
    if found.is_none() {
        assert!(
            std::env::var_os("SOUNDALIKE_REQUIRE_SHARED").is_none_or(|value| value != "1"),
            "the shared corpus is required and absent"
        );
        println!("skipped: the shared corpus is absent");
    }
    found.map(|dir| dir.join("corpus"))
}

/// All bytes of a file of the corpus.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The whole audio of `bytes`.
pub(crate) fn load(bytes: Vec<u8>) -> Result<(Vec<f32>, SourceFacts), ExtractError> {
    load_window(bytes, &Window::whole())
}

/// A window of the audio of `bytes`.
pub(crate) fn load_window(
    bytes: Vec<u8>,
    window: &Window,
) -> Result<(Vec<f32>, SourceFacts), ExtractError> {
    let audio = EncodedAudio::from_bytes(bytes);
    load_mono(audio, window, &Limits::default(), &AtomicBool::new(false))
}

/// The whole audio of `bytes` that come in chunks of `len`.
pub(crate) fn load_in_chunks(
    bytes: Vec<u8>,
    len: usize,
) -> Result<(Vec<f32>, SourceFacts), ExtractError> {
    let max_idle = Duration::from_secs(60);
    let bounds = StreamBounds { max_bytes: 1 << 30, max_idle, max_unread: u64::MAX };
    let (writer, reader) = stream(bounds);
    thread::scope(|scope| {
        scope.spawn(move || {
            for chunk in bytes.chunks(len) {
                if writer.push(chunk.to_vec()).is_err() {
                    return;
                }
            }
            writer.finish();
        });
        let audio = EncodedAudio::from_stream(reader);
        load_mono(audio, &Window::whole(), &Limits::default(), &AtomicBool::new(false))
    })
}
