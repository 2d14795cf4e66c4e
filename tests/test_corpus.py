"""Reading records from anything: the same text has the same id everywhere, and what cannot be read says so in one
sentence."""

import csv
import datetime
import gzip
import json
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import weaklab
from weaklab import Project, WeaklabError, WeaklabWarning
from weaklab.core.errors import CorpusError
from weaklab.corpus import BATCH_ROWS, ColumnError, ids_of
from weaklab.exchange import csv_files

TEXTS = ["Free prize inside", "See you at noon", "café, “quoted”\nand 中文"]
HOSTILE = [
    "\x00NUL\x00",
    "\u202egnihsif\u202c",
    "=HYPERLINK(1)",
    "@SUM(A1)",
    "",
    " ",
    "\r\n",
    "\ufeffBOM",
    "a" * 100_000,
    "🏳️‍🌈",
    "\x85\u2028",
]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def texts(data, **roles):
    """Read everything as a labeling function would."""
    corpus = weaklab.read(data, **roles)
    return [corpus.record(row).text for row in range(len(corpus))]


def rows(data, **roles):
    corpus = weaklab.read(data, **roles)
    return [dict(corpus.record(row)) for row in range(len(corpus))]


def ids(data, **roles):
    return [name for batch in weaklab.read(data, **roles).batches() for name in ids_of(batch)]


def refusal(data, **roles):
    """Return the one message with which data is refused, by read() or by the first use."""
    with pytest.raises(CorpusError) as caught:
        len(weaklab.read(data, **roles))
    assert type(caught.value) in (CorpusError, ColumnError)
    assert isinstance(caught.value, (WeaklabError, ValueError))
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1000
    return message


# ---- the same records whatever holds them


