//! The demo's songs: five styles, each with its own instruments and form, and in each any number of
//! songs that differ in key, tempo, pattern and touch.

use crate::instruments::{Dice, drone, kick, noise_hit, piano, pluck, pulse, samples};

/// A style: what its songs have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// One word for the table.
    pub(crate) name: &'static str,
    /// Songs are called this and a number.
    pub(crate) title: &'static str,
    /// Who would play it.
    pub(crate) artist: &'static str,
    compose: fn(&mut [f32], &mut Dice, f32),
}

/// All styles.
pub(crate) const STYLES: [Style; 5] = [
    Style { name: "piano", title: "Glass Staircase", artist: "Practice Room", compose: arpeggios },
    Style { name: "drums", title: "Warehouse Loop", artist: "Four Walls", compose: drum_loop },
    Style { name: "ambient", title: "Slow Tide", artist: "Estuary", compose: drones },
    Style { name: "chiptune", title: "Neon Arcade", artist: "Insert Coin", compose: chiptune },
    Style { name: "strings", title: "Porch Strings", artist: "Screen Door", compose: plucked },
];

const MINOR: [f32; 7] = [0.0, 2.0, 3.0, 5.0, 7.0, 8.0, 10.0];
const MAJOR: [f32; 7] = [0.0, 2.0, 4.0, 5.0, 7.0, 9.0, 11.0];

impl Style {
    /// Song number `number`, `seconds` long: mono samples at the instruments' rate, peak -3 dBFS.
    pub(crate) fn song(&self, seed: u64, number: u32, seconds: u32) -> Vec<f32> {
        // The style's name keeps songs of one number apart.
        let place = self.name.bytes().fold(seed, |sum, byte| sum * 31 + u64::from(byte));
        let mut dice = Dice::new(place.wrapping_mul(1009).wrapping_add(u64::from(number)));
        #[expect(clippy::cast_precision_loss, reason = "at most two minutes")]
        let length = seconds as f32;
        let mut song = vec![0.0; samples(length)];
        (self.compose)(&mut song, &mut dice, length);
        let peak = song.iter().fold(1e-9_f32, |peak, sample| peak.max(sample.abs()));
        for sample in &mut song {
            // A noise floor as of any recording: exact zeros are not music.
            *sample = 0.7 * *sample / peak + dice.between(-1e-4, 1e-4);
        }
        song
    }
}

/// Start times of a grid of `step` seconds until the end, with their number.
fn grid(length: f32, step: f32) -> impl Iterator<Item = (usize, f32)> {
    (0_u16..)
        .map(move |i| (usize::from(i), f32::from(i) * step))
        .take_while(move |(_, at)| *at < length)
}

/// Broken chords up and down, one chord to the bar.
fn arpeggios(song: &mut [f32], dice: &mut Dice, length: f32) {
    let key = dice.pick(&[48.0, 50.0, 52.0, 53.0, 55.0, 57.0]);
    let step = dice.between(0.13, 0.18);
    let brightness = dice.between(0.35, 0.5);
    let chords = dice.pick(&[[0, 5, 3, 4], [0, 3, 4, 3], [5, 3, 0, 4]]);
    let shape = dice.pick(&[[0, 2, 4, 7, 4, 2, 4, 7], [0, 4, 7, 9, 7, 4, 2, 4]]);
    for (i, at) in grid(length, step) {
        let degree = chords[(i / 8) % 4] + shape[i % 8];
        let octave = if degree >= 14 {
            24.0
        } else if degree >= 7 {
            12.0
        } else {
            0.0
        };
        let note = key + MAJOR[degree % 7] + octave;
        piano(song, at, note, brightness, dice.between(0.7, 1.0));
        if i % 8 == 0 {
            piano(song, at, key - 12.0 + MAJOR[chords[(i / 8) % 4]], brightness, 1.0);
        }
    }
}

