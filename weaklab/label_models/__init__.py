"""Label models: one class a model, found by name; put a module here and it is listed and tested with the others."""

from typing import Any

from weaklab.core.rows import confidence, is_tied
from weaklab.label_models.base import LABEL_MODELS, LabelModel
from weaklab.label_models.counting import CoverageVote, MajorityVote
from weaklab.label_models.crowdlab import Crowdlab
from weaklab.label_models.dawid_skene import DawidSkene
from weaklab.label_models.default import CommitteeModel
from weaklab.label_models.glad import Glad
from weaklab.label_models.hierarchical import HierarchicalDawidSkene
from weaklab.label_models.one_coin import OneCoin
from weaklab.label_models.refinery import RefineryVote
from weaklab.label_models.snorkel import SnorkelLabelModel
from weaklab.label_models.triplets import TripletModel
from weaklab.label_models.weighted import WeightedVote

DEFAULT = "committee"

__all__ = [
    "DEFAULT",
    "LABEL_MODELS",
    "CommitteeModel",
    "CoverageVote",
    "Crowdlab",
    "DawidSkene",
    "Glad",
    "HierarchicalDawidSkene",
    "LabelModel",
    "MajorityVote",
    "OneCoin",
    "RefineryVote",
    "SnorkelLabelModel",
    "TripletModel",
    "WeightedVote",
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
