"""The table of records: filters, search, order, one record, other formats; and the list of answers."""

import contextlib
import json
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import weaklab
from weaklab import col
from weaklab.cli import main
from weaklab.core.errors import CorpusError, HeuristicError, ProjectError, UnknownLabelError, UnknownNameError
from weaklab.heuristics.expression_text import expression_from_text
from weaklab.project.answers import moment
from weaklab.project.records import RecordTable
from weaklab.project.stored_corpus import StoredCorpus

ROWS = [
    {"id": "a", "text": "Win a prize", "n": 1, "truth": "spam"},
    {"id": "b", "text": "lunch at noon", "n": 5, "truth": "ham"},
    {"id": "c", "text": "no prize today", "n": 7, "truth": "ham"},
    {"id": "d", "text": "A PRIZE for lunch", "n": None, "truth": None},
    {"id": "e", "text": "", "n": 3, "truth": None},
]


def make(folder, rows=ROWS, **settings):
    project = weaklab.Project(folder, labels=["ham", "spam"], timeout=None, annotator="Ann", **settings)
    project.add_records(rows, gold="truth" if "truth" in rows[0] else None, quiet=True)
    project.add(weaklab.keywords("spam", ["prize"], name="prizes"))
    project.add(weaklab.keywords("ham", ["lunch"], name="meals"))
    return project


@pytest.fixture
def project(tmp_path):
    made = make(tmp_path / "p")
    made.label("c", "ham")
    return made


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """The same project for tests that only look at it."""
    made = make(tmp_path_factory.mktemp("records") / "p")
    made.label("c", "ham")
    return made


# ---- filters


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (lambda r: r, "abcde"),
        (lambda r: r.where(col("n") > 3), "bc"),
        (lambda r: r.where("n > 3"), "bc"),
        (lambda r: r.where("n is None or truth == 'spam'"), "ad"),
        (lambda r: r.where(~(col("n") > 3)), "ae"),
        (lambda r: r.search("prize"), "acd"),
        (lambda r: r.search("prize", case=True), "ac"),
        (lambda r: r.search("^(win|lunch)", regex=True), "ab"),
        (lambda r: r.search("a.prize"), ""),
        (lambda r: r.search("spam", columns=["truth"]), "a"),
        (lambda r: r.search("7", columns=["n"]), "c"),
        (lambda r: r.label("spam"), "a"),
        (lambda r: r.label("ham"), "bcde"),
        (lambda r: r.label(None), ""),
        (lambda r: r.heuristic("prizes"), "acd"),
        (lambda r: r.heuristic("prizes", vote="ham"), ""),
        (lambda r: r.heuristic("prizes", weaklab.ABSTAIN), "be"),
        (lambda r: r.conflicts(), "d"),
        (lambda r: r.manual(), "c"),
        (lambda r: r.manual(False), "abde"),
        (lambda r: r.confidence(above=0.99), "c"),
        (lambda r: r.confidence(below=0.01), "de"),
        (lambda r: r.confidence(above=0.01, below=0.99), "ab"),
        (lambda r: r.search("prize").label("spam").where("n < 9"), "a"),
        (lambda r: r.sort("n"), "aebcd"),
        (lambda r: r.sort("n", descending=True), "cbead"),
        (lambda r: r.sort("text"), "edabc"),
        (lambda r: r.sort("label"), "bcdea"),
        (lambda r: r.sort("id", descending=True), "edcba"),
        (lambda r: r.sort("truth").search("prize"), "cad"),
        (lambda r: r[1:3], "bc"),
        (lambda r: r[::-2], "eca"),
        (lambda r: r.sort("n", descending=True)[:2].where("n > 0"), "cb"),
        (lambda r: r[10:20], ""),
    ],
)
def test_filters_keep_these_records_in_this_order(unchanged, chosen, ids):
    table = chosen(unchanged.records)
    assert table.ids() == list(ids)
    assert len(table) == len(ids)
    assert [row["id"] for row in table] == list(ids)
    assert table.to_pandas()["id"].tolist() == list(ids)


