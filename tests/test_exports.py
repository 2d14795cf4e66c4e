"""Exports: every type as each format can hold it, formulas neutralised on request, one sentence for what does not
fit."""

import csv
import datetime
import decimal
import json
import math
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from weaklab import Project, keywords
from weaklab.core.errors import CorpusError, ProjectError
from weaklab.corpus.plain_types import plain_column
from weaklab.exchange import WRITERS
from weaklab.exchange.csv_writer import spreadsheet_safe, without_formula

DAY = datetime.date(2026, 1, 31)
MOMENT = datetime.datetime(2026, 1, 31, 12, 30, tzinfo=datetime.UTC)
NESTED = {"n": math.nan, "raw": b"\xff\x00", "days": [DAY]}
AS_JSON = [
    (pa.array([math.nan, math.inf, -math.inf, 1.5]), [None, None, None, 1.5]),
    (pa.array([1.5, math.nan], pa.float16()), [1.5, None]),
    (pa.array([b"\xff", None]), ["/w==", None]),
    (pa.array([b"ab"], pa.binary(2)), ["YWI="]),
    (pa.array([DAY]), ["2026-01-31"]),
    (pa.array([MOMENT], pa.timestamp("us", "UTC")), ["2026-01-31T12:30:00+00:00"]),
    (pa.array([datetime.time(1, 2, 3)]), ["01:02:03"]),
    (pa.array([datetime.timedelta(hours=1, seconds=2)]), ["P0DT1H0M2S"]),
    (pa.array([pa.MonthDayNano([1, 2, 500_000_000])]), ["P1M2DT0.500000000S"]),
    (pa.array([decimal.Decimal("0.10"), None]), ["0.10", None]),
    (pa.array([[math.nan, 1.0], None]), [[None, 1.0], None]),
    (pa.array([NESTED]), [{"n": None, "raw": "/wA=", "days": ["2026-01-31"]}]),
    (pa.array([[("a", math.inf)]], pa.map_(pa.string(), pa.float64())), [[["a", None]]]),
    (pa.array([7, 8, 7]).dictionary_encode(), [7, 8, 7]),
    (pa.array([b"x"]).dictionary_encode(), ["eA=="]),
    (pa.RunEndEncodedArray.from_arrays([2, 3], [1.0, math.nan]), [1.0, 1.0, None]),
    (pa.array(["a", None], pa.string_view()), ["a", None]),
    (pa.array([[1]], pa.large_list(pa.int64())), [[1]]),
    (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([uuid.UUID(int=5).bytes], pa.binary(16))),
        [str(uuid.UUID(int=5))],
    ),
    (
        pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.int8(), (2,)), pa.array([[1, 2]], pa.list_(pa.int8(), 2))
        ),
        [[1, 2]],
    ),
]


def refused(word):
    raise AssertionError(f"{word} is no JSON")


@pytest.mark.parametrize(("column", "wanted"), AS_JSON, ids=lambda value: str(getattr(value, "type", ""))[:40])
def test_jsonl_is_json_for_every_type(tmp_path, column, wanted):
    WRITERS[".jsonl"](pa.table({"x": column}), tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line, parse_constant=refused)["x"] for line in lines] == wanted


