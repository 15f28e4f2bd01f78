//! Sound sources of the demo's songs: each writes one note or hit into a buffer. No musical form
//! here; that is in `songs.rs`.

use std::f32::consts::TAU;

/// Sample rate of the songs in hertz: not the profile's, so that resampling is part of the demo.
pub(crate) const SAMPLE_RATE: u32 = 44_100;

/// A small seeded generator (SplitMix64, Steele et al. 2014): the demo's songs are the same
/// everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `low..high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        // 24 bits are what an f32 holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
        let unit = (self.next() >> 40) as f32 / 16_777_216.0;
        low + (high - low) * unit
    }

    /// One of the items.
    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        let sides = u64::try_from(items.len()).expect("a short list");
        items[usize::try_from(self.next() % sides).expect("below the length")]
    }
}

/// Frequency of a MIDI note in hertz.
pub(crate) fn hertz(note: f32) -> f32 {
    440.0 * ((note - 69.0) / 12.0).exp2()
}

/// Samples in `seconds`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "songs last minutes at most, and times are not negative"
)]
pub(crate) fn samples(seconds: f32) -> usize {
    (seconds.max(0.0) * SAMPLE_RATE as f32) as usize
}

/// Adds `voice(time since the start)` to the song from `start` on, `seconds` long; past the end is
/// cut.
#[expect(clippy::cast_precision_loss, reason = "songs last minutes at most")]
pub(crate) fn add(song: &mut [f32], start: f32, seconds: f32, mut voice: impl FnMut(f32) -> f32) {
    let from = samples(start).min(song.len());
    let to = (from + samples(seconds)).min(song.len());
    for (i, sample) in song[from..to].iter_mut().enumerate() {
        *sample += voice(i as f32 / SAMPLE_RATE as f32);
    }
}

/// A struck string with six decaying partials, the upper ones faster.
pub(crate) fn piano(song: &mut [f32], start: f32, note: f32, brightness: f32, level: f32) {
    let f = hertz(note);
    add(song, start, 2.5, |t| {
        let attack = (t / 0.004).min(1.0);
        let mut sum = 0.0;
        let mut weight = level;
        for partial in [1.0, 2.001, 3.004, 4.01, 5.02, 6.03] {
            sum += weight * (-(1.2 + partial) * t).exp() * (TAU * f * partial * t).sin();
            weight *= brightness;
        }
        attack * sum
    });
}

/// A plucked string (Karplus and Strong 1983): noise in a loop that is averaged on every turn.
pub(crate) fn pluck(song: &mut [f32], start: f32, note: f32, dice: &mut Dice, level: f32) {
    let mut string: Vec<f32> =
        (0..samples(1.0 / hertz(note)).max(2)).map(|_| dice.between(-level, level)).collect();
    let mut at = 0;
    add(song, start, 2.0, |_| {
        let next = (at + 1) % string.len();
        let now = string[at];
        string[at] = 0.498 * (now + string[next]);
        at = next;
        now
    });
}

/// A pulse wave as of early game consoles: hard edges, no envelope but on and off.
pub(crate) fn pulse(song: &mut [f32], start: f32, seconds: f32, note: f32, duty: f32, level: f32) {
    let f = hertz(note);
    add(song, start, seconds, |t| {
        // A vibrato of a sixth of a semitone, as those sound chips were driven.
        let phase = f * t + 0.01 * (TAU * 6.0 * t).sin();
        if phase.fract() < duty { level } else { -level }
    });
}

/// A long soft tone of a few sines that beat against each other.
pub(crate) fn drone(
    song: &mut [f32],
    start: f32,
    seconds: f32,
    note: f32,
    detune: f32,
    level: f32,
) {
    let f = hertz(note);
    add(song, start, seconds, |t| {
        let swell = (t / 2.0).min(1.0) * ((seconds - t) / 2.0).clamp(0.0, 1.0);
        let voices = (TAU * f * t).sin()
            + (TAU * (f + detune) * t).sin()
            + 0.4 * (TAU * (2.0 * f - detune) * t).sin();
        level * swell * voices
    });
}

/// A kick drum: a sine that falls in pitch.
pub(crate) fn kick(song: &mut [f32], start: f32, pitch: f32, level: f32) {
    add(song, start, 0.35, |t| {
        let phase = pitch * t + 12.0 * (1.0 - (-28.0 * t).exp());
        level * (-9.0 * t).exp() * (TAU * phase).sin()
    });
}

/// A burst of noise: a snare with some tone in it, or a hat without.
pub(crate) fn noise_hit(
    song: &mut [f32],
    start: f32,
    decay: f32,
    tone: Option<f32>,
    dice: &mut Dice,
    level: f32,
) {
    let mut last = 0.0;
    add(song, start, 5.0 / decay, |t| {
        let white = dice.between(-1.0, 1.0);
        // Without a tone, the difference of neighbours: a hat has no bass.
        let colour = match tone {
            Some(f) => 0.6 * white + 0.6 * (TAU * f * t).sin(),
            None => white - last,
        };
        last = white;
        level * (-decay * t).exp() * colour
    });
}
