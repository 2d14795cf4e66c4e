"""Imports: what is taken for what, records of several imports with different columns, and ids in all their
spellings."""

import datetime
import json
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import weaklab as wl
from weaklab.cli.app import app
from weaklab.core.errors import CorpusError, ProjectError, UnknownLabelError

WINE = {"alcohol": [14.2, 13.2, 12.3] * 10, "hue": [1.04, 1.05, 1.03] * 10}


@pytest.fixture
def project(tmp_path):
    with wl.Project(tmp_path / "p", labels=["neg", "pos"], timeout=None) as made:
        yield made


def ids(project):
    return [str(name) for name in project.corpus.ids.to_pylist()]


# ---- the receipt


def test_every_import_prints_and_returns_the_roles_of_columns(project, capsys):
    rows = [
        {
            "id": i,
            "text": f"film {i}",
            "stars": i,
            "when": datetime.date(2026, 1, 1),
            "y": label,
            "truth": "neg",
            "odd": odd,
        }
        for i, label, odd in ((1, "pos", "x"), (2, None, 3))
    ]
    receipt = project.add_records(rows, label="y", gold="truth")
    printed = capsys.readouterr().out
    assert printed == f"{receipt.table()}\n"
    assert "2 new records from the list" in printed
    assert [(use.name, use.role) for use in receipt.columns] == [
        ("id", "id"), ("text", "text"), ("stars", "numeric"), ("when", "kept"), ("y", "label"), ("truth", "gold"),
        ("odd", "left out"),
    ]  # fmt: skip
    assert (receipt, receipt.rows, receipt.skipped, receipt.labels, receipt.gold) == (
        2,
        2,
        0,
        {"pos": 1, "": 1},
        {"neg": 2},
    )
    assert "odd is left out: the list, record 1, column 'odd': mixed types, int 3 among str values" in receipt.notes[0]
    assert all(len(line) <= 80 for line in str(receipt.table()).splitlines() if "is left out" not in line)
    assert (repr(receipt), f"{receipt:,}", str(receipt)) == ("ImportReceipt(2 records)", "2", "2")
    assert (
        project.add_records([{"id": 2, "text": "old"}, {"id": 3, "text": "new"}], skip_known=True, quiet=True).skipped
        == 1
    )
    assert capsys.readouterr().out == ""


def test_columns_choose_what_is_kept(project):
    rows = [{"text": "a", "n": 1, "m": 2, "mixed": value} for value in (1, "x")]
    receipt = project.add_records(rows, columns=["n"], quiet=True)
    assert (receipt.role("numeric"), receipt.role("ignored")) == (["n"], ["m"])
    assert project.corpus.schema.names == ["id", "text", "n"]
    with pytest.raises(CorpusError, match="column 'mixed': mixed types"):
        project.add_records(rows, columns=["mixed"])
    with pytest.raises(CorpusError, match="no column 'nn'; did you mean 'n'"):
        project.add_records(rows, columns=["nn"])


def test_a_column_that_may_hold_labels_is_worth_a_note(project):
    notes = project.add_records([{"text": "a", "label": 1}], quiet=True).notes
    assert notes == [
        "label is data that heuristics see; if it holds labels, import it with label='label' or gold='label'"
    ]


@pytest.mark.parametrize(("name", "noted"), [("message_id", True), ("messageId", True), ("nr", True), ("paid", False)])
def test_a_column_that_may_be_the_id_is_worth_a_note(project, name, noted):
    notes = project.add_records([{"text": "a", name: 1}], quiet=True).notes
    assert [f"import with id='{name}' (--id {name})" in note for note in notes] == [True] * noted
    assert project.add_records([{"text": "b", name: 2}], quiet=True).notes == []


