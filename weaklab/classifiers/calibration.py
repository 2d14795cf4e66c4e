"""Calibration of weak classifiers: temperature scaling of scores, and thresholds that reach a given precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CALIBRATE_LABELS = 20
"""Scores are calibrated from this number of labels on. With fewer, each of the five out-of-fold models has fewer than
sixteen labels and differs too much from the model that is trained on all."""
LEVEL = 0.8
"""Confidence level of the precision guarantee, for each class. On four text corpora with 50 to 200 labels and a
required precision of 0.9, 85 to 100% of the classes with votes reached it on the other records, and 27 to 49% of these
records got a vote."""
FLOOR = 1e-3
"""Probability that replaces 0, so that no single classifier can exclude a class."""
PRIOR = 0.1
"""Ridge penalty on the log temperature. It is weak: a tenfold temperature costs a quarter of a nat, less than one
record with high confidence in a wrong class."""
TIED = 1e-6
"""Scores that differ by less count as equal: eight times the precision of float32."""
LOWEST, HIGHEST = 0.05, 1e5
"""Range of temperatures that is searched."""


def softmax(Z: NDArray[Any], temperature: float = 1.0) -> NDArray[Any]:
    """Turn log-scores (n, k) into probabilities in place, and return them; a row of -inf becomes uniform.

    >>> import numpy as np
    >>> softmax(np.array([[0.0, np.log(3.0)]])).round(2).tolist()
    [[0.25, 0.75]]
    """
    import numpy as np

    if Z.shape[1] == 2:
        return _logistic(Z, temperature)
    best = Z.max(axis=1, keepdims=True)
    Z -= np.where(np.isfinite(best), best, 0)
    if temperature != 1.0:
        Z /= temperature
    np.exp(Z, out=Z)
    total = Z.sum(axis=1, keepdims=True)
    lost = total[:, 0] == 0
    if lost.any():
        Z[lost], total[lost] = 1, Z.shape[1]
    Z /= total
    return Z


def _logistic(Z: NDArray[Any], temperature: float) -> NDArray[Any]:
    import numpy as np
    from scipy.special import expit

    with np.errstate(invalid="ignore"):
        gap = Z[:, 1] - Z[:, 0]
    if temperature != 1.0:
        gap /= temperature
    expit(gap, out=gap)
    lost = np.isnan(gap)
    if lost.any():
        gap[lost] = 0.5
    Z[:, 1] = gap
    np.subtract(1, gap, out=Z[:, 0])
    return Z


def binary(odds: NDArray[Any], temperature: float = 1.0, n_labels: int | None = None) -> NDArray[np.float32]:
    """Return the probabilities of two classes, float32 (n, 2), from the log-odds (n,) of the second against the first.

    It equals :func:`softmax`, or :func:`tempered` if ``n_labels`` is given, but is faster for a large pool. Each row is
    independent of the others.

    >>> import numpy as np
    >>> binary(np.log(np.array([3.0]))).round(2).tolist(), binary(np.array([-50.0]), n_labels=18).round(2).tolist()
    ([[0.25, 0.75]], [[0.949999988079071, 0.05000000074505806]])
    """
    import numpy as np

    from weaklab.core.rows import blocks

    P = np.empty((len(odds), 2), dtype=np.float32, order="F")
    with np.errstate(over="ignore"):  # infinite odds give a probability of 0
        for part in blocks(len(odds)):
            p = odds[part] * (-1 / temperature)
            np.exp(p, out=p)
            p += 1
            np.reciprocal(p, out=p)
            if np.isnan(p.sum()):
                p[np.isnan(p)] = 0.5
            if n_labels is not None:
                p *= n_labels / (n_labels + 2)
                p += 1 / (n_labels + 2)
            P[part, 1] = p
            np.subtract(1, P[part, 1], out=P[part, 0])
    return P


def finite(Z: NDArray[Any]) -> NDArray[Any]:
    """Return finite log-scores (n, k): -inf is replaced by a low score, that of probability :data:`FLOOR` or less.

    >>> import numpy as np
    >>> np.exp(finite(np.array([[np.log(0.25), np.log(0.75), -np.inf]]))).round(3).tolist()
    [[0.25, 0.75, 0.001]]
    """
    import numpy as np

    known = np.isfinite(Z)
    if known.all():
        return Z
    best = np.where(known.any(axis=1), Z.max(axis=1, initial=-np.inf), 0)[:, None]
    total = best + np.log(np.maximum(np.exp(np.where(known, Z - best, -np.inf)).sum(axis=1, keepdims=True), FLOOR))
    lowest = np.where(known, Z, np.inf).min(axis=1, keepdims=True)
    return np.where(known, Z, np.minimum(total + np.log(FLOOR), lowest))


def fit_temperature(Z: NDArray[Any], y: NDArray[Any]) -> float:
    """Return the temperature at which :func:`tempered` scores fit the labels best.

    Penalised maximum likelihood: the minimum over t = ln temperature of

        -sum_i log tempered(Z, e^t, n)[i, y_i] + PRIOR / 2 t^2

    Scores that are unrelated to the labels get a high temperature, which makes the probabilities uniform. The prior is
    weak and hardly changes that.

    Parameters
    ----------
    Z : float (n, k), finite log-scores of records on which the classifier was not trained
    y : int (n,), their labels

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML.

    Examples
    --------
    >>> import numpy as np
    >>> Z = np.array([[4.0, 0.0]] * 40)
    >>> round(float(np.exp(4 / fit_temperature(Z, np.array([0] * 30 + [1] * 10)))), 1)  # as many to one are right
    3.3
    """
    import numpy as np

    n, k = Z.shape
    own = y[:, None] == np.arange(k)
    # gaps[c, i]: log-score of another class minus that of the true class, so that p(true) = 1 / (1 + sum_c e^gap)
    gaps = (np.asarray(Z, dtype=np.float64) - Z[own][:, None])[~own].reshape(n, k - 1).T

    def loss(t: NDArray[np.float64]) -> NDArray[np.float64]:
        shrink, total = np.exp(-t)[:, None], np.ones((len(t), n))
        for gap in gaps:
            total += np.exp(shrink * gap)
        return np.asarray(-np.log((n / total + 1) / (n + k)).sum(axis=1) + PRIOR / 2 * t**2)

    low, high = np.log(LOWEST), np.log(HIGHEST)
    with np.errstate(over="ignore"):  # a gap may be huge
        for _ in range(4):  # each pass searches an interval of a tenth of the width
            t = np.linspace(low, high, 21)
            best = t[int(np.argmin(loss(t)))]
            low, high = best - (t[1] - t[0]), best + (t[1] - t[0])
    return float(np.exp(best))


def tempered(Z: NDArray[Any], temperature: float, n_labels: int) -> NDArray[Any]:
    """Return calibrated probabilities (n, k) of finite log-scores.

    They are (n_labels softmax(Z / temperature) + 1) / (n_labels + k). Each class gets one additional label: the rule of
    succession of Laplace (1774), Memoire sur la probabilite des causes par les evenemens. So no probability is 0 or 1,
    because a classifier that was always right on n labels may still be wrong on the next record.

    >>> import numpy as np
    >>> tempered(np.array([[50.0, 0.0]]), 1.0, 18).round(2).tolist()
    [[0.95, 0.05]]
    """
    P = softmax(Z, temperature)
    P *= n_labels / (n_labels + P.shape[1])
    P += 1 / (n_labels + P.shape[1])
    return P


def precision_thresholds(scores: NDArray[Any], y: NDArray[Any], precision: float) -> NDArray[np.float64]:
    """Return for each class the lowest probability from which its votes reach a precision: float (k,).

    The votes for a class are sorted by probability, highest first. The longest run from the start is chosen whose
    one-sided lower bound of Clopper and Pearson, at :data:`LEVEL`, is at least ``precision``. If there is none, the
    class gets inf. For example, a precision of 0.9 needs 16 votes without an error, or 29 with one.

    Parameters
    ----------
    scores : float (n, k), out-of-fold probabilities of labeled records
    y : int (n,), their labels
    precision : required share of right votes, 0 to 1

    References
    ----------
    Clopper and Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the binomial,
    Biometrika 26.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.array([[0.9, 0.1]] * 20 + [[0.6, 0.4]] * 20)
    >>> precision_thresholds(scores, np.array([0] * 30 + [1] * 10), 0.9).tolist()
    [0.9, inf]
    """
    import numpy as np

    from weaklab.core.rows import is_tied

    tied = is_tied(scores, TIED)  # on a tie the classifier does not vote
    scores, y = scores[~tied], y[~tied]
    vote, best = scores.argmax(axis=1), scores.max(axis=1).astype(np.float64)
    thresholds = np.full(scores.shape[1], np.inf)
    for code in np.unique(vote):
        rows = np.flatnonzero(vote == code)
        rows = rows[np.argsort(-best[rows], kind="stable")]
        right = np.cumsum(y[rows] == code)
        enough = lower_bound(right, np.arange(1, len(rows) + 1)) >= precision
        enough[:-1] &= best[rows][1:] < best[rows][:-1]  # equal probabilities are all above a threshold, or all below
        if enough.any():
            thresholds[code] = best[rows[np.flatnonzero(enough)[-1]]]
    return thresholds


def lower_bound(right: NDArray[Any], n: NDArray[Any], level: float = LEVEL) -> NDArray[np.float64]:
    """Return the one-sided lower confidence bound of a proportion, ``right`` of ``n``, of Clopper and Pearson (1934).

    >>> import numpy as np
    >>> lower_bound(np.array([0, 16]), np.array([16, 16])).round(3).tolist()
    [0.0, 0.904]
    """
    import numpy as np
    from scipy.special import betaincinv

    return np.where(right > 0, betaincinv(np.maximum(right, 1), n - right + 1, 1 - level), 0.0)