def test_the_same_text_has_the_same_id_in_every_format(tmp_path):
    frame = pd.DataFrame({"text": TEXTS})
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["text"], *([text] for text in TEXTS)])
    write(tmp_path / "a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    frame.to_parquet(tmp_path / "a.parquet")
    write(tmp_path / "a.csv.gz", gzip.compress((tmp_path / "a.csv").read_bytes()))
    write(tmp_path / "utf16.csv", (tmp_path / "a.csv").read_text().encode("utf-16"))
    expected = ids(TEXTS)
    forms = [
        [{"text": text} for text in TEXTS], frame, frame.astype("string"), frame.astype(object),
        frame.astype("category"),
        frame["text"], pl.DataFrame({"text": TEXTS}), pl.LazyFrame({"text": TEXTS}), pl.Series("text", TEXTS),
        pa.table({"text": TEXTS}),
        pa.record_batch({"text": TEXTS}), pa.table({"text": pa.array(TEXTS).dictionary_encode()}),
        pa.table({"text": pa.array(TEXTS, pa.string_view())}), tmp_path / "a.csv", str(tmp_path / "a.jsonl"),
        tmp_path / "a.parquet",
        tmp_path / "a.csv.gz", tuple(TEXTS),
    ]  # fmt: skip
    for form in forms:
        assert ids(form) == expected, form
    assert ids(tmp_path / "utf16.csv", encoding="utf-16") == expected


def test_ids_stay_when_records_are_reordered_and_added():
    assert set(ids(TEXTS)) < set(ids(["new", *reversed(TEXTS)]))


def test_repeated_records_get_ids_of_their_own():
    first, second, other = ids(["a", "a", "b"])
    assert second == first + "-1"
    assert other != first


def test_ids_do_not_depend_on_the_size_of_batches():
    corpus = weaklab.read([str(i % 7) for i in range(100)])
    assert [name for batch in corpus.batches(size=3) for name in ids_of(batch)] == corpus.ids.to_pylist()


def test_given_ids_are_kept(tmp_path):
    assert ids(pd.DataFrame({"id": [3, 4], "text": ["a", "b"]})) == ["3", "4"]
    assert ids([{"key": "x", "text": "a"}], id="key") == ["x"]
    assert ids(write(tmp_path / "a.csv", "id,text\n007,a\n1e3,b\n")) == ["007", "1e3"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_missing_text_is_empty_text(missing):
    for kind in (object, "string", "category"):
        assert texts(pd.DataFrame({"text": pd.Series(["a", missing], dtype=kind)})) == ["a", ""]


def test_nan_in_a_list_of_dicts_is_missing():
    found = rows(pd.DataFrame({"text": ["a", "b"], "place": ["x", np.nan]}, dtype=object).to_dict("records"))
    assert [row["place"] for row in found] == ["x", None]


def test_numbers_are_read_as_text_where_text_is_wanted():
    for data in (
        pd.DataFrame({"text": [1, 2]}),
        pa.table({"text": [1, 2]}),
        pl.DataFrame({"text": [1.0, 2.0]}),
        [{"text": 1}, {"text": "2"}],
    ):
        assert texts(data) == ["1", "2"]


def test_labels_that_a_gap_made_floats_are_whole_again():
    corpus = weaklab.read(pd.DataFrame({"text": ["a", "b"], "y": [1, None]}), label="y")
    assert corpus.column("y").to_pylist() == ["1", None]


def test_other_columns_keep_their_values():
    when = pd.Timestamp("2026-01-02 03:04")
    frame = pd.DataFrame(
        {
            "text": ["a"],
            "when": [when],
            "day": [datetime.date(2026, 1, 2)],
            "n": [5],
            "ok": [True],
            "kind": pd.Categorical([7]),
        }
    )
    row = rows(frame)[0]
    assert (row["when"], row["day"], row["n"], row["ok"], row["kind"]) == (
        when.to_pydatetime(),
        datetime.date(2026, 1, 2),
        5,
        True,
        7,
    )


def test_vectors_become_numpy_arrays():
    for data in ([{"v": [1.0, 2.0]}], pd.DataFrame({"v": [np.array([1.0, 2.0])]}), pl.DataFrame({"v": [[1.0, 2.0]]})):
        v = weaklab.read(data).record(0).v
        assert isinstance(v, np.ndarray)
        assert v.tolist() == [1, 2]
    assert weaklab.read([{"v": [[1, 2], [3]]}]).record(0).v == [[1, 2], [3]]


def test_nested_values_survive(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a", "m": {"k": [1, 2]}}\n{"text": "b", "m": {"z": "q"}}\n')
    assert [row["m"] for row in rows(path)] == [{"k": [1, 2], "z": None}, {"k": None, "z": "q"}]


def test_keys_that_are_no_text_keep_their_values():
    assert rows([{1: "a"}])[0]["1"] == "a"


def test_several_text_columns_are_joined_by_a_line_break():
    assert texts([{"title": "A", "body": "b"}, {"title": None, "body": "c"}], text=["title", "body"]) == ["A\nb", "\nc"]


def test_a_list_of_paths_is_read_as_files(tmp_path):
    paths = [write(tmp_path / "a.csv", "text\na\n"), write(tmp_path / "b.csv", "text\nb\n")]
    assert (
        texts(paths)
        == texts([str(path) for path in paths])
        == texts(str(tmp_path / "*.csv"))
        == texts(tmp_path)
        == ["a", "b"]
    )


def test_take_returns_rows_in_the_order_asked_for():
    corpus = weaklab.read([str(i) for i in range(2 * BATCH_ROWS)])
    assert corpus.take([BATCH_ROWS, 3, BATCH_ROWS, 0]).column("text").to_pylist() == [
        str(BATCH_ROWS),
        "3",
        str(BATCH_ROWS),
        "0",
    ]
    assert corpus.take([]).num_rows == 0
    for row in (-1, 2 * BATCH_ROWS):
        with pytest.raises(CorpusError, match=r"has rows 0 to 8,191, got"):
            corpus.record(row)


def test_label_and_gold_are_hidden_from_labeling_functions():
    x = weaklab.read([{"text": "a", "label": "spam", "gold": "ham"}], label="label", gold="gold").record(0)
    for name in ("label", "gold"):
        with pytest.raises(AttributeError, match="holds labels, and a heuristic must not read them"):
            getattr(x, name)
        assert name not in x
        assert x.get(name) is None
    assert set(dict(x)) == {"id", "text"}


def test_labels_do_not_change_ids():
    plain = ids([{"n": 1, "m": 2}])
    assert ids([{"n": 1, "m": 2, "gold": "ham"}], gold="gold") == plain


def test_unknown_column_is_reported_with_the_existing_ones():
    with pytest.raises(AttributeError, match="no column 'headlin'; did you mean 'headline'"):
        _ = weaklab.read([{"headline": "a"}]).record(0).headlin


# ---- files


def test_csv_with_quotes_line_breaks_and_a_byte_order_mark(tmp_path):
    path = write(tmp_path / "a.csv", '\ufefftext,n\n"two\nlines",1\n"say ""hi"", you",2\n')
    assert [(row["text"], row["n"]) for row in rows(path)] == [("two\nlines", 1), ('say "hi", you', 2)]


@pytest.mark.parametrize(
    ("name", "content"), [("a.tsv", "text\tn\na,b\t1\n"), ("a.csv", "text;n\na,b;1\n"), ("b.csv", "text\tn\na,b\t1\n")]
)
def test_tabs_and_semicolons_separate_where_the_header_shows_it(tmp_path, name, content):
    assert texts(write(tmp_path / name, content)) == ["a,b"]


def test_encodings(tmp_path):
    latin = write(tmp_path / "latin.csv", "text,é\ncafé,1\n".encode("latin-1"))
    wide = write(tmp_path / "wide.csv", "text\ncafé\n".encode("utf-16"))
    lines = write(tmp_path / "lines.txt", "café\nthé\n".encode("utf-16"))
    assert texts(latin, encoding="latin-1") == ["café"]
    assert texts(lines, encoding="utf-16") == ["café", "thé"]
    assert "encoding='latin-1'" in refusal(latin)
    assert "encoding='utf-16'" in refusal(wide)
    assert "line 1 is not utf-8; pass the file's encoding" in refusal(
        write(tmp_path / "l.jsonl", '{"text": "é"}'.encode("latin-1"))
    )
    assert "no text encoding is named 'utf-99'" in refusal(latin, encoding="utf-99")


def test_csv_is_read_in_blocks(tmp_path, monkeypatch):
    """A record larger than a block, and columns that are empty for a long time, start the file again and lose
    nothing."""
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 2000)
    wanted = [*(f"r{i}" for i in range(500)), "y" * 50_000, *(f"s{i}" for i in range(500))]
    lines = [f"{text},{'late' if i > 900 else ''}\n" for i, text in enumerate(wanted)]
    corpus = weaklab.read(write(tmp_path / "a.csv", "text,note\n" + "".join(lines)))
    assert corpus.column("text").to_pylist() == wanted
    assert corpus.column("note").to_pylist()[-1] == "late"


def test_a_csv_column_whose_type_changes_late_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.csv", "text,n\n" + "".join(f"r{i},{i}\n" for i in range(40_000)) + "x,abc\n")
    assert weaklab.read(path).column("n").to_pylist()[-1] == "abc"  # in one block all of them are text
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 2000)
    assert "a.csv, line 40,002: column 'n' was int64 before and now holds 'abc'; make it one type" in refusal(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("text,n\n", "holds no record"),
        ("text,n", "holds no record"),
        ("\n\n", "holds no record"),
        (b"\x00" * 50, "is no text file: 50 of its first 50 bytes are NUL"),
        ("text,n\na,1\nb\n", "a.csv, line 3: 1 value for 2 columns, in 'b'"),
        (
            "text,n\na,1\nb,2,3\n",
            "a.csv, line 3: 3 values for 2 columns, in 'b,2,3'; put quotes around a value that holds a separator",
        ),
        ('text,n\na,1\n"b,2\nc,3\n', "a.csv, line 3: a quote is opened here and never closed; close it"),
        ("text,text\na,b\n", "more than one column is named 'text'"),
        ("id,text\na,x\nb,y\na,z\n", "id 'a' stands in records 0 and 2"),
        ("id,text\na,x\n,y\n", "record 1 has an empty id"),
    ],
)
def test_a_csv_that_cannot_be_read(tmp_path, content, message):
    path = write(tmp_path / "a.csv", content)
    assert message in refusal(path)
    assert str(path) in refusal(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n{"text":\n', "a.jsonl:2: not JSON: Expecting value"),
        ('{"text": "a"}\n\n[1, 2]\n', "a.jsonl:3: wanted one JSON object a line, got list [1, 2]"),
        ('[\n {"text": "a"}\n]\n', "the file is one JSON array: give its name the ending .json"),
        ("\n\n", "holds no record"),
        ("{}\n", "holds no record"),
        ('{"text": ["x"]}\n', "a.jsonl:1, column 'text': wanted text, got list ['x']"),
        ('{"text": "a", "n": ' + "9" * 5000 + "}\n", "a.jsonl:1: not JSON"),
        ('{"text": "a"}\n{"m": ' + "[" * 100_000 + "]" * 100_000 + "}\n", "a.jsonl:2: lists or dicts nested more than "
                                                                          "64 deep"),
        ('{"text": "a", "m": ' + "[" * 200 + "]" * 200 + "}\n", "a.jsonl:1, column 'm': lists or dicts nested more "
                                                                "than 64 deep"),
        ('{"text": "a", "k\\ud800": 1}\n', "column name 'k\\ud800' holds a lone surrogate"),
        ('{"text": "a\x00"}\n', "a.jsonl:1: not JSON: Invalid control character"),
    ],
)  # fmt: skip
def test_a_jsonl_file_that_cannot_be_read(tmp_path, content, message):
    assert message in refusal(write(tmp_path / "a.jsonl", content))


