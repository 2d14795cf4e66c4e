"""JSON Lines whose columns change late, JSON arrays and Excel workbooks: all records, or one sentence that says what to
do."""

import json
import sys

import openpyxl
import pyarrow as pa
import pytest

import weaklab
from weaklab import WeaklabWarning
from weaklab.core.errors import CorpusError


def write(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def column(path, name, **options):
    return weaklab.read(path, **options).column(name).to_pylist()


def refusal(path, **options):
    with pytest.raises(CorpusError) as caught:
        len(weaklab.read(path, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- JSON Lines


@pytest.mark.parametrize(
    ("early", "late", "kind"),
    [
        ({}, {"new": 1}, pa.int64()),
        ({"new": 1}, {"new": 1.5}, pa.float64()),
        ({"new": None}, {"new": "text"}, pa.large_string()),
        ({"new": "2020-01-01"}, {"new": "no date"}, pa.large_string()),
        ({"new": {"k": 1}}, {"new": {"z": "x", "k": 2}}, pa.struct([("k", pa.int64()), ("z", pa.string())])),
        ({"new": []}, {"new": [1.5]}, pa.list_(pa.float64())),
        ({"new": [{"a": 1}]}, {"new": [{"b": 2, "a": 1}]}, pa.list_(pa.struct([("a", pa.int64()), ("b", pa.int64())]))),
    ],
)
def test_a_column_may_appear_late_and_become_wider(tmp_path, early, late, kind):
    rows = [{"text": f"r{i}"} | early for i in range(5000)] + [{"text": "last"} | late]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    found = weaklab.read(path).column("new")
    assert found.type == kind
    values = found.to_pylist()
    assert values[-1] == late["new"]
    assert values[0] in (
        early.get("new"),
        early.get("new") and {"k": 1, "z": None},
        early.get("new") and [{"a": 1, "b": None}],
    )


@pytest.mark.parametrize(("early", "late"), [(3, "n/a"), (True, 1), ([1], "x"), ({"k": 1}, 5)])
def test_a_column_of_several_types_is_left_out_if_nobody_needs_it(tmp_path, early, late):
    rows = [{"text": f"r{i}", "meta": early} for i in range(5000)] + [{"text": "last", "meta": late}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    with pytest.warns(WeaklabWarning, match="column 'meta' is left out: .*mixed types"):
        assert column(path, "text")[-1] == "last"
    assert "column 'meta': mixed types" in refusal(path, columns=["meta"])


def test_ids_of_numbers_and_texts_are_texts(tmp_path):
    rows = [{"id": i, "text": "a"} for i in range(5000)] + [{"id": "x", "text": "b"}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert [str(name) for name in weaklab.read(path).ids.to_pylist()] == [*map(str, range(5000)), "x"]


@pytest.mark.parametrize("line", ['{"text": "b", "text": "c"}', '{"text": "b", "m": {"k": 1, "k": 2}}'])
def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path, line):
    path = write(tmp_path / "a.jsonl", '{"text": "a"}\n' * 5000 + line + "\n")
    assert "a.jsonl:5001: the key" in refusal(path)
    assert "b.jsonl:2: the key" in refusal(write(tmp_path / "b.jsonl", '{"text": "a"}\n' + line))
    assert "stands more than once in one object" in refusal(path)


# ---- JSON arrays


def test_a_json_array_is_a_list_of_records(tmp_path):
    path = write(tmp_path / "a.json", json.dumps([{"text": "one"}, {"text": "two\u2028", "n": 3}], indent=1))
    assert column(path, "text") == ["one", "two\u2028"]
    assert column(path, "n") == [None, 3]
    assert column(write(tmp_path / "b.json", '["one", "two"]'), "text") == ["one", "two"]
    assert column(write(tmp_path / "c.json", '{"text": "one"}\n{"text": "two"}\n'), "text") == ["one", "two"]
    assert column(write(tmp_path / "d.json", '{"text": "one"}'), "text") == ["one"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"data": [{"text": "a"}]}', "holds one object whose value 'data' is a list; wanted a list of objects"),
        ('{"text": {"0": "a"}, "y": {"0": 1}}', "holds one object with the lists 'text', 'y', which may be columns"),
        ('[{"text": "a"}, 3]', "a.json, record 1: wanted an object, got int 3"),
        ("3", "wanted a list of objects, got int 3"),
        ('[{"text": "a"},\n {"text": ]', "a.json, line 2: not JSON"),
        ('[{"text": "a", "text": "b"}]', "the key 'text' stands more than once"),
        ("[]", "holds no record"),
    ],
)
def test_json_that_is_no_list_of_records_is_refused(tmp_path, content, message):
    assert message in refusal(write(tmp_path / "a.json", content))


# ---- Excel workbooks


def workbook(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_sheet_is_read_as_it_is_shown(tmp_path):
    rows = [["number", "text", "score"], [1, "NA", 0.5], [2, "007", None], [None, None, None], [3, "None", 2]]
    path = workbook(tmp_path / "a.xlsx", {"notes": [], "data": rows})
    assert column(path, "text", id="number") == ["NA", "007", "None"]
    assert column(path, "score", id="number") == [0.5, None, 2.0]
    assert [str(name) for name in weaklab.read(path, id="number").ids.to_pylist()] == ["1", "2", "3"]


def test_of_several_sheets_one_has_to_be_named(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"train": [["text"], ["one"]], "test": [["text"], ["two"]]})
    assert "several sheets hold something (train, test); say which: sheet='train' (--sheet 'train')" in refusal(path)
    assert column(path, "text", sheet="test") == ["two"]
    assert "no sheet 'tets'; did you mean 'test'?" in refusal(path, sheet="tets")


def test_a_sheet_without_header_and_with_nameless_columns(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"data": [[3, "Wall St. Bears"], [4, "Carlyle looks"]]})
    assert "it holds the number 3; pass header=False" in refusal(path)
    assert column(path, "title", header=False, names=["topic", "title"], text="title") == [
        "Wall St. Bears",
        "Carlyle looks",
    ]
    assert column(workbook(tmp_path / "b.xlsx", {"data": [["text"], ["one", "rest"]]}), "column_2", text="text") == [
        "rest"
    ]


def test_a_formula_that_was_never_computed_is_refused(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"data": [["text", "n"], ["one", "=1+1"]]})
    assert "cell B2: holds a formula without a value" in refusal(path)


