"""Membership query synthesis: new records made between two real ones, near the decision boundary."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weaklab.core.errors import WeaklabError
from weaklab.features.near_duplicates import check_texts
from weaklab.strategies import margin, uniform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Predict = Callable[[Any], ArrayLike]

HALVINGS = 20
"""Number of times that a segment is halved; the rest is a millionth of its length."""
ANCHORS = 5
"""Nearest neighbours are searched for at most 5 n records, n the number of points to make, which bounds the work."""
CUTS = 8
"""Number of cut places that are tried in each text."""
SPARE = 3
"""For n points, 3 n pairs are collected, because the model may predict the same class for both records of a pair."""
_BATCH = 1 << 22  # characters of spliced text in one call of the model


class Boundary(NamedTuple):
    """Points between two records where the best two classes are equally probable.

    Attributes
    ----------
    points : float (n, d)
    parents : int (n, 2), rows of the two records between which the point lies
    t : float (n,) in (0, 1), the point is (1 - t) X[parents[:, 0]] + t X[parents[:, 1]]
    """

    points: Floats
    parents: Rows
    t: Floats


@dataclass(frozen=True)
class Splice:
    """A text made of the start of one record and the end of another.

    Attributes
    ----------
    id : computed from the text, so that equal texts have equal ids
    text : ``texts[parents[0]][:cuts[0]] + texts[parents[1]][cuts[1]:]``, with a space between if neither part has one
    parents : rows of the two records
    cuts : end of the part of the first text and start of the part of the second, in characters
    probabilities : probability of each class, predicted for the new text
    """

    id: str
    text: str
    parents: tuple[int, int]
    cuts: tuple[int, int]
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class Interpolation:
    """A record made from two real ones; its numbers are between theirs.

    Attributes
    ----------
    id : computed from the values
    record : column -> value
    parents : rows of the two records
    t : 0 to 1, how far it is from the first to the second
    probabilities : probability of each class, predicted for the new record
    """

    id: str
    record: dict[str, Any]
    parents: tuple[int, int]
    t: float
    probabilities: tuple[float, ...]


def synthetic_id(content: Any) -> str:
    """Return the id of a synthetic record: ``synthetic-`` and a hash of its text, its columns or its numbers.

    >>> synthetic_id("free lunch") == synthetic_id("free lunch"), synthetic_id("free lunch")[:10]
    (True, 'synthetic-')
    >>> synthetic_id({"a": 1, "b": 2}) == synthetic_id({"b": 2, "a": 1})
    True
    """
    if isinstance(content, np.ndarray):
        content = content.tolist()
    plain = content if isinstance(content, str) else json.dumps(content, sort_keys=True, default=repr)
    return f"synthetic-{hashlib.blake2b(plain.encode('utf-8', 'surrogatepass'), digest_size=12).hexdigest()}"


def boundary_points(
    predict_proba: Predict, X: ArrayLike, P: ArrayLike, n: int, seed: int = 0, keys: ArrayLike | None = None
) -> Boundary:
    """Make points where the best two classes are equally probable, by bisection between two records.

    A pair are two records near each other, with different predicted classes, each more confident than half of its
    class. The segment between them is halved until the point is found where the class of the first record stops being
    the best. If the model is not continuous there, as a decision tree, the point is at the jump.

    Parameters
    ----------
    predict_proba : float (rows, d) -> float (rows, k), such as the method of a scikit-learn classifier; called once
        for each halving
    X : float (n_records, d), dense
    P : float (n_records, k), class probabilities of the records
    n : number of points; fewer are returned if there are fewer pairs
    seed : int, determines which pairs are tried first
    keys : uint64 (n_records,), a number made from each record's id, so that the order of the records does not matter

    Raises
    ------
    WeaklabError
        A shape is wrong, there are fewer than two records, or all are predicted to be of one class.

    Notes
    -----
    Membership queries: Angluin (1988), Queries and concept learning, Machine Learning. Bisection between records of
    different classes: Wang, Hu, Yuan and Lu (2015), Active learning via query synthesis and nearest
    neighbour search, Neurocomputing.

    Examples
    --------
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> def proba(rows): return np.column_stack([1 - rows[:, 0], rows[:, 0]])
    >>> boundary_points(proba, X, proba(X), 1).points.round(3).tolist()
    [[0.5, 0.0]]
    """
    matrix, P, numbers = _checked(X, P, n, keys)
    pairs = _near_pairs(matrix, P, n, numbers, seed)

    def at(pairs: Rows, t: Floats) -> Floats:
        start = matrix[pairs[:, 0]]
        return start + t[:, None] * (matrix[pairs[:, 1]] - start)

    parents, t = _bisect(predict_proba, at, pairs, n, P.shape[1])
    return Boundary(at(parents, t), parents, t)


def interpolate_records(
    predict_proba: Predict,
    records: Sequence[Mapping[str, Any]],
    P: ArrayLike,
    n: int,
    seed: int = 0,
    keys: ArrayLike | None = None,
    columns: Sequence[str] | None = None,
    id: str = "id",
) -> list[Interpolation]:
    """Make records by interpolation between two real ones, where the best two classes are equally probable.

    It works as :func:`boundary_points` in the space of the numeric columns, each divided by its standard deviation.
    Columns of whole numbers stay whole, and all other columns are copied from the nearer parent. The model predicts
    for exactly the records that are returned.

    Parameters
    ----------
    predict_proba : list of dicts -> float (rows, k)
    records : dicts of column -> value, all with the same columns
    P, n, seed, keys : see :func:`boundary_points`
    columns : the numeric columns; by default all columns that hold only numbers or missing values
    id : column of the record's id, which is replaced

    Raises
    ------
    WeaklabError
        As :func:`boundary_points`, and if no column holds numbers.

    Examples
    --------
    >>> records = [{"size": 0.0, "kind": "cat"}, {"size": 8.0, "kind": "dog"}]
    >>> def proba(rows): return [[1 - row["size"] / 10, row["size"] / 10] for row in rows]
    >>> interpolate_records(proba, records, proba(records), 1)[0].record["size"].__round__(3)
    5.0
    """
    names = _numeric(records, columns, id)
    raw = np.array(
        [[np.nan if _is_missing(record.get(name)) else record[name] for name in names] for record in records],
        dtype=np.float64,
    )
    whole = [all(isinstance(value, (int, np.integer)) for value in _present(records, name)) for name in names]
    scale = np.nanstd(raw, axis=0)
    filled = np.where(np.isnan(raw), np.nanmean(raw, axis=0), raw) / np.where(scale > 0, scale, 1)
    matrix, P, numbers = _checked(filled, P, n, keys)
    pairs = _near_pairs(matrix, P, n, numbers, seed)

    def mixed(pair: Rows, t: float) -> dict[str, Any]:
        i, j = pair.tolist()
        record = dict(records[i] if t < 0.5 else records[j])
        for column, name in enumerate(names):
            value = (1 - t) * raw[i, column] + t * raw[j, column]
            if not np.isnan(value):
                record[name] = round(value) if whole[column] else float(value)
        if id in record:
            record[id] = synthetic_id({name: value for name, value in record.items() if name != id})
        return record

    def at(pairs: Rows, t: Floats) -> list[dict[str, Any]]:
        return [mixed(pair, share) for pair, share in zip(pairs, t.tolist(), strict=True)]

    parents, t = _bisect(predict_proba, at, pairs, n, P.shape[1])
    made = at(parents, t)
    probabilities = _predicted(predict_proba, made, P.shape[1])
    known = {synthetic_id({name: value for name, value in record.items() if name != id}) for record in records}
    found: dict[str, Interpolation] = {}
    for record, pair, share, row in zip(made, parents.tolist(), t.tolist(), probabilities, strict=True):
        name = synthetic_id({column: value for column, value in record.items() if column != id})
        if name not in known:
            found.setdefault(name, Interpolation(name, record, (pair[0], pair[1]), share, tuple(row.tolist())))
    return list(found.values())


def splice_texts(
    predict_proba: Predict, texts: Sequence[str], P: ArrayLike, n: int, seed: int = 0, keys: ArrayLike | None = None
) -> list[Splice]:
    """Make texts from the start of one record and the end of another record with a different predicted class.

    Both are cut after punctuation if there is any inside, else between words; a text of one word is used whole.
    Several pairs of cut places that keep the length of the parents are tried, and the one is used where the best two
    classes are closest.

    Parameters
    ----------
    predict_proba : list of texts -> float (rows, k)
    texts : n_records texts
    P : float (n_records, k), class probabilities of the records
    n : number of texts; fewer are returned if there are fewer pairs of different texts
    seed : int, determines which records are used
    keys : uint64 (n_records,), a number made from each record's id, so that the order of the records does not matter

    Returns
    -------
    list of Splice
        No splice equals a record or another splice. Each record of a class is used once before one is used again.

    Raises
    ------
    WeaklabError
        A shape is wrong, there are fewer than two records with text, or all are predicted to be of one class.

    Notes
    -----
    Membership queries for text, made by changing real texts and selected by the uncertainty of the model: Zarecki and
    Markovitch (2020), Textual membership queries, IJCAI.

    Examples
    --------
    >>> texts = ["win a prize now", "see you at lunch"]
    >>> def proba(rows): return [[p, 1 - p] for p in [0.1 + 0.4 * ("win" in r) + 0.4 * ("prize" in r) for r in rows]]
    >>> [splice.text for splice in splice_texts(proba, texts, proba(texts), 1)]
    ['win you at lunch']
    """
    check_texts(texts)
    rows = np.array([row for row, text in enumerate(texts) if text.strip()], dtype=np.int64)
    if len(rows) < 2:
        raise WeaklabError(f"a splice needs two records with text, got {len(rows)} of {len(texts)}")
    P = _probabilities(P, len(texts), n)
    pairs = rows[_far_pairs(P[rows], n, _keys(keys, len(texts))[rows], seed)]
    known = {text.strip() for text in texts}
    found: list[Splice] = []
    for splices in _best_splices(predict_proba, texts, pairs, P.shape[1], known):
        for splice in splices:
            if splice.text.strip() not in known:
                known.add(splice.text.strip())
                found.append(splice)
                if len(found) == n:
                    return found
    return found


def _best_splices(
    predict_proba: Predict, texts: Sequence[str], pairs: Rows, k: int, known: set[str]
) -> Iterator[list[Splice]]:
    """Yield the best splice of each pair, one list for each call of the model."""
    batch: list[tuple[tuple[int, int], tuple[int, int], str]] = []
    size = 0
    places: dict[int, list[int]] = {}
    for number, (i, j) in enumerate(pairs.tolist()):
        for row in (i, j):
            if row not in places:
                places[row] = cut_places(texts[row])
        for cuts in _cuts(places[i], len(texts[i]), places[j], len(texts[j])):
            text = _joined(texts[i][: cuts[0]], texts[j][cuts[1] :])
            if text.strip() not in known:
                batch.append(((i, j), cuts, text))
                size += len(text)
        if batch and (size > _BATCH or number == len(pairs) - 1 or len(batch) >= 1024):
            yield _closest(batch, _predicted(predict_proba, [text for _, _, text in batch], k))
            batch, size = [], 0
    if batch:
        yield _closest(batch, _predicted(predict_proba, [text for _, _, text in batch], k))


def _closest(batch: list[tuple[tuple[int, int], tuple[int, int], str]], P: Floats) -> list[Splice]:
    unsure = margin(P)
    best: dict[tuple[int, int], int] = {}
    for row, (pair, _, _) in enumerate(batch):
        if pair not in best or unsure[row] > unsure[best[pair]]:
            best[pair] = row
    return [
        Splice(synthetic_id(batch[row][2]), batch[row][2], pair, batch[row][1], tuple(P[row].tolist()))
        for pair, row in best.items()
    ]


_FULL_WIDTH = "。！？；：、，"  # no space follows these
_CLAUSE_END = re.compile(rf"""[.!?;:,…]+["'”’)\]]*\s+|[{_FULL_WIDTH}]+\s*""")
_SPACE = re.compile(r"\s+")


