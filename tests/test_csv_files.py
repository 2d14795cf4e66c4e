"""CSV files of all sorts are read as they are written, or refused with the line that is wrong; nothing is lost, melted
or guessed."""

import csv
import gzip
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weaklab
from weaklab import WeaklabWarning
from weaklab.core.errors import CorpusError
from weaklab.exchange import csv_files


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def table(path, **options):
    """Return all values as they stand in the corpus, without the id that is made from the content."""
    corpus = weaklab.read(path, **options)
    rows = pa.Table.from_batches(list(corpus.batches())).to_pylist()
    return [{name: value for name, value in row.items() if name != "id" or not corpus.makes_ids} for row in rows]


def refusal(path, **options):
    with pytest.raises(CorpusError) as caught:
        len(weaklab.read(path, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- quotes


@pytest.mark.parametrize(
    ("content", "place", "hint"),
    [
        ('kind,text\na,fine\nb,"open\nc,third\n', "line 3: a quote is opened here and never closed", "double a quote"),
        ('kind,text\na,"fine\nb,"good"\nc,"better"\n', "line 2: a quote is opened here and closed in line 3 before "
                                                       "'good", "close it"),
        ('id,text,kind\n1,"two\nlines",a\n2,"open,b\n3,"ok",a\n', "line 4: a quote is opened here and closed in line "
                                                                  "5", "close it"),
        ('text,kind\n"he said "hi" to me",a\n', "line 2: a quote is opened here and closed before "
                                                "'hi", "double a quote"),
        ('text,kind\n"she said \\"no\\" to me",a\n"b",c\n', "line 2", "escape='\\\\' (--escape '\\')"),
        ('text,kind\n"she left\\"",a\n"plain",b\n', "line 2", "escape='\\\\' (--escape '\\')"),
        ('text,kind\n"it\\"s",a\n', "line 2: a quote is opened here and closed before 's", "escape="),
        ('text, kind\n"a", "b c"\n', "line 2: a quote stands after a space", "take the space away"),
        ('kind,text\r\na,"x"\r\nb,"open\r\n' + "c,y\r\n" * 500, "line 3: a quote is opened here and never "
                                                                "closed", "quote=''"),
        ("kind,text\ra,fine\rb,\"open\rc,third\r", "line 3", "close it"),
    ],
)  # fmt: skip
def test_a_quote_that_is_not_closed_is_refused_with_the_line_where_it_opens(tmp_path, content, place, hint):
    message = refusal(write(tmp_path / "a.csv", content), header=True)
    assert place in message
    assert hint in message


def test_a_stray_quote_in_a_tsv_file_is_refused_or_read_as_text(tmp_path):
    path = write(tmp_path / "a.tsv", 'text\tn\n5" pipe\t1\n"Hello" she said\t2\n"open\t3\nlast\t4\n')
    assert "a.tsv, line 3" in refusal(path, text="text")
    assert [row["text"] for row in table(path, quote="")] == ['5" pipe', '"Hello" she said', '"open', "last"]


@pytest.mark.parametrize("line", ['5" pipe,1', 'he said "hi" and left,1', 'a"",1', "6'2\",1"])
def test_quotes_inside_of_a_value_without_quotes_are_part_of_it(tmp_path, line):
    path = write(tmp_path / "a.csv", f'text,n\n"quoted, ""well""\n",0\n{line}\n"last",2\n')
    assert [row["text"] for row in table(path)] == ['quoted, "well"\n', line.removesuffix(",1"), "last"]


def test_an_escape_character_is_read_where_it_is_named(tmp_path):
    path = write(tmp_path / "a.csv", 'text,kind\n"she left\\"",a\n"he \\"stayed\\", too",b\n"plain",c\n')
    assert [row["text"] for row in table(path, escape="\\", text="text")] == ['she left"', 'he "stayed", too', "plain"]
    bad = write(tmp_path / "b.csv", 'text,kind\n"a\\"",a\n"b\\",c\n')
    assert "b.csv, line 3: the record that begins here cannot be read" in refusal(bad, escape="\\", sep=",")
    assert "b.csv, line 3: 3 values for 2 columns" in refusal(
        write(bad, 'text,kind\n"a\\"",a\nb,c,d\n'), escape="\\", sep=","
    )


def test_the_first_quotes_are_in_order_and_a_later_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 1000)
    lines = [f'{i},"text {i}, ""so""\n it is"\n' for i in range(20_000)]
    good = write(tmp_path / "a.csv", "n,text\n" + "".join(lines))
    assert [row["text"] for row in table(good)] == [f'text {i}, "so"\n it is' for i in range(20_000)]
    lines[15_000] = '15000,"text\n'
    bad = write(tmp_path / "b.csv", "n,text\n" + "".join(lines))
    assert f"b.csv, line {2 + 2 * 15_000:,}: a quote is opened here" in refusal(bad)


# ---- separators


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ("text;kind;price, EUR\nhello;spam;3,50\nbye;ham;4,20\n", ["text", "kind", "price, EUR"]),
        ("text|kind\nhello, you|a\nbye, you; and you|b\n", ["text", "kind"]),
        ("text\tkind\nhello, you\ta\nbye\tb\n", ["text", "kind"]),
        ('"text, long";kind\n"a;b, c";x\n"d";y\n', ["text, long", "kind"]),
        ("sep=;\ntext;kind,of\na,b;c\n", ["text", "kind,of"]),
        ('"sep=|"\r\ntext|kind;of\r\na,b|c\r\n', ["text", "kind;of"]),
        ("text,kind\nhello; you,a\nbye; you; all,b\n", ["text", "kind"]),
        ("text\nhello; you\nbye; you; all\n", ["text"]),
    ],
)
def test_the_separator_is_the_one_that_gives_all_records_as_many_values(tmp_path, content, columns):
    assert list(table(write(tmp_path / "a.csv", content), text=columns[0])[0]) == columns