def test_a_filter_leaves_the_table_it_was_made_from_as_it_is(unchanged):
    whole = unchanged.records
    assert len(whole.search("prize")) == 3
    assert len(whole) == 5
    assert "b" in whole
    assert "b" not in whole.search("prize")
    assert "z" not in whole


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda r: r.where(col("m") > 3), CorpusError, "no column 'm'; there are id, text, n, truth"),
        (lambda r: r.where("trut == 'ham'"), CorpusError, "did you mean 'truth'"),
        (lambda r: r.where(3), HeuristicError, "needs a condition"),
        (lambda r: r.where(col("n") + 1), weaklab.WeaklabError, "needs a condition"),
        (lambda r: r.where(col("text") > 3).ids(), CorpusError, "for record 'a': TypeError"),
        (lambda r: r.where(3 / (col("n") - 1) > 1).ids(), CorpusError, "for record 'a': ZeroDivisionError"),
        (lambda r: r.label("sapm"), UnknownLabelError, "did you mean 'spam'"),
        (lambda r: r.heuristic("prize"), UnknownNameError, "did you mean 'prizes'"),
        (lambda r: r.heuristic("prizes", vote="sapm"), UnknownLabelError, "did you mean 'spam'"),
        (lambda r: r.sort("confidense"), CorpusError, "did you mean 'confidence'"),
        (lambda r: r.search(""), weaklab.WeaklabError, "one character or more"),
        (lambda r: r.search("\ud800"), weaklab.WeaklabError, "half a character"),
        (lambda r: r.search("(a", regex=True), weaklab.WeaklabError, "no regular expression"),
        (lambda r: r.search("(?=a)", regex=True), weaklab.WeaklabError, "as RE2 reads it"),
        (lambda r: r.search("a", columns=["txt"]), CorpusError, "did you mean 'text'"),
        (lambda r: r.manual("ham"), weaklab.WeaklabError, "takes True or False"),
        (lambda r: r.confidence(), weaklab.WeaklabError, "needs a bound"),
        (lambda r: r.confidence(below=60), weaklab.WeaklabError, "from 0 to 1, got 60"),
        (lambda r: r["z"], ProjectError, "no record 'z'"),
        (lambda r: r["\ud800"], ProjectError, "no record"),
        (lambda r: r[0], weaklab.WeaklabError, r"records\['0'\] for this id"),
        (lambda r: r.search("prize")["b"], ProjectError, "not among these 3 records"),
    ],
)
def test_mistakes_are_named(unchanged, call, kind, message):
    with pytest.raises(kind, match=message):
        call(unchanged.records)


def test_a_condition_may_exclude_what_another_one_cannot_compute(unchanged):
    assert unchanged.records.where((col("n") != 1) & (3 / (col("n") - 1) > 1)).ids() == ["e"]


# ---- results


def test_a_record_as_a_dict_and_as_a_row(unchanged):
    [row] = unchanged.records[2:3]
    assert row == {
        "id": "c",
        "text": "no prize today",
        "label": "ham",
        "confidence": 1.0,
        "manual": True,
        "reason": "manual",
        "probabilities": {"ham": 1.0, "spam": 0.0},
        "votes": {"prizes": "spam"},
        "columns": {"n": 7, "truth": "ham"},
    }
    frame = unchanged.records.to_pandas().set_index("id")
    assert frame.loc["c", ["label", "manual", "p_ham", "vote_prizes"]].tolist() == ["ham", True, 1.0, "spam"]
    assert frame["reason"].tolist() == ["1 of 1 vote", "1 of 1 vote", "manual", "1 of 2 votes", "no votes"]
    assert unchanged.records.to_polars()["text"].to_list() == [row["text"] for row in ROWS]