def test_lines_of_jsonl_end_at_line_feeds_alone(tmp_path):
    path = write(tmp_path / "a.jsonl", '\ufeff{"text": "a\u2028b\x85c"}\r\n\r\n{"text": "d\\u0000e", "late": 1}\n')
    assert texts(path) == ["a\u2028b\x85c", "d\0e"]


def test_lone_surrogates_are_replaced_and_reported_once(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "a\\ud800", "m": {"k": ["\\udc00"]}}\n{"text": "\\ud83d\\ude00"}\n')
    corpus = weaklab.read(path)
    with pytest.warns(WeaklabWarning, match=r"became U\+FFFD in 2 values \(first: .*a.jsonl:1, column 'text'\)"):
        assert corpus.column("text").to_pylist() == ["a\ufffd", "😀"]
    assert corpus.column("m").to_pylist()[0] == {"k": ["\ufffd"]}  # a second warning would be an error here


def test_parquet_files_of_several_parts(tmp_path):
    pq.write_table(
        pa.table({"text": [f"r{i}" for i in range(10_000)], "n": range(10_000)}),
        tmp_path / "a.parquet",
        row_group_size=3000,
    )
    pq.write_table(pa.table({"n": [7], "text": ["last"]}), tmp_path / "b.parquet")
    corpus = weaklab.read(tmp_path)
    assert len(corpus) == 10_001
    assert [batch.num_rows <= BATCH_ROWS for batch in corpus.batches()] == [True] * len(list(corpus.batches()))
    assert dict(corpus.record(10_000))["n"] == 7
    assert (
        len(weaklab.read(str(tmp_path / "*.parquet")))
        == len(weaklab.read([tmp_path / "a.parquet", tmp_path / "b.parquet"]))
        == 10_001
    )