def test_a_column_whose_values_all_differ_may_be_the_id(project):
    rows = [{"text": f"a {i}", "price": i // 2, "code": f"C-{i}"} for i in range(10)]
    assert "import with id='code' (--id code)" in project.add_records(rows, quiet=True).notes[0]
    with pytest.raises(CorpusError, match=re.escape("'code' may be the id: id='code' (--id code)")):
        wl.read([{"name": row["text"], "kind": "ab"[i % 2], "code": row["code"]} for i, row in enumerate(rows)])


def test_records_do_not_come_twice_under_other_ids(project):
    rows = [{"text": f"a {i}", "nr": i} for i in range(3)]
    project.add_records(rows, quiet=True)
    with pytest.raises(
        ProjectError, match="'nr' is to be the id, and the 3 records of the project have it as data and "
    ):
        project.add_records(rows, id="nr", quiet=True)
    with pytest.raises(ProjectError, match="is in the project already"):
        project.add_records(rows, quiet=True)
    assert project.add_records([*rows, {"text": "b", "nr": 4}], skip_known=True, quiet=True) == 1


def test_empty_cells_are_counted(project):
    rows = [
        {"text": "a", "n": 1.5, "kind": "x"},
        {"text": "", "n": float("nan"), "kind": None},
        {"text": "b", "n": None},
    ]
    assert project.add_records(rows, quiet=True).notes[0] == "empty cells in 3 records: n 2, kind 2, text 1"
    assert not [note for note in project.add_records([{"text": "c"}], quiet=True).notes if "empty" in note]


def test_many_columns_of_one_kind_are_one_line_of_the_receipt(project):
    frame = pd.DataFrame(np.arange(128.0).reshape(2, 64), columns=[f"e{i}" for i in range(64)])
    receipt = project.add_records(frame, quiet=True)
    assert "e0 ... e63 (64)  numeric  double" in str(receipt.table())
    assert project.corpus.roles.text == ()


# ---- what is the text


@pytest.mark.parametrize(
    "classes",
    [
        ["class_0", "class_1", "class_1"],
        ["Iris setosa", "Iris virginica", "Iris setosa"],
        ["yes", "no", "no"],
        ["a b c d", "e f g h", "a b c d"],
    ],
)
@pytest.mark.parametrize("form", [pd.DataFrame, pl.DataFrame, pa.table])
def test_classes_beside_numbers_are_not_the_text(project, classes, form):
    with pytest.raises(
        CorpusError,
        match=r"column 'target' holds 2 different strings .* text='target', label='target' or gold='target' .*, or "
        r"text=\[\]",
    ):
        project.add_records(form({**WINE, "target": classes * 10}))
    assert len(project) == 0


def test_the_column_is_taken_for_what_it_is_said_to_be(project):
    frame = pd.DataFrame({**WINE, "target": ["neg", "pos", "pos"] * 10})
    assert wl.read(frame, text=[]).roles.text == ()
    assert wl.read(frame, text="target").roles.text == ("target",)
    assert project.add_records(frame, gold="target", quiet=True).role("numeric") == ["alcohol", "hue"]
    assert project.corpus.roles.text == ()


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([{"body": "see you at noon", "n": 1}, {"body": "win a big prize now", "n": 2}], "body"),
        ([{"body": "你好吗今天天气很好", "n": 1}, {"body": "明天见在公园门口", "n": 2}], "body"),
        ([{"word": "spam"}, {"word": "ham"}, {"word": "eggs"}], "word"),
    ],
)
def test_texts_are_the_text_without_a_word(rows, text):
    assert wl.read(rows).roles.text == (text,)


@pytest.mark.parametrize(
    "rows",
    [
        [{"name": "Ada Lovelace", "n": 1}, {"name": "Alan Turing", "n": 2}],
        [{"key": "9c1e5f7a", "n": 1}, {"key": "77aa01bc", "n": 2}],
        [{"answer": "yes"}] * 5 + [{"answer": "no"}] * 5,
        [{"title": "one two three", "body": "x"}, {"title": "four five six", "body": 5}],
    ],
)
def test_ambiguous_text_column_is_asked_about(rows):
    with pytest.raises(CorpusError, match=r"text='.*; the columns are "):
        wl.read(rows)


# ---- columns that cannot be stored


@pytest.mark.parametrize(
    "values",
    [[[[13, 17, "LOC"]], []], [3, "n/a"], [{}, {}], [{"a": 1}, {"a": "x"}], [True, 2], [2**80, 1], [1j, 2j]],
)
def test_column_that_cannot_be_stored_does_not_stop_the_import(project, tmp_path, values):
    rows = [{"text": text, "meta": value} for text, value in zip(("one", "two"), values, strict=True)]
    receipt = project.add_records(rows, quiet=True)
    assert (receipt, receipt.role("left out")) == (2, ["meta"])
    assert project.corpus.schema.names == ["id", "text"]
    with pytest.warns(wl.WeaklabWarning, match="column 'meta' is left out"):
        assert len(wl.read(pd.DataFrame(rows))) == 2


def test_types_of_frames_that_no_file_holds_are_left_out():
    spans = pa.array([pa.MonthDayNano([1, 2, 3]), None])
    for data in (
        pl.DataFrame({"text": ["a"], "o": pl.Series([object()], dtype=pl.Object)}),
        pa.table({"text": ["a", "b"], "o": spans}),
    ):
        with pytest.warns(wl.WeaklabWarning, match="column 'o' is left out: .* cannot be stored; convert or drop it"):
            assert wl.read(data).record(0).text == "a"