def test_records_that_nothing_decides_have_no_label(tmp_path):
    records = make(tmp_path / "p").records
    assert records.label(None).ids() == ["d", "e"]
    assert [row["reason"] for row in records.label(None)] == ["tied", "no votes, tied"]
    assert records.label(None).to_pandas()["label"].isna().all()
    assert records.sort("label").ids() == ["b", "a", "c", "d", "e"]


def test_labels_and_confidence_are_those_of_the_project(unchanged):
    labels, frame = unchanged.labels(), unchanged.records.to_pandas()
    for name in ("id", "label", "confidence", "manual", "p_ham", "p_spam"):
        pd.testing.assert_series_equal(labels[name], frame[name], check_dtype=False)


def test_columns_called_like_computed_ones_keep_their_values(tmp_path):
    rows = [{"id": "a", "text": "x", "label": "old", "record_label": "older", "confidence": 7}]
    project = make(tmp_path / "p", rows)
    table = project.records.to_arrow()
    assert table["record_record_label"].to_pylist() == ["old"]
    assert table["record_label"].to_pylist() == ["older"]
    assert table["record_confidence"].to_pylist() == [7]
    assert len(set(table.column_names)) == len(table.column_names)


def test_one_record_shows_all_that_is_known_of_it(project):
    project.label("c", "spam", annotator="Bob")
    project.undo()
    project.label("c", "ham", annotator="Eve")
    one = project.records["c"]
    assert one.votes == {"prizes": "spam", "meals": None}
    assert one.columns == {"n": 7, "truth": "ham"}
    assert one.answers == {"Ann": "ham", "Eve": "ham"}
    assert one.explanation is not None
    shown = str(one)
    for part in ("c: ham (manual)", "text: no prize today", "truth", "labeled by Ann: ham, Eve: ham", "meals"):
        assert part in shown
    assert json.loads(json.dumps(one.to_dict()))["log_odds"].keys() >= {"prizes"}


def test_one_record_under_a_label_model_that_explains_nothing(tmp_path):
    project = make(tmp_path / "p", label_model="dawid_skene")
    assert project.records["a"].votes == {"prizes": "spam", "meals": None}
    assert "prizes" in project.records["a"]._repr_html_()


def test_what_is_shown_says_how_many_and_why_these(unchanged):
    shown = str(unchanged.records.search("prize").label("spam"))
    assert shown.splitlines()[0] == "1 of 5 records: search 'prize'; label spam"
    assert shown.splitlines()[1].split() == ["id", "text", "votes", "label", "confidence", "reason"]
    assert str(unchanged.records.table(2)).splitlines()[0] == "5 records; the first 2"
    assert "prizes" in unchanged.records._repr_html_()


def test_ids_that_are_numbers_are_found_by_their_text(tmp_path):
    project = make(tmp_path / "p", [{"id": number, "text": f"text {number}"} for number in (7, 17, 5)])
    assert project.records["17"].text == "text 17"
    assert project.records.sort("id").ids() == ["5", "7", "17"]


def test_near_duplicates_name_the_record_whose_answer_they_share(tmp_path):
    project = make(tmp_path / "p", [{"text": "win a prize"}, {"text": "win a prize"}, {"text": "lunch"}])
    ids = project.records.ids()
    project.label(ids[0], "spam")
    assert ids[1].startswith(ids[0])
    assert [row["reason"] for row in project.records] == ["manual", f"near-duplicate of {ids[0]}", "1 of 1 vote"]
    assert project.records.manual().ids() == [ids[0]]


def test_records_without_text_show_their_columns(tmp_path):
    project = weaklab.Project(tmp_path / "p", labels=["low", "high"], timeout=None)
    project.add_records(pd.DataFrame({"id": ["a", "b"], "size": [1.5, 8.0]}), text=[], quiet=True)
    project.add(weaklab.where("high", col("size") > 5))
    assert "size: 8  " in str(project.records.label("high"))
    assert next(iter(project.records))["text"] is None
    with pytest.raises(weaklab.WeaklabError, match="no text column"):
        project.records.search("8").ids()