def cut_places(text: str) -> list[int]:
    """Return the places inside a text where it may be cut: after punctuation, or after white space if there is none.

    A combining mark is never separated from its character.

    >>> cut_places("First this, then that"), cut_places("one two"), cut_places("word")
    ([12], [4], [])
    """
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    for pattern in (_CLAUSE_END, _SPACE):
        found = [m.end() for m in pattern.finditer(text) if begin < m.end() < end and not _joins(text[m.end()])]
        if found:
            return found
    return []


def _joins(character: str) -> bool:
    """Whether a character belongs to the one before: combining marks, joiners, variation selectors, skin tones."""
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf") or "\U0001f3fb" <= character <= "\U0001f3ff"


def _cuts(first: list[int], len_first: int, second: list[int], len_second: int) -> list[tuple[int, int]]:
    """Pair cut places at about the same relative position in their texts; a text without cut places is used whole."""
    ends, starts = first or [len_first], second or [0]
    if not first or not second:
        return [(end, start) for end in _spread(ends) for start in _spread(starts)]
    shares = np.array(starts) / len_second
    found = {(end, starts[int(np.abs(shares - end / len_first).argmin())]) for end in _spread(ends)}
    shares = np.array(ends) / len_first
    found |= {(ends[int(np.abs(shares - start / len_second).argmin())], start) for start in _spread(starts)}
    return sorted(found)


