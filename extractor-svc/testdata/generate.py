#!/usr/bin/env python3
"""Synthesises the project's test audio, encodes it, and writes librosa's answer for every clip.

    apt-get install ffmpeg lame flac vorbis-tools
    python3 -m venv /tmp/oracle && /tmp/oracle/bin/pip install -r requirements.txt
    /tmp/oracle/bin/python generate.py            # rewrite everything beside this file
    /tmp/oracle/bin/python generate.py --check    # compare golden.csv with the committed audio

Nothing here is recorded: every sample comes from the formulas in `CLIPS`, seeded, so the audio is
the project's own. `--check` re-computes the vectors from the committed files without encoding.

Written: `audio/*`, `golden.csv` (file, class, the 74 columns, floats by repr) and `clips.csv`
(what each file is: codec, rate, channels, frames, encoder command, SHA-256, conditioning).

Classes say how close an extractor must come, and follow from what lies between file and samples:
A lossless at 22,050 Hz; B lossless, resampled; C lossy. R must be refused and has no vector.
"""
import argparse, csv, hashlib, os, struct, subprocess, sys, tempfile, warnings, zlib

os.environ.setdefault("OMP_NUM_THREADS", "1")
warnings.filterwarnings("ignore")
import librosa
import numpy as np
import soundfile

import ogg_pages

HERE = os.path.dirname(os.path.abspath(__file__))
PROFILE_RATE, HOP = 22050, 512
FAMILIES = [("mfcc", 20), ("chroma_cqt", 12), ("spectral_centroid", 1), ("spectral_bandwidth", 1),
            ("spectral_rolloff", 1), ("rmse", 1), ("zcr", 1)]
COLUMNS = [f"{name}_{stat}_{row + 1}" for name, rows in FAMILIES for stat in ("mean", "std") for row in range(rows)]

# ---------------------------------------------------------------- synthesis: [channels, n] in -1..1


def hertz(midi):
    return 440.0 * 2.0 ** ((midi - 69) / 12)


def clock(sr, seconds):
    return np.arange(int(sr * seconds)) / sr


def harmonics(t, f, sr, weights):
    """Partials of `f` below 45 % of the rate, so that nothing aliases."""
    y = np.zeros_like(t)
    for i, w in enumerate(weights, 1):
        if i * f < 0.45 * sr:
            y += w * np.sin(2 * np.pi * i * f * t + 0.7 * i)
    return y


def chords(sr, seconds, rng, roots=(57, 53, 60, 55)):
    """Organ-like triads, one after another."""
    t = clock(sr, seconds)
    y = np.zeros_like(t)
    part = seconds / len(roots)
    for i, root in enumerate(roots):
        here = (t >= i * part) & (t < (i + 1) * part)
        local = t[here] - i * part
        swell = np.minimum(1, local / 0.02) * np.minimum(1, (part - local) / 0.03)
        for step in (0, 4 if i % 2 else 3, 7, 12):
            y[here] += swell * harmonics(local, hertz(root + step), sr, (1, 0.6, 0.4, 0.25, 0.15, 0.1))
    return y


def arpeggio(sr, seconds, rng, scale=(60, 64, 67, 71, 72, 71, 67, 64)):
    """Decaying struck notes, eight to the second and ringing over."""
    t = clock(sr, seconds)
    y = np.zeros_like(t)
    for i in range(int(seconds * 8)):
        after = t - i / 8
        env = np.where(after >= 0, np.exp(-5 * np.maximum(after, 0)), 0)
        y += env * harmonics(after, hertz(scale[i % len(scale)]), sr, (1, 0.5, 0.3, 0.12, 0.08, 0.05))
    return y


