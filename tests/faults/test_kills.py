"""``kill -9`` at a random moment of an import, a run or a labeling session: the project is whole and goes on."""

import random
import shutil
import time

import pandas as pd
import pytest
from forked import Program, needs_fork

from weaklab import Project, keywords, pattern

pytestmark = needs_fork

OLD = [f"old{i}" for i in range(10)]
NEW = [f"new{i}" for i in range(8000)]
TO_LABEL = {f"r{i}": "spam" if i % 3 == 0 else "ham" for i in range(36)}

PREAMBLE = """
import sys
import weaklab
from weaklab import Project

def wait():
    print("ready", flush=True)
    return sys.stdin.readline().strip()
"""
IMPORT = """
path = wait()
Project(path).add_records(f"{path}/new.csv", id="id", text="text", label="label")
"""
RUN = """
weaklab.Committee(["ham", "spam"]).vote(["start the child processes"] * 8192, progress=False)
path = wait()
Project(path).run(progress=False)
"""
UPDATE = """
path = wait()
Project(path).update_records(f"{path}/changed.csv", label="label")
"""
LABEL = f"""
path = wait()
project = Project(path)
for record, label in {list(TO_LABEL.items())}:
    project.label(record, label)
    print(record, label, flush=True)
"""
EVEN = """
from weaklab import labeling_function

@labeling_function
def even(x):
    return "ham" if int(x.text[-1]) % 2 == 0 else None
"""
DONE = 'print("done", flush=True)'
PROGRAMS = {"import": IMPORT, "run": RUN, "label": LABEL, "update": UPDATE}
KILLS = {"import": 15, "run": 15, "label": 20, "update": 12}


def begin(kind, path):
    """Return a child that begins to work on the project at ``path``."""
    child = Program(PREAMBLE + PROGRAMS[kind] + DONE)
    assert child.stdout.readline() == "ready\n"
    child.send(path)
    return child


def import_project(path):
    with Project(path, labels=["ham", "spam"], timeout=None) as project:
        project.add_records([{"id": name, "text": "old", "label": None} for name in OLD], label="label")
    rows = (f"{name},a prize {i},{('spam', 'ham', '')[i % 3]}\n" for i, name in enumerate(NEW))
    (path / "new.csv").write_text("id,text,label\n" + "".join(rows))


def run_project(path):
    with Project(path, labels=["ham", "spam"], retrain_every=0) as project:
        for part in range(3):
            project.add_records(
                [{"id": f"{part}-{i}", "text": f"{'prize' if i % 2 else 'lunch'} {i % 7}"} for i in range(4000)]
            )
        (path / "labeling_functions" / "even.py").write_text(EVEN)
        project.add(keywords("spam", ["prize"], name="prize"))
        project.add(pattern("ham", "lunch [1-5]", name="lunch"))
        project.weak_classifier("naive_bayes")
        project.label_many({f"0-{i}": "spam" if i % 2 else "ham" for i in range(30)})


def label_project(path):
    with Project(path, labels=["ham", "spam"], timeout=None, retrain_every=5) as project:
        project.add_records([{"id": record, "text": f"{label} {record}"} for record, label in TO_LABEL.items()])
        project.add(keywords("spam", ["spam"], name="spam"))


def update_project(path):
    with Project(path, labels=["ham", "spam"], timeout=None) as project:
        project.add_records([{"id": name, "text": f"a prize {i}"} for i, name in enumerate(NEW)])
        project.label(NEW[0], "ham")
    rows = (f"{name},changed,{('spam', '')[i % 2]}\n" for i, name in enumerate(NEW))
    (path / "changed.csv").write_text("id,text,label\n" + "".join(rows))


