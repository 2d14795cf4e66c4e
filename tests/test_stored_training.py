"""What the committee said after a training is kept on disk, and used only where nothing that it depends on differs."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

import weaklab
from weaklab.project import stored_training
from weaklab.project.committee_opinion import FILE
from weaklab.training.trainer import Trainer

SOURCE = """
import weaklab

WORD = "prize"

@weaklab.labeling_function()
def said(record):
    return ("spam", 0.8) if WORD in record.text else None
"""
N = 60


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("built") / "p"
    with weaklab.Project(path, labels=["ham", "spam"], annotator="Ann", timeout=None) as project:
        (path / "labeling_functions").mkdir(exist_ok=True)
        (path / "labeling_functions" / "mine.py").write_text(SOURCE)
        project.reload()
        texts = [f"{'prize' if i % 3 == 0 else 'lunch'} word{i % 7} word{i % 11}" for i in range(N)]
        records = [{"id": f"r{i}", "text": text} for i, text in enumerate(texts)]
        project.add_records(records, text="text", id="id", quiet=True)
        project.add(weaklab.keywords("ham", ["lunch"]))
        project.weak_classifier("naive_bayes", features="tfidf")
        project.label_many({f"r{i}": "spam" if i % 3 == 0 else "ham" for i in range(0, N, 2)})
        project.run(progress=False)
    return path


@pytest.fixture
def folder(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "p"))


@pytest.fixture
def trainings(monkeypatch):
    counted = []
    train = Trainer.train
    monkeypatch.setattr(Trainer, "train", lambda self, *given: counted.append(1) or train(self, *given))
    return counted


def said(path, **options):
    """Return all that the committee says in a process that has just opened the project."""
    with weaklab.Project(path, annotator="Ann", **options) as project:
        votes = project.votes()
        arrays = [votes.L, project.probabilities(), *votes.scores.values(), *votes.confidence.values()]
        plain = project.status(), str(project.summary()), [a.id for a in project.ask(5, lease=False)], list(votes.names)
        return [(a.tobytes(), a.dtype, a.shape, a.flags.c_contiguous) for a in arrays], plain


def anew(path, **options):
    (path / "cache" / FILE).unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return said(path, **options)


def test_what_is_read_is_to_the_bit_what_a_training_gives(folder, trainings):
    read = said(folder)
    assert not trainings
    assert read == anew(folder)
    assert trainings


def edit_function(path):
    file = path / "labeling_functions" / "mine.py"
    file.write_text(SOURCE.replace('WORD = "prize"', 'WORD = "lunch"'))


def label_one(path):
    with weaklab.Project(path, annotator="Ann") as project:
        project.label("r1", "spam")
        project.workspace.training_note.write(project.workspace.refresh().event)


def remove_record(path):
    with weaklab.Project(path) as project:
        project.remove_records(["r3"])


def update_record(path):
    with weaklab.Project(path) as project:
        project.update_records([{"id": "r3", "text": "lunch at noon"}])


def add_record(path):
    with weaklab.Project(path) as project:
        project.add_records([{"id": "new", "text": "a prize"}], quiet=True)


def change_setting(path):
    file = path / "weaklab.toml"
    file.write_text('label_model = "majority_vote"\n' + file.read_text().replace('label_model = "committee"\n', ""))


def rename_label(path):
    with weaklab.Project(path) as project:
        project.label_set.rename("ham", "good")


def add_heuristic(path):
    with weaklab.Project(path) as project:
        project.add(weaklab.keywords("spam", ["word3"]))


def change_classifier(path):
    with weaklab.Project(path) as project:
        project.add(weaklab.WeakClassifier("naive_bayes", features="tfidf", min_probability=0.9))


def remove_classifier(path):
    with weaklab.Project(path) as project:
        project.remove("naive_bayes")


def add_classifier(path):
    with weaklab.Project(path) as project:
        project.weak_classifier("logistic_regression", features="characters")


def add_classifier_with_features_of_its_own(path):
    (path / "labeling_functions" / "lengths.py").write_text(
        "import numpy as np\nimport weaklab\n\nclass Length:\n"
        "    def transform(self, texts):\n        return np.array([[len(text)] for text in texts])\n\n"
        'lengths = weaklab.WeakClassifier("logistic_regression", features=Length())\n'
    )


def replace_classifier_in_settings(path):
    file = path / "weaklab.toml"
    file.write_text(
        'weak_classifiers = ["logistic_regression"]\n' + file.read_text().replace("weak_classifiers = []", "")
    )


CHANGES = [
    change_classifier,
    remove_classifier,
    add_classifier,
    add_classifier_with_features_of_its_own,
    replace_classifier_in_settings,
    edit_function,
    label_one,
    remove_record,
    update_record,
    add_record,
    change_setting,
    rename_label,
    add_heuristic,
]


@pytest.mark.filterwarnings("ignore")  # a function votes the former name of a label
@pytest.mark.parametrize("change", CHANGES)
def test_no_training_is_used_after_a_change(folder, trainings, change):
    change(folder)
    (read, held), before = said(folder), len(trainings)
    assert before
    assert (read, held) == anew(folder)


def test_labels_that_wait_for_a_training_are_no_part_of_the_last_one(folder, trainings):
    with weaklab.Project(folder, annotator="Ann") as project:
        project.label("r1", "spam")
        assert project.status()["labels_since_training"] == 1
    read = said(folder)
    assert not trainings
    assert read == anew(folder)


@pytest.mark.parametrize("program", ["version", "code"])
def test_a_training_of_another_program_is_not_used(folder, trainings, monkeypatch, program):
    monkeypatch.setattr(stored_training, "_program", lambda: (program,))
    said(folder)
    assert trainings


def test_every_flipped_byte_is_seen_or_changes_nothing(folder, trainings):
    file = folder / "cache" / FILE
    whole, right = file.read_bytes(), said(folder)
    for place in np.random.default_rng(0).integers(0, len(whole), 6).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        file.write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert said(folder) == right
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match=r"trained\.npz: is damaged"):
        assert said(folder) == right
    assert trainings


def test_the_cache_may_be_deleted_and_the_project_be_closed_to_writing(folder, trainings):
    right = said(folder)
    for file in (folder / "cache").iterdir():
        file.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert said(folder) == right
    assert len(trainings) == 1
    assert said(folder, run_code=False)[0] == right[0]  # the votes of functions whose code is not run are known
    assert len(trainings) == 1


def test_a_training_in_another_process_is_seen(folder, trainings):
    with weaklab.Project(folder, annotator="Ann") as here, weaklab.Project(folder, annotator="Bob") as there:
        here.status()
        there.label_many({f"r{i}": "ham" for i in range(1, 20, 2)})
        there.run(progress=False)
        count = len(trainings)
        assert here.status()["labels_since_training"] == 0
        assert np.array_equal(here.probabilities(), there.probabilities())
        assert len(trainings) == count  # what the other one wrote is read


def test_what_a_key_does_not_tell_is_not_kept(folder):
    with weaklab.Project(folder, annotator="Ann") as project:
        opened = open(os.devnull)  # noqa: SIM115 - a value that cannot be compared by its content

        @weaklab.labeling_function()
        def reads(record):
            return "spam" if opened.closed else None

        project.add(reads)
        before = (folder / "cache" / FILE).read_bytes()
        project.run(progress=False)
    opened.close()
    assert (folder / "cache" / FILE).read_bytes() == before


def test_evaluation_leaves_what_was_said(folder, trainings):
    with weaklab.Project(folder, annotator="Ann") as project:
        for ask in project.ask(5, strategy="random"):
            project.label(ask, "ham")
        project.evaluate(progress=False)
        count = len(trainings)
        project.status()
        assert len(trainings) == count
    assert said(folder) == anew(folder)


def run(code, **options):
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], **options)


def test_killed_while_it_writes_and_two_at_once(folder):
    right = said(folder)
    write = f"""
        import weaklab
        from weaklab.project.committee_opinion import CommitteeOpinion
        project = weaklab.Project({str(folder)!r}, annotator="Ann")
        project.run(progress=False)
        print("ready", flush=True)
        while True:
            project.workspace.opinion._in_file = ""
            project.workspace.opinion.keep()
    """
    processes = [run(write, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        for _ in range(3):
            assert said(folder) == right
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    assert said(folder) == right


COMMANDS = {
    "--help": ("sklearn", "pandas", "scipy", "matplotlib", "pyarrow", "numpy"),
    "status": ("sklearn", "pandas", "scipy", "matplotlib", "numba"),
    "export": ("sklearn", "scipy", "matplotlib", "numba"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_loads_only_what_it_needs(folder, tmp_path, command):
    words = {"--help": [], "export": [str(folder), str(tmp_path / "out.csv")]}.get(command, [str(folder)])
    code = f"""
        import sys
        sys.argv = {["weaklab", command, *words]!r}
        from weaklab.cli import main
        try:
            main()
        except SystemExit as end:
            assert not end.code
        print([name for name in {COMMANDS[command]!r} if name in sys.modules], file=sys.stderr)
    """
    process = run(code, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.communicate()[1].decode().splitlines()[-1] == "[]"
