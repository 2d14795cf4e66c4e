"""The built-in classifier of the default label model: learns from the votes of all members, labels records by their
features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN, MAX_CLASSES
from weaklab.core.rows import BLOCK, blocks, one_thread, row_max, row_sum, softmax
from weaklab.label_models.label_taught import LabelTaught, enough_labels
from weaklab.label_models.vote_patterns import any_vote, compiled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from weaklab.core.votes import Votes

    Floats = NDArray[np.float64]
    Matrix = NDArray[np.floating[Any]]
    SoftLabels = Callable[[NDArray[np.int64], NDArray[np.bool_]], Floats]

LEAST_TAUGHT = 10
"""From fewer records with votes than this, nothing is carried over to others."""
FOLDS = 5
RIDGE = 1.0
"""Penalty on the squared coefficients; records have length 1 and weight at most 1."""
SHARPNESS = 1.5
"""The power of a record's confidence that is its weight."""
OWN_WEIGHT = 0.5
"""What the first round adds to the soft labels that the second one learns from, as its share of log-probabilities."""
GOLD_WEIGHT = 3.0
"""How many records that the votes are sure of one manual label is worth."""
MOST_ROWS = 10_000
"""It learns from at most this many records without a manual label, and from all with one."""
FLOOR = 1e-3
"""Probabilities are kept this far from 0, so that no member and no class balance decides alone."""
WORDS, SENTENCES, BOTH = "words", "sentences", "words and sentences"
LEAST_TO_CHOOSE, SURE = 50, 2.0
"""With fewer manual labels, words and sentence vectors are used together; later, one of them alone if it is better by
two standard errors."""
MOST_PRODUCT = 256
"""With more columns, half of the sums are computed and mirrored."""
PRODUCT_ROWS = 2048
"""Rows that are multiplied at a time, so that they stay in the processor's cache."""
SCALES = np.geomspace(1, 40, 16)
OWN_SHARES, DOUBT = (0.0, 0.25, 0.5), 2.0
"""How much what labels alone taught counts beside what votes taught: all of the first one but for a gain in the
out-of-fold log-likelihood of the labels of ``DOUBT`` times the share."""


def can_teach(votes: Votes) -> bool:
    """Whether members that have not learned from manual labels vote on enough records, and for more than one class, to
    teach a classifier.

    >>> from weaklab.core.votes import Votes
    >>> can_teach(Votes([[0], [1]] * 5)), can_teach(Votes([[0]] * 10)), can_teach(Votes([[0], [1]] * 4))
    (True, False, False)
    """
    voters = votes.not_learned
    taught, low, high = 0, MAX_CLASSES, ABSTAIN
    for rows in blocks(len(votes)) if len(voters) else ():
        part = np.ascontiguousarray(of_columns(votes.L[rows], voters))
        taught += int(np.count_nonzero(any_vote(part)))
        low, high = min(low, int(part.view(np.uint8).min())), max(high, int(part.max()))  # -1 is 255, the greatest
        if low < high and taught >= LEAST_TAUGHT:
            return True
    return False


def of_columns(L: NDArray[np.int8], columns: NDArray[np.intp]) -> NDArray[np.int8]:
    """Return some columns, the matrix itself where these are all."""
    return L if len(columns) == L.shape[1] else L[:, columns]


def folds_by_content(E: Matrix) -> NDArray[np.int64]:
    """Deal records to folds by what their features are: int (n,). Equal records come into one fold; their order does
    not matter.

    >>> folds_by_content(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])).tolist()
    [3, 4, 3]
    """
    return _folds(_hashes(E))