@pytest.mark.parametrize("content", ["a;b,c\n1;x,2\n3;y,4\n", "a|b\tc\nx|y\tz\n", "text;n,m\none;two,three\n"])
def test_where_two_separators_fit_the_user_is_asked(tmp_path, content):
    path = write(tmp_path / "a.csv", content)
    assert "it is not clear what separates the values" in refusal(path)
    sep = content[1] if content[1] != "e" else ";"
    assert len(table(path, sep=sep, text=[])[0]) == 2


def test_a_carriage_return_that_would_cut_a_record_in_two_is_refused(tmp_path):
    assert "a.csv, line 3: ends with a carriage return" in refusal(
        write(tmp_path / "a.csv", "text\none\ntwo\rthree\nfour\n")
    )
    assert [row["text"] for row in table(write(tmp_path / "b.csv", "text\rone\rtwo"))] == ["one", "two"]
    assert [row["text"] for row in table(write(tmp_path / "c.csv", 'text\n"one\rtwo"\n'))] == ["one\rtwo"]


def test_a_value_too_many_is_refused_with_its_line(tmp_path):
    lines = [f'"two\nlines {i}",{i}\n' for i in range(3000)]
    path = write(tmp_path / "a.csv", "text,n\n" + "".join(lines) + "one, two, three,4\n")
    assert "a.csv, line 6,002: 4 values for 2 columns, in 'one, two, three,4'; put quotes around" in refusal(path)
    assert "a.csv, line 3: 1 value for 2 columns" in refusal(write(path, "text,n\na,1\nb\nc,2\n"))


# ---- headers


@pytest.mark.parametrize(
    "first",
    ['3,"Wall St. Bears Claw '
     'Back"', "spam,Win a prize now", "2024-03-01,it rained", "a@b.org,hello", "x,https://weather.example/a",
     "x,This is a long sentence that nobody would choose to be the name of a column at all"],
)  # fmt: skip
def test_a_first_line_that_looks_like_a_record_is_asked_about(tmp_path, first):
    path = write(tmp_path / "a.csv", f"{first}\n4,Carlyle looks\nspam,So there\n")
    assert "pass header=False (--no-header) if the file has no header, header=True (--header)" in refusal(path)
    assert len(table(path, header=False, text="column_2")) == 3
    assert len(table(path, header=True, text=[])) == 2
    assert list(table(path, header=False, names=["kind", "title"], text="title")[2].values()) == ["spam", "So there"]


@pytest.mark.parametrize(
    "first", ["text,n", "0,1,2,3", "1,2,3", "id,2019", "v1,v2", ",text,label", "What is your age?,Why do you ask?"]
)
def test_names_of_columns_are_not_taken_for_a_record(tmp_path, first):
    cells = first.count(",") + 1
    path = write(
        tmp_path / "a.csv",
        first + "\n" + "".join(",".join(f"w{i} x{j}" for j in range(cells)) + "\n" for i in range(3)),
    )
    assert len(table(path, text=[])) == 3