def drums(sr, seconds, rng):
    """Kick, snare and closed hats on a grid of eighths."""
    t = clock(sr, seconds)
    y = np.zeros_like(t)
    hiss = rng.standard_normal(t.size)
    bright = np.diff(hiss, prepend=0)
    for i in range(int(seconds * 8)):
        after = t - i / 8
        on = after >= 0
        a = np.maximum(after, 0)
        if i % 4 == 0:
            y += on * np.exp(-9 * a) * np.sin(2 * np.pi * (50 * a + 12 * (1 - np.exp(-12 * a))))
        if i % 4 == 2:
            y += on * np.exp(-18 * a) * (0.5 * hiss + 0.4 * np.sin(2 * np.pi * 190 * a))
        y += on * np.exp(-60 * a) * 0.25 * bright
    return y


def sweep(sr, seconds, rng):
    """A logarithmic sine sweep from 60 Hz to 42 % of the rate."""
    t = clock(sr, seconds)
    low, high = 60.0, 0.42 * sr
    rate = np.log(high / low) / seconds
    return np.sin(2 * np.pi * low / rate * (np.exp(rate * t) - 1))


def bells(sr, seconds, rng):
    """Inharmonic partials of three struck bells."""
    t = clock(sr, seconds)
    y = np.zeros_like(t)
    for i, midi in enumerate((72, 67, 76)):
        after = t - i * seconds / 3
        for ratio, w in ((0.5, 0.5), (1, 1), (1.19, 0.7), (1.5, 0.5), (2, 0.6), (2.74, 0.3), (3.76, 0.2)):
            if ratio * hertz(midi) < 0.45 * sr:
                y += w * np.where(after >= 0, np.exp(-2.5 * ratio * np.maximum(after, 0)), 0) * np.sin(
                    2 * np.pi * ratio * hertz(midi) * after)
    return y


def noise(sr, seconds, rng):
    """Pink-ish noise: white noise through a leaky sum, plus a hum."""
    white = rng.standard_normal(int(sr * seconds))
    y = np.zeros_like(white)
    state = 0.0
    for i, w in enumerate(white):
        state = 0.95 * state + w
        y[i] = state + 0.3 * w
    return y / 4 + 0.2 * np.sin(2 * np.pi * 110 * clock(sr, seconds))


def band(sr, seconds, rng):
    """All at once: a bass line, an arpeggio and drums."""
    t = clock(sr, seconds)
    bass = np.zeros_like(t)
    for i in range(int(seconds * 4)):
        after = t - i / 4
        bass += np.where(after >= 0, np.exp(-4 * np.maximum(after, 0)), 0) * harmonics(
            after, hertz((36, 36, 43, 41)[i % 4]), sr, (1, 0.5, 0.33, 0.25, 0.2))
    return bass + 0.5 * arpeggio(sr, seconds, rng) + 0.8 * drums(sr, seconds, rng)


def render(synth, sr, channels, seconds, seed):
    """Channels differ (other seed, a shifted copy, another gain), and a -66 dB floor keeps every
    frame away from digital silence, where the columns are discontinuous."""
    out = []
    for c in range(channels):
        rng = np.random.default_rng([seed, c])
        y = synth(sr, seconds, rng)
        y = np.roll(y, 37 * c) * (1.0 - 0.12 * c)
        out.append(0.7 * y / np.max(np.abs(y)) + 5e-4 * rng.standard_normal(y.size))
    return np.clip(np.stack(out), -0.999, 0.999)


# ---------------------------------------------------------------- encoders: WAV in, file out