def test_imports_with_other_columns_are_searched_together(project):
    project.add_records([{"id": "x", "text": "late prize", "city": "Bonn"}], quiet=True)
    assert project.records.search("prize").ids() == ["a", "c", "d", "x"]
    assert project.records.where("city == 'Bonn'").ids() == ["x"]
    assert project.records.where("city is None and n > 5").ids() == ["c"]


def test_an_empty_project_is_an_empty_table(tmp_path):
    project = weaklab.Project(tmp_path / "p", labels=["ham", "spam"])
    records = project.records
    for table in (records, records.where("n > 3"), records.search("x").label("spam").conflicts().sort("n")[:3]):
        assert (len(table), list(table), table.ids(), len(table.to_pandas())) == (0, [], [], 0)
    assert "next: project.add_records" in str(records)
    with pytest.raises(ProjectError, match="no record 'a'"):
        records["a"]


HOSTILE = [
    "<script>alert(1)</script>",
    "a\x00b prize",
    "\x1b[31mred\x1b[0m \u202eturned",
    "line\nbreak\r\n prize",
    "<b>" * 200_000,
    "e\u0301 日本 🙂 prize",
]


def test_hostile_texts_are_shown_safely_and_found(tmp_path):
    project = make(tmp_path / "p", [{"id": f"<i>{i}\x1b", "text": text} for i, text in enumerate(HOSTILE)])
    for shown in (str(project.records), project.records._repr_html_(), project.records.table().fitted(60)):
        assert len(shown) < 10_000
        assert not {"\x00", "\x1b", "\u202e"} & set(shown)
    pages = [project.records._repr_html_(), *(project.records[name]._repr_html_() for name in project.records.ids())]
    assert not any("<script>" in page or "<i>" in page or "<b><b>" in page for page in pages)
    assert len(project.records.search("\x00B P")) == 1
    assert len(project.records.search("É日".replace("É", "e\u0301 "))) == 1
    assert [row["text"] for row in project.records] == HOSTILE
    assert str(project.records.search("\x1b[31m")).splitlines()[0].count("\x1b") == 0


# ---- laziness


@pytest.fixture
def reads(monkeypatch):
    """Count the calls that read records: whole passes, batches of them, and rows taken by number."""
    counts = {"passes": 0, "batches": 0, "taken": 0}
    batches, take = StoredCorpus.batches, StoredCorpus.take

    def counting_batches(self, *arguments, **options):
        counts["passes"] += 1
        for batch in batches(self, *arguments, **options):
            counts["batches"] += 1
            yield batch

    def counting_take(self, rows):
        counts["taken"] += len(rows)
        return take(self, rows)

    monkeypatch.setattr(StoredCorpus, "batches", counting_batches)
    monkeypatch.setattr(StoredCorpus, "take", counting_take)
    return counts


def test_nothing_is_read_before_it_is_shown_and_then_only_what_is_shown(tmp_path, reads):
    n = 30_000
    rows = pa.table({"id": np.arange(n), "text": [f"text {i} {'prize' * (i % 3 == 0)}" for i in range(n)]})
    project = make(tmp_path / "p", rows.to_pylist(), share_answers=0)
    project.run(progress=False)
    reads.update(passes=0, batches=0, taken=0)
    chosen = project.records.where("text.words() > 2").search("PRIZE").label("spam").sort("id", descending=True)
    assert reads == {"passes": 0, "batches": 0, "taken": 0}
    assert len(chosen) == n // 3
    passes, batches = reads["passes"], reads["batches"]
    assert (passes, reads["taken"]) == (2, 0)  # one for the condition, one for the search
    assert "10,000 of 30,000 records" in str(chosen)
    assert len(chosen.confidence(above=0.1)) == n // 3
    assert (reads["passes"], reads["batches"], reads["taken"]) == (passes, batches, 10)


