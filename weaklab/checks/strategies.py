"""Checks of query strategies."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.checks.expectations import CheckList, expect, expect_close, expect_equal, expect_error
from weaklab.checks.samples import pool_of_equals, pool_rows, sample_pool
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import ABSTAIN
from weaklab.strategies import ARGUMENTS, call_strategy, uniform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from weaklab.strategies import Strategy

check = CheckList()


def check_strategy(strategy: Strategy) -> None:
    """Run all checks of query strategies.

    Parameters
    ----------
    strategy : function of some of :data:`weaklab.strategies.ARGUMENTS` that returns one score per record

    Raises
    ------
    AssertionError
        A check failed; the message says what was expected and what came.

    Examples
    --------
    >>> def least_confident(P):
    ...     return 1 - P.max(axis=1)
    >>> check_strategy(least_confident)
    """
    check.run(strategy)


def _name(strategy: Strategy) -> str:
    return getattr(strategy, "__name__", type(strategy).__name__)


def _scores(strategy: Strategy, pool: Mapping[str, Any], situation: str = "") -> NDArray[np.float64]:
    """Return the scores of a pool; what :func:`~weaklab.strategies.call_strategy` refuses is a failed check."""
    try:
        return call_strategy(_name(strategy), strategy, pool)
    except WeaklabError as error:
        raise AssertionError(f"{situation}: {error}" if situation else str(error)) from error


def _batch(strategy: Strategy, pool: Mapping[str, Any], situation: str = "") -> list[int]:
    """Return the keys of the n eligible records with the highest scores, highest first."""
    scores = np.where(pool["eligible"], _scores(strategy, pool, situation), -np.inf)
    order = np.lexsort((uniform(pool["keys"], 9), -scores))
    found: list[int] = pool["keys"][order[: min(pool["n"], pool["eligible"].sum())]].tolist()
    return found


@check
def check_arguments_are_known(strategy: Strategy) -> None:
    """A strategy asks for nothing but what there is; a parameter of its own needs a default."""
    parameters = inspect.signature(strategy).parameters.values()
    unknown = {each.name for each in parameters if each.default is each.empty} - set(ARGUMENTS)
    expect(not unknown, f"expected parameters among {', '.join(ARGUMENTS)}, or with a default; got {sorted(unknown)}")


@check
def check_row_order_does_not_matter(strategy: Strategy) -> None:
    """The same records in another order get the same scores, and the same records are picked."""
    order = np.random.default_rng(2).permutation(40)
    for what, pool in (("records", sample_pool()), ("equal records", pool_of_equals())):
        turned = pool_rows(pool, order)
        expected = _scores(strategy, pool)[order]
        expect_close(_scores(strategy, turned), expected, f"scores of {what} in another order", 1e-12)
        expect_equal(_batch(strategy, turned), _batch(strategy, pool), f"picks from {what} in another order")


@check
def check_scores_are_deterministic(strategy: Strategy) -> None:
    """The same pool and seed give the same scores; no argument is changed, nor NumPy's global random state."""
    pool, held = sample_pool(), sample_pool()
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    expect_equal(_scores(strategy, pool), _scores(strategy, pool), "scores of the same pool, twice")
    for name in ("P", "L", "keys", "y", "eligible", "E"):
        expect_equal(pool[name], held[name], f"the argument {name} after the call")
    expect_equal(pool["X"].toarray(), held["X"].toarray(), "the argument X after the call")
    expect_equal(pool["scores"][1], held["scores"][1], "the argument scores after the call")
    expect_equal(np.random.get_state()[1], before, "the global random state of NumPy")  # type: ignore[index]


@check
def check_joint_batches_are_complete(strategy: Strategy) -> None:
    """A strategy that names ``n`` gives the n records of its batch different scores, above those of all others."""
    if "n" not in inspect.signature(strategy).parameters:
        return
    for pool in (sample_pool(), pool_of_equals(), {**sample_pool(), "n": 1}):
        n = pool["n"]
        found = np.sort(_scores(strategy, pool)[pool["eligible"]])[::-1]
        expect(len(set(found[:n])) == n, f"expected {n} different scores in a batch of {n}, got {found[:n]}")
        expect(found[n - 1] > found[n], f"expected the batch above the rest, got {found[n - 1]} and {found[n]}")


def _situations() -> dict[str, dict[str, Any]]:
    """Return changes of a pool that happen in real projects."""
    from scipy import sparse

    nothing, number = np.full(40, ABSTAIN), np.arange(40)
    return {
        "no heuristic votes": {"L": np.full((40, 5), ABSTAIN), "P": np.full((40, 3), 1 / 3), "scores": {}},
        "all probabilities are 0 or 1": {
            "P": np.eye(3)[np.zeros(40, dtype=int)],
            "scores": {1: np.eye(3)[np.ones(40, dtype=int)]},
        },
        "there are no heuristics": {"L": np.empty((40, 0), dtype=np.int8), "scores": {}},
        "there are no labels": {"y": nothing},
        "all labels are of one class": {"y": np.where(number < 9, 1, ABSTAIN)},
        "all records are labeled": {"y": np.zeros(40, dtype=int)},
        "features are 0": {"E": np.zeros((40, 6), dtype=np.float32), "X": sparse.csr_array((40, 6), dtype=np.float32)},
        "there is one dense feature": {
            "E": np.ones((40, 1), dtype=np.float32),
            "X": np.ones((40, 1), dtype=np.float32),
        },
        "no record is eligible": {"eligible": np.zeros(40, dtype=bool)},
        "fewer records are eligible than asked for": {"eligible": number == 3, "n": 10},
        "more is asked for than there are records": {"n": 100},
    }


@check
def check_odd_pools_are_scored(strategy: Strategy) -> None:
    """Pools without votes, labels or features, and pools of one or no record, get finite scores."""
    for situation, change in _situations().items():
        pool = {**sample_pool(), **change}
        wanted = min(pool["n"], pool["eligible"].sum())
        found = len(set(_batch(strategy, pool, situation)))
        expect(found == wanted, f"{situation}: expected {wanted} different records, got {found}")
    for rows in (np.array([3]), np.array([], dtype=int)):
        _scores(strategy, pool_rows(sample_pool(), rows), f"a pool of {len(rows)} records")


@check
def check_missing_features_are_named(strategy: Strategy) -> None:
    """A strategy that needs features of the records says so where there are none; any other does without."""
    pool = {name: value for name, value in sample_pool().items() if name not in ("X", "E")}
    asked = [inspect.signature(strategy).parameters.get(name) for name in ("X", "E")]
    if any(each is not None and each.default is each.empty for each in asked):
        pattern = f"'{_name(strategy)}' needs features of the records.*give the project text or numeric columns"
        call = call_strategy
        expect_error(WeaklabError, pattern, lambda: call(_name(strategy), strategy, pool), "a pool without features")
    else:
        _scores(strategy, pool, "a pool without features")