def _spread(places: list[int]) -> list[int]:
    """Return ``CUTS`` of these places, evenly spaced."""
    if len(places) <= CUTS:
        return places
    return [places[int(place)] for place in np.linspace(0, len(places) - 1, CUTS)]


def _joined(start: str, end: str) -> str:
    separated = start[-1:].isspace() or end[:1].isspace() or start[-1:] in _FULL_WIDTH
    return start + end if separated else f"{start} {end}"


def _far_pairs(P: Floats, n: int, keys: NDArray[np.uint64], seed: int) -> Rows:
    """Pair random records of different predicted classes, the confident half of each class first: int (pairs, 2)."""
    predicted = P.argmax(axis=1)
    order = np.lexsort((keys, uniform(keys, seed), ~_confident_half(P, predicted)))
    of_class = {code: order[predicted[order] == code].tolist() for code in np.unique(predicted).tolist()}
    codes = list(of_class)
    turns = {code: itertools.cycle(rows) for code, rows in of_class.items()}
    found: dict[tuple[int, int], None] = {}
    turn = fruitless = 0
    while len(found) < SPARE * n and fruitless < 2 * len(P):
        one, step = turn % len(codes), 1 + turn // len(codes) % (len(codes) - 1)
        first, second = codes[one], codes[(one + step) % len(codes)]
        i = next(turns[first])
        new = next((j for j in (next(turns[second]) for _ in of_class[second]) if (i, j) not in found), None)
        fruitless = fruitless + 1 if new is None else 0
        if new is not None:
            found[i, new] = None
        turn += 1
    return np.array(list(found), dtype=np.int64).reshape(-1, 2)