def run(*argv):
    subprocess.run(list(argv), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def ffmpeg(*options):
    """ffmpeg without time stamps, versions or random ids in the output."""
    return ("ffmpeg -y -v error -i {wav} -map_metadata -1 -fflags +bitexact -flags:a +bitexact "
            + " ".join(options) + " {out}")


def lame(*options):
    return "lame --quiet " + " ".join(options) + " {wav} {out}"


FLAC = "flac --silent --force --no-padding -8 -o {out} {wav}"
OGG = "oggenc --quiet --serial 1 {options} -o {{out}} {{wav}}"
OPUS = ffmpeg("-c:a libopus {}").replace("{wav}", "{{wav}}").replace("{out}", "{{out}}")
COVER = "--id3v2-only --tt Cover --ta Soundalike --ti {png}"

# file, class, synthesis, rate, channels, seconds, encoder. The seed is the row number.
CLIPS = [
    ("chords_s16_22050.wav", "A", chords, 22050, 1, 1.5, ffmpeg("-c:a pcm_s16le")),
    ("noise_u8_22050.wav", "A", noise, 22050, 1, 1.5, ffmpeg("-c:a pcm_u8")),
    ("drums_s24_22050.wav", "A", drums, 22050, 1, 0.8, ffmpeg("-c:a pcm_s24le")),
    ("arpeggio_s32_22050.wav", "A", arpeggio, 22050, 1, 0.7, ffmpeg("-c:a pcm_s32le")),
    ("sweep_f32_22050.wav", "A", sweep, 22050, 1, 0.7, ffmpeg("-c:a pcm_f32le")),
    ("bells_f64_22050.wav", "A", bells, 22050, 1, 0.5, ffmpeg("-c:a pcm_f64le")),
    ("band_alaw_22050.wav", "A", band, 22050, 1, 1.5, ffmpeg("-c:a pcm_alaw")),
    ("bells_mulaw_22050.wav", "A", bells, 22050, 1, 1.5, ffmpeg("-c:a pcm_mulaw")),
    ("band_s16_22050_stereo.aiff", "A", band, 22050, 2, 0.7, ffmpeg("-c:a pcm_s16be")),
    ("arpeggio_s16_22050.caf", "A", arpeggio, 22050, 1, 1.0, ffmpeg("-c:a pcm_s16le")),
    ("band_s16_22050_stereo.flac", "A", band, 22050, 2, 1.5, FLAC),
    ("chords_alac_22050.m4a", "A", chords, 22050, 1, 1.5, ffmpeg("-c:a alac")),
    ("band_s16_8000.wav", "B", band, 8000, 1, 2.0, ffmpeg("-c:a pcm_s16le")),
    ("drums_s16_11025.flac", "B", drums, 11025, 1, 2.0, FLAC),
    ("bells_s16_16000.flac", "B", bells, 16000, 1, 2.0, FLAC),
    ("chords_s16_12345.wav", "B", chords, 12345, 1, 1.2, ffmpeg("-c:a pcm_s16le")),
    ("arpeggio_s16_24000.aiff", "B", arpeggio, 24000, 1, 1.0, ffmpeg("-c:a pcm_s16be")),
    ("noise_s16_32000.flac", "B", noise, 32000, 1, 1.0, FLAC),
    ("band_s16_44100_stereo.wav", "B", band, 44100, 2, 0.6, ffmpeg("-c:a pcm_s16le")),
    ("drums_s16_44100_stereo.flac", "B", drums, 44100, 2, 0.8, FLAC),
    ("chords_s16_44100.flac", "B", chords, 44100, 1, 2.0, FLAC),
    ("bells_s16_44100_5p1.flac", "B", bells, 44100, 6, 0.6, FLAC.replace("-8", "-8 --channel-map=none")),
    ("arpeggio_s16_48000_stereo.flac", "B", arpeggio, 48000, 2, 1.0, FLAC),
    ("sweep_s16_88200.flac", "B", sweep, 88200, 1, 1.0, FLAC),
    ("bells_s24_96000.flac", "B", bells, 96000, 1, 0.6, ffmpeg("-c:a flac -sample_fmt s32 -bits_per_raw_sample 24")),
    ("chords_ima_adpcm_22050.wav", "C", chords, 22050, 1, 1.5, ffmpeg("-c:a adpcm_ima_wav")),
    ("band_ms_adpcm_22050.wav", "C", band, 22050, 1, 1.5, ffmpeg("-c:a adpcm_ms")),
    ("band_cbr128_44100_stereo.mp3", "C", band, 44100, 2, 3.0, lame("-b 128 --cbr")),
    ("drums_v2_44100_stereo.mp3", "C", drums, 44100, 2, 2.0, lame("-V 2")),
    ("arpeggio_cbr64_44100_mono.mp3", "C", arpeggio, 44100, 1, 2.5, lame("-m m -b 64 --cbr")),
    ("chords_cbr48_24000_mpeg2.mp3", "C", chords, 24000, 2, 2.0, lame("-b 48 --cbr --resample 24")),
    ("noise_cbr32_11025_mpeg25.mp3", "C", noise, 11025, 1, 2.0, lame("-b 32 --cbr --resample 11.025")),
    ("bells_v4_48000_id3_cover.mp3", "C", bells, 48000, 2, 2.0, lame("-V 4", COVER)),
    ("chords_q5_44100_stereo.ogg", "C", chords, 44100, 2, 2.0, OGG.format(options="-q 5")),
    ("arpeggio_q2_22050_mono.ogg", "C", arpeggio, 22050, 1, 2.0, OGG.format(options="-q 2")),
    ("band_aac96_44100_stereo.m4a", "C", band, 44100, 2, 2.0, ffmpeg("-c:a aac -b:a 96k")),
    ("bells_aac64_22050_mono.m4a", "C", bells, 22050, 1, 2.0, ffmpeg("-c:a aac -b:a 64k")),
    ("chords_aac96_44100_adts.aac", "C", chords, 44100, 1, 2.0, ffmpeg("-c:a aac -b:a 96k -f adts")),
    ("drums_vorbis_44100.mka", "C", drums, 44100, 1, 2.0, ffmpeg("-c:a libvorbis -q:a 4")),
    ("band_vorbis_48000_stereo.webm", "C", band, 48000, 2, 2.0, ffmpeg("-c:a libvorbis -q:a 3")),
    ("chords_opus_48000.opus", "C", chords, 48000, 1, 1.0, ffmpeg("-c:a libopus -b:a 48k")),
    ("chords_speex_16000.ogg", "R", chords, 16000, 1, 1.0, ffmpeg("-c:a libspeex")),
    ("chords_opus_silk_16000.opus", "C", chords, 16000, 1, 1.2, OPUS.format("-b:a 16k -application voip -frame_duration 60")),
    ("bells_opus_silk_8000.opus", "C", bells, 8000, 1, 1.2, OPUS.format("-b:a 10k -application voip -frame_duration 40")),
    ("band_opus_hybrid_48000.opus", "C", band, 48000, 1, 1.2, OPUS.format("-b:a 24k -application voip -frame_duration 10")),
    ("drums_opus_celt2.5_stereo.opus", "C", drums, 48000, 2, 0.8, OPUS.format("-b:a 96k -application lowdelay -frame_duration 2.5")),
    ("arpeggio_opus_celt5_mono.opus", "C", arpeggio, 48000, 1, 1.0, OPUS.format("-b:a 64k -application lowdelay -frame_duration 5")),
    ("band_opus_44100_stereo.opus", "C", band, 44100, 2, 1.0, OPUS.format("-b:a 64k -ar 48000")),
    ("bells_opus_5p1.opus", "C", bells, 48000, 6, 0.6, OPUS.format("-b:a 160k -mapping_family 1")),
    ("noise_opus_family255.opus", "C", noise, 48000, 3, 0.6, OPUS.format("-b:a 96k -mapping_family 255")),
    ("drums_opus_gain.opus", "C", drums, 48000, 1, 1.0, OPUS.format("-b:a 48k")),
    ("arpeggio_opus_chained.opus", "C", arpeggio, 48000, 1, 0.8, OPUS.format("-b:a 48k")),
    ("band_opus_48000_stereo.mp4", "C", band, 48000, 2, 1.0, OPUS.format("-b:a 64k")),
    ("chords_opus_48000.caf", "C", chords, 48000, 1, 1.0, OPUS.format("-b:a 48k")),
    ("chords_vorbis_unknown_positions.ogg", "C", chords, 22050, 1, 2.0, OGG.format(options="-q 0")),
    ("arpeggio_vorbis_skeleton.ogg", "C", arpeggio, 22050, 1, 1.2, OGG.format(options="-q 0")),
    ("bells_s16_22050.oga", "A", bells, 22050, 1, 0.5, FLAC + " --ogg --serial-number=1"),
]

# What no encoder here writes is made of what one wrote.
EDITS = {
    "drums_opus_gain.opus": ogg_pages.softer,
    "arpeggio_opus_chained.opus": ogg_pages.chained,
    "chords_vorbis_unknown_positions.ogg": ogg_pages.unknown_positions,
    "arpeggio_vorbis_skeleton.ogg": ogg_pages.behind_skeleton,
}


def cover_png(path):
    """A 64 x 64 gradient, so that a tag carries a picture before the first audio frame."""
    rows = b"".join(b"\0" + bytes(v for x in range(64) for v in (4 * x, 4 * y, 128)) for y in range(64))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b""))


