"""How often a rule is right, estimated from few labels, for rules that were chosen among many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

STRENGTHS = np.geomspace(0.5, 10, 14)
COUNTED = 4.0
"""An interval also holds that of a prior that counts like this many labels at most: candidates share records, so that
the labels tell less of its strength than they seem to."""
SLOPES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
WITHOUT_LABELS = (4.0, 0.75)
"""Strength and slope where no label tells them."""
MOST_FITTED = 20_000


@dataclass(frozen=True)
class Prior:
    """What is believed of a rule before its own labels are looked at: a beta distribution.

    Its mean is ``expected``, drawn towards ``base`` in log-odds, and it counts like ``strength`` labels. Both are
    chosen so that the labels on all candidates are most probable (empirical Bayes), so that a rule that is picked
    because its few labels happened to agree is not overestimated.

    Attributes
    ----------
    strength : in labels
    slope : 1 where the committee's probabilities are taken as they are, 0 where they say nothing

    References
    ----------
    Robbins (1956), An empirical Bayes approach to statistics, Berkeley Symposium 3; Skellam (1948), A probability
    distribution derived from the binomial distribution by regarding the probability of success as variable between the
    sets of trials, JRSS B 10, for counts with a beta prior.
    """

    strength: float = WITHOUT_LABELS[0]
    slope: float = WITHOUT_LABELS[1]

    @classmethod
    def fitted(cls, right: ArrayLike, n: ArrayLike, expected: ArrayLike, base: ArrayLike) -> Prior:
        """Return the prior under which the labels are most probable.

        Parameters
        ----------
        right, n : int (c,), labels on each candidate that agree with it, and all of them
        expected : float (c,), share of right votes that the committee expects
        base : float (c,), share of the label in all records

        Examples
        --------
        >>> Prior.fitted([9, 1] * 50, [10, 10] * 50, [0.9, 0.1] * 50, [0.5, 0.5] * 50).slope
        0.75
        """
        from scipy.special import betaln

        x, count = np.asarray(right, dtype=np.float64), np.asarray(n, dtype=np.float64)
        use = np.flatnonzero(count > 0)
        if len(use) > MOST_FITTED:
            use = use[np.linspace(0, len(use) - 1, MOST_FITTED).astype(np.int64)]
        if len(use) < 10:
            return cls()
        x, count = x[use], count[use]
        e, b = np.asarray(expected)[use], np.asarray(base)[use]
        best = (-np.inf, *WITHOUT_LABELS)
        for slope in SLOPES:
            mean = _drawn(e, b, slope)
            for strength in STRENGTHS.tolist():
                a, c = mean * strength, (1 - mean) * strength
                fit = float((betaln(a + x, c + count - x) - betaln(a, c)).sum())
                if fit > best[0] + 1e-9:
                    best = (fit, strength, slope)
        return cls(best[1], best[2])

    def estimate(
        self, right: ArrayLike, n: ArrayLike, expected: ArrayLike, base: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return mean, and ends of the 95 % interval, of the precision of rules: three float (c,).

        Parameters
        ----------
        right, n, expected, base : as in :meth:`fitted`
        """
        from scipy.stats import beta

        mean = _drawn(np.asarray(expected), np.asarray(base), self.slope)
        x, count = np.asarray(right, dtype=np.float64), np.asarray(n, dtype=np.float64)
        found = (mean * self.strength + x) / (self.strength + count)
        low, high = found, found
        for strength in {self.strength, min(self.strength, COUNTED)}:
            a, b = mean * strength + x, (1 - mean) * strength + count - x
            low, high = np.minimum(low, beta.ppf(0.025, a, b)), np.maximum(high, beta.ppf(0.975, a, b))
        high = np.where(count == x, 1.0, high)  # a rule that was never wrong may never be
        return found, np.asarray(low), np.asarray(high)


def _drawn(expected: Any, base: Any, slope: float) -> NDArray[np.float64]:
    """Return shares drawn towards ``base`` in log-odds: all the way for slope 0."""
    from scipy.special import expit, logit

    e, b = np.clip(expected, 0.01, 0.99), np.clip(base, 0.01, 0.99)
    return np.asarray(expit(logit(b) + slope * (logit(e) - logit(b))))
