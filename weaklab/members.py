"""Heuristics that a project remembers from one session to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaklab.base import Fault, LabelNames
from weaklab.classifiers import WeakClassifier
from weaklab.corpus import ids_of
from weaklab.heuristics import Ballot, ColumnVotes, Heuristic, Watch, keywords, pattern, where

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa


class Frozen(Heuristic):
    """A heuristic that was registered in another session and whose code is not here.

    The votes that a labeling function gave are kept; a weak classifier keeps none.
    """

    keeps = False

    def __init__(self, name: str, fingerprint: str, location: str) -> None:
        self.name, self._fingerprint, self.location = name, fingerprint, location

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        ids = ids_of(batch)
        reason = "it was registered in another session and its code is not here, so it has no votes for these records; register it again"
        ballot = Ballot.blank(len(ids))
        ballot.faults = [Fault(self.name, "NotLoaded", reason, self.location, tuple(ids[:20]), len(ids))]
        return ballot


def heuristic_from_spec(spec: dict[str, Any]) -> Heuristic:
    """Make a heuristic again from what :meth:`Heuristic.spec` returned."""
    makers: dict[str, Callable[..., Heuristic]] = {"keywords": keywords, "pattern": pattern, "where": where, "column": ColumnVotes}
    if spec["kind"] == "classifier":
        return WeakClassifier.from_spec(spec)
    return makers[spec["kind"]](**{k: v for k, v in spec.items() if k != "kind"})


def classifier_from_setting(entry: Any) -> WeakClassifier:
    """Make a weak classifier from a name, or from a table with ``estimator``, ``features`` and other settings.

    >>> classifier_from_setting({"estimator": "nb", "features": "tfidf", "name": "words"}).name
    'words'
    """
    settings = {"estimator": entry} if isinstance(entry, str) else dict(entry)
    return WeakClassifier(settings.pop("estimator", "naive_bayes"), settings.pop("features", "auto"), **settings)
