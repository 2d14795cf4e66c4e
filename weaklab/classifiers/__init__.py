"""Weak classifiers: heuristics that learn from the manual labels, built on any scikit-learn classifier."""

from weaklab.classifiers.folds import FOLDS, by_id, folds_of
from weaklab.classifiers.models import CLASSIFIERS
from weaklab.classifiers.weak import MIN_LABELS, MIN_PER_CLASS, WeakClassifier

__all__ = ["CLASSIFIERS", "FOLDS", "MIN_LABELS", "MIN_PER_CLASS", "WeakClassifier", "by_id", "folds_of"]
