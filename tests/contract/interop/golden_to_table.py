#!/usr/bin/env python3
"""golden_to_table.py GOLDEN.csv TABLE.csv

librosa's own vectors as a table that `index-svc build` reads: the column `file` becomes `track_id`,
and its last part the title. Values are passed on as they are written.
"""
import csv
import sys


def main(source, target):
    with open(source, newline="") as golden, open(target, "w", newline="") as table:
        rows = csv.reader(golden)
        header = next(rows)
        assert header[0] == "file", header[0]
        out = csv.writer(table, lineterminator="\n")
        out.writerow(["track_id", "track_title", *header[1:]])
        for row in rows:
            out.writerow([row[0], row[0].rsplit("/", 1)[-1], *row[1:]])


if __name__ == "__main__":
    main(*sys.argv[1:])