def test_parquet_files_that_cannot_be_read(tmp_path):
    pq.write_table(pa.table({"text": ["a" * 50, "b"] * 1000}), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    for content in (b"hello", whole[:-50], whole[:4] + b"\xff" * 300 + whole[304:]):
        assert "not a Parquet file that can be read" in refusal(write(tmp_path / "broken.parquet", content))
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "none.parquet")
    assert "holds no record" in refusal(tmp_path / "none.parquet")
    pq.write_table(pa.table({"txt": ["c"]}), tmp_path / "other.parquet")
    assert "its columns ['txt'] differ from those of a.parquet" in refusal(
        [tmp_path / "a.parquet", tmp_path / "other.parquet"]
    )
    pq.write_table(pa.table({"text": [b"\xff"]}), tmp_path / "bytes.parquet")
    assert "column 'text': wanted text, got binary" in refusal(tmp_path / "bytes.parquet")


def test_files_of_one_folder_agree(tmp_path):
    write(tmp_path / "order" / "a.csv", "text,n\na,1\n")
    write(tmp_path / "order" / "b.csv", "n,text\n2,b\n")
    write(tmp_path / "order" / "c.csv", "")
    assert [(row["text"], row["n"]) for row in rows(tmp_path / "order")] == [("a", 1), ("b", 2)]
    write(tmp_path / "other" / "a.csv", "text,n\na,1\n")
    write(tmp_path / "other" / "b.csv", "text,m\nb,1\n")
    assert "b.csv: its columns ['text', 'm'] differ from those of a.csv, ['text', 'n']" in refusal(tmp_path / "other")
    write(tmp_path / "type" / "a.csv", "text,n\na,1\n")
    write(tmp_path / "type" / "b.csv", "text,n\nb,x\n")
    assert "b.csv on: column 'n' changes from int64 to" in refusal(tmp_path / "type")
    write(tmp_path / "mixed" / "a.csv", "text\na\n")
    write(tmp_path / "mixed" / "b.jsonl", '{"text": "b"}\n')
    assert "files of several types (csv, jsonl)" in refusal(tmp_path / "mixed")