def encode(folder):
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        os.remove(os.path.join(folder, old))
    with tempfile.TemporaryDirectory() as scratch:
        wav, png = os.path.join(scratch, "in.wav"), os.path.join(scratch, "cover.png")
        cover_png(png)
        for seed, (name, _, synth, sr, channels, seconds, command) in enumerate(CLIPS, 1):
            y = render(synth, sr, channels, seconds, seed)
            # Encoders get 16 bits; the wider WAV and FLAC forms get what they can carry.
            deep = any(mark in name for mark in ("s24", "s32", "f32", "f64"))
            soundfile.write(wav, y.T, sr, subtype="DOUBLE" if deep else "PCM_16")
            run(*(word.format(wav=wav, out=os.path.join(folder, name), png=png) for word in command.split()))
            if name in EDITS:
                EDITS[name](os.path.join(folder, name))


# ---------------------------------------------------------------- the oracle


def vector(y, sr=PROFILE_RATE, hop=HOP):
    """The 74 columns, by default of profile `librosa-0.11-22050`."""
    f, rate = librosa.feature, {"sr": sr, "hop_length": hop}
    matrices = [f.mfcc(y=y, n_mfcc=20, **rate), f.chroma_cqt(y=y, **rate), f.spectral_centroid(y=y, **rate),
                f.spectral_bandwidth(y=y, **rate), f.spectral_rolloff(y=y, **rate), f.rms(y=y, hop_length=hop),
                f.zero_crossing_rate(y, hop_length=hop)]
    return np.concatenate([stat(m, axis=1) for m in matrices for stat in (np.mean, np.std)]).astype(float)