def test_columns_without_a_name_are_left_out_if_they_hold_nothing_and_kept_if_they_do(tmp_path):
    empty = write(tmp_path / "a.csv", "kind,text,\nham,hello,\nspam,win,\n")
    with pytest.warns(WeaklabWarning, match="column 'column_3' is left out: .*a.csv: it has no name and holds nothing"):
        rows = table(empty, text="text")
    assert rows == [{"kind": "ham", "text": "hello"}, {"kind": "spam", "text": "win"}]
    full = write(tmp_path / "b.csv", "kind,text,\nham,hello,\nspam,win, now\nham,so,\n")
    with pytest.warns(
        WeaklabWarning, match=r"b.csv: columns without a name hold something and are kept as column_3 \(1 value\)"
    ):
        rows = table(full, text="text")
    assert [row["column_3"] for row in rows] == ["", " now", ""]
    assert list(table(write(tmp_path / "c.csv", ",text\n0,a\n1,b\n"))[0]) == ["column_1", "text"]


def test_names_of_columns_that_do_not_fit_are_refused(tmp_path):
    path = write(tmp_path / "a.csv", "a,b\nc,d\n")
    assert "1 name for 2 columns: x; the first record is ['a', 'b']" in refusal(path, header=False, names=["x"])
    assert "pass header=False (--no-header) with it" in refusal(path, names=["x", "y"])
    assert "more than one column is named 'x'" in refusal(path, header=False, names=["x", "x"])
    assert "names must be a list of column names, got 'xy'" in refusal(path, header=False, names="xy")


@pytest.mark.parametrize(("option", "value"), [("sep", ";;"), ("sep", "\n"), ("quote", "é"), ("escape", "")])
def test_an_option_that_is_no_character_is_refused(tmp_path, option, value):
    assert f"{option}={value!r}: wanted one ASCII character" in refusal(
        write(tmp_path / "a.csv", "text\na\n"), **{option: value}
    )
    assert "must be different characters" in refusal(tmp_path / "a.csv", sep="|", escape="|")


def test_options_of_files_are_refused_where_they_have_no_effect():
    assert "sep=';' says how a file is read, got list ['a text']; leave it out" in refusal(["a text"], sep=";")


# ---- encodings and what is no text


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("text,n\nhello,1\n".encode("utf-16"), "utf-16"),
        ("text,n\nhello,1\n".encode("utf-16-le"), "utf-16-le"),
        ("text,n\nhello,1\n".encode("utf-16-be"), "utf-16-be"),
        ("text,n\nпривет как дела,1\n".encode("utf-16-le"), "utf-16-le"),
        ("text,n\nhello,1\n".encode("utf-32"), "utf-32"),
        ("text,n\n今天天气很好我们去公园,1\n".encode("gb2312"), "gb18030"),
        ("text,n\n今天天氣很好我們去公園,1\n".encode("big5"), "big5"),
        ("text,n\n今日はとてもいい天気です,1\n".encode("shift_jis"), "shift_jis"),
        ("text,n\nпривет как дела,1\n".encode("cp1251"), "cp1251"),
        ("text,n\ncafé crème,1\n".encode("latin-1"), "latin-1"),
        ("text,n\n“café” – très cher,1\n".encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_that_a_file_seems_to_have_is_named_and_reads_it(tmp_path, content, encoding):
    path = write(tmp_path / "a.csv", content)
    assert f"encoding={encoding!r}" in refusal(path)
    assert table(path, encoding=encoding)[0]["text"] == content.decode(encoding).split("\n")[1].removesuffix(",1")
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(content))
    assert table(packed, encoding=encoding) == table(path, encoding=encoding)


def test_the_line_that_is_not_in_the_encoding_is_named(tmp_path):
    path = write(tmp_path / "a.csv", b"text,n\n" + b"fine,1\n" * 50_000 + b"caf\xe9,2\n")
    assert "a.csv, " not in refusal(path)
    assert "a.csv: line 50,002 is not utf-8; pass the file's encoding, such as encoding='latin-1'" in refusal(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04 and so on", "Excel workbook"),
        (b"PAR1 and so on", "Parquet"),
        (b"%PDF-1.4", "PDF"),
        (gzip.compress(b"text\na\n", mtime=0), "gzip"),
    ],
)
def test_a_file_of_another_type_is_called_what_it_is(tmp_path, content, what):
    assert what in refusal(write(tmp_path / "a.csv", content))
    assert what in refusal(write(tmp_path / "a.jsonl", content))


# ---- whatever csv.writer writes comes back


