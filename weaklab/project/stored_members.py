"""Heuristics that a project remembers from one session to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weaklab.classifiers import WeakClassifier
from weaklab.core.errors import HeuristicError, WeaklabError
from weaklab.core.faults import Fault
from weaklab.core.labels import LabelNames
from weaklab.core.tables import clean
from weaklab.corpus import ids_of
from weaklab.heuristics import (
    HEURISTICS,
    Amended,
    Ballot,
    ColumnVotes,
    Heuristic,
    Watch,
    as_heuristic,
    keywords,
    pattern,
    where,
)
from weaklab.heuristics.amended import ONLY, UNLESS

if TYPE_CHECKING:
    import pyarrow as pa


NOT_HERE = (
    "it was registered in another session and its code is not here, so it has no votes for these records; "
    "register it again"
)
NO_CODE = (
    "the project was opened without running code (run_code=False, --no-code), and no votes of it are kept for "
    "these records"
)


class MissingHeuristic(Heuristic):
    """A heuristic that was registered in another session and whose code is not here, or was not to be run.

    The votes that a labeling function gave are kept; a weak classifier keeps none.
    """

    keeps = False

    def __init__(self, name: str, fingerprint: str, location: str, reason: str = NOT_HERE) -> None:
        self.name, self._fingerprint, self.location, self._reason = name, fingerprint, location, reason

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        ids = ids_of(batch)
        ballot = Ballot.blank(len(ids))
        ballot.faults = [Fault(self.name, "NotLoaded", self._reason, self.location, tuple(ids[:20]), len(ids))]
        return ballot


REGISTERED = "registered"
"""The kind of a heuristic that an installed package offers by name."""


def stored_spec(heuristic: Heuristic) -> Any:
    """Return JSON from which :func:`heuristic_from_spec` makes a heuristic again, None if only its code can do that."""
    if heuristic.registered_as is not None:
        return {"kind": REGISTERED, "name": heuristic.registered_as}
    return heuristic.spec()


def runs_code(spec: Any) -> bool:
    """Whether making the heuristic of a spec loads code of another package."""
    if not isinstance(spec, dict):
        return False
    return spec.get("kind") == REGISTERED or any(runs_code(spec.get(part)) for part in ("inner", "condition"))


def offered(name: str) -> Heuristic:
    """Return the heuristic that an installed package offers by a name.

    Raises
    ------
    HeuristicError
        None offers it.
    """
    if name not in HEURISTICS:
        raise HeuristicError(
            "the package that offers it is not installed here; the votes that are kept count, and it abstains on other "
            "records: install the package again"
        )
    return as_heuristic(name)


def _amended(inner: Any, condition: Any, when: str, label: Any, vote: Any, name: str) -> Heuristic:
    held = None if condition is None else heuristic_from_spec(condition)
    return Amended(heuristic_from_spec(inner), held, UNLESS if when != ONLY else ONLY, label, vote, name)


_MAKERS: dict[str, tuple[Callable[..., Heuristic], tuple[str, ...]]] = {
    "keywords": (keywords, ("label", "words", "name", "case", "column")),
    "pattern": (pattern, ("label", "regex", "name", "flags", "column")),
    "where": (where, ("label", "condition", "name")),
    REGISTERED: (offered, ("name",)),
    "column": (ColumnVotes, ("name", "column", "position")),
    "amended": (_amended, ("inner", "condition", "when", "label", "vote", "name")),
}
_CLASSIFIER_SETTINGS = (
    "estimator",
    "features",
    "name",
    "min_probability",
    "min_precision",
    "calibrate",
    "min_labels",
    "seed",
)


def heuristic_from_spec(spec: Any) -> Heuristic:
    """Make a heuristic again from what :meth:`Heuristic.spec` returned.

    A stored project comes from anywhere, so this is a closed list: keywords, patterns, conditions, columns of votes,
    the classifiers of :mod:`weaklab.classifiers.stored`, and heuristics that installed packages offer by name.

    Raises
    ------
    HeuristicError
        It is anything else, or has a setting that the part does not have.
    """
    kind = spec.get("kind") if isinstance(spec, dict) else None
    if not isinstance(kind, str) or (kind != "classifier" and kind not in _MAKERS):
        kinds = ", ".join(["classifier", *_MAKERS])
        raise HeuristicError(f"will not make a stored heuristic of kind {clean(repr(kind), 80)}: there are {kinds}")
    make, known = (WeakClassifier.from_spec, _CLASSIFIER_SETTINGS) if kind == "classifier" else _MAKERS[kind]
    settings = {name: value for name, value in spec.items() if name != "kind"}
    for name in settings:
        if name not in known:
            raise HeuristicError(f"a stored {kind} has no setting {clean(repr(name), 80)}; it has {', '.join(known)}")
    try:
        return make(settings) if kind == "classifier" else make(**settings)
    except WeaklabError as error:
        raise HeuristicError(str(error)) from None
    except (TypeError, KeyError, IndexError, AttributeError, ValueError, AssertionError, RecursionError) as error:
        raise HeuristicError(f"a stored {kind} cannot be made again: {type(error).__name__}: {error}") from None


def classifier_from_setting(entry: Any) -> WeakClassifier:
    """Make a weak classifier from a name, or from a table with ``estimator``, ``features`` and other settings.

    >>> classifier_from_setting({"estimator": "nb", "features": "tfidf", "name": "words"}).name
    'words'
    """
    settings = {"estimator": entry} if isinstance(entry, str) else dict(entry)
    return WeakClassifier(settings.pop("estimator", "auto"), settings.pop("features", "auto"), **settings)
