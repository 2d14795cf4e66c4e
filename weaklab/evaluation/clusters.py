"""Clusters of similar texts, with the words that are typical of each."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_CLUSTERS = 6
LEAST_TEXTS = 20
"""A cluster has this many texts on average, or there are fewer clusters."""
MOST_WORDS, MOST_LOOKED_AT = 4, 12
WORDS = 3_000
COMMON = 0.5
"""Words in a larger share of the texts are typical of none."""


def clusters(texts: Sequence[str], seed: int = 0) -> list[tuple[NDArray[np.int64], tuple[str, ...]]]:
    """Return clusters of similar texts, the largest first: row numbers, and the typical words.

    K-means on TF-IDF. Words are typical whose weight in the cluster is farthest above that in all texts; English words
    such as "the" are named only if there is no other.

    Examples
    --------
    >>> found = clusters(["win a prize now"] * 30 + ["lunch at noon"] * 20 + ["meet me there"] * 20)
    >>> [(len(rows), words) for rows, words in found]
    [(30, ('prize', 'win')), (20, ('lunch', 'noon')), (20, ('meet',))]
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

    everything = np.arange(len(texts))
    try:
        vectorizer = TfidfVectorizer(min_df=2, max_df=COMMON, max_features=WORDS, sublinear_tf=True)
        X = vectorizer.fit_transform(texts)
    except ValueError:  # no word is left
        return [(everything, ())]
    k = int(np.clip(len(texts) // LEAST_TEXTS, 1, MOST_CLUSTERS))
    if len(texts) < LEAST_TEXTS:
        return [(everything, ())]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different texts than clusters
        home = KMeans(k, n_init=2, random_state=seed).fit(X).labels_
    names, mean = vectorizer.get_feature_names_out(), np.asarray(X.mean(axis=0)).ravel()
    found = []
    for each in range(k):
        rows = np.flatnonzero(home == each)
        if len(rows):
            above = np.asarray(X[rows].mean(axis=0)).ravel() - mean
            order = [str(names[j]) for j in np.argsort(-above, kind="stable") if above[j] > 0]
            telling = [word for word in order[:MOST_LOOKED_AT] if word not in ENGLISH_STOP_WORDS]
            found.append((rows, tuple((telling or order)[:MOST_WORDS])))
    return sorted(found, key=lambda each: -len(each[0]))
