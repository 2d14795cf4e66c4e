"""Checks of heuristics: labeling functions and other voters that need no training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.checks.expectations import CheckList, expect, expect_equal, expect_text
from weaklab.checks.samples import ODD_TEXTS
from weaklab.core.errors import WeaklabError
from weaklab.core.labels import LabelNames
from weaklab.exchange import read
from weaklab.heuristics import Heuristic, as_heuristic
from weaklab.voting.committee import Committee

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklab.heuristics import Ballot

check = CheckList()


def check_heuristic(heuristic: Any, labels: Sequence[str], records: Any = ODD_TEXTS) -> None:
    """Run all checks of heuristics.

    Parameters
    ----------
    heuristic : labeling function, ``keywords()``, ``pattern()``, ``where()``, plain function or any other heuristic
    labels : the label names that it may vote for
    records : what it votes on, anything that :func:`weaklab.read` reads; by default odd texts

    Raises
    ------
    AssertionError
        A check failed; the message says what was expected and what came.

    Examples
    --------
    >>> import weaklab
    >>> check_heuristic(weaklab.keywords("spam", ["free prize"]), ["spam", "ham"])
    """
    check.run(heuristic, labels, records)


def _batch(records: Any) -> pa.RecordBatch:
    return next(read(list(records) if isinstance(records, tuple) else records).batches())


def _vote(heuristic: Any, labels: Sequence[str], batch: pa.RecordBatch) -> Ballot:
    return as_heuristic(heuristic).evaluate(batch, LabelNames(labels))


@check
def check_committee_takes_it(heuristic: Any, labels: Sequence[str], records: Any = ODD_TEXTS) -> None:
    """A committee with these labels takes the heuristic: it has a name, and its examples get the votes they name."""
    member: Heuristic = as_heuristic(heuristic)
    expect_text(member.name, "name")
    try:
        Committee(labels).check(member)
    except WeaklabError as error:
        raise AssertionError(f"expected a heuristic that a committee takes, got: {error}") from error


@check
def check_votes_are_labels(heuristic: Any, labels: Sequence[str], records: Any = ODD_TEXTS) -> None:
    """Each record gets one vote, for a label or -1, and no record is a fault."""
    batch = _batch(records)
    ballot = _vote(heuristic, labels, batch)
    expect(not ballot.faults, f"expected no faults, got {'; '.join(str(fault) for fault in ballot.faults)}")
    expect(ballot.votes.shape == (batch.num_rows,), f"expected {batch.num_rows} votes, got shape {ballot.votes.shape}")
    strange = sorted(set(ballot.votes.tolist()) - set(range(-1, len(labels))))
    expect(not strange, f"expected votes from -1 to {len(labels) - 1}, got {strange}")
    if ballot.confidence is not None:
        sure = (ballot.confidence > 0) & (ballot.confidence <= 1)
        expect(sure.all(), f"expected confidences above 0 and up to 1, got {ballot.confidence[~sure][:3]}")


@check
def check_votes_are_deterministic(heuristic: Any, labels: Sequence[str], records: Any = ODD_TEXTS) -> None:
    """A record gets the same vote again, in any order, and whatever other records are in its batch."""
    batch = _batch(records)
    votes = _vote(heuristic, labels, batch).votes
    expect_equal(_vote(heuristic, labels, batch).votes, votes, "votes on the same batch, twice")
    turned = batch.take(np.arange(batch.num_rows)[::-1])
    expect_equal(_vote(heuristic, labels, turned).votes, votes[::-1], "votes on the records in reverse order")
    alone = [int(_vote(heuristic, labels, batch.slice(row, 1)).votes[0]) for row in range(batch.num_rows)]
    expect_equal(alone, votes, "votes on each record alone")


@check
def check_fingerprint_is_stable(heuristic: Any, labels: Sequence[str], records: Any = ODD_TEXTS) -> None:
    """The fingerprint, by which kept votes are found again, is a text and the same each time."""
    member = as_heuristic(heuristic)
    first = member.fingerprint
    expect_text(first, "fingerprint")
    _vote(member, labels, _batch(records))
    expect(member.fingerprint == first, "fingerprint: expected the same after a vote, got another")
