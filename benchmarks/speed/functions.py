"""The same twenty labeling functions in every form: declared, as Python, as Snorkel's, as polars expressions, and as
the plain loop that all of them are checked against.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.speed.texts import keyword_lists

LABELS = ("no", "yes")
ABSTAIN = -1
FEW_WORDS = 20
"""Up to so many words, looking for each of them is faster for Python than making a set of the words of the text."""
PATTERNS = (
    ("number_percent", 1, r"\b\d{1,3}%"),
    ("year", 0, r"\b(?:19|20)\d\d\b"),
    ("money", 1, r"\$\d[\d,]*"),
    ("ordinal", 0, r"\b\d+(?:st|nd|rd|th)\b"),
    ("address", 1, r"www\.\w+\.(?:com|org|net)"),
    ("asks", 0, r"\b(?:who|what|why|how)\b[^.!]{0,40}\?"),
)
COUNTS = (
    ("shouts", 1, "count", "!", 2),
    ("questions", 0, "count", "?", 2),
    ("long", 0, "length", "", 200),
    ("dollars", 1, "count", "$", 1),
)
"""Name, label, what is counted (a substring, or characters), and from how many on it votes."""

Test = Callable[[str], bool]


def keyword_regex(words: Sequence[str]) -> re.Pattern[str]:
    """Return what finds one of some words, capital letters or not, where it is not part of a longer word."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)


def plain() -> list[tuple[str, int, Test]]:
    """Return name, label and test of all twenty: what the votes ought to be."""
    found: list[tuple[str, int, Test]] = []
    for j, words in enumerate(keyword_lists()):
        found.append((f"words_{j}", j % 2, finds(keyword_regex(words))))
    for name, label, regex in PATTERNS:
        found.append((name, label, finds(re.compile(regex, re.IGNORECASE))))
    return [*found, *((name, label, _counter(kind, part, least)) for name, label, kind, part, least in COUNTS)]


def finds(regex: re.Pattern[str]) -> Test:
    """Return a test for a regular expression that is found in a text."""
    search = regex.search
    return lambda text: search(text) is not None


def _counter(kind: str, part: str, least: int) -> Test:
    return (lambda text: text.count(part) >= least) if kind == "count" else (lambda text: len(text) >= least)


def quick() -> list[tuple[str, int, Test]]:
    """Return the same with keywords written as fast as Python allows; these are what the peer runs."""
    lists = [(f"words_{j}", j % 2, quick_keywords(words)) for j, words in enumerate(keyword_lists())]
    return [*lists, *plain()[len(lists) :]]


def quick_keywords(words: Sequence[str]) -> Test:
    """Return a test for one of some words that skips the regular expression where it can."""
    search = keyword_regex(words).search
    if len(words) <= FEW_WORDS:

        def by_parts(text: str) -> bool:
            lower = text.lower()
            return any(word in lower for word in words) and search(text) is not None

        return by_parts
    split = re.compile(r"\w+").findall
    single = frozenset(word for word in words if split(word) == [word])
    rest = [word for word in words if word not in single]  # a combining mark stands between words for \w

    def by_words(text: str) -> bool:
        lower = text.lower()
        return not single.isdisjoint(split(lower)) or (any(word in lower for word in rest) and search(text) is not None)

    return by_words


def reference(texts: Sequence[str]) -> np.ndarray:
    """Return the votes of a plain loop over ``re`` and ``str``, int8 (n, 20)."""
    return votes([(label, test) for _, label, test in plain()], texts)


def votes(tests: Sequence[tuple[int, Test]], texts: Sequence[str]) -> np.ndarray:
    """Return the votes of tests, int8 (n, m)."""
    columns = [
        np.fromiter((label if test(text) else ABSTAIN for text in texts), np.int8, len(texts)) for label, test in tests
    ]
    return np.column_stack(columns)


def declared() -> list[Any]:
    """Return the twenty as weaklab declares them."""
    import weaklab
    from weaklab.heuristics import col, where

    found: list[Any] = [
        weaklab.keywords(LABELS[j % 2], words, name=f"words_{j}") for j, words in enumerate(keyword_lists())
    ]
    found += [weaklab.pattern(LABELS[label], regex, name=name) for name, label, regex in PATTERNS]
    for name, label, kind, part, least in COUNTS:
        counted = col("text").count(part) if kind == "count" else col("text").length()
        found.append(where(LABELS[label], counted >= least, name=name))
    return found


def opaque(tests: Sequence[tuple[str, int, Test]]) -> list[tuple[str, Callable[[Any], int]]]:
    """Return name and function of a record of all, as a person would write them."""

    def function(label: int, test: Test) -> Callable[[Any], int]:
        return lambda x: label if test(x.text) else ABSTAIN

    return [(name, function(label, test)) for name, label, test in tests]


def snorkel_functions(tests: Sequence[tuple[str, int, Test]]) -> list[Any]:
    """Return Snorkel's labeling functions."""
    from snorkel.labeling import LabelingFunction

    return [LabelingFunction(name, function) for name, function in opaque(tests)]


def polars_expressions() -> list[Any]:
    r"""Return the twenty as polars expressions, each a column of bool.

    ``(?-u:\b)``, the boundary of a word of ASCII letters, makes the keywords five times as fast as ``\b``. If letters
    outside ASCII or combining marks are next to a keyword or a number, regular expressions of Rust and Python differ in
    any case.
    """
    import polars as pl

    text = pl.col("text").str
    found = [text.contains(rf"(?-u:\b)(?i:{'|'.join(map(re.escape, words))})(?-u:\b)") for words in keyword_lists()]
    found += [text.contains(f"(?i){regex}") for _, _, regex in PATTERNS]
    for _, _, kind, part, least in COUNTS:
        found.append((text.count_matches(part, literal=True) if kind == "count" else text.len_chars()) >= least)
    return [expression.alias(name) for expression, (name, _, _) in zip(found, plain(), strict=True)]


def polars_votes(frame: Any) -> np.ndarray:
    """Return the votes of the polars expressions over a polars frame, int8 (n, 20)."""
    held = frame.lazy().select(polars_expressions()).collect()
    return np.column_stack(
        [np.where(held[name].to_numpy(), np.int8(label), np.int8(ABSTAIN)) for name, label, _ in plain()]
    )