def test_a_folder_of_text_files_is_labeled_by_their_names(tmp_path):
    for name, content in {
        "spam.txt": "buy\nwin\n",
        "no_spam.txt": "hi\r\n",
        "dataset.txt": "what\n\n \nmore\n",
        ".hidden.txt": "no\n",
    }.items():
        write(tmp_path / name, content)
    corpus = weaklab.read(tmp_path)
    found = dict(zip(corpus.column("text").to_pylist(), corpus.column("label").to_pylist(), strict=True))
    assert found == {"what": None, "more": None, "hi": "no_spam", "buy": "spam", "win": "spam"}
    assert corpus.roles.label == "label"
    assert "label" not in corpus.record(0)


def test_a_column_label_of_csv_files_is_not_taken_for_labels_unasked(tmp_path):
    write(tmp_path / "a.csv", "text,label\na,spam\n")
    assert weaklab.read(tmp_path, text="text").roles.label is None


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.txt.gz"])
def test_broken_gzip_files(tmp_path, name):
    record = b'{"text": "a"}\n'
    assert "cannot be read" in refusal(write(tmp_path / name, record * 100))
    assert "cannot be read" in refusal(write(tmp_path / name, gzip.compress(record * 5000)[:-20]))
    assert "no record" in refusal(write(tmp_path / name, gzip.compress(b"")))


def test_paths_that_lead_nowhere(tmp_path):
    write(tmp_path / "records.csv", "text\na\n")
    assert "did you mean 'records.csv'?" in refusal(tmp_path / "record.csv")
    assert "no such file" in refusal([tmp_path / "records.csv", tmp_path / "nope.csv"])
    assert "unknown file type" in refusal(write(tmp_path / "a.docx", "x"))
    assert "file in this folder" in refusal(write(tmp_path / "empty" / "readme.md", "x").parent)
    for text in ("Free prize inside", "Is this [free]? *", "a\nb", "long " * 5000):
        assert "no such file or folder; texts are passed as a list, [" in refusal(text)
    for text in ("", " ", "a\0b"):
        assert "is no path; wanted a file or folder, or a list of texts" in refusal(text)