def test_a_column_that_breaks_late_is_left_out_of_an_import(project, tmp_path):
    path = tmp_path / "late.jsonl"
    path.write_text(
        "".join(json.dumps({"text": f"t {i}", "tags": [] if i < 5000 else [[1, "x"]]}) + "\n" for i in range(5001))
    )
    receipt = project.add_records(path, quiet=True)
    assert (receipt, receipt.role("left out")) == (5001, ["tags"])


# ---- imports with different columns


LABELED, PLAIN = {"id": "a", "text": "good", "y": "pos"}, {"id": "b", "text": "bad"}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("role", ["label", "gold"])
def test_labeled_and_unlabeled_files_come_in_any_order(project, order, role):
    files = [([LABELED], {role: "y"}), ([PLAIN], {}), ([{"id": "c", "text": "fine", "truth": "neg"}], {role: "truth"})]
    for number in order:
        assert project.add_records(files[number][0], quiet=True, **files[number][1]) == 1
    project.labeling_function(name="peeks")(lambda x: x.get("y") or x.get("truth"))
    project.run(progress=False)
    assert (project.votes().L == -1).all()
    if role == "label":
        assert project.manual_labels() == {"a": "pos", "c": "neg"}
    else:
        assert dict(zip(ids(project), project.corpus.gold(), strict=True)) == {"a": "pos", "b": None, "c": "neg"}
        assert project.status()["accuracy"] == 0.5
    with wl.Project(project.path, timeout=None) as again:
        assert sorted(row["text"] for batch in again.corpus.batches() for row in batch.to_pylist()) == [
            "bad",
            "fine",
            "good",
        ]


def test_a_column_that_one_import_lacks_is_empty_there(project):
    project.add(wl.where("pos", wl.col("stars") > 3))
    project.add_records([{"id": "a", "text": "x"}], quiet=True)
    with pytest.warns(UserWarning, match="stars"):
        project.run(progress=False)
    project.add_records([{"id": "b", "text": "y", "stars": 5, "place": "Rome"}], quiet=True)
    project.run(progress=False)
    assert project.votes().L.ravel().tolist() == [-1, 1]
    assert project.faults == []
    project.add_records([{"id": "c", "text": "z", "stars": 1.5}], quiet=True)
    assert project.corpus.column("stars").to_pylist() == [None, 5.0, 1.5]
    assert project.corpus.take([2, 0]).column("place").to_pylist() == [None, None]
    assert project.labels(include=["stars"])["label"].tolist() == [None, "pos", None]


def test_a_column_that_becomes_gold_is_hidden_from_then_on_and_everywhere(project):
    project.labeling_function(name="peeks")(lambda x: x.get("y"))
    project.add_records([LABELED], quiet=True)
    project.run(progress=False)
    assert project.votes().L.tolist() == [[1]]
    receipt = project.add_records([{"id": "b", "text": "bad", "y": "neg"}], gold="y", quiet=True)
    assert "y was data in an earlier import; from now on heuristics do not see it there either" in receipt.notes
    project.run(progress=False)
    assert project.votes().L.ravel().tolist() == [-1, -1]


def test_label_column_that_is_not_named_again_is_reported(project):
    project.add_records([LABELED], label="y", quiet=True)
    receipt = project.add_records([{"id": "b", "text": "bad", "y": "neg"}], quiet=True)
    assert receipt.role("hidden") == ["y"]
    assert "its labels are not read here; label='y' or gold='y' reads them" in receipt.notes[0]


def test_text_and_id_may_be_called_otherwise_in_a_later_import(project):
    project.add_records([{"key": "a", "body": "win a prize now"}], text="body", id="key", quiet=True)
    notes = project.add_records(
        [{"number": 2, "message": "see you later on"}], text="message", id="number", quiet=True
    ).notes
    assert notes == [
        "number is kept as key, its name in the project",
        "message is kept as body, its name in the project",
    ]
    project.add_records([{"key": "c", "body": "x", "topic": "y"}], quiet=True)
    assert ids(project) == ["a", "2", "c"]
    assert [row["body"] for batch in project.corpus.batches() for row in batch.to_pylist()] == [
        "win a prize now",
        "see you later on",
        "x",
    ]
    with pytest.raises(ProjectError, match=r"has no column of text, and the project has body; name it: text=\.\.\."):
        project.add_records([{"key": "d", "n": 1}])
    with pytest.raises(ProjectError, match="column 'body' is the text in the project and something else here"):
        project.add_records([{"key": "d", "message": "a", "body": "b"}], text="message")
    assert len(project) == 3


