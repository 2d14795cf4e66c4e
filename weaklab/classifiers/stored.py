"""Storing classifiers in a project, safely: only listed scikit-learn classes with simple settings are restored."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from weaklab.core.errors import HeuristicError, did_you_mean

SCIKIT_LEARN = {
    "sklearn.discriminant_analysis": ("LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"),
    "sklearn.dummy": ("DummyClassifier",),
    "sklearn.ensemble": (
        "AdaBoostClassifier",
        "BaggingClassifier",
        "ExtraTreesClassifier",
        "GradientBoostingClassifier",
        "HistGradientBoostingClassifier",
        "RandomForestClassifier",
    ),
    "sklearn.gaussian_process": ("GaussianProcessClassifier",),
    "sklearn.linear_model": (
        "LogisticRegression",
        "LogisticRegressionCV",
        "PassiveAggressiveClassifier",
        "Perceptron",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "SGDClassifier",
    ),
    "sklearn.naive_bayes": ("BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB"),
    "sklearn.neighbors": ("KNeighborsClassifier", "NearestCentroid", "RadiusNeighborsClassifier"),
    "sklearn.neural_network": ("MLPClassifier",),
    "sklearn.semi_supervised": ("LabelPropagation", "LabelSpreading"),
    "sklearn.svm": ("LinearSVC", "NuSVC", "SVC"),
    "sklearn.tree": ("DecisionTreeClassifier", "ExtraTreeClassifier"),
}
"""Public module -> names of the classifiers that may be created from a stored project; no other class is allowed."""
PLAIN = (bool, int, float, str, type(None))
"""Allowed types of settings: single JSON values, no lists, mappings or other objects."""


def estimator_spec(estimator: Any) -> Any:
    """Return JSON for a name, or for a classifier of :data:`SCIKIT_LEARN` with plain settings; None for others."""
    if isinstance(estimator, str):
        return estimator
    kind = type(estimator)
    module = _public(kind.__module__)
    if (
        kind.__name__ not in SCIKIT_LEARN.get(module, ())
        or getattr(import_module(module), kind.__name__, None) is not kind
    ):
        return None
    settings = estimator.get_params(deep=False)
    plain = all(type(value) in PLAIN for value in settings.values())
    return {"module": module, "class": kind.__name__, "settings": settings} if plain else None


def estimator_from_spec(spec: Any) -> Any:
    """Return the estimator that an :func:`estimator_spec` describes; nothing else is imported or created.

    Raises
    ------
    HeuristicError
        The class is not in :data:`SCIKIT_LEARN`, or a setting does not exist or is not a plain value.

    Examples
    --------
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> estimator_from_spec(estimator_spec(MultinomialNB(alpha=0.5)))
    MultinomialNB(alpha=0.5)
    >>> estimator_from_spec({"module": "collections", "class": "OrderedDict", "settings": {}})
    Traceback (most recent call last):
        ...
    weaklab.core.errors.HeuristicError: will not make 'collections.OrderedDict' from a stored project: ...
    """
    if isinstance(spec, str):
        return spec
    if not isinstance(spec, dict) or set(spec) != {"module", "class", "settings"}:
        raise HeuristicError(f"a stored classifier is a name, or module, class and settings, got {_short(spec)}")
    module, name, settings = spec["module"], spec["class"], spec["settings"]
    public = _public(module) if isinstance(module, str) else ""
    if not isinstance(name, str) or name not in SCIKIT_LEARN.get(public, ()):
        raise HeuristicError(
            f"will not make {_short(f'{module}.{name}')} from a stored project: only scikit-learn's own classifiers "
            "with plain settings are made; register it again in your code"
        )
    kind = getattr(import_module(public), name, None)
    if kind is None:
        raise HeuristicError(f"this version of scikit-learn has no {public}.{name}; register another classifier")
    if not isinstance(settings, dict):
        raise HeuristicError(f"settings of a stored {name} must be names and values, got {_short(settings)}")
    known = kind._get_param_names()
    for setting, value in settings.items():
        if setting not in known:
            raise HeuristicError(
                f"{name} has no setting {_short(setting)};{did_you_mean(str(setting), known)} it has {', '.join(known)}"
            )
        if type(value) not in PLAIN:
            raise HeuristicError(f"setting {setting!r} of a stored {name} must be one plain value, got {_short(value)}")
    return kind(**settings)


def _public(module: str) -> str:
    """Return ``sklearn.svm`` for ``sklearn.svm._classes``; older projects stored private modules."""
    return ".".join(module.split(".")[:2])


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