# ---- what is refused, whatever holds it


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "the list is empty"),
        ((), "the list is empty"),
        ([{}], "holds no record"),
        (pd.DataFrame(), "holds no record"),
        (pd.DataFrame({"text": []}), "holds no record"),
        (pl.DataFrame({"text": []}), "holds no record"),
        (pa.table({"text": pa.array([], pa.string())}), "holds no record"),
        (None, "cannot read NoneType None as a corpus"),
        (5, "cannot read int 5"),
        (b"abc", "cannot read bytes b'abc'"),
        ({"text": ["a"]}, "cannot read dict"),
        ((text for text in TEXTS), "make a list of it: list(...)"),
        (np.array(TEXTS), "make a list of it: list(...)"),
        ([1, 2], "a list must hold only strings or only dicts, got int"),
        (["a", None], "got NoneType, str"),
        (["a", {"text": "b"}], "got dict, str"),
        ([{1: "a", "1": "b"}], "more than one column is named '1'"),
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "more than one column is named 'text'"),
        (pd.DataFrame([["a", "b"]], columns=[1, "1"]), "more than one column is named '1'"),
        (pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]), "more than one column is named 'text'"),
        (pd.DataFrame({"title": ["a"], "body": ["x"]}), "several columns hold strings (title, body); say which is the "
                                                        "text"),
        (pd.DataFrame({"text": [True, False]}), "column 'text': wanted text, got bool"),
        (pd.DataFrame({"text": [b"a"]}), "row 0, column 'text': wanted text, got bytes b'a'"),
        (pa.table({"text": [datetime.date(2026, 1, 1)]}), "column 'text': wanted text, got date32"),
        (pd.DataFrame({"id": [3, 3], "text": ["a", "b"]}), "the DataFrame: id 3 stands in records 0 and 1"),
        (pl.DataFrame({"id": ["a", None], "text": ["a", "b"]}), "record 1 has no id in column 'id'"),
        ([{"id": "", "text": "a"}], "record 0 has an empty id"),
    ],
)  # fmt: skip
def test_refused(data, message):
    assert message in refusal(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            pd.DataFrame({"text": ["a", "b"], "m": ["x", 5]}),
            "the DataFrame, row 1, column 'm': mixed types, int 5 among str values",
        ),
        (
            [{"text": "a", "m": x} for x in (1, 2, "x", 3)],
            "the list, record 2, column 'm': mixed types, str 'x' among int values",
        ),
        (
            pd.DataFrame({"text": ["a"], "o": [1j]}),
            "column 'o': values of type complex128 cannot be stored; convert or drop it",
        ),
        (pd.DataFrame({"text": ["a"], "o": pd.arrays.SparseArray([0])}), "column 'o': values of type Sparse"),
        (pd.DataFrame({"text": ["a"], "o": [object()]}), "row 0, column 'o': object <object"),
        ([{"text": "a", "n": 2**70}], "record 0, column 'n': int 1180591620717411303424 cannot be stored"),
    ],
)
def test_unused_column_that_cannot_be_stored_is_left_out(data, message):
    with pytest.warns(WeaklabWarning, match="is left out: ") as told:
        corpus = weaklab.read(data)
    assert message in str(told[0].message)
    name = next(iter(corpus.left_out))
    assert set(corpus.column("text").to_pylist()) <= {"a", "b"}
    assert name not in corpus.schema.names
    assert message in refusal(data, columns=[name])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"text": "a", "n": 1}\n{"text": "b", "n": "x"}\n',
            "a.jsonl:2, column 'n': mixed types, str 'x' among int values",
        ),
        (
            '{"text": "a", "n": 1}\n{"text": "b", "n": true}\n',
            "a.jsonl:2, column 'n': mixed types, bool True among int values",
        ),
        (
            '{"text": "a", "m": {"k": 1}}\n{"text": "b", "m": {"k": "x"}}\n',
            "a.jsonl:2, column 'm': dict {'k': 'x'} cannot be stored",
        ),
        ('{"text": "a", "n": 123456789012345678901234567890}\n', "a.jsonl:1, column 'n': int 1234"),
    ],
)
def test_a_column_of_jsonl_that_cannot_be_stored_is_left_out(tmp_path, content, message):
    path = write(tmp_path / "a.jsonl", content)
    with pytest.warns(WeaklabWarning, match="is left out: ") as told:
        assert weaklab.read(path).column("text").to_pylist()[0] == "a"
    assert message in str(told[0].message)


def test_text_that_is_no_text_inside_arrow():
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], dtype=np.int32).tobytes()), pa.py_buffer(b"\xff")]
    )
    assert "holds bytes that are not UTF-8 text" in refusal(pa.table({"text": broken}))


def test_duplicate_ids_are_found_across_batches():
    records = [{"id": i, "text": "x"} for i in range(5000)]
    assert "id 7 stands in records 7 and 5000" in refusal([*records, records[7]])


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"text": "headlin"}, "no column 'headlin'; did you mean 'headline'? the columns are headline, n"),
        ({"id": "key"}, "no column 'key'; the columns are headline, n"),
        ({"gold": "truth"}, "no column 'truth'"),
        ({"label": "lable"}, "no column 'lable'"),
        ({"text": 5}, "a column is named by its name, such as 'text', got int 5"),
        ({"text": "headline", "gold": "headline"}, "column 'headline' cannot be text and gold"),
        ({"id": "n", "label": "n"}, "column 'n' cannot be id and label"),
    ],
)
def test_roles_that_do_not_fit(roles, message):
    assert message in refusal([{"headline": "a", "n": 1}], **roles)


def test_gold_is_asked_for_by_name():
    with pytest.raises(
        CorpusError, match=r"read without gold labels; name their column: read\(\.\.\., gold='column'\)"
    ):
        weaklab.read(["a"]).gold()


# ---- through a project and out again


def exported(project, path):
    project.export(path, include=list(project.corpus.roles.text))
    if path.suffix == ".parquet":
        return pq.read_table(path).column("text").to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").split("\n") if line]
    with open(path, newline="", encoding="utf-8") as stream:
        csv.field_size_limit(1 << 30)
        return [row["text"] for row in csv.DictReader(stream)]


