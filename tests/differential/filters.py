"""Filters as trees: one side writes them as AIP-160 text, the other side says which rows they hold for."""
import decimal
import operator
import re
import unicodedata

COMPARATORS = {"=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
KEYWORDS = {"AND", "OR", "NOT", "IN"}


def as_number(text):
    """The number that a value is, or none: decimal, with blanks around it or without, and with all its digits."""
    return decimal.Decimal(text.strip(" ")) if NUMBER.match(text.strip(" ")) else None


def folded(text):
    """The form that is compared where case is ignored: full case folding, and one spelling of each letter."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def quoted(text, random):
    """A text in quotes; what would mean something else has a backslash."""
    quote = "'" if random.random() < 0.3 else '"'
    return quote + re.sub(rf"([\\{quote}*])", r"\\\1", text) + quote


def word(text, random):
    """A value or field: without quotes now and then, where it is a plain word."""
    plain = PLAIN.match(text) and text.upper() not in KEYWORDS
    return text if plain and random.random() < 0.7 else quoted(text, random)


class Wildcard:
    """A text with stars between its pieces, each for any text."""

    def __init__(self, pieces):
        self.pieces = pieces

    def matches(self, text, fold=False, anywhere=False):
        pieces = [folded(piece) for piece in self.pieces] if fold else self.pieces
        pattern = ".*".join(map(re.escape, pieces))
        find = re.search if anywhere else re.fullmatch
        return find(pattern, folded(text) if fold else text, re.DOTALL) is not None

    def text(self, random):
        return '"' + "*".join(quoted(piece, Always)[1:-1] for piece in self.pieces) + '"'


class Always:
    """In place of chance: double quotes."""

    @staticmethod
    def random():
        return 1.0


def value_text(value, random):
    if isinstance(value, decimal.Decimal):
        return str(value)
    return value.text(random) if isinstance(value, Wildcard) else word(value, random)


class Compare:
    """A field against a number, a text, or (`=` and `!=`) a wildcard."""

    def __init__(self, field, comparator, value):
        self.field, self.comparator, self.value = field, comparator, value

    def holds(self, row):
        text = row[self.field]
        if isinstance(self.value, decimal.Decimal):
            number = as_number(text)
            if number is None:
                return self.comparator == "!="
            return COMPARATORS[self.comparator](number, self.value)
        if isinstance(self.value, Wildcard):
            return self.value.matches(text) == (self.comparator == "=")
        # By code point, which is the order of UTF-8 bytes.
        return COMPARATORS[self.comparator](text, self.value)

    def text(self, random):
        spaces = " " if isinstance(self.value, decimal.Decimal) or random.random() < 0.5 else ""
        return f"{word(self.field, random)}{spaces}{self.comparator} {value_text(self.value, random)}"


class Contains:
    """`:`, whatever the case; of stars alone (`:*`) it says that a value is there."""

    def __init__(self, field, value):
        self.field, self.value = field, value

    def holds(self, row):
        if self.value is None:
            return row[self.field] != ""
        if isinstance(self.value, Wildcard) and not any(self.value.pieces):
            return row[self.field] != ""
        wildcard = self.value if isinstance(self.value, Wildcard) else Wildcard([self.value])
        return wildcard.matches(row[self.field], fold=True, anywhere=True)

    def text(self, random):
        if self.value is None:
            return f"{word(self.field, random)}:*"
        value = self.value.text(random) if isinstance(self.value, Wildcard) else quoted(self.value, random)
        return f"{word(self.field, random)}:{value}"


class In:
    """One of a list, texts, numbers and wildcards mixed."""

    def __init__(self, field, values):
        self.field, self.values = field, values

    def holds(self, row):
        return any(Compare(self.field, "=", value).holds(row) for value in self.values)

    def text(self, random):
        return f"{word(self.field, random)} IN ({', '.join(value_text(value, random) for value in self.values)})"


class Joined:
    """`AND`, `OR` of several, `NOT` of one. `OR` binds tighter than `AND`, so an `OR` under an `AND` needs no parentheses."""

    def __init__(self, how, parts):
        self.how, self.parts = how, parts

    def holds(self, row):
        found = (part.holds(row) for part in self.parts)
        return all(found) if self.how == "AND" else any(found) if self.how == "OR" else not next(found)

    def text(self, random):
        def inside(part):
            loose = isinstance(part, Joined) and part.how != "NOT"
            twice = self.how == "NOT" and isinstance(part, Joined)
            bare = not loose and not twice or (self.how == "AND" and part.how == "OR" and random.random() < 0.7)
            return part.text(random) if bare else f"({part.text(random)})"
        texts = [inside(part) for part in self.parts]
        if self.how != "NOT":
            return f" {self.how} ".join(texts)
        return f"-{texts[0]}" if random.random() < 0.3 else f"NOT {texts[0]}"


def wildcard(random, text):
    """A pattern that the text matches: some of it, with stars where the rest was."""
    cuts = sorted(int(cut) for cut in random.integers(0, len(text) + 1, 2 * int(random.integers(1, 3))))
    bounds = [0, *cuts, len(text)]
    pieces = [text[begin:end] for begin, end in zip(bounds[::2], bounds[1::2])]
    return Wildcard(pieces if random.random() < 0.9 else [*pieces, "x"])


def leaf(random, columns):
    """A test of one field, mostly against a value that is there or nearly."""
    field = str(random.choice(list(columns)))
    values = columns[field]
    value = values[int(random.integers(len(values)))]
    kind = random.random()
    if kind < 0.1:
        return Contains(field, None)
    if kind < 0.35:
        begin, length = int(random.integers(0, 3)), int(random.integers(1, 6))
        part = value[begin:begin + length] or "a"
        part = part.upper() if random.random() < 0.3 else part.lower() if random.random() < 0.5 else part
        return Contains(field, wildcard(random, part) if len(part) > 3 and random.random() < 0.3 else part)
    if kind < 0.5:
        some = [values[int(i)] for i in random.integers(0, len(values), int(random.integers(1, 5)))]
        return In(field, [as_number(one) if as_number(one) is not None and random.random() < 0.5 else
                          wildcard(random, one) if random.random() < 0.2 else one for one in some])
    comparator = str(random.choice(list(COMPARATORS)))
    if as_number(value) is not None and random.random() < 0.8:
        return Compare(field, comparator, as_number(value))
    if comparator in ("=", "!=") and random.random() < 0.5:
        return Compare(field, comparator, wildcard(random, value))
    return Compare(field, comparator, value)


def tree(random, columns, depth=2):
    """A filter at random."""
    if depth == 0 or random.random() < 0.4:
        return leaf(random, columns)
    how = str(random.choice(["AND", "OR", "NOT"], p=[0.4, 0.4, 0.2]))
    parts = [tree(random, columns, depth - 1) for _ in range(1 if how == "NOT" else int(random.integers(2, 4)))]
    return Joined(how, parts)


def rows_of(catalogue):
    """The texts of each row, by field."""
    return [{name: catalogue.text(name, row) for name in catalogue.columns} for row in range(len(catalogue))]
