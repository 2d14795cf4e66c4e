"""Heuristics with an exception, and the source edits that make them."""

import ast
import contextlib
import re

import numpy as np
import pytest

import weaklab as wl
from weaklab.core.errors import HeuristicError, ProjectError
from weaklab.core.labels import LabelNames
from weaklab.heuristics import Amended, check_examples, labeling_function, load
from weaklab.project.stored_members import heuristic_from_spec, runs_code
from weaklab.rules.repair import DROP_WORDS, EXCLUDE, RELABEL, RESTRICT, RETIRE, WHOLE_WORDS, Change
from weaklab.rules.repairing import whole_words
from weaklab.rules.rule import raw
from weaklab.rules.source_edit import edited

LABELS = LabelNames(["ham", "spam"])
TEXTS = ["free prize", "are you free", "free, feel free", "lunch"]
FREE = wl.keywords("spam", ["free"])


def votes(heuristic, texts=TEXTS, **columns):
    records = [{"text": text, **{name: v[i] for name, v in columns.items()}} for i, text in enumerate(texts)]
    corpus = wl.read(records, text="text")
    return np.concatenate([heuristic.evaluate(batch, LABELS).votes for batch in corpus.batches()]).tolist()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"unless": ["you free", "feel free"]}, [1, -1, -1, -1]),
        ({"unless": re.compile("YOU", re.IGNORECASE)}, [1, -1, 1, -1]),
        ({"unless": wl.col("text").length() > 11}, [1, -1, -1, -1]),
        ({"only": ["prize"]}, [1, -1, -1, -1]),
        ({"unless": ["you"], "vote": "ham"}, [1, 0, 1, -1]),
        ({"label": "spam", "vote": 0}, [0, 0, 0, -1]),
        ({"label": "ham", "unless": ["you"]}, [1, 1, 1, -1]),
        ({"label": "spam"}, [-1, -1, -1, -1]),
    ],
)
def test_an_exception_leaves_out_or_changes_the_votes_that_are_meant(given, wanted):
    assert votes(wl.amend(FREE, **given)) == wanted


def test_exceptions_may_be_added_one_after_the_other_and_above_functions():
    @wl.amend(unless=["you"])
    @wl.amend(only=["free"], label="spam")
    @labeling_function(examples={"free": "spam"})
    def any_text(x):
        return "spam"

    assert votes(any_text) == [1, -1, 1, -1]
    assert any_text.name == "any_text"
    check_examples(any_text, LABELS)


@pytest.mark.parametrize("given", [{}, {"unless": "free"}, {"unless": 3}, {"unless": ["a"], "only": ["b"]}])
def test_what_amend_cannot_mean_is_refused(given):
    with pytest.raises(HeuristicError):
        wl.amend(FREE, **given)


def test_a_condition_that_fails_is_a_fault_and_the_heuristic_abstains():
    broken = wl.amend(FREE, unless=wl.col("n") > 3)
    corpus = wl.read([{"text": "free", "n": "x"}, {"text": "lunch", "n": "x"}], text="text")
    [batch] = list(corpus.batches())
    ballot = broken.evaluate(batch, LABELS)
    assert ballot.votes.tolist() == [-1, -1]
    assert [fault.heuristic for fault in ballot.faults] == [broken.name]
    assert ballot.faults[0].count == 1


def test_it_is_made_again_from_json_and_known_by_what_it_does():
    one = wl.amend(FREE, unless=["you"], vote="ham")
    again = heuristic_from_spec(one.spec())
    assert isinstance(again, Amended)
    assert again.fingerprint == one.fingerprint
    assert votes(again) == votes(one)
    assert wl.amend(FREE, unless=["you"]).fingerprint != one.fingerprint
    assert runs_code({"kind": "amended", "inner": {"kind": "registered", "name": "x"}})


def test_it_votes_in_a_project_and_in_a_session_after_it(tmp_path):
    with wl.Project(tmp_path, labels=list(LABELS), timeout=None) as project:
        project.add_records(TEXTS, quiet=True)
        project.add(wl.amend(FREE, unless=["you"]))
        before = project.votes().L.tolist()
    with wl.Project(tmp_path) as project:
        assert project.votes().L.tolist() == before
        assert sorted(before) == [[-1], [-1], [1], [1]]


# ---- source


SOURCE = '''"""Rules."""

import re
from weaklab import keywords, labeling_function, pattern

free = keywords("spam", ["free", "you"], examples={"free prize": "spam"})  # mine
both = [
    pattern("spam", r"pri", name="first"),
    keywords("ham", ["lunch"], name="second"),
]


@labeling_function()
def long(x):
    # é
    return "spam" if len(x.text) > 4 else None
'''