def test_texts_are_read_for_few_records_by_their_place(tmp_path, reads):
    project = make(tmp_path / "p", [{"id": str(i), "text": f"text {i}"} for i in range(5000)], share_answers=0)
    project.label_many([(str(i), "ham") for i in range(0, 100, 7)])
    len(project.records.manual())
    reads.update(passes=0, batches=0, taken=0)
    assert project.records.manual().search("text 9").ids() == ["98", "91"][::-1]
    assert (reads["passes"], reads["taken"]) == (0, 15)


def test_a_search_trains_nothing(tmp_path):
    project = make(tmp_path / "p")
    assert project.records.search("prize").where("n > 0").ids() == ["a", "c"]
    assert project.workspace.trained is None


def test_a_table_keeps_what_it_found_and_a_new_one_sees_more(project):
    before = project.records
    assert len(before) == 5
    assert before.manual().ids() == ["c"]
    project.label("d", "ham")
    assert before.manual().ids() == ["c"]
    assert project.records.manual().ids() == ["c", "d"]


def test_a_table_that_other_records_came_after_says_so(project):
    before = project.records.search("prize")
    assert len(before) == 3
    project.add_records([{"id": "x", "text": "late"}], quiet=True)
    with pytest.raises(ProjectError, match=r"take project\.records again"):
        before.label("spam").ids()


def test_a_heuristic_that_was_written_to_a_file_meanwhile_is_there(project, tmp_path):
    assert len(project.records.label("ham")) == 4
    code = 'from weaklab import keywords\nwins = keywords("spam", ["win"], name="wins")\n'
    (tmp_path / "p" / "labeling_functions" / "wins.py").write_text(code)
    assert project.records.heuristic("wins").ids() == ["a"]


def test_streams_and_blocks_give_the_same(tmp_path):
    rng = np.random.default_rng(3)
    rows = [{"id": str(i), "text": "prize " * int(rng.integers(3)), "n": int(rng.integers(50))} for i in range(2500)]
    records = make(tmp_path / "p", rows, share_answers=0).records
    kept = [row["id"] for row in rows if row["n"] > 3 and "prize" in row["text"]]
    assert len(kept) > 1000
    chosen = records.where("n > 3").search("prize")
    assert [row["id"] for row in chosen] == chosen.to_arrow()["id"].to_pylist() == kept
    assert chosen.sort("n").to_pandas()["n"].is_monotonic_increasing
    assert isinstance(chosen, RecordTable)


# ---- conditions as text


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("n > 3 and m < 2", (col("n") > 3) & (col("m") < 2)),
        ("not (n > 3) or m == 'x'", ~(col("n") > 3) | (col("m") == "x")),
        ("1 <= n <= 5", (col("n") >= 1) & (col("n") <= 5)),
        ("n in [1, 2] and m not in ('a',)", col("n").is_in([1, 2]) & ~col("m").is_in(["a"])),
        ("n is None or m is not None", col("n").is_null() | ~col("m").is_null()),
        ("'a' in text and 'b' not in text", col("text").contains("a") & ~col("text").contains("b")),
        ("col('price in EUR') / rooms > -2.5", col("price in EUR") / col("rooms") > -2.5),
        ("text.lower().count('x') >= 2", col("text").lower().count("x") >= 2),
        ("text.contains('X', case=False)", col("text").contains("X", case=False)),
        ("3 < n", col("n") > 3),
    ],
)
def test_a_condition_in_text_means_what_it_says(text, meaning):
    assert expression_from_text(text).key == meaning.key


@pytest.mark.parametrize(
    "text",
    [
        *("", "n >", "n", "3 < 4", "n + 1", "'a' * 10**9 == text", "__import__('os').system('true')", "n.op == 1"),
        *(
            "n[0] > 1",
            "(lambda: 1)()",
            "text.format(n)",
            "n > 3 & m < 2",
            "col(3) > 1",
            "col(*n)",
            "a\0b",
            "f'{n}' > 'a'",
        ),
        *(
            "(" * 5000,
            "n > " + "-" * 5000 + "1",
            "x" * 20_000,
            "n is 3",
            "not 3",
            "[n for n in text]",
            "n := 3",
            "-'a' > n",
        ),
    ],
)
def test_anything_else_is_refused_and_never_run(text):
    with contextlib.suppress(HeuristicError):
        condition = expression_from_text(text)
        assert text == "n"
        assert condition.key == 'col("n")'


