"""Conditions on records that a rule may be made of: words, phrases, pairs of words, patterns, thresholds of columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.corpus import Columns
from weaklab.heuristics import Heuristic, Keywords, Pattern, col, keywords, pattern, where

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.heuristics import Expression

Make = Callable[[str], Heuristic]
"""Makes the heuristic of a condition, for a label."""

LEAST_RECORDS = 3
LEAST_SHARE = 0.001
"""A condition must hold for this many records and this share of them."""
MOST_SHARE = 0.6
"""A condition that holds for more says nothing about one label."""
MOST_WORDS = 30_000
"""The most frequent words and phrases that are looked at."""
PAIR_WORDS = 60
"""Pairs are made of this many words."""
THRESHOLDS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
MOST_VALUES = 30
"""A text column with more different values than this is free text, not a category."""
SHAPES = {
    "link": (r"https?://|www\.", re.IGNORECASE),
    "email_address": (r"[\w.+-]+@[\w-]+\.\w+", 0),
    "money": (r"[$£€]\s?\d", 0),
    "percent": (r"\d\s?%", 0),
    "long_number": (r"\d{5,}", 0),
    "starts_with_number": (r"^\s*\d", 0),
    "ends_with_question": (r"\?\s*$", 0),
    "ends_with_exclamation": (r"!\s*$", 0),
    "repeated_exclamation": (r"!{2,}", 0),
    "word_in_capitals": (r"\b[A-Z]{3,}\b", 0),
    "repeated_letter": (r"([a-z])\1\1", re.IGNORECASE),
    "quoted": (r"[\"“][^\"”]+[\"”]", 0),
    "time_of_day": (r"\b\d{1,2}:\d\d\b", 0),
    "year": (r"\b(19|20)\d\d\b", 0),
}
"""Name -> (regular expression, flags): forms of text that are looked for whatever the words are."""


@dataclass(frozen=True)
class Candidates:
    """c conditions, and the records of n for which each holds.

    Attributes
    ----------
    holds : sparse float32 (n, c) with ones where the condition holds
    makes : for each condition a function from a label to its heuristic
    words : for each condition the single word that it is, None for others
    """

    holds: Any
    makes: Sequence[Make]
    words: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.makes)


def candidates(table: pa.Table, promising: Callable[[Any], NDArray[np.float64]]) -> Candidates:
    """Return the conditions that may become rules, from the records themselves.

    Parameters
    ----------
    table : n records, as :meth:`weaklab.Corpus.take` returns them
    promising : sparse (n, c) -> float (c,); pairs are made of the words for which this is highest
    """
    from scipy import sparse

    [batch] = table.combine_chunks().to_batches()
    columns = Columns(batch)
    parts = list(_of_columns(columns, batch))
    if columns.roles.text:
        texts = [str(text) for text in columns.text]
        parts += _of_shapes(texts)
        grams = _grams(texts)
        parts += _pairs(grams, promising)
        words, found = grams
        makes: list[Make] = [partial(_keyword, word) for word in words]
        singles: list[str | None] = [None if " " in word else word for word in words]
    else:
        found, makes, singles = sparse.csc_matrix((len(columns), 0), dtype=np.float32), [], []
    rest = [(make, held) for make, held in parts if _is_useful(int(held.sum()), len(held))]
    stacked = [sparse.csc_matrix(held[:, None], dtype=np.float32) for _, held in rest]
    return Candidates(
        sparse.hstack([found, *stacked], format="csc"),
        [*makes, *(make for make, _ in rest)],
        [*singles, *(None for _ in rest)],
    )


def with_word(found: Candidates, word: str, rows: NDArray[np.int64], n: int) -> Candidates:
    """Return candidates with one more at the end: the word, which holds for these of n rows."""
    from scipy import sparse

    held = np.zeros((n, 1), dtype=np.float32)
    held[rows] = 1
    holds = sparse.csc_matrix(held) if not len(found) else sparse.hstack([found.holds, held], format="csc")
    return Candidates(holds, [*found.makes, partial(_keyword, word)], [*found.words, word])


def looks_for(found: Candidates, word: str, label: str) -> NDArray[np.bool_]:
    """Return which candidates look for a word, alone, in a phrase or in a pair, bool (c,); the last one is the word."""
    wanted = " ".join(word.lower().split())
    part = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")

    def has(make: Make) -> bool:
        heuristic = make(label)
        if isinstance(heuristic, Keywords):
            return any(other != wanted and part.search(other) is not None for other in heuristic.words)
        if not isinstance(heuristic, Pattern) or not heuristic.name.startswith("pair_"):
            return False
        return re.search(rf"\\b{re.escape(wanted)}\\b", heuristic.regex.pattern) is not None

    return np.array([*map(has, found.makes[:-1]), True])


def _is_useful(count: int, n: int) -> bool:
    return max(LEAST_RECORDS, LEAST_SHARE * n) <= count <= MOST_SHARE * n


# ---- words


def tokens_of(text: str) -> set[str]:
    """Return the words of a text in lower case, and the phrases of two words with nothing but white space between.

    >>> sorted(tokens_of("Win a prize, now"))
    ['a', 'a prize', 'now', 'prize', 'win', 'win a']
    """
    found = [(match.start(), match.end()) for match in re.finditer(r"\w+", text)]
    low = text.lower() if len(text.lower()) == len(text) else text  # a few letters have longer ones in lower case
    words = {low[start:end] for start, end in found}
    return words | {f"{low[a:b]} {low[c:d]}" for (a, b), (c, d) in pairwise(found) if text[b:c].isspace()}


def _grams(texts: Sequence[str]) -> tuple[list[str], Any]:
    """Return words and phrases, and where each stands: sparse (n, c)."""
    from sklearn.feature_extraction.text import CountVectorizer

    least = max(LEAST_RECORDS, int(np.ceil(LEAST_SHARE * len(texts))))
    vectorizer = CountVectorizer(
        analyzer=tokens_of, binary=True, min_df=min(least, len(texts)), max_features=MOST_WORDS, dtype=np.float32
    )
    try:
        found = vectorizer.fit_transform(texts).tocsc()
    except ValueError:  # no text has a word, or none is frequent enough
        from scipy import sparse

        return [], sparse.csc_matrix((len(texts), 0), dtype=np.float32)
    words = vectorizer.get_feature_names_out().tolist()
    keep = [j for j, count in enumerate(np.diff(found.indptr).tolist()) if _is_useful(count, len(texts))]
    keep = [j for j in keep if len(words[j]) > 1 or not words[j].isascii()]
    return [words[j] for j in keep], found[:, keep]


def _keyword(word: str, label: str) -> Heuristic:
    return keywords(label, [word])


def _pairs(grams: tuple[list[str], Any], promising: Callable[[Any], NDArray[np.float64]]) -> list[tuple[Make, Any]]:
    """Return pairs of words that stand in one text, in any order and at any distance."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words, found = grams
    single = [j for j, word in enumerate(words) if " " not in word and len(word) > 1 and word not in ENGLISH_STOP_WORDS]
    if not single:
        return []
    best = np.argsort(-promising(found[:, single]), kind="stable")[:PAIR_WORDS]
    chosen = [single[place] for place in best.tolist()]
    dense = found[:, chosen].toarray() > 0
    return [
        (partial(_pair, words[chosen[a]], words[chosen[b]]), both)
        for a, b in combinations(range(len(chosen)), 2)
        if _is_useful(int((both := dense[:, a] & dense[:, b]).sum()), len(dense))
    ]


