"""Several processes in one project folder at once: nothing is lost, doubled or asked of two people."""

import json
from collections import Counter
from contextlib import ExitStack

import pandas as pd
import pytest
from forked import Program, needs_fork

from weaklab import Project, keywords

pytestmark = needs_fork

RECORDS = [{"id": f"r{i}", "text": f"{('win a prize', 'lunch at noon', 'hello')[i % 3]} {i}"} for i in range(48)]
WORDS_BECOME_LABELS = [keywords("spam", ["prize"], name="prize"), keywords("ham", ["noon"], name="noon")]

PREAMBLE = """
import json, sys
from weaklab import Project, WeaklabError

def wait():
    print("ready", flush=True)
    return json.loads(sys.stdin.readline())

def tell(value):
    print(json.dumps(value), flush=True)
"""


class Worker:
    """A Python process that runs a program step by step: each ``wait()`` in it ends when it is told to go on."""

    def __init__(self, program):
        self._process = Program(PREAMBLE + program)

    def go_on(self, value=None):
        self._process.send(json.dumps(value))

    def told(self):
        """Return what the program told until it waited again or ended."""
        found = []
        for line in self._process.stdout:
            if line == "ready\n":
                break
            found.append(json.loads(line))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.kill()


def at_once(programs, *steps):
    """Run programs side by side, all told the same at each step, and return what each told in each step."""
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(program)) for program in programs]
        assert [worker.told() for worker in workers] == [[]] * len(workers)
        found = []
        for step in steps:
            for worker in workers:
                worker.go_on(step)
            found.append([worker.told() for worker in workers])
        return found


def make_project(path, **settings):
    with Project(path, labels=["ham", "spam"], timeout=None, **settings) as project:
        project.add_records(RECORDS, quiet=True)
        for heuristic in WORDS_BECOME_LABELS:
            project.add(heuristic)
        project.run(progress=False)


LABEL_WHAT_IS_ASKED = """
project = Project(wait())
wait()
asks = project.ask(2)
wait()
while asks:
    for ask in asks:
        tell(ask.id)
        project.label(ask, "spam" if "prize" in ask.text else "ham")
    asks = project.ask(2)
wait()
frame = project.labels()
tell([int(frame["manual"].sum()), len(project.ask(1))])
"""


@pytest.fixture(scope="module", params=[2, 4], ids=["two", "four"])
def labeled_at_once(request, tmp_path_factory):
    """A project that several processes have labeled to the end, the ids each was asked for, and what each saw then."""
    path = tmp_path_factory.mktemp("labeled")
    make_project(path)
    _, _, asked, seen = at_once([LABEL_WHAT_IS_ASKED] * request.param, str(path), None, None, None)
    return path, asked, seen


def test_no_record_is_asked_of_two_at_the_same_time(labeled_at_once):
    _, asked, _ = labeled_at_once
    times = Counter(record for mine in asked for record in mine)
    assert {record: n for record, n in times.items() if n > 1} == {}


def test_every_process_gets_records_to_label(labeled_at_once):
    _, asked, _ = labeled_at_once
    assert all(asked)


def test_no_label_is_lost_and_none_doubled(labeled_at_once):
    path, _, _ = labeled_at_once
    with Project(path) as project:
        events = project.history()
        assert sorted(events["record"]) == sorted(record["id"] for record in RECORDS)
        labels = project.labels().set_index("id")["label"].to_dict()
    assert labels == {r["id"]: "spam" if "prize" in r["text"] else "ham" for r in RECORDS}


def test_every_answer_is_an_event_of_its_session_in_the_order_given(labeled_at_once):
    path, asked, _ = labeled_at_once
    with Project(path) as project:
        events = project.history()
    assert events["id"].is_monotonic_increasing
    assert events["id"].is_unique
    by_session = [mine["record"].tolist() for _, mine in events.groupby("session")]
    assert sorted(by_session) == sorted(asked)


def test_every_process_sees_all_labels(labeled_at_once):
    _, asked, seen = labeled_at_once
    assert seen == [[[len(RECORDS), 0]]] * len(asked)


LABEL_BY_ID = """
path, ids = wait()
project = Project(path)
wait()
for id in ids:
    tell(project.label(id, "spam").id)
wait()
"""


@pytest.mark.parametrize("processes", [2, 4])
def test_event_ids_strictly_increase_whoever_writes(tmp_path, processes):
    make_project(tmp_path)
    ids = [record["id"] for record in RECORDS[:24]]
    _, told = at_once([LABEL_BY_ID] * processes, [str(tmp_path), ids], None)
    assert all(mine == sorted(set(mine)) for mine in told)
    assert sorted(event for mine in told for event in mine) == list(range(1, processes * len(ids) + 1))
    with Project(tmp_path) as project:
        assert project.history()["id"].tolist() == list(range(1, processes * len(ids) + 1))
        assert project.history()["record"].value_counts().to_dict() == dict.fromkeys(ids, processes)