def conditioning(y, want):
    """Largest change of each family's mean under -140 dBFS of noise: what no extractor can promise."""
    shaken = y + (1e-7 * np.random.default_rng(0).standard_normal(y.size)).astype(np.float32)
    change, at, out = np.abs(vector(shaken) - want), 0, {}
    for name, rows in FAMILIES:
        out[f"{name}_moves"] = f"{change[at:at + rows].max():.1e}"
        at += 2 * rows
    return out


def load(path, sr, mono=True):
    """`librosa.load`. Opus that it reads through ffmpeg comes from libopus, as in Ogg: ffmpeg's own
    decoder, which is no reference, differs from it by more than the bounds of class C."""
    if "_opus_" not in path or path.endswith(".opus"):
        return librosa.load(path, sr=sr, mono=mono)
    with tempfile.TemporaryDirectory() as scratch:
        wav = os.path.join(scratch, "decoded.wav")
        run("ffmpeg", "-v", "error", "-c:a", "libopus", "-i", path, "-c:a", "pcm_s16le", wav)
        return librosa.load(wav, sr=sr, mono=mono)


def describe(folder):
    golden, clips = [], []
    for name, kind, synth, *_, command in CLIPS:
        path = os.path.join(folder, name)
        facts = {"file": name, "class": kind, "synthesis": synth.__name__,
                 "sha256": hashlib.sha256(open(path, "rb").read()).hexdigest(), "encoder": command}
        if kind != "R":
            source, sr = load(path, None, mono=False)
            y, _ = load(path, PROFILE_RATE)
            want = vector(y)
            frames = librosa.util.frame(np.pad(y, 1024), frame_length=2048, hop_length=HOP)
            facts |= {"sample_rate": sr, "channels": 1 if source.ndim == 1 else len(source),
                      "frames": source.shape[-1], "frames_22050": len(y),
                      "tuning": repr(float(librosa.estimate_tuning(y=y, sr=PROFILE_RATE, bins_per_octave=36))),
                      "zero_frames_frac": float(np.mean(~frames.any(axis=0)))} | conditioning(y, want)
            golden.append([name, kind, *(repr(float(v)) for v in want)])
        clips.append(facts)
    return golden, clips


