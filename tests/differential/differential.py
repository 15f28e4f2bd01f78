#!/usr/bin/env python3
"""The service against a plain reference, on catalogues made from a seed.

    differential.py --index BINARY --scratch FOLDER [--seed N] [--only SUITE...] [--scale SHARE]

The same seed makes the same catalogues and requests. Exit code 1 when any comparison fails; what fails is told with
the request. `--scale` takes a share of the requests.
"""
import argparse
import pathlib
import sys

import numpy as np

import catalogue
import details
import growth
import lists
import recall
import tables
from reference import Reference
from request import Maker
from service import Binary, Service
from comparisons import Comparisons


class Run:
    """What every suite needs: the binary, a folder, the seed, and catalogues that are built once."""

    def __init__(self, options):
        self.binary, self.scratch, self.seed, self.scale = Binary(options.index), options.scratch, options.seed, options.scale
        self.comparisons = Comparisons()
        self._built = {}

    def random(self, *salt):
        return np.random.default_rng([self.seed, *(ord(letter) for one in salt for letter in one)])

    def count(self, requests):
        return max(1, round(requests * self.scale))

    def catalogue(self, name):
        """The reference of a catalogue, and the folder of its index."""
        if name not in self._built:
            made = getattr(catalogue, name)(self.random(name))
            table, folder = self.scratch / f"{name}.parquet", self.scratch / name
            catalogue.write_parquet(made, table)
            self.binary.build(table, folder)
            self._built[name] = (Reference(made, random=self.random(name, "pairs")), folder)
        return self._built[name]


def exact_lists(run):
    """Exact answers with options at random, on each catalogue."""
    for name, requests in EXACT.items():
        reference, folder = run.catalogue(name)
        maker = Maker(run.random(name, "lists"), reference)
        with Service(run.binary, folder) as service:
            for _ in range(run.count(requests)):
                lists.check(run.comparisons, service, reference, maker.request())


def approximate(run):
    """Recall by engine, kind and length, and pages of approximate lists."""
    for name in ("clustered", "isotropic"):
        recall.promised(run.comparisons, run, name, ("auto", "forest"))
        recall.far(run.comparisons, run, name, ("auto", "forest"))
    recall.best_first(run.comparisons, run, "clustered", 40)
    recall.pages(run.comparisons, run, "clustered", 30)


def surroundings(run):
    """Look-ups, batches, explanations."""
    for name in ("lattice", "coarse", "clustered"):
        details.lookups(run.comparisons, run, name)
        details.batches(run.comparisons, run, name, 60)
        details.explained_pairs(run.comparisons, run, name, 40)


def model_card(run):
    """What `GetIndexInfo` says of a catalogue."""
    for name in ("lattice", "coarse", "clustered"):
        details.information(run.comparisons, run, name)


def all_tables(run):
    """Formats, missing values, types, and the gate."""
    tables.formats(run.comparisons, run)
    tables.missing_values(run.comparisons, run)
    tables.attribute_types(run.comparisons, run)
    tables.validated(run.comparisons, run, ("lattice", "coarse", "isotropic"))


def all_growth(run):
    """Versions that come from others."""
    growth.grown(run.comparisons, run)
    growth.another_rule(run.comparisons, run)


EXACT = {"lattice": 300, "coarse": 200, "clustered": 50, "isotropic": 50}
SUITES = {"lists": exact_lists, "recall": approximate, "details": surroundings, "card": model_card, "tables": all_tables,
          "growth": all_growth}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", required=True, metavar="BINARY")
    parser.add_argument("--scratch", required=True, type=pathlib.Path, metavar="FOLDER", help="an empty folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=SUITES, default=list(SUITES), metavar="SUITE")
    parser.add_argument("--scale", type=float, default=1.0, metavar="SHARE")
    run = Run(parser.parse_args())
    for suite in parser.parse_args().only:
        print(f"differential: {suite}, seed {run.seed}", flush=True)
        SUITES[suite](run)
    return 0 if run.comparisons.summary() else 1


if __name__ == "__main__":
    sys.exit(main())
