"""Texts made of words that follow Zipf's law, with a planted truth; the same seed gives the same texts."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

WORDS, CHUNK = 30_000, 10_000
"""How many words there are, and how many texts are made at a time: each chunk has a random generator of its own, so
that the texts of a small corpus are the first ones of a large one."""
SHORTEST, LONGEST = 8, 31
"""Words in a text; a text has about 139 characters."""
FIRST_WORD, KEYWORD_SIZES = 400, (3, 5, 8, 12, 16, 20, 25, 30, 35, 40)
"""Keywords are words of middling frequency, from this rank on; how long the ten lists of keywords are."""
OWN, OTHER, SIGN = 0.7, 0.15, 0.25
"""The share of texts that hold a keyword of their own class, a keyword of the other one, and a sign of their class,
beside chance."""
COMMON = (  # noqa: SIM905 - a list of so many words would be a page
    "the of and to in a is that for it was on are as with his they at be this from have or by one had not but what all "
    "were when "
    "we there can an your which their said if do will each about how up out them then she many some so these would "
    "other into has "
    "more her two like him see time could no make than first been its who now people my made over did down only way "
    "find use may "
    "water long little very after words called just where most know get through back much before go good new write our "
    "used me man "
    "too any day same right look think also around another came come work three word must because does part even place "
    "well such "
    "here take why things help put years different away again off went old number great tell men say small every found "
    "still "
    "between name should home big give air line set own under read last never us left end along while might next sound "
    "below saw "
    "something thought both few those always looked show large often together asked house world going want free win "
    "cash today "
    "offer "
).split()
ONSETS = "b c d f g h j k l m n p r s t v w br ch cl cr dr fl fr gr pl pr sh sl sp st th tr".split()  # noqa: SIM905
VOWELS = "a e i o u a e i o ai ea ee io ou".split()  # noqa: SIM905
CODAS = ["n", "r", "s", "t", "l", "m", "d", "ck", "nd", "ng", "nt", "rd", "st", ""]
ACCENTS = {"a": "à", "e": "é", "i": "ï", "o": "ö", "u": "ü", "n": "ñ"}
FORMS = ("{}", "{capital}", "{upper}", "{},", "{}.", "{}!", "{}?")
FORM_SHARES = (0.79, 0.09, 0.01, 0.055, 0.04, 0.008, 0.007)
SIGNS = (
    ("why??", "1998", "2nd", "since 2004,", "asked why"),
    ("now!!", "$500!!", "50%", "www.prize.com", "free cash today"),
)
"""Class -> words that count or match something; see benchmarks.speed.functions."""


@cache
def vocabulary() -> tuple[str, ...]:
    """Return the words, the most frequent first; one in 60 has accents, and one in ten of these as a combining mark."""
    rng = random.Random(0)
    words = dict.fromkeys(COMMON)
    while len(words) < WORDS:
        word = "".join(
            rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.choice((1, 2, 2, 3)))
        )
        if len(words) > FIRST_WORD and rng.random() < 1 / 60:
            word = "".join(ACCENTS.get(letter, letter) for letter in word) if rng.random() < 0.9 else word + "\u0301"
        words[word] = None
    return tuple(words)


@cache
def keyword_lists() -> tuple[tuple[str, ...], ...]:
    """Return ten lists of 3 to 40 keywords, those of class 0 and of class 1 in turns; one word in the whole belongs to
    one list.
    """
    rng = random.Random(1)
    chosen = iter(rng.sample(vocabulary()[FIRST_WORD : 10 * FIRST_WORD], sum(KEYWORD_SIZES)))
    return tuple(tuple(next(chosen) for _ in range(size)) for size in KEYWORD_SIZES)


@cache
def _tokens() -> tuple[pa.Array, np.ndarray, tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return all tokens, the cumulated frequency of the words, and the places of keywords and of signs by class."""
    words = vocabulary()
    tokens = [form.format(word, capital=word.capitalize(), upper=word.upper()) for form in FORMS for word in words]
    numbers = [
        form.format(number) for number in range(1, 1000, 7) for form in ("{}", "{}", "${}", "{}%", "{}th", "{},000")
    ]
    signs = [sign for of_class in SIGNS for sign in of_class]
    shares = 1 / (np.arange(len(words)) + 2.7)
    place = {word: rank for rank, word in enumerate(words)}
    keywords = tuple(
        np.array([place[word] for words in keyword_lists()[label::2] for word in words]) for label in (0, 1)
    )
    first = len(tokens) + len(numbers)
    at = tuple(first + len(SIGNS[0]) * label + np.arange(len(SIGNS[label])) for label in (0, 1))
    return pa.array([*tokens, *numbers, *signs]), np.cumsum(shares / shares.sum()), keywords, at


def _chunk(n: int, rng: np.random.Generator) -> tuple[pa.Array, np.ndarray]:
    tokens, frequency, keywords, signs = _tokens()
    truth = rng.integers(0, 2, n)
    ends = np.concatenate([[0], np.cumsum(rng.integers(SHORTEST, LONGEST + 1, n))])
    drawn = np.minimum(np.searchsorted(frequency, rng.random(ends[-1])), WORDS - 1)
    for share, of_class in ((OWN, truth), (OTHER, 1 - truth)):
        rows = np.flatnonzero(rng.random(n) < share)
        words = np.where(of_class[rows] == 1, rng.choice(keywords[1], len(rows)), rng.choice(keywords[0], len(rows)))
        drawn[_somewhere(ends, rows, rng)] = words
    drawn += WORDS * rng.choice(len(FORMS), len(drawn), p=FORM_SHARES)
    numbers = np.flatnonzero(rng.random(len(drawn)) < 0.02)
    drawn[numbers] = rng.integers(WORDS * len(FORMS), signs[0][0], len(numbers))
    rows = np.flatnonzero(rng.random(n) < SIGN)
    drawn[_somewhere(ends, rows, rng)] = np.where(
        truth[rows] == 1, rng.choice(signs[1], len(rows)), rng.choice(signs[0], len(rows))
    )
    return pc.binary_join(
        pa.ListArray.from_arrays(pa.array(ends, pa.int32()), tokens.take(pa.array(drawn))), " "
    ), truth


def _somewhere(ends: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return ends[rows] + (rng.random(len(rows)) * (ends[rows + 1] - ends[rows])).astype(np.int64)


def texts(n: int, seed: int = 0) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Return n texts and their classes, int (n,), 0 or 1."""
    chunks = [_chunk(CHUNK, np.random.default_rng([seed, start])) for start in range(0, n, CHUNK)]
    return pa.chunked_array([chunk for chunk, _ in chunks]).slice(0, n), np.concatenate([truth for _, truth in chunks])[
        :n
    ]


def frame(n: int, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Return n texts as a pandas DataFrame of Python strings with the one column text, and their classes.

    Strings are Python's and not Arrow's, the default of pandas 3, because a row of such a frame costs Snorkel half as
    much.
    """
    import pandas as pd

    made, truth = texts(n, seed)
    return pd.DataFrame({"text": pd.Series(made.to_pylist(), dtype=object)}), truth