def _near_pairs(X: Floats, P: Floats, n: int, keys: NDArray[np.uint64], seed: int) -> Rows:
    """Pair confident records of different predicted classes that are near each other: int (pairs, 2).

    A record is used in a second pair only if there are too few pairs without it.
    """
    order = np.argsort(keys, kind="stable")
    P = P[order]
    predicted = P.argmax(axis=1)
    sure = np.flatnonzero(_confident_half(P, predicted))
    order, predicted = order[sure], predicted[sure]
    X = X[order]
    squares = (X**2).sum(axis=1)
    anchors = np.argsort(uniform(keys[order], seed), kind="stable")[: ANCHORS * n].tolist()
    met: dict[int, list[int]] = {anchor: [] for anchor in anchors}
    found: list[tuple[int, int]] = []
    while len(found) < SPARE * n:
        fresh = np.ones(len(X), dtype=bool)
        this_round: list[tuple[float, int, int]] = []
        for anchor in anchors:
            if fresh[anchor]:
                distance = squares - 2 * (X @ X[anchor]) + squares[anchor]
                distance[~fresh | (predicted == predicted[anchor])] = np.inf
                distance[met[anchor]] = np.inf
                nearest = int(distance.argmin())
                if np.isfinite(distance[nearest]):
                    this_round.append((float(distance[nearest]), anchor, nearest))
                    fresh[[anchor, nearest]] = False
                    met[anchor].append(nearest)
                    met.setdefault(nearest, []).append(anchor)
        if not this_round:
            break
        found += [(i, j) for _, i, j in sorted(this_round)]
    return np.asarray(order[np.array(found)])


