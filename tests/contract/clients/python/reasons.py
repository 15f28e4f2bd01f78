#!/usr/bin/env python3
"""Every reason of the contract, met by a foreign client: code, reason and field path.

    reasons.py --extractor BINARY --index BINARY --index-dir DIR --other-index-dir DIR --certificates DIR

The reasons are read from the sources that make statuses. One that no case reaches, and that is not
listed as unreachable with its argument, fails; so does a case of a reason that is gone.
"""
import argparse
import pathlib
import re
import sys

from cases_extractor import extractor_cases
from cases_index import index_cases, version_cases, work_cases
from cases_serving import serving_cases
from servers import ROOT
from verdict import Check

# Where statuses are made, and where the extractor names its reasons.
SOURCES = (
    "extractor-svc/src/serve/status.rs",
    "extractor-svc/src/error.rs",
    # A finding that is refused has its own name as the reason.
    "extractor-svc/src/findings.rs",
    "index-svc/src/status.rs",
    "proto/serving/src/call/status.rs",
)

# Upper-case words of these sources that are no reason: kinds of a precondition, and how names are written.
KINDS = {"PROFILE", "SCHEMA", "INDEX_VERSION", "SCREAMING_SNAKE_CASE"}

# Reasons that no client can be shown, and why.
UNREACHABLE = {
    "CANCELLED": "the caller has gone, so nobody reads it; a client's own library says CANCELLED",
    "STREAM_BROKEN": "the sender has gone, so nobody reads it; log and metrics have it",
    "SOURCE_FAILED": "an upload is analysed from memory, where no read fails; files fail in the batch command",
    "DECODER_PANICKED": "a defect of a decoder; the fuzzed corpus has no bytes that reach it",
    "AUDIO_TOO_SHORT": "the served profile halves nothing before its constant-Q transform, so one sample is enough; "
                       "a custom profile of the batch command can reach it",
    "NON_FINITE_FEATURE": "samples that pass as plausible are too small to overflow anything",
    "INDEX_UNAVAILABLE": "a disk that fails for a while, or has no room: no test can have one; the index's own tests go through "
                         "every error that becomes it",
    "INTERNAL": "a defect of the service or a damaged disk; opening an index checks what can be checked",
}


def reasons():
    """Every upper-case word in a string of the sources, unit tests aside."""
    found = set()
    for source in SOURCES:
        code = (ROOT / source).read_text().split("#[cfg(test)]")[0]
        found |= set(re.findall(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)"', code))
    return found - KINDS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for flag in ("--extractor", "--index", "--index-dir", "--other-index-dir", "--certificates"):
        parser.add_argument(flag, required=True, type=pathlib.Path)
    options = parser.parse_args()
    check = Check()
    extractor_cases(check, options.extractor)
    token = index_cases(check, options.index, options.index_dir)
    work_cases(check, options.index, options.index_dir)
    version_cases(check, options.index, options.other_index_dir, token)
    serving_cases(check, options.extractor, options.index, options.index_dir, options.certificates)

    known = reasons()
    assert len(known) > 30, f"the scan sees the sources: {known}"
    for reason in sorted(known - check.met - set(UNREACHABLE)):
        check.fail(f"{reason}: made by a server, reached by no case, and not argued to be unreachable")
    for reason in sorted(check.met - known):
        check.fail(f"{reason}: a case reaches it, and no source has it")
    for reason in sorted(set(UNREACHABLE) & check.met):
        check.fail(f"{reason}: listed as unreachable, and reached")
    for reason in sorted(set(UNREACHABLE) - known):
        check.fail(f"{reason}: listed as unreachable, and in no source")
    print(f"  {check.passed} refusals as expected, {len(check.met)} of {len(known)} reasons reached, "
          f"{len(UNREACHABLE)} argued to be unreachable, {len(check.failed)} failed")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