# Another recipe, and clips with what lies between file and samples at its rate.
CUSTOM_RATE, CUSTOM_HOP = 44100, 256
CUSTOM_CLIPS = [
    ("chords_s16_44100.flac", "A"),
    ("drums_s16_44100_stereo.flac", "A"),
    ("band_s16_44100_stereo.wav", "A"),
    ("sweep_s16_88200.flac", "B"),
    ("bells_s24_96000.flac", "B"),
    ("band_cbr128_44100_stereo.mp3", "C"),
    ("chords_q5_44100_stereo.ogg", "C"),
]


def custom(folder):
    rows = []
    for name, kind in CUSTOM_CLIPS:
        y, _ = librosa.load(os.path.join(folder, name), sr=CUSTOM_RATE, mono=True)
        rows.append([name, kind, *(repr(float(v)) for v in vector(y, CUSTOM_RATE, CUSTOM_HOP))])
    return rows


# The default recipe by another resampler, and clips that it resamples.
KAISER_FAST_CLIPS = [(name, kind) for name, kind, *_ in CLIPS if kind == "B"] + [
    ("band_cbr128_44100_stereo.mp3", "C"),
    ("chords_q5_44100_stereo.ogg", "C"),
]


def kaiser_fast(folder):
    rows = []
    for name, kind in KAISER_FAST_CLIPS:
        y, _ = librosa.load(os.path.join(folder, name), sr=PROFILE_RATE, mono=True, res_type="kaiser_fast")
        rows.append([name, kind, *(repr(float(v)) for v in vector(y))])
    return rows


def write(path, header, rows):
    with open(path, "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(header)
        out.writerows(rows)


def check(golden, path):
    """Fails when librosa no longer says what is committed, beyond what another CPU's SIMD does."""
    with open(path, newline="") as f:
        committed = {row[0]: np.array(row[2:], float) for row in list(csv.reader(f))[1:]}
    worst = max(np.max(np.abs(np.array(row[2:], float) - committed[row[0]]) / (1 + np.abs(committed[row[0]])))
                for row in golden)
    print(f"{len(golden)} vectors, largest relative difference {worst:.1e}")
    return 0 if worst < 1e-5 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the committed golden.csv; encode nothing")
    options = parser.parse_args()
    folder = os.path.join(HERE, "audio")
    if not options.check:
        encode(folder)
    golden, clips = describe(folder)
    if options.check:
        return check(golden, os.path.join(HERE, "golden.csv")) or check(
            custom(folder), os.path.join(HERE, "golden_44100_256.csv")) or check(
            kaiser_fast(folder), os.path.join(HERE, "golden_kaiser_fast.csv"))
    write(os.path.join(HERE, "golden.csv"), ["file", "class", *COLUMNS], golden)
    write(os.path.join(HERE, "golden_44100_256.csv"), ["file", "class", *COLUMNS], custom(folder))
    write(os.path.join(HERE, "golden_kaiser_fast.csv"), ["file", "class", *COLUMNS], kaiser_fast(folder))
    keys = list(dict.fromkeys(key for row in clips for key in row))
    write(os.path.join(HERE, "clips.csv"), keys, [[row.get(key, "") for key in keys] for row in clips])
    return 0


if __name__ == "__main__":
    sys.exit(main())