IMPORT_IN_PARTS = """
path = wait()[0]
project = Project(path)
wait()
for part in range(8):
    tell(project.add_records([{"id": f"new{part}-{i}", "text": "a prize"} for i in range(500)], quiet=True))
wait()
"""


def test_one_imports_while_another_labels(tmp_path):
    make_project(tmp_path)
    ids = [record["id"] for record in RECORDS]
    _, (labeled, imported) = at_once([LABEL_BY_ID, IMPORT_IN_PARTS], [str(tmp_path), ids], None)
    assert len(labeled) == len(ids)
    assert imported == [500] * 8
    with Project(tmp_path) as project:
        frame = project.labels()
    assert frame["id"].tolist() == [*ids, *(f"new{part}-{i}" for part in range(8) for i in range(500))]
    assert frame["manual"].tolist() == [True] * len(ids) + [False] * 4000
    assert set(frame["label"]) == {"spam"}


RUN = """
path = wait()
project = Project(path)
wait()
project.run(progress=False)
file = f"{path}/labels-{project.session_id}.pickle"
project.labels().to_pickle(file)
tell(file)
wait()
"""


def test_two_run_at_once_and_get_the_same_labels(tmp_path):
    for path in (tmp_path / "both", tmp_path / "alone"):
        make_project(path)
        (path / "labeling_functions" / "long.py").write_text(
            "from weaklab import labeling_function\n\n@labeling_function\ndef long(x):\n    return 'ham' if "
            "len(x.text) > 14 else None\n"
        )
        with Project(path) as project:
            project.add_records([{"id": f"more{i}", "text": "noon " * (i % 5)} for i in range(20_000)], quiet=True)
            project.label_many({"r0": "spam", "r1": "ham", "r2": "ham"})
    _, (first, second) = at_once([RUN, RUN], str(tmp_path / "both"), None)
    with Project(tmp_path / "alone") as project:
        project.run(progress=False)
        alone = project.labels()
    pd.testing.assert_frame_equal(pd.read_pickle(first[0]), alone, check_exact=True)
    pd.testing.assert_frame_equal(pd.read_pickle(second[0]), alone, check_exact=True)
    with Project(tmp_path / "both") as project:
        pd.testing.assert_frame_equal(project.labels(), alone, check_exact=True)


IMPORT = """
path, file = wait()
project = Project(path)
wait()
try:
    tell(project.add_records(file, id="id", text="text", quiet=True))
except WeaklabError as error:
    tell(f"{type(error).__name__}: {error}")
wait()
"""


@pytest.mark.parametrize("processes", [2, 4])
def test_one_of_several_concurrent_imports_of_a_file_succeeds(tmp_path, processes):
    make_project(tmp_path / "project")
    file = tmp_path / "new.csv"
    file.write_text("id,text\n" + "".join(f"new{i},a prize\n" for i in range(20_000)))
    _, told = at_once([IMPORT] * processes, [str(tmp_path / "project"), str(file)], None)
    answers = [answer for (answer,) in told]
    assert answers.count(20_000) == 1
    answers.remove(20_000)
    assert all(a.startswith("ProjectError: ") and "record 'new0' is in the project already" in a for a in answers), (
        answers
    )
    with Project(tmp_path / "project") as project:
        assert project.labels()["id"].tolist() == [*(r["id"] for r in RECORDS), *(f"new{i}" for i in range(20_000))]


def test_files_with_other_columns_both_come_in_at_once(tmp_path):
    """Each of the two could be the first import; a column that only one of them has is empty in the records of the
    other."""
    with Project(tmp_path / "project", labels=["ham", "spam"], timeout=None):
        pass
    for name, columns in (("a", "id,text"), ("b", "id,text,source")):
        (tmp_path / f"{name}.csv").write_text(
            columns + "\n" + "".join(f"{name}{i},a prize{',x' * (name == 'b')}\n" for i in range(20_000))
        )
    with Worker(IMPORT) as one, Worker(IMPORT) as other:
        for worker, file in ((one, "a.csv"), (other, "b.csv")):
            assert worker.told() == []
            worker.go_on([str(tmp_path / "project"), str(tmp_path / file)])
            assert worker.told() == []
        one.go_on()
        other.go_on()
        answers = [*one.told(), *other.told()]
    assert answers == [20_000, 20_000]
    with Project(tmp_path / "project") as project:
        found = dict(zip(project.corpus.ids.to_pylist(), project.corpus.column("source").to_pylist(), strict=True))
    assert found == {**{f"a{i}": None for i in range(20_000)}, **{f"b{i}": "x" for i in range(20_000)}}


OPEN = """
path = wait()
project = Project(path, labels=["ham", "spam"])
tell([len(project), project.label_names[1]])
wait()
"""


def test_four_make_the_same_new_project_at_once(tmp_path):
    (told,) = at_once([OPEN] * 4, str(tmp_path / "new"))
    assert told == [[[0, "spam"]]] * 4
