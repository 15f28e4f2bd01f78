"""Random requests, in the form of the reference and in that of the wire."""
import dataclasses

import numpy as np

import filters
from catalogue import GROUPS, NAMES
from reference import Options
from service import EXPLAINED, query
from target import Example


@dataclasses.dataclass
class Request:
    """A request in both forms: for the reference, and for the wire."""
    examples: list
    strategy: str
    options: Options
    filter: str = ""
    page_size: int = 10
    exact: bool = True
    explained: bool = False

    def wire(self, **more):
        plain = self.options
        fields = {"page_size": self.page_size, "exact": self.exact, "filter": self.filter, "diversity": plain.diversity,
                  "include_seeds": plain.include_seeds, "include_duplicates": plain.include_duplicates,
                  "max_per_artist": plain.max_per_artist, "group_weights": plain.group_weights}
        if plain.max_distance is not None:
            fields["max_distance"] = plain.max_distance
        if self.explained:
            fields["view"] = EXPLAINED
        return query.QueryOptions(**fields | more)

    def __str__(self):
        examples = [(one.weight, one.row if one.row is not None else "vector") for one in self.examples]
        plain = {name: value for name, value in vars(self.options).items() if name != "mask" and value}
        return (f"{self.strategy} {examples} {plain} page_size={self.page_size} exact={self.exact}"
                f"{f' filter={self.filter}' if self.filter else ''}")


class Maker:
    """Makes requests over one catalogue. In `lattice` every number of them is exact in binary, so that ties stay ties; in `coarse`
    rounding decides which of two tied ones is first, so that no rule is asked for that depends on it."""

    def __init__(self, random, reference):
        self.random, self.reference = random, reference
        self.dyadic, self.rounded = (reference.catalogue.name == name for name in ("lattice", "coarse"))
        self.texts = filters.rows_of(reference.catalogue)

    def example(self, weight=1.0, outside=0.3):
        random, vectors = self.random, self.reference.catalogue.vectors
        row = int(random.integers(len(vectors)))
        if random.random() >= outside:
            return Example(weight, row)
        if self.dyadic or random.random() < 0.2:
            # A row's own vector from outside is the row.
            return Example(weight, vector=vectors[row].copy())
        return Example(weight, vector=vectors[row] + random.normal(size=len(NAMES)) * 0.3 * self.reference.scaler.scale)

    def examples(self):
        """One row, one vector, or several examples of which some may be unwanted."""
        random = self.random
        kind = random.random()
        if kind < 0.25:
            return [self.example(outside=0.0)], "row"
        if kind < 0.4:
            return [self.example(outside=1.0)], "vector"
        strategy = str(random.choice(["centroid", "best_of", "shared_traits"]))
        if self.dyadic:
            strategy = "best_of" if strategy == "shared_traits" else strategy
            weights = [[1.0], [1.0, 1.0], [2.0, -2.0], [1.0, 1.0, 2.0, -4.0], [4.0, 2.0, 1.0, 1.0], [1.0, 1.0, -1.0, -1.0]]
            return [self.example(weight) for weight in weights[int(random.integers(len(weights)))]], strategy
        wanted, unwanted = int(random.integers(1, 6)), int(random.choice([0, 0, 1, 3]))
        signs = np.array([1.0] * wanted + [-1.0] * unwanted)
        weights = signs * (1.0 if random.random() < 0.3 else np.exp(random.normal(size=len(signs))))
        return [self.example(float(weight)) for weight in weights], strategy

    def request(self, plain=False):
        """Options at random; a `plain` one has none of them."""
        random = self.random
        examples, strategy = self.examples()
        if plain:
            return Request(examples, strategy, Options(), page_size=int(random.choice([1, 10, 50])))
        options = Options(include_seeds=random.random() < 0.3, include_duplicates=random.random() < 0.3)
        text = ""
        if random.random() < 0.4:
            tree = filters.tree(random, self.reference.catalogue.columns)
            text = tree.text(random)
            options.mask = np.array([tree.holds(row) for row in self.texts])
        if random.random() < 0.25 and not self.rounded:
            options.max_per_artist = int(random.choice([1, 2, 5]))
        if random.random() < 0.3:
            groups = random.choice(GROUPS, int(random.integers(1, 4)), replace=False)
            options.group_weights = {str(group): float(random.choice([0.0, 0.25, 4.0, 16.0] if self.dyadic else [0.0, 0.3, 2.5, 1000.0]))
                                     for group in groups}
        if random.random() < 0.3:
            distance = self.reference.target(examples, strategy, options).distance
            options.max_distance = float(np.quantile(distance, random.choice([0.0, 0.05, 0.5])))
            if not self.dyadic:
                # Not the distance of any row: that would be above or below it by rounding.
                options.max_distance = options.max_distance * (1 + 1e-6) + 1e-6
        if random.random() < 0.2 and not self.rounded:
            options.diversity = float(random.choice([0.5] if self.dyadic else [0.1, 0.5, 0.9, 1.0]))
            if len(examples) == 1 and options.include_seeds and options.diversity == 0.5:
                # Behind the seed itself all that follows would be worth 0, and rounding would decide.
                options.diversity = 0.3
        explained = random.random() < 0.1
        size = int(random.choice([1, 7, 10, 100, 300] if not explained else [5, 100]))
        return Request(examples, strategy, options, text, size, True, explained)