YOU = wl.keywords(0, ["you"])


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("name", "change", "wanted"),
    [
        ("free", Change(EXCLUDE, "spam", YOU), [1, -1, 1, -1]),
        ("free", Change(RESTRICT, "spam", wl.pattern(0, 'p"r')), [-1, -1, -1, -1]),
        ("free", Change(RELABEL, "spam", wl.where(0, wl.col("text").length() > 11), "ham"), [1, 0, 0, -1]),
        ("free", Change(DROP_WORDS, "spam", words=("free",)), [-1, 1, -1, -1]),
        ("first", Change(WHOLE_WORDS, "spam"), [-1, -1, -1, -1]),
        ("second", Change(RELABEL, "ham", vote="spam"), [-1, -1, -1, 1]),
        ("long", Change(EXCLUDE, "spam", YOU), [1, -1, 1, 1]),
        ("long", Change(RETIRE, "spam"), None),
        ("second", Change(RETIRE, "ham"), None),
        ("free", Change(RETIRE, "spam"), None),
    ],
)
def test_an_edited_file_loads_and_votes_as_said(tmp_path, name, change, wanted, newline, mark):
    file = tmp_path / "rules.py"
    file.write_bytes(mark + SOURCE.replace("\n", newline).encode())
    before = {h.name: h for h in load(file).heuristics}
    line = int(before[name].location.rpartition(":")[2])
    text = edited(file.read_bytes(), str(file), before[name], line, change, True, "a note\u202e of the repair")
    assert text.count("\r\n") == (text.count("\n") if newline == "\r\n" else 0)
    file.write_bytes(text.encode())
    loaded = load(file)
    assert not loaded.errors
    after = {h.name: h for h in loaded.heuristics}
    assert set(after) == set(before) - ({name} if wanted is None else set())
    if wanted is not None:
        assert votes(after[name]) == wanted
        check_examples(after[name], LABELS) if change.kind == EXCLUDE else None
    for other in set(after) - {name}:
        assert after[other].fingerprint == before[other].fingerprint
    for old in ('"spam", ["free", "you"]', 'r"pri"', "len(x.text) > 4"):
        assert old in text or change.kind == DROP_WORDS


@pytest.mark.parametrize(
    "source",
    [
        'from weaklab import keywords\nfree = keywords("spam", ["free"]); other = 1\n',
        'import weaklab as wl\nmake = wl.keywords("spam", ["free"])\nfree = make\n',
        'import weaklab as wl\ndef f(x):\n    return None\n\nfree = wl.labeling_function(name="free")(f)\n',
        'from weaklab import keywords\namend = 3\nfree = keywords("spam", ["free"])\n',
    ],
)
def test_what_cannot_be_edited_safely_is_refused_or_right(tmp_path, source):
    file = tmp_path / "rules.py"
    file.write_text(source)
    [heuristic] = [h for h in load(file).heuristics if h.name in ("free", "make")][:1]
    line = int(heuristic.location.rpartition(":")[2])
    for change in (Change(EXCLUDE, "spam", YOU), Change(RETIRE, "spam")):
        with contextlib.suppress(HeuristicError):
            text = edited(file.read_bytes(), str(file), heuristic, line, change, True, "note")
            compile(text, "rules.py", "exec")


# ---- repairs in a project


def planted(folder, source, **settings):
    """Half of the records are spam; 'win' stands in spam, and in ham as part of 'window' and 'winter'."""
    rng = np.random.default_rng(0)
    gold = np.arange(300) % 2
    texts = []
    for code in gold.tolist():
        words = [f"w{rng.integers(40)}" for _ in range(6)]
        found = ["win prize", "prize draw"] if code else ["window seat", "winter coat", "see you", "at home"]
        words.insert(2, found[rng.integers(len(found))])
        texts.append(" ".join(words))
    project = wl.Project(folder, labels=list(LABELS), timeout=None, use_features=False, **settings)
    project.add_records([{"id": f"r{i}", "text": text} for i, text in enumerate(texts)], quiet=True)
    project.label_many([(f"r{i}", int(gold[i])) for i in range(60)])
    (folder / "labeling_functions").mkdir(exist_ok=True)
    (folder / "labeling_functions" / "mine.py").write_text(source)
    project.reload()
    return project, gold


MINE = """from weaklab import labeling_function, pattern

win = pattern("spam", r"win", examples={"win a prize": "spam"})


@labeling_function(examples={"winter sale": "spam"})
def starts(x):
    return "spam" if "win" in x.text else None
"""


def test_a_repair_says_what_it_does_and_does_what_it_says(tmp_path):
    project, gold = planted(tmp_path, MINE)
    file = tmp_path / "labeling_functions" / "mine.py"
    repair = next(each for each in project.propose_repairs("win") if each.kind == WHOLE_WORDS)
    before = project.votes().L[:, 0]
    assert project.propose_repairs("win").to_pandas().loc[0, "heuristic"] == "win"
    member = project.accept_repair(repair)
    after = project.votes().L[:, 0]
    assert (before != after).sum() == repair.flips
    assert (after >= 0).sum() == repair.records_after
    assert (gold[after >= 0] == 1).all()
    assert repair.after_low <= 1.0 <= repair.after_high + 1e-9
    assert repair.wrong == ((before != after)[:60] & (gold[:60] == 0)).sum()
    assert member.location.endswith("mine.py:5") or ":" in member.location
    assert file.read_text() != MINE
    assert "+win = pattern" in repair.diff
    assert '-win = pattern("spam", r"win"' in repair.diff
    assert [each.name for each in project.accepted_rules()] == ["win"]
    project.close()
    with wl.Project(tmp_path) as again:
        assert "whole words" in again.undo_rule()
        assert file.read_text() == MINE
        assert (again.votes().L[:, 0] == before).all()
        with pytest.raises(ProjectError, match="no accepted rule"):
            again.undo_rule()


