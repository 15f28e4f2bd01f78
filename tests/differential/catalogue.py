"""Catalogues that are made from a seed, and the tables they are written to.

`lattice` has 960 rows whose scaled values are small whole numbers, so that sums are exact in any order and ties are true
ties; `coarse` has values of one decimal, so that ties are ties within rounding; `clustered` and `isotropic` are large.
"""
import csv
import gzip
import json
import re

import numpy as np

# A whole number as floats are printed.
WHOLE = re.compile(r"^(-?[0-9]+)\.0$")
PROFILE = "librosa-0.11-22050"
TEXTS = ("track_id", "track_title", "artist_name", "album_title")


def feature_names():
    """The 74 names in the order of the schema."""
    names = [f"mfcc_{statistic}_{i}" for statistic in ("mean", "std") for i in range(1, 21)]
    names += [f"chroma_cqt_{statistic}_{i}" for statistic in ("mean", "std") for i in range(1, 13)]
    for family in ("spectral_centroid", "spectral_bandwidth", "spectral_rolloff", "rmse", "zcr"):
        names += [f"{family}_mean_1", f"{family}_std_1"]
    return names


NAMES = feature_names()
GROUPS = list(dict.fromkeys(name.rsplit("_", 2)[0] for name in NAMES))
GROUP_OF = np.array([GROUPS.index(name.rsplit("_", 2)[0]) for name in NAMES])

# What texts look like in the wild: cases, scripts, folds that change the length, quotes, separators, stars.
WORDS = ["Beat", "beat", "BEATS", "Straße", "STRASSE", "Μουσική", "ΜΟΥΣΙΚΗ", "Ночь", "ночь", "İstanbul", "ﬁre", "a*b", "star*",
         'say "yes"', "it's", "back\\slash", "comma, here", "tab\there", "日本", "é", "Live (2001)", "x=1", "AND", "not", "100%"]
ARTISTS = ["Artist 1", "Artist 10", "Artist 11", "artist 1", "The Tribute Band", "Björk", "BJÖRK", "Группа", "Rock", "7"]
GENRES = ["Rock", "rock", "Jazz", "Hip-Hop", "Old-Time / Historic", "Électronique", ""]
YEARS = ["1990", "1990.0", "2001", "1999", "-5", "1e3", "007", "unknown", "", "12 inch", "0", "+5", "5.", "inf", "0x10", "1_000", " 7", "٣", "-0"]
# Floats of 64 bits cannot tell the long ones apart.
PLAYS = ["0", "1", "25", "1000000", "3000000000", "0.5", "", "9007199254740992", "9007199254740993", "18446744073709551617"]


class Catalogue:
    """Rows with their raw vectors and texts. An empty text is a value that is not there."""

    def __init__(self, name, vectors, columns):
        self.name, self.vectors, self.columns = name, vectors, columns

    def __len__(self):
        return len(self.vectors)

    @property
    def ids(self):
        return self.columns["track_id"]

    def text(self, name, row):
        """What an index has of it: a whole number in an id or an attribute is without the `.0` of programs that count in floats."""
        written = self.columns[name][row]
        return WHOLE.sub(r"\1", written) if name not in TEXTS[1:] else written

    def attributes(self):
        return [name for name in self.columns if name not in TEXTS]

    def part(self, rows):
        """These rows, in this order."""
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return Catalogue(self.name, self.vectors[rows], columns)

    def joined(self, other):
        """The rows of `other` behind those of this one; a column that one side lacks is empty there."""
        names = list(self.columns) + [name for name in other.columns if name not in self.columns]
        columns = {name: self.columns.get(name, [""] * len(self)) + other.columns.get(name, [""] * len(other))
                   for name in names}
        return Catalogue(self.name, np.vstack([self.vectors, other.vectors]), columns)


