"""Small data with a known truth, made from a seed, that checks run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ODD_TEXTS = (
    "",
    " ",
    "?",
    "ÀÉÎ ñandú 漢字 🎉",
    "A" * 100_000,
    "you\x00your",
    "1",
    "THE\nNEXT\tLINE",
)
"""Texts that occur in real data and break careless code."""


HARD_TEXTS = (
    "\U0001f389 an astral character before a span",
    "quotes \" and ' and \\ and a tab\there",
    "=1+1",
    "@SUM(A1:A9)",
    "lines\r\nof\u2028all\x85kinds\x0b",
    "\x00NUL\x00",
    "\ufeffmark",
    "e\u0301 and \u202ereversed",
    "__label__spam is no label",
    '{"text": "x"}',
    "trailing space ",
)
"""Texts that break files: what separates, quotes or ends records there, and what spreadsheets run."""
ODD_LABELS = (
    "a,b", "#", "a#b", "not spam", "=1", "\"quoted\"", "it's", "<b>&amp;", "a/b", "..", "\u6f22\u5b57", "\U0001f389",
    "CON",    "__label__x", "a_b", "a b", "{}", "[]", "null", "x" * 100, *(f"intent {i:02}" for i in range(57)),
)  # fmt: skip
"""77 names of labels that break files."""


def planted_votes(
    n: int = 300, m: int = 6, k: int = 3, seed: int = 0, coverage: float = 0.6, accuracy: float = 0.8
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return votes int (n, m) of m heuristics with a known coverage and accuracy, and the true classes int (n,).

    >>> L, truth = planted_votes(4, 2)
    >>> L.shape, truth.tolist()
    ((4, 2), [2, 1, 1, 0])
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    wrong = (truth[:, None] + rng.integers(1, k, (n, m))) % k
    votes = np.where(rng.random((n, m)) < accuracy, truth[:, None], wrong)
    return np.where(rng.random((n, m)) < coverage, votes, ABSTAIN), truth


def sample_pool(n: int = 40, m: int = 5, k: int = 3, seed: int = 0) -> dict[str, Any]:
    """Return every argument of a query strategy; some records are labeled, not eligible, or without features."""
    from scipy import sparse

    rng = np.random.default_rng(seed)
    L, truth = planted_votes(n, m, k, seed)
    X = rng.normal(size=(n, 6)).astype(np.float32)
    X[::9] = 0
    X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9)
    y = np.where(np.arange(n) % 5 == 0, truth, ABSTAIN)
    return {
        "P": rng.dirichlet(np.ones(k), n),
        "L": L,
        "scores": {1: rng.dirichlet(np.ones(k), n)},
        "keys": np.arange(n, dtype=np.uint64) * 977 + 3,
        "seed": 4,
        "y": y,
        "eligible": (y < 0) & (np.arange(n) % 7 != 0),
        "n": 6,
        "X": sparse.csr_array(X),
        "E": X.copy(),
    }


def pool_rows(pool: Mapping[str, Any], rows: NDArray[Any]) -> dict[str, Any]:
    """Return some rows of a pool, in the given order."""
    taken = {name: pool[name][rows] for name in ("P", "L", "keys", "y", "eligible", "X", "E")}
    return {**pool, **taken, "scores": {column: held[rows] for column, held in pool["scores"].items()}}


def pool_of_equals() -> dict[str, Any]:
    """Return a pool of 40 records that differ in their keys alone."""
    pool = sample_pool()
    return {**pool_rows(pool, np.full(40, 4)), "keys": pool["keys"], "eligible": np.full(40, True)}
