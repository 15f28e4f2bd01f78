//! Any bytes through the whole pipeline.

use std::sync::OnceLock;
use std::time::Duration;

use extractor_svc::decode::EncodedAudio;
use extractor_svc::decode::Window;
use extractor_svc::limits::Limits;
use extractor_svc::pipeline;
use extractor_svc::recipe::Profile;
use proto::features::DEFAULT_PROFILE;

use super::decode::check;

/// Extracts the vector of `data`, if it has one. A window is made of its last bytes.
///
/// # Panics
/// When a stage panics, or a vector is not of 74 finite numbers.
pub fn run(data: &[u8]) {
    static PROFILE: OnceLock<Profile> = OnceLock::new();
    let profile = PROFILE.get_or_init(|| Profile::parse(DEFAULT_PROFILE).expect("the default"));
    // Long enough for several frames of every stage, short enough for many runs a second.
    let limits = Limits { max_audio: Duration::from_secs(4), ..Limits::default() };
    let [.., offset, duration] = data else { return };
    let offset = f64::from(offset % 8) / 4.0;
    let duration = (duration % 2 == 0).then(|| f64::from(*duration + 1) / 128.0);
    let window = Window::new(offset, duration).expect("a window of finite, positive times");
    let audio = EncodedAudio::from_bytes(data.to_vec());
    match pipeline::extract(audio, &window, profile, &limits, &|| false) {
        Ok(found) => {
            assert_eq!(found.values.len(), 74);
            assert!(found.values.iter().all(|value| value.is_finite()), "{:?}", found.values);
        }
        Err(error) => check(&error),
    }
}