MAKE = {"import": import_project, "run": run_project, "label": label_project, "update": update_project}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Return, for a kind of work, the project before it, the same after an undisturbed child, and how long that
    took."""
    found = {}

    def prepare(kind):
        if kind not in found:
            before, after = tmp_path_factory.mktemp(kind) / "before", tmp_path_factory.mktemp(kind) / "after"
            before.mkdir()
            MAKE[kind](before)
            shutil.copytree(before, after)
            child = begin(kind, after)
            began = time.monotonic()
            assert "done\n" in child.stdout
            found[kind] = before, after, time.monotonic() - began
            child.kill()
        return found[kind]

    return prepare


@pytest.fixture
def killed(request, tmp_path, prepared):
    """Return a project in which a child was killed, after a delay drawn with the seed, and what the child had
    printed."""
    kind, seed = request.param
    before, _, seconds = prepared(kind)
    path = tmp_path / "project"
    shutil.copytree(before, path)
    child = begin(kind, path)
    time.sleep(random.Random(f"{kind} {seed}").uniform(0, 1.25 * seconds))
    return path, child.kill().split("\n")


def kills(kind):
    """Run a test once for each kill; the seed stands in the test's id."""
    return pytest.mark.parametrize(
        "killed", [(kind, seed) for seed in range(KILLS[kind])], indirect=True, ids=lambda p: f"{p[0]}-seed{p[1]}"
    )


def manual_labels(project):
    return project.history().set_index("record")["label"].to_dict()


STOPPED_AT_ITS_END = pytest.mark.filterwarnings("ignore:.*the import was stopped at its very end")
"""Opening the project says so after a kill between the files and the commit of an import, which is absent then."""


@STOPPED_AT_ITS_END
@kills("import")
def test_import_is_complete_or_absent_after_a_kill(killed):
    path, _ = killed
    given = {name: ("spam", "ham")[i % 3] for i, name in enumerate(NEW) if i % 3 < 2}
    with Project(path) as project:
        ids = project.corpus.ids.to_pylist()
        assert ids in (OLD, OLD + NEW)
        assert manual_labels(project) == (given if ids == OLD + NEW else {})
        new = project.add_records(path / "new.csv", id="id", text="text", label="label", skip_known=True)
        assert new == len(OLD + NEW) - len(ids)
    with Project(path) as project:
        frame = project.labels()
        assert frame["id"].tolist() == OLD + NEW
        assert project.corpus.column("text").to_pylist() == ["old"] * len(OLD) + [
            f"a prize {i}" for i in range(len(NEW))
        ]
        assert manual_labels(project) == given
        assert len(project.history()) == len(given)


@STOPPED_AT_ITS_END
@kills("update")
def test_update_is_complete_or_absent_after_a_kill(killed):
    path, printed = killed
    with Project(path) as project:
        texts = project.corpus.column("text").to_pylist()
        before = [f"a prize {i}" for i in range(len(NEW))]
        done = texts == ["changed"] * len(NEW)
        assert done or texts == before
        assert done or "done" not in printed
        assert len(project.manual_labels()) == (len(NEW) // 2 if done else 1)
        assert len(project.to_review()) == 0 if done else True
        if done:
            number = project.answers(kind="update")["id"].item()
            assert project.undo(number).kind == "update"
            assert project.corpus.column("text").to_pylist() == before
            assert project.manual_labels() == {NEW[0]: "ham"}
        else:
            assert project.update_records(path / "changed.csv", label="label").records == len(NEW)
    with Project(path) as project:
        assert len(project.labels()) == len(NEW)


@pytest.fixture(scope="module")
def undisturbed(prepared):
    """Return what labels() gives where nothing was killed."""
    _, after, _ = prepared("run")
    with Project(after) as project:
        return project.labels()


@kills("run")
def test_a_run_begun_again_gives_the_labels_of_an_undisturbed_one(killed, undisturbed):
    path, _ = killed
    with Project(path) as project:
        project.run(progress=False)
        pd.testing.assert_frame_equal(project.labels(), undisturbed, check_exact=True)
    with Project(path) as project:
        pd.testing.assert_frame_equal(project.labels(), undisturbed, check_exact=True)


@kills("label")
def test_every_acknowledged_label_is_there(killed):
    path, printed = killed
    acknowledged = [tuple(line.split()) for line in printed[:-1] if line != "done"]
    with Project(path) as project:
        history = project.history()
        stored = list(zip(history["record"], history["label"], strict=True))
        assert stored == list(TO_LABEL.items())[: len(stored)]
        assert stored[: len(acknowledged)] == acknowledged
        assert len(stored) <= len(acknowledged) + 1
        frame = project.labels()
        assert frame.loc[frame["manual"], "label"].tolist() == [label for _, label in stored]
        assert project.label("r0", "spam").id == len(stored) + 1