def test_types_that_do_not_fit_together_are_refused_with_the_way_out(project):
    project.add_records([{"text": "a", "n": 1}], quiet=True)
    with pytest.raises(ProjectError, match=r"'n' holds numbers in the project, and 'x' of record .*columns=\[\.\.\.\]"):
        project.add_records([{"text": "b", "n": "x"}])
    assert project.add_records([{"text": "b", "n": "x"}], columns=[], quiet=True) == 1
    project.add_records([{"text": "e", "m": "x"}], text="text", quiet=True)
    with pytest.raises(ProjectError, match="column 'm' holds texts in the project and numbers here; take"):
        project.add_records([{"id": 5, "text": "f", "m": 1}])
    project.remove_records(where="m == 'x'")
    project.add_records([{"text": "c", "n": 2**60}], quiet=True)
    with pytest.raises(
        ProjectError, match=r"column 'n' holds int64 in one import and double beside another, which does not hold all"
    ):
        project.add_records([{"text": "d", "n": 1.5}])
    assert len(project) == 3


def test_a_column_and_its_missing_values_are_learned_from(project):
    frame = pd.DataFrame({"id": range(20), "n": np.arange(20.0), "y": ["neg", "pos"] * 10})
    project.add_records(frame, label="y", quiet=True)
    project.add_records(pd.DataFrame({"id": range(20, 30), "m": np.arange(10.0)}), quiet=True)
    project.weak_classifier("logistic_regression")
    assert project.labels()["p_pos"].between(0, 1).all()


# ---- ids


