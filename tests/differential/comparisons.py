"""Counts comparisons, and tells of those that fail with what is needed to ask again."""
import collections
import sys


class Comparisons:
    """One for a run; `about` says which seed, catalogue and request the next comparisons are of."""

    TOLD = 5

    def __init__(self):
        self.passed, self.failed = collections.Counter(), collections.Counter()
        self.about = ""

    def holds(self, kind, condition, told):
        """Counts a comparison of this kind; `told` is a text, or a function that makes it."""
        if condition:
            self.passed[kind] += 1
            return True
        self.failed[kind] += 1
        if self.failed[kind] <= self.TOLD:
            print(f"  FAILED {kind}: {self.about}: {told() if callable(told) else told}", file=sys.stderr, flush=True)
        return False

    def runs(self, kind, call):
        """Counts whether a command ends as it should."""
        try:
            call()
        except RuntimeError as error:
            return self.holds(kind, False, str(error)[-1500:])
        return self.holds(kind, True, "")

    def equal(self, kind, got, expected):
        return self.holds(kind, got == expected, lambda: f"got {brief(got)}, expected {brief(expected)}")

    def summary(self):
        for kind in sorted(self.passed | self.failed):
            print(f"  {kind:<28} {self.passed[kind]:>8} passed {self.failed[kind]:>6} failed")
        return not self.failed


def brief(value):
    text = repr(value)
    return text if len(text) < 400 else f"{text[:400]}..."
