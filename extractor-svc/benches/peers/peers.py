#!/usr/bin/env python3
"""Times the extractor beside librosa and bliss-audio, in one run, on one core, and prints one table.

    python -m venv /tmp/peers && /tmp/peers/bin/pip install -r extractor-svc/benches/peers/requirements.txt
    /tmp/peers/bin/python extractor-svc/benches/peers/peers.py CLIP...

Every figure is process CPU time in milliseconds, from encoded bytes to the whole feature vector, warm (each
process repeats the clip and reports its median); the rounds go through the programs in turn, so that a change
in the machine's speed hits all of them. bliss-audio (GPL-3.0, built in a temporary folder, never part of this
project) computes 23 features of its own, not these 74: it stands for what an analysis of the same audio costs.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys, tempfile, textwrap, time

ROOT = pathlib.Path(__file__).resolve().parents[3]
BLISS_MAIN = """
use bliss_audio::decoder::{symphonia::SymphoniaDecoder, Decoder as _};
fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}
fn main() {
    let mut args = std::env::args().skip(1);
    let repeats: usize = args.next().unwrap().parse().unwrap();
    for clip in args {
        let mut times = Vec::new();
        for _ in 0..=repeats {
            let start = cpu_ms();
            SymphoniaDecoder::song_from_path(&clip).unwrap();
            times.push(cpu_ms() - start);
        }
        times.remove(0);
        times.sort_by(f64::total_cmp);
        println!("{{\\"clip\\": {clip:?}, \\"total_ms\\": {}}}", times[times.len() / 2]);
    }
}
"""


def librosa_child(repeats, clips):
    """Prints one JSON line for each clip; runs in a process of its own."""
    import librosa
    import numpy as np

    def features(path):
        y, sr = librosa.load(path, sr=22050, mono=True)
        f = librosa.feature
        matrices = [f.mfcc(y=y, sr=sr, n_mfcc=20), f.chroma_cqt(y=y, sr=sr), f.spectral_centroid(y=y, sr=sr),
                    f.spectral_bandwidth(y=y, sr=sr), f.spectral_rolloff(y=y, sr=sr), f.rms(y=y),
                    f.zero_crossing_rate(y)]
        return [s for m in matrices for s in (np.mean(m, axis=1), np.std(m, axis=1))]

    for clip in clips:
        times = []
        for _ in range(repeats + 1):
            start = time.process_time()
            features(clip)
            times.append((time.process_time() - start) * 1e3)
        print(json.dumps({"clip": clip, "total_ms": statistics.median(times[1:])}), flush=True)


def build_bliss(folder):
    """A program of ten lines around the published crate."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src/main.rs").write_text(BLISS_MAIN)
    (folder / "Cargo.toml").write_text(textwrap.dedent("""
        [package]
        name = "bliss-peer"
        version = "0.0.0"
        edition = "2021"
        [dependencies]
        bliss-audio = { version = "=0.13.0", default-features = false, features = ["symphonia-all"] }
        rustix = { version = "1", features = ["time"] }
        [workspace]
    """))
    subprocess.run(["cargo", "build", "--release", "--quiet", "--target-dir", str(folder / "target")],
                   cwd=folder, check=True)
    return folder / "target/release/bliss-peer"


def lines(command):
    # Tuning of OpenBLAS for another machine would handicap numpy.
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("clips", nargs="*")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--no-bliss", action="store_true", help="leave bliss-audio out (it takes minutes to build)")
    p.add_argument("--keep", type=pathlib.Path, help="folder where bliss-audio's build is kept for the next run")
    p.add_argument("--build-only", action="store_true", help="build what is timed, and stop")
    p.add_argument("--librosa-child", type=int, help=argparse.SUPPRESS)
    o = p.parse_args()
    if o.librosa_child:
        return librosa_child(o.librosa_child, o.clips)
    env_threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    os.environ.update(env_threads)
    metadata = json.loads(subprocess.run(["cargo", "metadata", "--format-version=1", "--no-deps"], cwd=ROOT, check=True,
                                         stdout=subprocess.PIPE, text=True).stdout)
    subprocess.run(["cargo", "build", "--release", "--quiet", "-p", "extractor-svc", "--example", "clip_times"],
                   cwd=ROOT, check=True)
    ours = pathlib.Path(metadata["target_directory"]) / "release/examples/clip_times"
    with tempfile.TemporaryDirectory() as temporary:
        programs = {"ours": [str(ours), "--repeats", "15"],
                    "librosa": [sys.executable, __file__, "--librosa-child", "5"]}
        if not o.no_bliss:
            programs["bliss-audio"] = [str(build_bliss(o.keep or pathlib.Path(temporary))), "9"]
        if o.build_only:
            return
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        figures = {}
        for _ in range(o.rounds):
            for name, command in programs.items():
                for row in lines(command + o.clips):
                    for key, value in row.items():
                        if key != "clip":
                            figures.setdefault((row["clip"], name, key), []).append(value)
    median = {key: statistics.median(values) for key, values in figures.items()}
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    print(f"CPU ms per clip, median of {o.rounds} rounds, one core of {cpu}, {time.strftime('%Y-%m-%d')}\n")
    print("| clip | decode alone | **ours** | x decode | librosa 0.11 | librosa / ours | bliss-audio 0.13 | bliss / ours |")
    print("|---|---|---|---|---|---|---|---|")
    for clip in o.clips:
        at = lambda name, key="total_ms": median.get((clip, name, key), float("nan"))
        total, decode = at("ours"), at("ours", "decode_ms")
        print(f"| {pathlib.Path(clip).name} | {decode:.1f} | **{total:.1f}** | {total / decode:.2f} | {at('librosa'):.0f} | "
              f"{at('librosa') / total:.1f} | {at('bliss-audio'):.0f} | {at('bliss-audio') / total:.2f} |")


if __name__ == "__main__":
    main()
