"""weaklab: labeling functions and weak classifiers in one committee that learns while a person labels.

The names below are loaded when they are first used, so that ``import weaklab`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from weaklab import datasets, features, strategies
    from weaklab.base import ABSTAIN, WeaklabError, WeaklabWarning
    from weaklab.classifiers import WeakClassifier
    from weaklab.committee import Committee
    from weaklab.compare import compare_label_models
    from weaklab.corpus import Corpus, read
    from weaklab.crowd import Crowd
    from weaklab.frozen import FrozenCommittee
    from weaklab.heuristics import col, keywords, labeling_function, pattern, where
    from weaklab.label_models import confidence, label_model
    from weaklab.loop import Loop
    from weaklab.project import Project
    from weaklab.scheduler import Scheduler
    from weaklab.simulation import replay, simulate
    from weaklab.stream import StreamSampler

_HOMES = {
    "ABSTAIN": "base",
    "Committee": "committee",
    "Corpus": "corpus",
    "Crowd": "crowd",
    "FrozenCommittee": "frozen",
    "Loop": "loop",
    "Project": "project",
    "Scheduler": "scheduler",
    "StreamSampler": "stream",
    "WeakClassifier": "classifiers",
    "WeaklabError": "base",
    "WeaklabWarning": "base",
    "compare_label_models": "compare",
    "col": "heuristics",
    "confidence": "label_models",
    "keywords": "heuristics",
    "label_model": "label_models",
    "labeling_function": "heuristics",
    "pattern": "heuristics",
    "read": "corpus",
    "replay": "simulation",
    "simulate": "simulation",
    "where": "heuristics",
}
_MODULES = ("datasets", "features", "strategies")

__all__ = [
    "ABSTAIN",
    "Committee",
    "Corpus",
    "Crowd",
    "FrozenCommittee",
    "Loop",
    "Project",
    "Scheduler",
    "StreamSampler",
    "WeakClassifier",
    "WeaklabError",
    "WeaklabWarning",
    "col",
    "compare_label_models",
    "confidence",
    "datasets",
    "features",
    "keywords",
    "label_model",
    "labeling_function",
    "pattern",
    "read",
    "replay",
    "simulate",
    "strategies",
    "where",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"weaklab.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'weaklab' has no attribute {name!r}")
    value = getattr(import_module(f"weaklab.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