@pytest.mark.parametrize(
    "column",
    [pa.array([[1]]), pa.array([{"a": 1}]), pa.array([b"a"]), pa.array([b"a"]).dictionary_encode(),
     pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), pa.array([b"a"], pa.binary_view()),
     pa.array([[1]], pa.list_(pa.int64(), 1))],
    ids=lambda column: str(column.type)[:30],
)  # fmt: skip
def test_csv_names_the_column_that_no_cell_can_hold(tmp_path, column):
    with pytest.raises(ProjectError, match=r"column 'extra' \(.*\.parquet or \.jsonl"):
        WRITERS[".csv"](pa.table({"id": [1], "extra": column}), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_csv_and_parquet_take_what_is_only_stored_in_another_way(tmp_path):
    table = pa.table(
        {
            "ree": pa.RunEndEncodedArray.from_arrays([1, 2], ["a", "b"]),
            "view": pa.array(["c", "d"], pa.string_view()),
            "number": pa.array([5, 6]).dictionary_encode(),
            "long": pa.array([datetime.timedelta(days=1), None]),
        }
    )
    for suffix in (".csv", ".parquet"):
        WRITERS[suffix](table, tmp_path / f"out{suffix}")
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as stream:
        assert list(csv.reader(stream))[1:] == [["a", "c", "5", "P1DT0H0M0S"], ["b", "d", "6", ""]]
    assert pq.read_table(tmp_path / "out.parquet").column("ree").to_pylist() == ["a", "b"]
    with pytest.raises(ProjectError, match="'gap' holds month_day_nano_interval"):
        WRITERS[".parquet"](pa.table({"gap": [pa.MonthDayNano([1, 0, 0])]}), tmp_path / "gap.parquet")
    with pytest.raises(ProjectError, match="'far': holds a date"):
        WRITERS[".csv"](pa.table({"far": pa.array([2**62], pa.timestamp("us"))}), tmp_path / "far.csv")


def test_plain_columns_keep_what_is_plain_already():
    column = pa.chunked_array([["a"], ["b"]])
    assert plain_column(column) is column
    flags = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None], pa.int8()))
    assert plain_column(pa.chunked_array([flags, flags])).to_pylist() == [True, False, None] * 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("=1+1", "'=1+1"), ("+49 30 1", "'+49 30 1"), ("-x", "'-x"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t'=1"),
        ("\rx", "'\rx"),
        ("  =1", "  '=1"), ("＝1", "'＝1"), ("\ufeff=1", "\ufeff'=1"), ("a;=1", "a;'=1"), ("a,@b", "a,'@b"),
        ('"=1', "\"'=1"), ("a\n=1", "a\n'=1"),
        ("-2+3", "'-2+3"), ("-2,3+a", "'-2,3+a"), ("-5", "-5"), ("+3.5e-2", "+3.5e-2"), ("-2,5", "-2,5"),
        ("well-known", "well-known"),
        ("a=b", "a=b"), ("mail@home", "mail@home"), ("", ""),
    ],
)  # fmt: skip
def test_formulas_get_an_apostrophe_and_numbers_stay(text, wanted):
    assert without_formula(text) == wanted


def test_every_text_of_a_table_is_neutralised_names_of_columns_too():
    table = spreadsheet_safe(
        pa.table({"=head": ["=a", None], "n": [-1, 2], "d": pa.array(["@x", "y"]).dictionary_encode()})
    )
    assert table.to_pydict() == {"'=head": ["'=a", None], "n": [-1, 2], "d": ["'@x", "y"]}


@pytest.fixture
def project(tmp_path):
    table = pa.table({"id": ["=1", "-2"], "text": ["=prize", "lunch"], "price": [-1.5, math.nan], "tags": [["a"], []]})
    with Project(tmp_path / "p", labels=["+spam", "ham"], timeout=None, share_answers=0) as made:
        made.add_records(table, text="text")
        made.add(keywords("+spam", ["prize"]))
        yield made


def test_a_project_exports_exact_texts_unless_it_is_asked_for_safe_ones(project, tmp_path):
    def first(**options):
        project.export(tmp_path / "out.csv", include=["text", "price"], **options)
        with open(tmp_path / "out.csv", newline="", encoding="utf-8") as stream:
            return list(csv.reader(stream))[1][:4]

    assert first() == ["=1", "=prize", "-1.5", "+spam"]
    assert first(spreadsheet_safe=True) == ["'=1", "'=prize", "-1.5", "'+spam"]
    with pytest.raises(ProjectError, match="spreadsheet_safe is for CSV"):
        project.export(tmp_path / "out.jsonl", spreadsheet_safe=True)