def texts(random, count, prefix):
    """Ids, titles, artists, albums and attributes, many of them missing."""
    def pick(values, empty=0.0):
        return ["" if random.random() < empty else values[i] for i in random.integers(0, len(values), count)]

    return {
        "track_id": [f"{prefix}{i}" if i % 5 else f"00{i}" if prefix == "" else f"{prefix} {i}é" for i in range(count)],
        "track_title": [f"{a} {b}".strip() for a, b in zip(pick(WORDS, 0.2), pick(WORDS, 0.3))],
        "artist_name": pick(ARTISTS, 0.3) if count < 5000 else pick([f"Artist {i}" for i in range(count // 12)], 0.1),
        "album_title": pick(WORDS, 0.4),
        "genre_top": pick(GENRES),
        "year": pick(YEARS),
        "plays": pick(PLAYS),
        "my column": pick(WORDS, 0.5),
    }


def lattice(random, groups=360):
    """Pairs of opposite rows, some of them repeated, so that each column has mean 0 and variance 1 exactly."""
    copies = random.choice([1, 2, 4], size=groups, p=[0.8, 0.15, 0.05])
    # A whole number of eights, so that a quarter of the rows is a whole number of pairs.
    while copies.sum() % 4:
        copies[int(np.argmax(copies == 1))] += 1
    pairs = np.repeat(np.arange(groups), copies)
    half = np.ones((groups, len(NAMES)))
    for column in range(len(NAMES)):
        if column % 2:
            # A quarter of the rows has 2 or -2, the others 0; groups of several rows first.
            order = random.permutation(groups)
            order = order[np.argsort(-copies[order], kind="stable")]
            left = int(copies.sum()) // 4
            half[:, column] = 0.0
            for group in order:
                if copies[group] <= left and (copies[group] == 1 or random.random() < 0.3):
                    half[group, column] = 2.0
                    left -= copies[group]
            assert left == 0
    half *= random.choice([-1.0, 1.0], size=half.shape)
    # Whole clusters differ in few features, so that near neighbours exist and tie.
    scaled = np.vstack([half[pairs], -half[pairs]])
    scaled = scaled[random.permutation(len(scaled))]
    step = 2.0 ** random.integers(-6, 7, size=len(NAMES))
    vectors = scaled * step + step * random.integers(-8, 9, size=len(NAMES))
    vectors[:, 5], vectors[:, 70] = 0.1, -3.0
    return Catalogue("lattice", vectors, texts(random, len(vectors), ""))


def coarse(random, count=700):
    """Values of one decimal, with repeated rows, a constant and a nearly constant column."""
    vectors = np.round(random.normal(size=(count, 1)) * 0.4 + random.normal(size=(count, len(NAMES))) * 0.3, 1)
    vectors[:, 20:] *= 1000.0
    vectors[:, 30] = 12345.678
    vectors[:, 31] = 1e9 + random.integers(0, 2, count) * 1e-7
    again = random.integers(0, count, count // 10)
    vectors[random.integers(0, count, count // 10)] = vectors[again]
    # Nearly repeated: the next number that a double can be, in one feature.
    nearly = count // 70
    vectors[:nearly] = vectors[random.integers(0, count, nearly)]
    vectors[:nearly, 3] = np.nextafter(vectors[:nearly, 3], np.inf)
    return Catalogue("coarse", vectors, texts(random, count, "c"))


def clustered(random, count=60_000, clusters=300):
    """Clusters of unequal size and width, with a few repeated rows."""
    share = random.dirichlet(np.full(clusters, 0.7))
    which = random.choice(clusters, size=count, p=share)
    centres = random.normal(size=(clusters, len(NAMES))) * 2.0
    width = random.uniform(0.2, 1.0, size=clusters)
    vectors = centres[which] + random.normal(size=(count, len(NAMES))) * width[which, None]
    vectors = vectors * random.uniform(0.01, 3000.0, len(NAMES)) + random.normal(size=len(NAMES)) * 100.0
    again = random.integers(0, count, count // 50)
    vectors[random.integers(0, count, count // 50)] = vectors[again]
    return Catalogue("clustered", vectors, texts(random, count, "t"))


def isotropic(random, count=20_000):
    """No structure at all: the hardest case for any tree."""
    return Catalogue("isotropic", random.normal(size=(count, len(NAMES))), texts(random, count, "i"))


def number(value):
    return "" if np.isnan(value) else repr(float(value))


def write_csv(catalogue, path):
    """CSV; gzip where the name says so."""
    with (gzip.open(path, "wt", newline="") if path.suffix == ".gz" else open(path, "w", newline="")) as file:
        writer = csv.writer(file)
        writer.writerow(list(catalogue.columns) + NAMES)
        for row, vector in enumerate(catalogue.vectors):
            writer.writerow([column[row] for column in catalogue.columns.values()] + [number(value) for value in vector])


def write_jsonl(catalogue, path):
    """An object a line; values that are not there are left out of it, and whole plays are integers of any length."""
    def written(name, text):
        return int(text) if name == "plays" and text.isdigit() else text
    with (gzip.open(path, "wt") if path.suffix == ".gz" else open(path, "w")) as file:
        for row, vector in enumerate(catalogue.vectors):
            line = {name: written(name, column[row]) for name, column in catalogue.columns.items() if column[row]}
            line |= {name: float(value) for name, value in zip(NAMES, vector) if not np.isnan(value)}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_parquet(catalogue, path):
    """Texts and doubles; values that are not there are null."""
    import pyarrow
    import pyarrow.parquet
    table = {name: pyarrow.array([text or None for text in column], pyarrow.string())
             for name, column in catalogue.columns.items()}
    table |= {name: pyarrow.array(catalogue.vectors[:, i], mask=np.isnan(catalogue.vectors[:, i])) for i, name in enumerate(NAMES)}
    pyarrow.parquet.write_table(pyarrow.table(table), path, compression="zstd", row_group_size=500)
