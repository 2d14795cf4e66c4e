"""Label models: one class a model, found by name; put a module here and it is listed and tested with the others."""

from typing import Any

from weaklab.label_models.base import LABEL_MODELS, LabelModel, confidence, is_tied
from weaklab.label_models.committee import CommitteeModel
from weaklab.label_models.dawid_skene import DawidSkene
from weaklab.label_models.snorkel import SnorkelLabelModel
from weaklab.label_models.votes import CoverageVote, MajorityVote

DEFAULT = "committee"

__all__ = [
    "DEFAULT",
    "LABEL_MODELS",
    "CommitteeModel",
    "CoverageVote",
    "DawidSkene",
    "LabelModel",
    "MajorityVote",
    "SnorkelLabelModel",
    "confidence",
    "is_tied",
    "label_model",
]


def label_model(name: str | LabelModel = DEFAULT, **settings: Any) -> LabelModel:
    """Return an unfitted label model by name, or the model itself.

    >>> label_model("majority_vote", n_classes=3)
    MajorityVote(n_classes=3)
    """
    return name if isinstance(name, LabelModel) else LABEL_MODELS[name](**settings)