def test_hostile_text_goes_in_and_comes_out(tmp_path):
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        assert project.add_records(HOSTILE) == len(HOSTILE)
        project.add(weaklab.keywords("spam", ["hyperlink", "gnihsif"]))
        project.run(progress=False)
        for ask in project.ask(len(HOSTILE)):
            project.label(ask, "ham")
        assert [ask.text for ask in project.ask(3)] == []
        for name in ("a.parquet", "a.jsonl", "a.csv"):
            assert exported(project, tmp_path / name) == HOSTILE


def test_a_record_of_50_megabytes(tmp_path):
    huge = "spam " * (10 << 20)
    path = write(tmp_path / "a.jsonl", "\n".join(json.dumps({"text": text}) for text in ("small", huge, "after")))
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        assert project.add_records(path) == 3
        project.add(weaklab.keywords("spam", ["spam"]))
        assert project.labels()["label"].tolist() == [None, "spam", None]
        assert {len(ask.text) for ask in project.ask(3)} == {5, len(huge)}


def test_ten_thousand_empty_records(tmp_path):
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        assert project.add_records([""] * 10_000) == 10_000
        project.add(weaklab.keywords("spam", ["x"]))
        project.run(progress=False)
        assert [ask.text for ask in project.ask(2)] == [""]  # the others read the same
        project.label(project.ask(1)[0], "ham")
        assert project.status()["shared_labels"] == 9_999
        assert project.export(tmp_path / "out.csv") == 10_000


def test_nothing_is_added_when_one_record_is_refused(tmp_path):
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=None) as project:
        project.add_records([{"text": "a", "n": 1}])
        with pytest.raises(WeaklabError, match=r"'n' holds numbers in the project, and 'x' of record .* is no number"):
            project.add_records([{"text": str(i), "n": "x"} for i in range(5000)])
        assert len(project) == 1
        assert project.add_records([{"text": "b", "n": 2.5}]) == 1
        assert project.corpus.column("n").to_pylist() == [1, 2.5]


def any_text():
    """Any Unicode and any lone surrogate."""
    return st.text(st.characters() | st.characters(categories=["Cs"]), max_size=30)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(any_text(), min_size=1, max_size=8))
@example(["\ud800", "\udc00\ud800", "a\ud83d\ude00", "\0"])
def test_any_text_comes_back_from_a_project(tmp_path_factory, wanted):
    """Lone surrogates come back as U+FFFD, surrogate pairs as the character they stand for, all else as it was."""
    repaired = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in wanted]
    with Project(tmp_path_factory.mktemp("p"), labels=["ham", "spam"], timeout=None) as project:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", WeaklabWarning)
            assert project.add_records(wanted) == len(wanted)
        assert project.corpus.column("text").to_pylist() == repaired
        assert project.corpus.ids.to_pylist() == ids(repaired)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=10),
    st.randoms(use_true_random=False),
)
def test_ids_are_the_same_set_in_any_order(wanted, random):
    shuffled = random.sample(wanted, len(wanted))
    assert sorted(ids(wanted)) == sorted(ids(shuffled))


def test_what_was_read_does_not_change_with_the_frame():
    frame = pd.DataFrame({"text": ["a", "b"], "n": [1.0, 2.0]})
    corpus = weaklab.read(frame)
    assert len(corpus) == 2
    frame.loc[0, "n"] = 99.0
    frame.loc[1, "text"] = "c"
    assert corpus.column("n").to_pylist() == [1, 2]
    assert corpus.column("text").to_pylist() == ["a", "b"]


def test_fingerprint_differs_for_different_contents():
    def of(words, kind):
        return weaklab.read(pa.table({"id": ["a", "b"], "text": ["x", "y"], "tags": pa.array(words, kind)})).fingerprint

    tags = pa.list_(pa.dictionary(pa.int32(), pa.string()))
    for kind in (tags, pa.list_(pa.string())):
        assert of([["hot"], ["x"]], kind) == of([["hot"], ["x"]], kind)
        assert of([["hot"], ["x"]], kind) != of([["cold"], ["x"]], kind)
    assert of(["hot", "x"], pa.string()) != of(["cold", "x"], pa.string())