def test_no_repair_contradicts_an_example_of_its_function(tmp_path):
    project, _ = planted(tmp_path, MINE)
    for repair in project.propose_repairs("starts"):
        assert "winter" not in repair.says
        assert "coat" in repair.says or "seat" in repair.says or "text" in repair.says or repair.kind == RETIRE
    project.close()


def test_a_function_that_was_edited_since_is_not_repaired_and_an_edited_file_is_not_put_back(tmp_path):
    project, _ = planted(tmp_path, MINE)
    file = tmp_path / "labeling_functions" / "mine.py"
    repair = project.propose_repairs("win")[0]
    file.write_text(MINE.replace('r"win"', 'r"prize"').replace("win a", "the"))
    with pytest.raises(ProjectError, match="has changed since"):
        project.accept_repair(repair)
    file.write_text(MINE)
    project.accept_repair(project.propose_repairs("starts")[0])
    project.accept_repair(project.propose_repairs("win")[0])
    first = project.accepted_rules()[1]
    with pytest.raises(ProjectError, match="has a later change, win"):
        project.undo_rule(first.id)
    file.write_text(file.read_text() + "# mine\n")
    with pytest.raises(ProjectError, match="was edited since"):
        project.undo_rule()
    assert file.read_text().endswith("# mine\n")
    project.close()


def test_a_declared_heuristic_of_a_session_gets_a_file_and_comes_back(tmp_path):
    project, _ = planted(tmp_path, "")
    project.add(wl.keywords("spam", ["win", "window", "winter"], name="words"))
    before = project.votes().L.tolist()
    repair = next(each for each in project.propose_repairs("words") if each.kind == DROP_WORDS)
    project.accept_repair(repair)
    assert (tmp_path / "labeling_functions" / "words.py").exists()
    assert project.votes().L.tolist() != before
    project.undo_rule()
    assert not (tmp_path / "labeling_functions" / "words.py").exists()
    assert project.votes().L.tolist() == before
    project.close()


def test_an_accepted_rule_is_taken_back_as_well(tmp_path):
    project, _ = planted(tmp_path, MINE)
    rule = project.propose_rules(label="spam", most=1)[0]
    name = project.accept_rule(rule).name
    repair = project.propose_repairs("win")[0]
    file = tmp_path / "labeling_functions" / "mine.py"
    file.write_text(f"# mine\n{MINE}")
    with pytest.raises(ProjectError, match="than its diff says"):
        project.accept_repair(repair)
    assert project.undo_rule(project.accepted_rules()[0].id) == f"{name}: {rule.says}"
    assert name not in project.committee
    assert not (tmp_path / "labeling_functions" / f"{name}.py").exists()
    (tmp_path / "labeling_functions" / f"{project.accept_rule(rule).name}.py").unlink()
    project.undo_rule()  # it was taken out by hand
    assert project.accepted_rules() == []
    project.close()


@pytest.mark.parametrize("name", ["nothing", "words"])
def test_what_cannot_be_repaired_is_named(tmp_path, name):
    with wl.Project(tmp_path, labels=list(LABELS), timeout=None) as project:
        project.add_records(TEXTS, quiet=True)
        project.weak_classifier(name="words")
        with pytest.raises(wl.WeaklabError, match=r"no heuristic named|weak classifier"):
            project.propose_repairs(name)
        assert project.propose_repairs() == []


def test_a_project_without_labels_or_with_few_records_has_no_surprise(tmp_path):
    with wl.Project(tmp_path, labels=["a", "b"], timeout=None) as project:
        with pytest.raises(ProjectError, match="no record"):
            project.propose_repairs()
        project.add_records(["free"], quiet=True)
        project.add(wl.keywords("a", ["free"]))
        assert project.propose_repairs() == []
        assert project.propose_repairs("keywords_a_free") == []


@pytest.mark.parametrize(
    ("regex", "flags"),
    [("win|prize", 0), ("(?i)WIN|prize", 0), ("(?i)(?s)win", 0), ("win  # a prize", re.X), ("(?x)win # a", 0)],
)
def test_whole_words_keep_the_flags_of_a_pattern(regex, flags):
    made = whole_words(re.compile(regex, flags))
    assert ast.literal_eval(raw(made)) == made
    found = re.compile(made, flags)
    assert found.flags == re.compile(regex, flags).flags
    assert found.search("we win!")
    assert not found.search("winner")