/// Kick, snare and hats, with ghost notes that differ from song to song.
fn drum_loop(song: &mut [f32], dice: &mut Dice, length: f32) {
    let step = dice.between(0.105, 0.125);
    let (pitch, tone) = (dice.between(46.0, 58.0), dice.between(170.0, 210.0));
    let ghosts: Vec<f32> = (0..16).map(|_| dice.between(0.0, 1.0)).collect();
    for (i, at) in grid(length, step) {
        let beat = i % 16;
        if beat % 4 == 0 {
            kick(song, at, pitch, 1.0);
        } else if ghosts[beat] > 0.85 {
            kick(song, at, pitch, 0.5);
        }
        if beat % 8 == 4 {
            noise_hit(song, at, 16.0, Some(tone), dice, 0.7);
        }
        let accent = if beat % 4 == 2 { 0.35 } else { 0.2 };
        noise_hit(song, at, if ghosts[beat] > 0.6 { 25.0 } else { 70.0 }, None, dice, accent);
    }
}

/// Long fifths and octaves that fade into one another over a bed of soft noise.
fn drones(song: &mut [f32], dice: &mut Dice, length: f32) {
    let key = dice.pick(&[36.0, 38.0, 40.0, 41.0, 43.0]);
    let detune = dice.between(0.3, 0.9);
    for (i, at) in grid(length, 3.0) {
        let root = key + dice.pick(&[0.0, 0.0, 5.0, 7.0]);
        for (above, level) in [(0.0, 1.0), (7.0, 0.6), (12.0, 0.5), (19.0, 0.25)] {
            drone(song, at, 6.0, root + above, detune, level * dice.between(0.6, 1.0));
        }
        if i % 2 == 1 {
            drone(song, at, 5.0, root + 24.0, detune, 0.15);
        }
    }
    let (mut wind, breath) = (0.0, dice.between(0.03, 0.06));
    for sample in song.iter_mut() {
        wind += 0.02 * (dice.between(-1.0, 1.0) - wind);
        *sample += breath * 8.0 * wind;
    }
}

/// A square lead that arpeggiates chords too fast to hear as notes, a pulse bass, noise for drums.
fn chiptune(song: &mut [f32], dice: &mut Dice, length: f32) {
    let key = dice.pick(&[57.0, 59.0, 60.0, 62.0, 64.0]);
    let step = dice.between(0.11, 0.14);
    let duty = dice.pick(&[0.25, 0.5]);
    let chords = dice.pick(&[[0, 5, 2, 6], [0, 6, 5, 6], [0, 3, 6, 2]]);
    for (i, at) in grid(length, step) {
        let chord = chords[(i / 16) % 4];
        for (third, offset) in [(0, 0.0), (2, 1.0 / 3.0), (4, 2.0 / 3.0)] {
            let note = key + 12.0 + MINOR[(chord + third) % 7];
            pulse(song, at + offset * step, step / 3.0, note, duty, 0.5);
        }
        if i % 2 == 0 {
            let jump = if i % 4 == 2 { 12.0 } else { 0.0 };
            pulse(song, at, step * 1.6, key - 24.0 + MINOR[chord] + jump, 0.5, 0.45);
        }
        if i % 4 == 2 {
            noise_hit(song, at, 30.0, None, dice, 0.25);
        }
        if dice.between(0.0, 1.0) > 0.5 {
            pulse(song, at, step, key + 24.0 + dice.pick(&MINOR), duty, 0.3);
        }
    }
}

/// Two strings at a time, picked: a bass that alternates and a tune above.
fn plucked(song: &mut [f32], dice: &mut Dice, length: f32) {
    let key = dice.pick(&[43.0, 45.0, 47.0, 48.0, 50.0]);
    let step = dice.between(0.19, 0.25);
    let mut degree = 7;
    for (i, at) in grid(length, step) {
        if i % 2 == 0 {
            let fifth = if i % 4 == 2 { 7.0 } else { 0.0 };
            pluck(song, at, key - 12.0 + fifth, dice, 0.9);
        }
        // A tune that walks, and turns back at the ends.
        degree =
            if dice.between(0.0, 1.0) > 0.5 { (degree + 1).min(13) } else { (degree - 1).max(4) };
        let note = key + 12.0 * f32::from(u8::from(degree >= 7)) + MAJOR[degree % 7];
        let (late, level) = (dice.between(0.0, 0.012), dice.between(0.6, 0.9));
        pluck(song, at + late, note, dice, level);
    }
}
