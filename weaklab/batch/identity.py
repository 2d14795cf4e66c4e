"""Hashes of what members and feature sets of a frozen committee do and have learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weaklab.classifiers import WeakClassifier
from weaklab.heuristics import fingerprint

if TYPE_CHECKING:
    from weaklab.features import Features
    from weaklab.heuristics import Heuristic


def member_hash(heuristic: Heuristic) -> str:
    """Return a hash of what a member does and what it has learned."""
    if not isinstance(heuristic, WeakClassifier):
        known = fingerprint.once(heuristic.fingerprint) if heuristic.unseen else heuristic.fingerprint
        return fingerprint.digest(heuristic.name, known)
    learned = (
        {name: value for name, value in vars(heuristic).items() if name.endswith("_")} if heuristic.is_ready else {}
    )
    return fingerprint.digest(
        heuristic.name,
        heuristic.fingerprint,
        fingerprint.of_value(learned),
        features_hash(heuristic.features) if learned else "",
    )


def features_hash(features: Features) -> str:
    """Return a hash of a feature set and what it has learned."""
    state = features.state()
    return fingerprint.digest(features.fingerprint, fingerprint.of_value(vars(features) if state is None else state))
