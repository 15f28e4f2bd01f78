"""A model folder as the Python system saved it: python make_import.py (into its own folder)

features.npy    scaled features, 60 rows of the golden catalogue (see ../make_answers_golden.py), in
                the alphabetical column order of the FMA table, float64; features_f4.npy: float32, by column
metadata.csv    the four columns of the Python system, and one more
scaler_N.pkl    the StandardScaler, fitted with column names, by pickle protocols 2 to 5
scaler_joblib.pkl, scaler_zlib.pkl    the same by joblib.dump, plain and compressed
scaler_unnamed.pkl, columns.txt       fitted without names, and the names
scaler.json     mean and scale
other.pkl       a MinMaxScaler, which is not what is expected
answers.json    nearest neighbours by brute force over features.npy
"""
import csv
import json
import pathlib
import pickle

import joblib
import numpy as np
import sklearn
from sklearn.preprocessing import MinMaxScaler, StandardScaler

ROWS, K = 60, 8
SPEC = [("mfcc", 20), ("chroma_cqt", 12), ("spectral_centroid", 1), ("spectral_bandwidth", 1),
        ("spectral_rolloff", 1), ("rmse", 1), ("zcr", 1)]
NAMES = [f"{name}_{stat}_{i}" for name, k in SPEC for stat in ("mean", "std") for i in range(1, k + 1)]
HERE = pathlib.Path(__file__).parent


def lcg(seed, n):
    """n values of [0, 1): a 64-bit linear congruential generator's top 53 bits, exact in float64."""
    out, state = [], seed
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 11) * 2.0**-53)
    return np.array(out)


def main():
    dims = len(NAMES)
    raw = (lcg(2026, ROWS * dims).reshape(ROWS, dims) - 0.5) * (1.0 + np.arange(dims)) + 10.0 * np.arange(dims)
    raw[:, 5] = 3.25
    # Alphabetical, as pandas sorts the columns of the FMA table: the order must not matter.
    order = sorted(range(dims), key=lambda j: NAMES[j])
    raw, names = raw[:, order], [NAMES[j] for j in order]
    unnamed = StandardScaler().fit(np.ascontiguousarray(raw))
    named = StandardScaler().fit(np.ascontiguousarray(raw))
    # As a fit to a DataFrame leaves it.
    named.feature_names_in_ = np.array(names, dtype=object)
    scaled = unnamed.transform(raw)
    np.save(HERE / "features.npy", scaled)
    np.save(HERE / "features_f4.npy", np.asfortranarray(scaled.astype(np.float32)))
    with open(HERE / "metadata.csv", "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["track_id", "track_title", "artist_name", "album_title", "genre_top"])
        for i in range(ROWS):
            w.writerow([i + 2, f"Title {i}", f"Artist, {i % 7}", "Album", f"g{i % 3}"])
    for protocol in range(2, 6):
        (HERE / f"scaler_{protocol}.pkl").write_bytes(pickle.dumps(named, protocol=protocol))
    (HERE / "scaler_unnamed.pkl").write_bytes(pickle.dumps(unnamed))
    joblib.dump(named, HERE / "scaler_joblib.pkl")
    joblib.dump(named, HERE / "scaler_zlib.pkl", compress=3)
    (HERE / "other.pkl").write_bytes(pickle.dumps(MinMaxScaler().fit(raw)))
    (HERE / "columns.txt").write_text("\n".join(names) + "\n")
    with open(HERE / "scaler.json", "w") as f:
        json.dump({"mean": named.mean_.tolist(), "scale": named.scale_.tolist()}, f)
    answers = []
    for row in range(ROWS):
        distances = np.sqrt(((scaled - scaled[row]) ** 2).sum(axis=1))
        distances[row] = np.inf
        nearest = np.argsort(distances, kind="stable")[:K]
        answers.append({"rows": nearest.tolist(), "distances": distances[nearest].tolist()})
    with open(HERE / "answers.json", "w") as f:
        json.dump({"numpy": np.__version__, "scikit_learn": sklearn.__version__, "answers": answers}, f)
        f.write("\n")


if __name__ == "__main__":
    main()
