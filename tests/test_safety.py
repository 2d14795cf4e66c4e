"""What a project folder can make weaklab construct and run."""

import io
import sys

import pytest
from sklearn.utils import all_estimators

import weaklab
from weaklab.classifiers.stored import SCIKIT_LEARN, estimator_from_spec, estimator_spec
from weaklab.core.errors import HeuristicError
from weaklab.project.journal import MemberRow
from weaklab.project.stored_members import heuristic_from_spec


def spec(module, name, **settings):
    return {"module": module, "class": name, "settings": settings}


@pytest.mark.parametrize(
    "stored",
    [
        spec("collections", "OrderedDict"),
        spec("pathlib", "Path"),
        spec("weaklab.core.tables", "Table"),
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
    public = {
        (f"sklearn.{kind.__module__.split('.')[1]}", name) for name, kind in all_estimators(type_filter="classifier")
    }
    meta = {module for module, _ in public} - set(SCIKIT_LEARN)
    listed = {(module, name) for module, names in SCIKIT_LEARN.items() for name in names}
    assert listed <= public
    assert {name for module, name in public - listed if module not in meta} == {
        "StackingClassifier",
        "VotingClassifier",
        "SelfTrainingClassifier",
    }


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in SCIKIT_LEARN.items() for name in names]
)
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


# ---- opening a project without running its code

FILE = """
from pathlib import Path

import weaklab

Path({mark!r}).touch()
prize = weaklab.keywords("spam", ["prize"], name="prize")


@weaklab.labeling_function()
def short(x):
    return "ham" if len(x.text) < 10 else None
"""
TEXTS = ["win a prize", "lunch?", "a prize draw at noon", "noon?"]


@pytest.fixture
def trapped(tmp_path):
    """Return a project that has voted once, and the file that shows that its code was run again."""
    mark = tmp_path / "ran"
    folder = tmp_path / "p"
    with weaklab.Project(
        folder, labels=["ham", "spam"], timeout=None, weak_classifiers=["nb"], retrain_every=0
    ) as project:
        (folder / "labeling_functions" / "lfs.py").write_text(FILE.format(mark=str(mark)))
        project.reload()
        project.add_records([{"id": str(n), "text": text} for n, text in enumerate(TEXTS)])
        project.add(weaklab.pattern("ham", "draw", name="draw"))
        project.run(progress=False)
        project.label("0", "spam")
    mark.unlink()
    return folder, mark


def test_without_code_the_votes_that_are_kept_count_and_nothing_runs(trapped, tmp_path):
    folder, mark = trapped
    with weaklab.Project(folder, run_code=False) as project:
        kept = project.votes()
        assert kept.names == ["prize", "short", "naive_bayes", "draw"]
        assert kept.L[:, [0, 1, 3]].tolist() == [[1, -1, -1], [-1, 0, -1], [1, -1, 0], [-1, 0, -1]]
        assert not kept.faults
        labels = project.labels()
        project.label("1", "ham")
        assert project.ask(1)[0].id in "23"
        project.export(tmp_path / "labels.csv")
        project.explain("2")
        project.evaluate()
        project.run(progress=False, fresh=True)
        project.reload()
        assert project.votes().L[:, 0].tolist() == [1, -1, 1, -1]
    assert not mark.exists()
    with weaklab.Project(folder) as project:
        assert mark.exists()
        assert project.votes().L.tolist()[0][0] == 1
        assert labels["label"].tolist()[:2] == ["spam", "ham"]


def test_without_code_records_that_came_later_have_no_vote_of_these_functions_and_a_fault_names_them(trapped):
    folder, mark = trapped
    with weaklab.Project(folder, run_code=False) as project:
        project.add_records([{"id": "new", "text": "prize draw"}])
        with pytest.warns(weaklab.WeaklabWarning, match="no votes of it are kept"):
            votes = project.votes()
        assert votes.L[4, [0, 1, 3]].tolist() == [-1, -1, 0]
        assert {(fault.heuristic, fault.records) for fault in votes.faults} == {
            ("prize", ("new",)),
            ("short", ("new",)),
        }
    assert not mark.exists()