@pytest.mark.parametrize("error", ["#N/A", "#DIV/0!", "#REF!"])
def test_a_cell_with_an_error_is_refused_and_not_read_as_empty(tmp_path, error):
    path = workbook(tmp_path / "a.xlsx", {"data": [["text", "y"], ["one", "spam"], ["two", error]]})
    assert f"cell B3: holds the error {error}; put a value there, or empty the cell" in refusal(path)


def test_a_mixed_cell_is_named_and_a_broken_workbook_too(tmp_path):
    path = workbook(tmp_path / "a.xlsx", {"data": [["text", "n"], ["one", 1], ["two", "x"], ["three", 3]]})
    assert "a.xlsx, row 3, column 'n': mixed types" in refusal(path, columns=["n"])
    assert "is no Excel workbook that can be read" in refusal(write(tmp_path / "b.xlsx", "text\none\n"))


def test_without_openpyxl_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", {"data": [["text"], ["one"]]})
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert "pip install openpyxl" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        {"text": ["a", "b"], "label": ["spam", "ham"]},
        {"columns": ["text"], "data": [["a"]]},
        {"text": {"0": "a"}, "y": {"0": 1}},
    ],
)
def test_columns_in_a_json_object_are_not_taken_for_records(tmp_path, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(
        CorpusError, match=r"which may be columns; wanted a list of objects: read it with pandas.read_json"
    ):
        weaklab.read(tmp_path / "a.json")


@pytest.mark.parametrize("cells", ["C2:C3", "B3:C3", "A1:C1"])
def test_merged_cells_are_named(tmp_path, cells):
    openpyxl = pytest.importorskip("openpyxl", reason="Excel files need openpyxl")
    book = openpyxl.Workbook()
    for row in (["text", "n", "y"], ["win a prize", 1, "spam"], ["see you", 2, "ham"]):
        book.active.append(row)
    book.active.merge_cells("F1:F3")  # holds nothing
    book.save(tmp_path / "a.xlsx")
    assert weaklab.read(tmp_path / "a.xlsx", text="text", gold="y").gold() == ["spam", "ham"]
    book.active.merge_cells(cells)
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(CorpusError, match=f"cells {cells}: are merged, and only the first of them holds the value"):
        weaklab.read(tmp_path / "a.xlsx", text="text", gold="y")