def test_text_names_the_columns_of_text_unless_one_is_called_so(tmp_path):
    records = [{"nr": 1, "question": "where is it?", "more": "my card"}]
    with Project(tmp_path / "p", labels=["a", "b"], timeout=None) as made:
        made.add_records(records, id="nr", text=["question", "more"], quiet=True)
        assert made.labels(include=["text"]).columns[:4].tolist() == ["nr", "question", "more", "label"]
        made.export(tmp_path / "out.jsonl", include=["text", "question"])
        assert list(json.loads((tmp_path / "out.jsonl").read_text()))[:4] == ["nr", "question", "more", "label"]
        made.export(tmp_path / "tool.jsonl", include=["text"], to="doccano")
        with pytest.raises(CorpusError, match="no column 'body'"):
            made.labels(include=["body"])
    with Project(tmp_path / "q", labels=["a", "b"], timeout=None) as made:
        made.add_records([{"nr": 1, "question": "where is it?", "text": 7}], id="nr", text="question", quiet=True)
        assert made.labels(include=["text"])["text"].tolist() == [7]


def test_a_column_that_does_not_fit_leaves_the_old_file_in_place(project, tmp_path):
    (tmp_path / "out.csv").write_text("old")
    with pytest.raises(ProjectError, match="'tags'"):
        project.export(tmp_path / "out.csv", include=["tags"])
    assert (tmp_path / "out.csv").read_text() == "old"
    assert not list(tmp_path.glob(".out*"))
    project.export(tmp_path / "out.jsonl", include=["tags", "price"])
    rows = [
        json.loads(line, parse_constant=refused) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    ]
    assert [(row["tags"], row["price"]) for row in rows] == [(["a"], -1.5), ([], None)]


def runs(values):
    return pa.RunEndEncodedArray.from_arrays(list(range(1, len(values) + 1)), values)


def test_columns_that_are_only_stored_in_another_way_are_read(tmp_path):
    table = pa.table(
        {
            "id": pa.ExtensionArray.from_storage(
                pa.uuid(), pa.array([uuid.UUID(int=n).bytes for n in (1, 2)], pa.binary(16))
            ),
            "text": runs(["a prize", "lunch"]),
            "label": runs(["spam", "ham"]),
            "price": runs([1.5, 2.5]),
            "code": pa.array(["x", "y"], pa.string_view()),
            "kind": pa.array([5, 6]).dictionary_encode(),
            "tensor": pa.ExtensionArray.from_storage(
                pa.fixed_shape_tensor(pa.float32(), (2,)), pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2))
            ),
        }
    )
    with Project(tmp_path / "p", labels=["spam", "ham"], timeout=None) as project:
        project.add_records(table, text="text", id="id", label="label", quiet=True)
        assert project.manual_labels() == {str(uuid.UUID(int=1)): "spam", str(uuid.UUID(int=2)): "ham"}
        record = project.corpus.record(1)
        assert (record.text, record.price, record.code, record.kind, list(record.tensor)) == (
            "lunch",
            2.5,
            "y",
            6,
            [3, 4],
        )


@pytest.mark.parametrize(
    "column",
    [pa.array([pa.MonthDayNano([1, 2, 3])]), pa.StructArray.from_arrays([runs([1])], ["inner"]),
     pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])],
    ids=lambda column: str(column.type)[:30],
)  # fmt: skip
def test_columns_that_nothing_can_store_are_left_out_with_a_sentence_or_refused(tmp_path, column):
    table = pa.table({"text": ["a prize"], "odd": column})
    with Project(tmp_path / "p", labels=["spam", "ham"], timeout=None) as project:
        receipt = project.add_records(table, text="text", quiet=True)
        assert "odd" in str(receipt.table())
        assert "odd" not in project.corpus.schema.names
        with pytest.raises(CorpusError, match="odd"):
            project.add_records(table, text="text", columns=["odd"], quiet=True)