def test_without_code_a_committee_is_not_frozen_if_a_member_would_need_code(trapped):
    folder, mark = trapped
    with (
        weaklab.Project(folder, run_code=False) as project,
        pytest.raises(weaklab.WeaklabError, match="prize, short cannot vote"),
    ):
        project.freeze()
    assert not mark.exists()


def test_without_code_functions_that_never_voted_are_not_known_and_that_is_said(tmp_path):
    mark = tmp_path / "ran"
    folder = tmp_path / "p"
    with weaklab.Project(folder, labels=["ham", "spam"]) as project:
        project.add_records(TEXTS)
    (folder / "labeling_functions" / "lfs.py").write_text(FILE.format(mark=str(mark)))
    with (
        pytest.warns(weaklab.WeaklabWarning, match="have not voted yet"),
        weaklab.Project(folder, run_code=False) as project,
    ):
        assert not len(project.committee)
    assert not mark.exists()


def test_a_member_that_is_refused_leaves_the_project_open_and_abstains(trapped):
    folder, _ = trapped
    stored = {
        "kind": "classifier",
        "estimator": spec("collections", "OrderedDict"),
        "features": ["tfidf", {}],
        "name": "odd",
    }
    with weaklab.Project(folder) as project:
        project.workspace.journal.put_member(MemberRow("odd", stored, "0", ""))
    with pytest.warns(weaklab.WeaklabWarning, match="will not make 'collections.OrderedDict'"):
        project = weaklab.Project(folder)
    with project:
        assert "collections.OrderedDict" in project.load_errors[0]
        with pytest.warns(weaklab.WeaklabWarning, match="odd on record"):
            assert set(project.votes().L[:, project.votes().names.index("odd")]) == {-1}


@pytest.mark.parametrize(
    "command",
    [["status", "P"], ["lfs", "P"], ["lfs", "P", "--csv"], ["run", "P"], ["ask", "P", "--json"],
    ["export", "P", "out.csv"],
     ["explain", "P", "1"], ["show", "P"], ["show", "P", "1", "--json"], ["history", "P"], ["label", "P", "-n", "1"],
     ["import", "P", "more.txt"], ["batch", "P", "more.txt", "out"]],
    ids=lambda command: " ".join(command),
)  # fmt: skip
def test_no_command_runs_code_where_it_must_not(trapped, tmp_path, monkeypatch, capsys, command):
    from weaklab.cli.app import main

    folder, mark = trapped
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more.txt").write_text("one more\n")
    monkeypatch.setattr(
        sys, "argv", ["weaklab", *(str(folder) if part == "P" else part for part in command), "--no-code"]
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO("q\n"))
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    assert not mark.exists()
    shown = capsys.readouterr()
    if command[0] == "batch":
        assert code == 1
        assert "prize, short cannot vote on other records" in shown.err
    else:
        assert (code, shown.err) == (0, "")


def test_every_command_that_opens_a_project_can_do_so_without_code():
    import inspect

    from weaklab.cli.app import app

    for command in app.registered_commands:
        parameters = inspect.signature(command.callback).parameters
        if command.callback.__name__ == "salvage":  # never runs code
            continue
        if "project" in parameters or command.callback.__name__ == "simulate":
            assert "no_code" in parameters, f"give {command.callback.__name__} the option --no-code"


def test_child_processes_import_nothing_from_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("from pathlib import Path\nPath('ran').touch()\nraise SystemExit\n")
    monkeypatch.chdir(tmp_path)

    @weaklab.labeling_function()
    def short(x):
        return "ham" if len(x.text) < 10 else None

    committee = weaklab.Committee(["ham", "spam"], timeout=30, workers=1)
    committee.add(short)
    assert committee.vote(["lunch?", "a longer text"], progress=False).L.tolist() == [[0], [-1]]
    assert not (tmp_path / "ran").exists()
