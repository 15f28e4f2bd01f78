"""Parquet tables of tests/parquet.rs as another program writes them: python make_tables.py FOLDER

Twenty rows of the 74 features from the linear congruential generator of tests/catalogue/mod.rs, in two row
groups; one feature in single precision, one optional with missing values, one of integers. Needs pyarrow 26.
"""
import csv
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, HERE = 20, pathlib.Path(__file__).parent


def lcg(seed, n):
    out, state = [], seed
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 11) * 2.0**-53)
    return np.array(out)


def main(folder):
    with open(HERE / "../../../extractor-svc/testdata/golden.csv", newline="") as golden:
        names = next(csv.reader(golden))[2:]
    unit = lcg(2026, ROWS * len(names)).reshape(ROWS, len(names))
    values = (unit - 0.5) * (1.0 + np.arange(len(names))) + 10.0 * np.arange(len(names))
    columns = {
        "year": pa.array([None if i % 5 == 0 else 1980 + i for i in range(ROWS)], pa.int32()),
        "track_id": pa.array(range(1000, 1000 + ROWS), pa.int64()),
        "artist_name": pa.array([f"Künstler {i % 3}" for i in range(ROWS)]).dictionary_encode(),
        "live": pa.array([i % 2 == 0 for i in range(ROWS)]),
    }
    # Another order than the schema's: columns are taken by name.
    for place, name in reversed(list(enumerate(names))):
        column = values[:, place]
        if place == 3:
            columns[name] = pa.array(column.astype(np.float32))
        elif place == 4:
            columns[name] = pa.array([None if i % 7 == 0 else v for i, v in enumerate(column)], pa.float64())
        elif place == 5:
            columns[name] = pa.array(np.arange(ROWS), pa.int16())
        else:
            columns[name] = pa.array(column)
    table = pa.table(columns)
    pq.write_table(table, f"{folder}/snappy.parquet", compression="snappy", row_group_size=12)
    pq.write_table(table, f"{folder}/gzip_v2.parquet", compression="gzip", row_group_size=12,
                   data_page_version="2.0", use_dictionary=False)
    short = table.select(["track_id", names[0]]).slice(0, 2)
    for name, column in [
        ("nested", pa.array([[1.0], [2.0]])),
        ("decimal", pa.array([1, 2], pa.decimal128(9, 2))),
        ("date", pa.array([1, 2], pa.date32())),
    ]:
        pq.write_table(short.append_column("extra", column), f"{folder}/{name}.parquet")


if __name__ == "__main__":
    main(sys.argv[1])