def _folds(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    return np.asarray(hashes % np.uint64(FOLDS), dtype=np.int64)


def _hashes(E: Matrix) -> NDArray[np.uint64]:
    """Return a number for each row that depends on its content alone: uint64 (n,)."""
    h = np.full(len(E), 0x9E3779B97F4A7C15, dtype=np.uint64)
    loops = compiled(E.size)
    for rows in blocks(len(E), PRODUCT_ROWS if loops is None else BLOCK):
        bits = np.ascontiguousarray(np.asarray(E[rows], dtype=np.float32) + np.float32(0)).view(np.uint32)  # -0 is 0
        if loops is not None:
            loops.add_to_hashes(bits, h[rows])
            continue
        for column in np.ascontiguousarray(bits.T):
            h[rows] = (h[rows] ^ column) * np.uint64(0x100000001B3)  # FNV-1a
    h ^= h >> np.uint64(32)
    return np.asarray((h * np.uint64(0xD6E8FEB86659FD93)) >> np.uint64(32))


class FeatureMember:
    """Ridge regression of soft labels on features, cross-fitted: no record is scored by a model that learned from it.

    Soft labels are what the votes say, so that this member carries over to records without votes, and to
    those on which votes disagree. Records count by the confidence of their soft label. There are two rounds: the second
    one learns from what the votes and the first one say together.

    Parameters
    ----------
    E : float (n, d), features with rows of length 1 or 0
    use : bool (n,), the records whose soft labels may be learned from
    sentence : number of the last features that are sentence vectors; the others are words

    Attributes
    ----------
    used_ : what it learned from: ``words``, ``sentences``, or ``words and sentences``, which is left only if manual
        labels, out-of-fold, are told better without one of them
    own_share_ : how much a classifier counts that labels alone taught
        (:class:`~weaklab.label_models.label_taught.LabelTaught`, with sentence vectors only): 1 where votes teach
        nothing, else at most 0.5
    proba_ : float (n, k), cross-fitted

    References
    ----------
    Self-training of a classifier on the labels of a label model follows Ratner et al. (2017), Snorkel, VLDB;
    cross-fitting Chernozhukov et al. (2018), Double/debiased machine learning, The Econometrics Journal.
    One-versus-rest ridge regression as a classifier: Rifkin and Klautau (2004), In defense of one-vs-all
    classification, JMLR.
    """

    def __init__(self, E: Matrix, use: NDArray[np.bool_], sentence: int = 0) -> None:
        self.n_features, self._sentence = E.shape[1], sentence
        self.coefficients_: Floats | None = None
        self._hashes = _hashes(E)
        self._E, self._fold, self._use = E, _folds(self._hashes), use
        if np.count_nonzero(use) > MOST_ROWS:
            rows = np.flatnonzero(use)
            self._use = np.zeros(len(E), dtype=bool)
            self._use[rows[np.argsort(self._hashes[rows], kind="stable")[:MOST_ROWS]]] = True

    def fit(self, soft_labels: SoftLabels | None, y: NDArray[np.int64], k: int) -> FeatureMember:
        """Learn from soft labels and manual labels; keep no records.

        Parameters
        ----------
        soft_labels : int (r,), row numbers, and bool (n,), records whose manual labels are not to be known -> float (r,
            k), what the others say of these rows; None if they say too little, and labels alone are to teach
        y : int (n,), manual labels, -1 is unlabeled
        """
        with one_thread():
            own = self._taught_by_labels(y, k)
            if soft_labels is None:
                assert own is not None, "too few labels, see enough_labels"
                self.used_, self.own_share_, self.proba_ = self._all_columns(), 1.0, softmax(own.scores_)
            else:
                self._fit(soft_labels, y, k)
                self.own_share_ = 0.0 if own is None else _best_share(self.proba_, own.scores_, y)
                self.proba_ = _with_own(self.proba_, own.scores_, self.own_share_) if own else self.proba_
        del self._E, self._fold, self._use, self._hashes
        self._own = own if self.own_share_ else None
        if own is not None:
            del own.scores_
        return self

    def _taught_by_labels(self, y: NDArray[np.int64], k: int) -> LabelTaught | None:
        if not self._sentence or not enough_labels(y):
            return None
        order = np.lexsort((y, self._hashes))  # float32 adds up to the same in one order only
        return LabelTaught().fit(np.asarray(self._E, dtype=np.float32), y, self._fold, order, k)

    def _all_columns(self) -> str:
        return SENTENCES if self._sentence == self.n_features else BOTH

    def _fit(self, soft_labels: SoftLabels, y: NDArray[np.int64], k: int) -> None:
        n, fold = len(self._E), self._fold
        rows = np.flatnonzero(self._use | (y >= 0))  # others have no part in it
        rows = rows[np.lexsort((y[rows], self._hashes[rows]))]  # float32 adds up to the same in one order only
        X, known, part, use = _with_constant(self._E[rows]), y[rows], fold[rows], self._use[rows]
        columns, targets = self._choices(known), np.zeros((len(rows), k))
        scores = {name: np.zeros((n, k), dtype=np.float32) for name in columns}
        held_out = np.ones((np.bincount(fold, minlength=FOLDS).max(), self.n_features + 1), dtype=np.float32)
        for number in range(FOLDS):
            out = part == number
            T = soft_labels(rows, fold == number)
            targets[out] = T[out]  # said without the labels of these records
            sums = _learn(X, T, known, use, ~out, out)
            its_rows = np.flatnonzero(fold == number)
            its_X = _put_rows(self._E, its_rows, held_out[: len(its_rows)])
            for name, F in scores.items():
                F[its_rows] = its_X @ sums.coefficients(columns[name]).astype(np.float32)
        self.used_ = _best({name: F[rows].astype(np.float64) for name, F in scores.items()}, known)
        F = scores[self.used_]
        labels, weights = _with_gold(targets, _weights(targets, use), known, known >= 0)
        self._scale = _scale(F[rows].astype(np.float64), labels, weights)
        self.proba_ = softmax(self._scale * F)
        everything = np.ones(len(rows), dtype=bool)
        sums = _learn(X, soft_labels(rows, np.zeros(n, dtype=bool)), known, use, everything, everything)
        self.coefficients_ = sums.coefficients(columns[self.used_])

    def _choices(self, y: NDArray[np.int64]) -> dict[str, slice]:
        """Return the columns that it may use, by name; first those of all, which it uses with few manual labels."""
        d = self.n_features
        if not self._sentence:
            return {WORDS: slice(0, d)}
        if self._sentence == d:
            return {SENTENCES: slice(0, d)}
        choices = {BOTH: slice(0, d)}
        if np.count_nonzero(y >= 0) >= LEAST_TO_CHOOSE:
            choices |= {WORDS: slice(0, d - self._sentence), SENTENCES: slice(d - self._sentence, d)}
        return choices

    def predict_proba(self, E: Matrix) -> Floats:
        """Return class probabilities float (n, k) of records that it did not learn from."""
        taught = None
        if self.coefficients_ is not None:
            taught = softmax(self._scale * _row_products(E, self.coefficients_))
        if self._own is None:
            assert taught is not None
            return taught
        own = self._own.scores(E, _row_products(E, self._own.coefficients_))
        return softmax(own) if taught is None else _with_own(taught, own, self.own_share_)


def _best_share(taught: Floats, own: Matrix, y: NDArray[np.int64]) -> float:
    """Return how much what labels alone taught counts, by the out-of-fold loss of the labels."""
    gold = np.flatnonzero(y >= 0)
    taught, own, truth = taught[gold], own[gold], y[gold]

    def loss(share: float) -> float:
        P = _with_own(taught, own, share)
        return DOUBT * share - float(np.log(np.maximum(P[np.arange(len(gold)), truth], FLOOR)).sum())

    return min(OWN_SHARES, key=loss)


def _with_own(taught: Floats, own: Matrix, share: float) -> Floats:
    """Return probabilities of what votes taught, and of log-scores that labels alone taught, which count a share."""
    if not share:
        return taught
    return softmax(centred_log(taught) + share * centred_log(softmax(own)))


def _best(scores: dict[str, Floats], y: NDArray[np.int64]) -> str:
    """Return the name of the out-of-fold scores that tell the manual labels best; the first, unless others are better
    by more than two standard errors.
    """
    first, *others = scores
    gold = np.flatnonzero(y >= 0)
    if not others:
        return first
    truth, every = np.eye(scores[first].shape[1])[y[gold]], np.ones(len(gold))

    def losses(F: Floats) -> Floats:
        P = softmax(_scale(F, truth, every) * F)
        return np.asarray(-np.log(np.maximum(P[np.arange(len(gold)), y[gold]], FLOOR)))

    before, best, found = losses(scores[first][gold]), 0.0, first
    for name in others:
        gain = before - losses(scores[name][gold])
        surely = float(gain.mean() - SURE * gain.std() / np.sqrt(len(gold)))
        if surely > best:
            best, found = surely, name
    return found


@dataclass(frozen=True)
class _Sums:
    """What ridge regression needs to know of the rows: the squares of the columns, (d + 1, d + 1), and their products
    with the labels, (d + 1, k).
    """

    gram: Floats
    products: Floats

    def coefficients(self, columns: slice) -> Floats:
        """Return the coefficients, float (d + 1, k), with those of all other columns 0; the constant is used always."""
        d = len(self.gram) - 1
        if columns == slice(0, d):
            return np.asarray(np.linalg.solve(_with_penalty(self.gram), self.products))
        used = np.r_[columns, d]
        found = np.zeros(self.products.shape)
        found[used] = np.linalg.solve(_with_penalty(self.gram[np.ix_(used, used)]), self.products[used])
        return found


def _with_penalty(gram: Floats) -> Floats:
    penalty = np.full(len(gram), RIDGE)
    penalty[-1] = 1e-3 * RIDGE
    gram = gram.copy()
    gram[np.diag_indices_from(gram)] += penalty
    return gram


def _learn(
    X: NDArray[np.float32],
    T: Floats,
    y: NDArray[np.int64],
    use: NDArray[np.bool_],
    rows: NDArray[np.bool_],
    judged: NDArray[np.bool_],
) -> _Sums:
    """Return the sums of the second round on some rows; how far to trust the first round is judged on others."""
    w, gold = _weights(T, use), (y >= 0) & rows
    first = X @ _sums(X, *_with_gold(T, w, y, gold), rows).coefficients(slice(0, X.shape[1] - 1))
    said = softmax(_scale(first[judged], T[judged], w[judged]) * first)
    again = softmax(np.log(np.maximum(T, 1e-6)) + OWN_WEIGHT * centred_log(said))
    return _sums(X, *_with_gold(again, _weights(again, use), y, gold), rows)


def _weights(T: Floats, use: NDArray[np.bool_]) -> Floats:
    """Return how much each soft label counts, float (r,): a power of (max T - 1/k) / (1 - 1/k)."""
    k = T.shape[1]
    return np.where(use, np.maximum((row_max(T) - 1 / k) / (1 - 1 / k), 0) ** SHARPNESS, 0)


def _sums(X: NDArray[np.float32], T: Floats, w: Floats, rows: NDArray[np.bool_]) -> _Sums:
    """Return the sums for ridge regression of T - 1/k on X, weighted."""
    chosen = np.flatnonzero(rows & (w > 0))
    X, k = X[chosen], T.shape[1]
    weighted = X * w[chosen, None].astype(np.float32)
    products = weighted.T @ (T[chosen] - 1 / k)
    if X.shape[1] <= MOST_PRODUCT:
        return _Sums((weighted.T @ X).astype(np.float64), products)
    from scipy.linalg.blas import ssyrk

    lower = ssyrk(1.0, (X * np.sqrt(w[chosen, None]).astype(np.float32)).T, lower=1).astype(np.float64)
    return _Sums(lower + np.tril(lower, -1).T, products)


def _with_constant(E: Matrix) -> NDArray[np.float32]:
    return np.column_stack([np.asarray(E, dtype=np.float32), np.ones(len(E), dtype=np.float32)])


def _put_rows(E: Matrix, rows: NDArray[np.int64], found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put some rows of E before the last column of ``found`` and return it; without a copy of them all in between."""
    for block in blocks(len(rows)):
        found[block, :-1] = E[rows[block]]
    return found


def _row_products(E: Matrix, coefficients: Matrix) -> Floats:
    """Return E c[:-1] + c[-1], (n, k), each row the same whichever rows stand beside it, which linear algebra does not
    promise.
    """
    found = np.empty((len(E), coefficients.shape[1]))
    for rows in blocks(len(E), PRODUCT_ROWS):
        features = np.ascontiguousarray(E[rows].T, dtype=np.float64)
        total = np.repeat(coefficients[-1][:, None], features.shape[1], axis=1)
        for feature, weights in zip(features, coefficients[:-1], strict=True):
            total += weights[:, None] * feature
        found[rows] = total.T
    return found


def _with_gold(T: Floats, w: Floats, y: NDArray[np.int64], gold: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    T, w = T.copy(), w.copy()
    T[gold] = np.eye(T.shape[1])[y[gold]]
    w[gold] = GOLD_WEIGHT
    return T, w


def _scale(F: Floats, T: Floats, w: Floats) -> float:
    """Return the scale at which softmax(scale F) predicts the targets best."""
    rows = np.flatnonzero(w)
    if not len(rows):
        return float(SCALES[0])
    F, T, w = F[rows], T[rows] * w[rows, None], w[rows]
    losses: Sequence[float] = [float(-(T * np.log(np.maximum(softmax(scale * F), 1e-12))).sum()) for scale in SCALES]
    return float(SCALES[int(np.argmin(losses))])


def centred_log(scores: Matrix) -> Matrix:
    """Return log-probabilities (n, k) less their mean over the classes, so that a uniform row adds nothing; float32
    stays so.
    """
    given = np.asarray(scores)
    log = np.log(np.maximum(given if given.dtype == np.float32 else given.astype(np.float64), FLOOR, order="C"))
    log -= row_sum(log)[:, None] / log.shape[1]
    return log