DIALECTS = [
    {},
    {"delimiter": ";"},
    {"delimiter": "\t", "lineterminator": "\n"},
    {"delimiter": "|", "quotechar": "'"},
    {"quoting": csv.QUOTE_ALL, "lineterminator": "\n"},
    {"quoting": csv.QUOTE_NONNUMERIC, "lineterminator": "\r"},
    {"escapechar": "\\", "doublequote": False},
    {"delimiter": ";", "escapechar": "\\", "quoting": csv.QUOTE_NONE, "lineterminator": "\n"},
]
CELLS = st.text(st.sampled_from("ab1, ;|\t'\"\n\r\\é中😀"), max_size=8) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(DIALECTS), st.integers(1, 3), st.sampled_from([7, 64, 1 << 20]))
def test_tables_of_any_dialect_come_back_exactly(tmp_path_factory, data, dialect, width, block):
    escape = dialect.get("escapechar")
    # Python's writer puts no quotes around the line end that it does not use
    cells = CELLS.map(
        lambda cell: cell.translate(
            {ord(end): "_" for end in "\r\n" if end not in dialect.get("lineterminator", "\r\n")}
        )
    )
    rows = data.draw(st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=12))
    if dialect.get("quoting") == csv.QUOTE_NONE:  # it has no way to write a record of one empty value
        rows = [[cell or "x" for cell in row] for row in rows]
    out = io.StringIO(newline="")
    names = [f"c{i}" for i in range(width)]
    csv.writer(out, **dialect).writerows([names, *rows])
    path = write(tmp_path_factory.mktemp("csv") / "a.csv", out.getvalue())
    quote = "" if dialect.get("quoting") == csv.QUOTE_NONE else dialect.get("quotechar", '"')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "BLOCK_BYTES", block)
        patch.setattr(csv_files, "HEAD_BYTES", max(block, 64))
        found = table(path, text=names, sep=dialect.get("delimiter", ","), quote=quote, escape=escape, header=True)
    assert [list(row.values()) for row in found] == rows


@pytest.mark.parametrize(
    "content",
    [
        "win a prize now\nsee you at noon then\ncall me back as soon as you can\n",
        "win a big prize now,spam\nare we still on tonight,ham\ncall me back as soon as you can,ham\n",
        "1,2,3\n4,5,6\n7,8,9\n",
        "0;1;2\n5;3;1\n",
    ],
)
def test_a_first_line_that_is_like_the_lines_below_it_is_asked_about(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(CorpusError, match=r"the first line looks like a record.*--no-header.*--header"):
        weaklab.read(tmp_path / "a.csv")
    records = content.count("\n")
    assert len(weaklab.read(tmp_path / "a.csv", header=False, text=[])) == records
    assert len(weaklab.read(tmp_path / "a.csv", header=True, text=[])) == records - 1


@pytest.mark.parametrize(
    "content",
    [
        "what do you think of us,age\nI like it very much indeed,31\nnot my thing at all sorry,44\n",
        "number of people in the house,city name\n3,Rome\n2,Paris\n",
        "review text\nwin a prize now today\nsee you at noon then\n",
        "0,1,2\n0.5,0.25,1\n1.5,2.5,3\n",
        ",".join(map(str, range(12))) + "\n" + ",".join(["77"] * 12) + "\n",
    ],
)
def test_names_of_columns_are_taken_as_such(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    assert len(weaklab.read(tmp_path / "a.csv", text=[])) == content.count("\n") - 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"text": "a", "n": 1}\n{"text": "b", "n": 2}\n', r"first line is JSON: .*; name it \.jsonl"),
        ('[{"text": "a"}, {"text": "b"}]', r"first line is JSON: .*; name it \.json$"),
        (
            "text,n\nwin,1,\nbye,2,\n",
            r"line 2: 3 values for 2 columns, .*; the line ends with ',': end the first line with it, too",
        ),
        ("text;n\nwin;1\nbye;2;\n", r"line 3: 3 values for 2 columns, .*; the line ends with ';'"),
    ],
)
def test_the_message_names_the_cause(tmp_path, content, told):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(CorpusError, match=told):
        weaklab.read(tmp_path / "a.csv", text=[])


@pytest.mark.parametrize(
    ("suffix", "option", "value", "advice"),
    [
        (".jsonl", "sep", ";", "the options for it are encoding; leave it out"),
        (".csv", "sheet", "one", "the options for it are encoding, sep, quote, escape, header, names"),
        (".txt", "quote", "'", "the options for it are encoding"),
    ],
)
def test_options_of_other_formats_are_refused(tmp_path, suffix, option, value, advice):
    path = write(tmp_path / f"a{suffix}", b'{"text": "win a prize"}\n')
    with pytest.raises(CorpusError, match=rf"{option}=.* has no meaning in a file of type .*{advice}"):
        weaklab.read(path, **{option: value})