def _bisect(
    predict_proba: Predict, at: Callable[[Rows, Floats], Any], pairs: Rows, n: int, k: int
) -> tuple[Rows, Floats]:
    """Bisect the segments of the first n pairs with different predicted classes; return the pairs and t, (rows,)."""
    left = _predicted(predict_proba, at(pairs, np.zeros(len(pairs))), k).argmax(axis=1)
    right = _predicted(predict_proba, at(pairs, np.ones(len(pairs))), k).argmax(axis=1)
    apart = np.flatnonzero(left != right)[:n]
    if not len(apart):
        raise WeaklabError(
            "predict_proba gives one class to both records of every pair, against P; give the P of the same model"
        )
    pairs, left = pairs[apart], left[apart]
    low, high = np.zeros(len(pairs)), np.ones(len(pairs))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        same = _predicted(predict_proba, at(pairs, middle), k).argmax(axis=1) == left
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return pairs, (low + high) / 2


def _confident_half(P: Floats, predicted: Rows) -> NDArray[np.bool_]:
    """Return bool (n,), True for records at least as confident as the median of their predicted class."""
    codes = np.unique(predicted)
    if len(codes) < 2:
        raise WeaklabError(
            f"all {len(P)} records are predicted to be of class {codes[0]}; what lies between two classes needs "
            "records of both: label some of another class first"
        )
    best = P.max(axis=1)
    sure = np.zeros(len(P), dtype=bool)
    for code in codes:
        mine = predicted == code
        sure[mine] = best[mine] >= np.median(best[mine])
    return sure


def _predicted(predict_proba: Predict, rows: Any, k: int) -> Floats:
    P = np.asarray(predict_proba(rows), dtype=np.float64)
    if P.shape != (len(rows), k) or not np.isfinite(P).all():
        raise WeaklabError(
            f"predict_proba must return finite probabilities of shape ({len(rows)}, {k}), got shape {P.shape}"
        )
    return P


def _checked(X: ArrayLike, P: ArrayLike, n: int, keys: ArrayLike | None) -> tuple[Floats, Floats, NDArray[np.uint64]]:
    if hasattr(X, "todense"):
        raise WeaklabError(
            "X is sparse, and a point between two records is not; give dense features, such as embeddings or numeric "
            "columns"
        )
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2 or not matrix.shape[1] or not np.isfinite(matrix).all():
        raise WeaklabError(f"X must hold finite numbers of shape (records, features), got shape {matrix.shape}")
    return matrix, _probabilities(P, len(matrix), n), _keys(keys, len(matrix))


def _probabilities(P: ArrayLike, rows: int, n: object) -> Floats:
    found = np.asarray(P, dtype=np.float64)
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise WeaklabError(f"make at least one record, got n={n!r}")
    if rows < 2:
        raise WeaklabError(f"what lies between two records needs two, got {rows}")
    if found.ndim != 2 or len(found) != rows or found.shape[1] < 2 or not np.isfinite(found).all():
        raise WeaklabError(
            f"P must hold finite probabilities of shape ({rows}, 2 or more classes), got shape {found.shape}"
        )
    return found


def _keys(keys: ArrayLike | None, n: int) -> NDArray[np.uint64]:
    numbers = np.arange(n, dtype=np.uint64) if keys is None else np.asarray(keys)
    if numbers.shape != (n,) or numbers.dtype.kind not in "iu":
        raise WeaklabError(
            f"keys must be one whole number per record, shape ({n},), got {numbers.dtype} of shape {numbers.shape}"
        )
    return numbers.astype(np.uint64)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


def _present(records: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    return [record[name] for record in records if not _is_missing(record.get(name))]


def _numeric(records: Sequence[Mapping[str, Any]], columns: Sequence[str] | None, id: str) -> list[str]:
    """Return the names of the columns that hold only numbers (not booleans)."""
    names = (
        list(dict.fromkeys(name for record in records for name in record if name != id))
        if columns is None
        else list(columns)
    )

    def is_numeric(name: str) -> bool:
        values = _present(records, name)
        kinds = (int, float, np.integer, np.floating)
        return bool(values) and all(isinstance(value, kinds) and not isinstance(value, bool) for value in values)

    numeric = [name for name in names if is_numeric(name)]
    if not numeric or (columns is not None and len(numeric) < len(names)):
        wrong = [name for name in names if name not in numeric]
        raise WeaklabError(
            f"no numbers alone in the columns {', '.join(map(repr, wrong)) or '(none)'}; name numeric ones with "
            "columns="
        )
    return numeric
