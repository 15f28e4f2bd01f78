#!/usr/bin/env python3
"""Writes the reference values in this folder: what librosa 0.11.0, soxr 1.1.0, resampy 0.4.3, numpy 2.4.6
and scipy 1.17.1 answer for signals that the tests make or read themselves.

    OMP_NUM_THREADS=1 python generate_dsp.py

Signals: `noise` is made by the same integer recurrence here and in the tests; `music_i16.npy` is
two seconds of synthetic music, read at whatever rate a case names.
"""
import csv
import os
import warnings

import librosa
import numpy as np

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
RATES = [4000, 5512, 5600, 7350, 8000, 11025, 12000, 12345, 14700, 16000, 24000,
         29400, 32000, 33075, 37800, 44056, 44100, 48000, 50000, 66150, 88200, 96000, 176400, 192000, 22051]
TARGETS = [(44100, 48000), (22050, 44100), (44100, 16000), (48000, 16000), (8000, 24000)]
# By resampy's kaiser_fast: up, down, odd, and a denominator above what is kept by phase.
KAISER_FAST = [8000, 11025, 12345, 16000, 22051, 24000, 32000, 44056, 44100, 48000, 88200, 96000, 192000]
# Where silence is compared: every plan of stages, every stuffing and thinning.
SILENT = [(rate, 22050) for rate in
          (4000, 4410, 5512, 5513, 7350, 8000, 11025, 12000, 12345, 14700, 16000, 22051,
           24000, 29400, 32000, 33075, 37800, 44056, 44100, 48000, 50000, 64000, 66150, 88200, 96000, 176400, 192000)] + [
          (44100, 48000), (22050, 44100), (11025, 44100), (44100, 16000), (2, 1)]
BURST = 300
PROFILES = ["sr=22050,hop_length=512", "sr=44100,hop_length=256", "sr=16000,hop_length=512",
            "sr=44100,hop_length=441", "sr=22050,hop_length=160", "sr=96000,hop_length=1024",
            "sr=9000,hop_length=64", "sr=48000,hop_length=512", "sr=32000,hop_length=768"]


def save(name, array):
    np.save(os.path.join(HERE, name + ".npy"), np.ascontiguousarray(array))


def noise(n):
    """Full-scale noise, exact in float32: x <- 1664525 x + 1013904223 mod 2^32, upper 24 bits."""
    state, out = 1, np.empty(n, np.float32)
    for i in range(n):
        state = (1664525 * state + 1013904223) % 2**32
        out[i] = np.float32(((state >> 8) - 2**23) / 2**23)
    return out


def resampled(x, source, target, kind="soxr_hq"):
    return librosa.resample(x, orig_sr=source, target_sr=target, res_type=kind)


def bursts(n):
    """Places of bursts of noise in silence: the start, odd places, and 40 samples before the end."""
    return [0, n // 4 + 77, n // 2 + 1013, n - 40 - BURST]


def zero_runs(y, least=64):
    """Runs of at least `least` exact zeros, as start-end: shorter ones are chance."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (y == 0).astype(int), [0]])))
    return [(a, b) for a, b in edges.reshape(-1, 2) if b - a >= least]


def music(n, sr=22050):
    """Three detuned voices that change every 0.4 s, a noise burst, a gap of exact zeros."""
    t, rng, y = np.arange(n) / sr, np.random.default_rng(7), np.zeros(n)
    for step, start in enumerate(range(0, n, int(0.4 * sr))):
        part = slice(start, min(n, start + int(0.4 * sr)))
        for semitone in (0, 4, 7):
            f = 110 * 2 ** ((semitone + [0, 5, 7, 2, 9][step % 5] + 0.13) / 12)
            for harmonic in range(1, 9):
                y[part] += np.sin(2 * np.pi * f * harmonic * t[part]) / harmonic**1.5
        y[part] *= np.exp(-3 * (t[part] - t[start]))
    y += 0.05 * rng.standard_normal(n) * (np.sin(2 * np.pi * 1.7 * t) > 0.6)
    y[int(0.72 * n):int(0.86 * n)] = 0
    return np.round(y / np.abs(y).max() * 30000).astype(np.int16)


def matrices(y, sr, hop):
    f = librosa.feature
    return {
        "mfcc": f.mfcc(y=y, sr=sr, n_mfcc=20, hop_length=hop),
        "chroma_cqt": f.chroma_cqt(y=y, sr=sr, hop_length=hop),
        "spectral_centroid": f.spectral_centroid(y=y, sr=sr, hop_length=hop),
        "spectral_bandwidth": f.spectral_bandwidth(y=y, sr=sr, hop_length=hop),
        "spectral_rolloff": f.spectral_rolloff(y=y, sr=sr, hop_length=hop),
        "rmse": f.rms(y=y, hop_length=hop),
        "zcr": f.zero_crossing_rate(y, hop_length=hop),
    }


def statistics(found):
    row = []
    for matrix in found.values():
        row += [float(v) for v in np.mean(matrix, axis=1)] + [float(v) for v in np.std(matrix, axis=1)]
    return row


def main():
    for rate in RATES:
        n = min(24000, int(1500 * rate / 22050))
        save(f"resample_{rate}_22050", resampled(noise(n), rate, 22050))
    for source, target in TARGETS:
        save(f"resample_{source}_{target}", resampled(noise(1500 * source // target), source, target))
    for rate in KAISER_FAST:
        n = min(12000, int(800 * rate / 22050))
        save(f"kaiser_fast_{rate}_22050", resampled(noise(n), rate, 22050, "kaiser_fast"))
    # Long enough for many blocks; every 101st value.
    for rate in (44100, 48000):
        save(f"resample_long_{rate}_22050", resampled(noise(200_000), rate, 22050)[::101])

    with open(os.path.join(HERE, "zero_runs.csv"), "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["from_hz", "to_hz", "samples", "zero_runs"])
        for source, target in SILENT:
            # About 20,000 outputs, or 40,000 inputs where those are more.
            n = min(max(40_000, 20_000 * source // target), 200_000)
            x, sound = np.zeros(n, np.float32), noise(n)
            for start in bursts(n):
                x[start:start + BURST] = sound[start:start + BURST]
            runs = zero_runs(resampled(x, source, target))
            rows.writerow([source, target, n, " ".join(f"{a}-{b}" for a, b in runs)])

    pcm = music(44100)
    save("music_i16", pcm)
    y = (pcm / 32768).astype(np.float32)
    for name, matrix in matrices(y, 22050, 512).items():
        save(f"music_{name}", matrix)
    with open(os.path.join(HERE, "profiles.csv"), "w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["profile", "tuning"] + [f"v{i}" for i in range(74)])
        for profile in PROFILES:
            sr, hop = (int(part.split("=")[1]) for part in profile.split(","))
            found = matrices(y, sr, hop)
            tuning = librosa.estimate_tuning(y=y, sr=sr, bins_per_octave=36)
            rows.writerow([profile, repr(float(tuning))] + [repr(v) for v in statistics(found)])


if __name__ == "__main__":
    main()