@pytest.mark.parametrize(
    "names", [[1, 2, 3], [1.0, 2.0, 3.0], ["1", "2", "3"], ["1.0", "2.0", "3.0"], [np.int8(1), 2, "3"]]
)
def test_an_id_is_the_same_however_it_is_written(project, tmp_path, names):
    frame = pd.DataFrame({"id": names, "text": ["a", "b", "c"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert project.add_records(frame.iloc[:2], quiet=True) == 2
    assert project.add_records(tmp_path / "a.csv", skip_known=True, quiet=True) == 1
    assert ids(project) == ["1", "2", "3"]
    for record in (1, 1.0, "1", "1.0", np.float64(1)):
        project.label(record, "pos")
    assert project.manual_labels() == {"1": "pos"}
    for items in ([1, 2], [1.0, 2.0], ["1", "2"], ["1.0", "2.0"]):
        rows = pd.DataFrame({"item": items, "worker": ["A", "B"], "label": ["pos", "neg"]})
        assert project.add_crowd(rows).items == ["1", "2"]
    with pytest.raises(ProjectError, match="record '2' is in the project already"):
        project.add_records([{"id": 2.0, "text": "again"}])


@pytest.mark.parametrize("other", [[], [{"id": "z", "text": "of another session"}]])
def test_a_session_knows_the_ids_that_it_has_imported_as_they_stand_on_disk(project, other):
    project.add_records([{"id": i, "text": f"film {i}"} for i in (3, 1, 2)], quiet=True)
    with wl.Project(project.path) as beside:
        if other:
            beside.add_records(other, quiet=True)
        assert (
            project.add_records(
                [{"id": "1", "text": "old"}, {"id": "v1.0", "text": "new"}], skip_known=True, quiet=True
            )
            == 1
        )
        project.add_records(["a text", "a text"], quiet=True)
        expected = ["3", "1", "2", *(row["id"] for row in other), "v1.0"]
        assert ids(project)[:-2] == expected
        assert project.labels()["id"].tolist() == ids(project)
        for name in ids(project):
            project.label(name, "pos")
        assert list(beside.manual_labels()) == ids(project)
        assert len(beside) == len(project) == len(expected) + 2


def test_an_id_that_stands_twice_in_one_file_keeps_the_whole_file_out(project):
    rows = [{"id": i, "text": "x"} for i in range(9000)]
    with pytest.raises(CorpusError, match="id 4096 stands in records 4096 and 9000 "):
        project.add_records([*rows, rows[4096]], quiet=True)
    assert project.add_records(rows, quiet=True) == 9000


def test_ids_that_were_rounded_or_are_fractions_are_refused():
    with pytest.raises(CorpusError, match="too large to be exact"):
        wl.read(pd.DataFrame({"id": [1e17, 2.0], "text": ["a", "b"]}))
    with pytest.raises(CorpusError, match=r"1\.5 is no id; ids are texts or whole numbers"):
        wl.read(pd.DataFrame({"id": [1.5, 2.0], "text": ["a", "b"]}))
    with pytest.raises(CorpusError, match="record 1 has no id"):
        len(wl.read(pd.DataFrame({"id": [1.0, None], "text": ["a", "b"]})))


# ---- the command line


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_line_maps_chooses_and_shows(tmp_path):
    wl.Project(tmp_path / "p", labels=["spam", "ham"]).close()
    (tmp_path / "a.csv").write_text("id,text,y,n,m\n1,win,1,3,4\n2,lunch,0,5,6\n")
    found = run(
        "import",
        tmp_path / "p",
        tmp_path / "a.csv",
        "--label",
        "y",
        "--map",
        "1=spam",
        "--map",
        "0=ham",
        "--column",
        "n",
    )
    assert found.exit_code == 0, found.output
    assert "y       label    spam 1, ham 1" in found.output
    assert "m       ignored  not among columns=" in found.output
    assert "imported 2 records" in found.output
    (tmp_path / "b.csv").write_text("id,y\n" + "".join(f"x{i},{i % 2}\n" for i in range(20)))
    refused = run("import", tmp_path / "p", tmp_path / "b.csv", "--label", "y", "--no-text")
    assert isinstance(refused.exception, ProjectError)
    wl.Project(tmp_path / "q", labels=["spam", "ham"]).close()
    refused = run("import", tmp_path / "q", tmp_path / "b.csv", "--gold", "y")
    assert isinstance(refused.exception, UnknownLabelError)
    assert "--map 1=spam --map 0=ham" in str(refused.exception)


def test_a_corpus_that_was_read_is_not_read_anew_with_other_roles(project):
    corpus = wl.read([{"text": "a", "y": "pos"}], label="y")
    assert project.add_records(corpus, label="y", quiet=True).labels == {"pos": 1}
    with pytest.raises(
        CorpusError,
        match=r"was read before, without gold='y'; name the column there: weaklab.read\(\.\.\., gold=\.\.\.\)",
    ):
        project.add_records(corpus, gold="y")


def test_gold_that_an_older_version_kept_and_that_is_no_label_does_not_stop_the_project(project):
    project.add_records(
        [{"id": "a", "text": "x", "y": "pos"}, {"id": "b", "text": "y", "y": "neg"}], gold="y", quiet=True
    )
    assert pq.read_schema(next((project.path / "corpus").glob("*/part-*.parquet"))).field("y").type == pa.large_string()
    assert project.status()["accuracy"] == 0.5


def test_a_column_of_numbers_that_was_read_as_text_is_named_with_what_to_do(tmp_path):
    rows = "".join(f'c{i},{i}.5,{"n.a." if i == 7 else i},z{i},"{i},5"\n' for i in range(20))
    (tmp_path / "a.csv").write_text(f"case,full,part,code,comma\n{rows}")
    with wl.Project(tmp_path / "p", labels=["x", "y"]) as project:
        found = project.add_records(tmp_path / "a.csv", text=[], id="case", quiet=True)
    assert [note for note in found.notes if "numbers" in note] == [
        "part: 19 of 20 values are numbers; read as text because of 'n.a.' (record c7); correct the file, or read "
        "these as empty: na_values=['n.a.'] (--na 'n.a.') for a CSV file",
        "comma: 20 values are numbers with a comma, and were read as text; correct the file, or read them as numbers: "
        "decimal=',' (--decimal ,) for a CSV file",
    ]
    comma = wl.read(tmp_path / "a.csv", text=[], id="case", decimal=",").column("comma")
    assert comma.to_pylist()[:2] == [0.5, 1.5]
    with wl.Project(tmp_path / "q", labels=["x", "y"]) as project:
        found = project.add_records(tmp_path / "a.csv", text=[], id="case", na_values=["n.a."], quiet=True)
        assert project.corpus.column("part").to_pylist()[6:9] == [6, None, 8]
        assert "part" in found.role("numeric")
        with pytest.raises(wl.WeaklabError, match=r"'n\.a\.' of record 'd' is no number; .*--na 'n\.a\.'"):
            project.add_records([{"case": "d", "full": 1.5, "part": "n.a."}], text=[], quiet=True)


@pytest.mark.parametrize("options", [{"na_values": "n.a."}, {"na_values": [1]}, {"decimal": ",,"}, {"decimal": ""}])
def test_options_for_numbers_must_be_texts(tmp_path, options):
    (tmp_path / "a.csv").write_text("case,n\na,1\n")
    with pytest.raises(wl.WeaklabError, match=f"{next(iter(options))}.*wanted|must be a list of texts"):
        wl.read(tmp_path / "a.csv", text=[], **options)