def _pair(first: str, second: str, label: str) -> Heuristic:
    a, b = sorted([first, second])
    regex = rf"\b{a}\b.*\b{b}\b|\b{b}\b.*\b{a}\b"
    return pattern(label, regex, flags=re.IGNORECASE | re.DOTALL, name=f"pair_{label}_{a}_{b}")


# ---- forms of text and columns


def _of_shapes(texts: Sequence[str]) -> Iterator[tuple[Make, NDArray[np.bool_]]]:
    for name, (regex, flags) in SHAPES.items():
        search = re.compile(regex, flags).search
        held = np.fromiter((search(text) is not None for text in texts), dtype=bool, count=len(texts))
        yield partial(_shape, name, regex, flags), held
    text = col("text")
    figures = [
        (text.length(), len),
        (text.words(), lambda value: len(value.split())),
        (text.count("!"), lambda value: value.count("!")),
        (text.count("?"), lambda value: value.count("?")),
        (text.digits(), lambda value: sum(map(str.isdigit, value))),
        (text.capitals(), lambda value: sum(map(str.isupper, value))),
    ]
    for expression, measure in figures:
        values = np.fromiter(map(measure, texts), dtype=np.float64, count=len(texts))
        yield from _thresholds(expression, values)


def _shape(name: str, regex: str, flags: int, label: str) -> Heuristic:
    return pattern(label, regex, flags=flags, name=f"pattern_{label}_{name}")


def _thresholds(expression: Expression, values: NDArray[np.float64]) -> Iterator[tuple[Make, NDArray[np.bool_]]]:
    """Yield comparisons of an expression with quantiles of its values; NaN is unknown."""
    known = values[np.isfinite(values)]
    if not len(known) or known.min() == known.max():
        return
    at = np.unique(np.quantile(known, THRESHOLDS, method="inverted_cdf"))
    for bound in at.tolist():
        number: float = int(bound) if float(bound).is_integer() else _rounded(bound)
        for condition, held in ((expression >= number, values >= number), (expression <= number, values <= number)):
            yield partial(_condition, condition), held


def _rounded(bound: float) -> float:
    return float(f"{bound:.4g}")


def _condition(condition: Expression, label: str) -> Heuristic:
    return where(label, condition)


def _of_columns(columns: Columns, batch: pa.RecordBatch) -> Iterator[tuple[Make, NDArray[np.bool_]]]:
    """Yield conditions on the columns that are neither text to read, nor ids, nor labels."""
    import pyarrow as pa

    roles = columns.roles
    for name in columns.names:
        if name in (roles.id, roles.label, roles.gold, *roles.text):
            continue
        kind = batch.schema.field(name).type
        if pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
            yield from _values(name, columns[name])
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            numbers = np.array([np.nan if value is None else value for value in columns[name]], dtype=np.float64)
            yield from _thresholds(col(name), numbers)


def _values(name: str, values: Sequence[Any]) -> Iterator[tuple[Make, NDArray[np.bool_]]]:
    different = {value for value in values if value is not None}
    if not 1 < len(different) <= MOST_VALUES:
        return
    for value in sorted(different):
        held = np.fromiter((each == value for each in values), dtype=bool, count=len(values))
        yield partial(_condition, col(name) == value), held
