#!/usr/bin/env python3
"""grpcurl without any .proto file: services, health, and a lookup, through reflection alone."""
import argparse
import base64
import csv
import json
import re
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for flag in ("--grpcurl", "--extractor", "--index", "--table"):
        parser.add_argument(flag, required=True)
    options = parser.parse_args()

    def grpcurl(*words):
        done = subprocess.run([options.grpcurl, "-plaintext", *words], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    for address, service in ((options.extractor, "soundalike.v1.ExtractorService"),
                             (options.index, "soundalike.v1.IndexService")):
        code, listed, error = grpcurl(address, "list")
        assert code == 0 and service in listed.split(), (listed, error)
        for name in ("", service):
            code, health, error = grpcurl("-d", json.dumps({"service": name}), address, "grpc.health.v1.Health/Check")
            assert code == 0 and json.loads(health) == {"status": "SERVING"}, (health, error)

    with open(options.table, newline="") as table:
        rows = list(csv.reader(table))
    # Behind the features stand what is damaged, and the warnings.
    assert rows[0][-2:] == ["damaged_share", "warnings"], rows[0][-2:]
    names, row = rows[0][1:-2], rows[len(rows) // 2]
    request = json.dumps({"trackId": row[0], "view": "LOOKUP_VIEW_FULL"})
    code, text, error = grpcurl("-d", request, options.index, "soundalike.v1.IndexService/Lookup")
    assert code == 0, error
    answer = json.loads(text)
    assert answer["track"]["trackId"] == row[0], answer["track"]
    # Zero is left out of JSON.
    assert int(answer["track"].get("trackIndex", 0)) == len(rows) // 2 - 1, answer["track"]
    assert answer["featureVector"]["names"] == names
    assert answer["featureVector"]["values"] == [float(value) for value in row[1:-2]]

    code, _, error = grpcurl("-d", '{"trackId": "no such song"}', options.index, "soundalike.v1.IndexService/Lookup")
    assert code != 0 and "NotFound" in error, error
    # Old grpcurl prints details it has no descriptor of as base64.
    details = b"".join(base64.b64decode(value) for value in re.findall(r'"@value":"([^"]+)"', error))
    assert b"TRACK_NOT_FOUND" in details + error.encode(), error
    print(f"  list, health and Lookup of {row[0].rsplit('/', 1)[-1]} agree with the table")
    return 0


if __name__ == "__main__":
    sys.exit(main())
