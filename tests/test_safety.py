"""What a project folder can make weaklab construct and run."""

import sys

import pytest
from sklearn.utils import all_estimators

import weaklab
from weaklab.base import HeuristicError
from weaklab.classifiers.stored import SCIKIT_LEARN, estimator_from_spec, estimator_spec
from weaklab.members import heuristic_from_spec


def spec(module, name, **settings):
    return {"module": module, "class": name, "settings": settings}


@pytest.mark.parametrize(
    "stored",
    [
        spec("collections", "OrderedDict"),
        spec("pathlib", "Path"),
        spec("weaklab.tables", "Table"),
        spec("sklearn.utils", "Bunch", a=1),
        spec("sklearn.preprocessing", "StandardScaler"),
        spec("sklearn.linear_model", "LinearRegression"),
        spec("sklearn.linear_model._logistic", "partial"),
        spec("sklearn.svm", "__builtins__"),
        spec("sklearn.externals._packaging.version", "Version", version="1"),
        spec("sklearn.svm.os", "SVC2"),
        spec("sklearn_other.svm", "SVC"),
        spec("sklearn.datasets", "fetch_openml"),
        spec("sklearn.model_selection", "GridSearchCV"),
        spec("sklearn.svm", ["SVC"]),
        spec(["sklearn.svm"], "SVC"),
        spec("sklearn.svm", "SVC", __class__="x"),
        spec("sklearn.svm", "SVC", set_params=1),
        spec("sklearn.svm", "SVC", kernel={"module": "sklearn.svm", "class": "SVC", "settings": {}}),
        spec("sklearn.ensemble", "BaggingClassifier", estimator=["SVC"]),
        spec("sklearn.svm", "SVC") | {"state": 1},
        {"module": "sklearn.svm", "class": "SVC", "settings": [1]},
        {"module": "sklearn.svm"},
        None,
        7,
    ],
    ids=lambda stored: str(stored)[:60],
)
def test_only_listed_classifiers_with_plain_settings_are_made(stored):
    with pytest.raises(HeuristicError):
        estimator_from_spec(stored)


def test_a_module_that_is_not_on_the_list_is_not_even_imported():
    assert "this" not in sys.modules
    for module in ("this", "sklearn.this", "this.sklearn"):
        with pytest.raises(HeuristicError, match="will not make"):
            estimator_from_spec(spec(module, "SVC"))
    assert "this" not in sys.modules


def test_the_list_names_every_classifier_of_scikit_learn_that_needs_no_other_one():
    public = {(f"sklearn.{kind.__module__.split('.')[1]}", name) for name, kind in all_estimators(type_filter="classifier")}
    meta = {module for module, _ in public} - set(SCIKIT_LEARN)
    listed = {(module, name) for module, names in SCIKIT_LEARN.items() for name in names}
    assert listed <= public
    assert {name for module, name in public - listed if module not in meta} == {
        "StackingClassifier",
        "VotingClassifier",
        "SelfTrainingClassifier",
    }


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in SCIKIT_LEARN.items() for name in names])
@pytest.mark.filterwarnings("ignore::FutureWarning:sklearn")
def test_listed_classifiers_come_back_as_they_were(module, name):
    from importlib import import_module

    made = getattr(import_module(module), name)()
    stored = estimator_spec(made)
    if stored is None:  # some setting is no plain value, such as the layers of a network
        assert name in ("MLPClassifier", "RidgeClassifierCV")
        return
    again = estimator_from_spec(stored)
    assert type(again) is type(made)
    assert repr(again.get_params()) == repr(made.get_params())
    older = {**stored, "module": type(made).__module__}  # as projects stored it before
    assert repr(estimator_from_spec(older)) == repr(made)


def test_a_class_of_the_user_that_bears_a_listed_name_is_not_stored():
    from sklearn.svm import SVC

    impostor = type("SVC", (SVC,), {"__module__": "sklearn.svm"})
    assert estimator_spec(impostor()) is None
    assert estimator_spec(SVC()) is not None


@pytest.mark.parametrize(
    "stored",
    [
        {"kind": "function", "name": "x"},
        {"kind": "__class__"},
        {"kind": ["keywords"]},
        {"kind": None},
        "keywords",
        [],
        {"kind": "keywords", "label": "spam", "words": ["a"], "examples": {"a": "spam"}},
        {"kind": "keywords", "label": "spam"},
        {"kind": "keywords", "label": "spam", "words": 3},
        {"kind": "pattern", "label": "spam", "regex": "("},
        {"kind": "pattern", "label": "spam", "regex": "a", "flags": "x"},
        {"kind": "where", "label": "spam", "condition": {"op": "__class__", "of": [{"column": "text"}]}},
        {"kind": "where", "label": "spam", "condition": {"op": "python", "of": [{"column": "text"}]}},
        {"kind": "classifier", "estimator": "nb"},
        {"kind": "classifier", "estimator": "nb", "features": ["os", {}]},
        {"kind": "classifier", "estimator": "nb", "features": ["tfidf", {"__class__": 1}]},
        {"kind": "classifier", "estimator": spec("pathlib", "Path"), "features": ["tfidf", {}]},
        {"kind": "classifier", "estimator": "nb", "features": ["tfidf", {}], "labels_": 1},
    ],
    ids=lambda stored: str(stored)[:60],
)
def test_a_stored_heuristic_that_is_none_of_ours_is_one_error(stored):
    with pytest.raises(HeuristicError):
        heuristic_from_spec(stored)


@pytest.mark.parametrize(
    "made",
    [
        weaklab.keywords("spam", ["prize", "free entry"], case=True, column="body"),
        weaklab.pattern("spam", r"\d+ prizes", flags=0),
        weaklab.where("spam", weaklab.col("text").words() > 3),
        weaklab.WeakClassifier("nb", ["tfidf", "characters"], name="words", min_labels=3),
    ],
    ids=lambda made: made.name,
)
def test_our_own_parts_come_back(made):
    again = heuristic_from_spec(made.spec())
    assert (again.name, again.fingerprint) == (made.name, made.fingerprint)
