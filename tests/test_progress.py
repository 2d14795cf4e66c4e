"""Progress is shown on standard error, and only where the work takes longer than a moment."""

import pytest

import weaklab as wl
from weaklab.batch import label_files
from weaklab.core import progress
from weaklab.core.progress import ProgressBar, tracked


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS", 0)


def label_by_batch(tmp_path, shown):
    committee = wl.Committee(["ham", "spam"], timeout=None)
    committee.add(wl.keywords("spam", ["prize"]))
    (tmp_path / "mail.csv").write_text("text\na prize\nlunch\n")
    label_files(wl.FrozenCommittee.of(committee), tmp_path / "mail.csv", tmp_path / "out", workers=1, progress=shown)


def vote(tmp_path, shown):
    committee = wl.Committee(["ham", "spam"], timeout=None)
    committee.add(wl.keywords("spam", ["prize"]))
    committee.vote(["a prize"], progress=shown)


def import_records(tmp_path, shown):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records(["a prize", "lunch"], quiet=not shown)


def evaluate(tmp_path, shown):
    with wl.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records(["a prize", "lunch"], quiet=True)
        project.add(wl.keywords("spam", ["prize"]))
        project.evaluate(progress=shown)


WORK = {"evaluating": evaluate, "labeling": label_by_batch, "voting": vote, "importing": import_records}


@pytest.mark.parametrize("name", WORK)
def test_work_that_takes_long_shows_its_progress_on_standard_error(name, tmp_path, capsys, at_once):
    WORK[name](tmp_path, True)
    out, err = capsys.readouterr()
    assert name in err
    assert "it/s" not in out + err
    assert name not in out


@pytest.mark.parametrize("name", WORK)
def test_work_is_silent_on_request(name, tmp_path, capsys, at_once):
    WORK[name](tmp_path, False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", WORK)
def test_what_takes_a_moment_shows_nothing(name, tmp_path, capsys):
    WORK[name](tmp_path, True)
    assert capsys.readouterr().err == ""


def test_a_bar_counts_what_is_done_shown_or_not(capsys):
    with ProgressBar(False, 3, "voting", "records") as bar:
        bar.update(2)
        bar.update()
        bar.skip(4)
    assert bar.done == 3
    assert list(tracked(iter(["ab", "c"]), False, None, "reading", "letters")) == ["ab", "c"]
    assert capsys.readouterr().err == ""