# ---- answers


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    project = make(tmp_path_factory.mktemp("answers") / "p", retrain_every=0)
    project.label("a", "spam")
    project.label("b", "spam")
    project.undo()
    project.label("b", "ham", annotator="Bob")
    project.skip("c", annotator="Bob")
    return project


@pytest.mark.parametrize(
    ("filters", "events"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"standing": True}, [1, 4, 5]),
        ({"annotator": "Bob"}, [4, 5]),
        ({"annotator": "Nobody"}, []),
        ({"label": "spam"}, [1, 2]),
        ({"label": "spam", "standing": True}, [1]),
        ({"kind": "skip"}, [5]),
        ({"record": "b"}, [2, 3, 4]),
        ({"since": "2001-01-01", "until": date(2999, 1, 1)}, [1, 2, 3, 4, 5]),
        ({"until": "2001-01-01"}, []),
        ({"since": datetime.now(UTC) + timedelta(days=1)}, []),
    ],
)
def test_answers_by_person_label_kind_record_and_time(answered, filters, events):
    found = answered.answers(**filters)
    assert found["id"].tolist() == events
    assert found.columns.tolist() == answered.history().columns.tolist()


def test_the_bounds_of_a_time_are_included(answered):
    at = answered.history()["at"].tolist()
    assert answered.answers(since=at[1], until=at[3])["id"].tolist() == [2, 3, 4]
    assert len(answered.answers(since=at[0][:10], until=at[-1][:10])) == 5
    assert moment(datetime(2026, 1, 31)) == moment("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"label": "sapm"}, "did you mean 'spam'"),
        ({"kind": "lable"}, "did you mean 'label'"),
        ({"since": "yesterday"}, "is no time"),
        ({"until": 3}, "is no time"),
    ],
)
def test_filters_of_answers_that_fit_nothing_are_named(answered, filters, message):
    with pytest.raises(weaklab.WeaklabError, match=message):
        answered.answers(**filters)


# ---- the command line


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process; return what it printed."""

    def command(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["weaklab", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        shown = capsys.readouterr()
        assert (left.value.code or 0) == code, shown.out + shown.err
        return shown

    return command


def test_the_commands_show_and_history(project, tmp_path, run):
    folder = tmp_path / "p"
    project.close()
    rows = [json.loads(line) for line in run("show", folder, "--where", "n > 3", "--json").out.splitlines()]
    assert [row["id"] for row in rows] == ["b", "c"]
    options = ("--search", "PRIZE", "--no-manual", "--below", "0.9", "--sort", "n", "--descending")
    assert run("show", folder, *options).out.splitlines()[0].startswith("2 of 5 records: no manual label; confidence")
    assert len(run("show", folder, "-n", "2").out.splitlines()) == 4
    assert "labeled by Ann: ham" in run("show", folder, "c").out
    assert json.loads(run("show", folder, "c", "--json").out)["answers"] == {"Ann": "ham"}
    assert "did you mean 'spam'" in run("show", folder, "--label", "sapm", code=1).err
    assert "--vote needs --heuristic" in run("show", folder, "--vote", "spam", code=1).err
    [event] = [json.loads(line) for line in run("history", folder, "--label", "ham", "--json").out.splitlines()]
    assert (event["record"], event["annotator"], event["undoes"]) == ("c", "Ann", None)
    shown = run("history", folder, "--annotator", "Ann").out.splitlines()
    assert shown[0] == "1 answer"
    assert shown[2].split()[3:] == ["Ann", "label", "c", "ham"]
