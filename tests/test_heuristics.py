"""Labeling functions in every form: what they may return, how they fail, where they come from, and when they count as
changed."""

import copy
import functools
import importlib
import os
import pickle
import re
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import weaklab
from weaklab import ABSTAIN, Committee, WeaklabWarning, keywords, labeling_function, pattern
from weaklab.core.errors import HeuristicError, UnknownLabelError
from weaklab.core.labels import LabelNames
from weaklab.corpus.records import Columns, Record, sheet_of
from weaklab.heuristics import as_heuristic, fingerprint, load
from weaklab.heuristics.functions import split_vote
from weaklab.project.stored_members import heuristic_from_spec
from weaklab.voting.committee import join

LABELS = LabelNames(["ham", "spam"])
HEADER = "from weaklab import keywords, labeling_function, pattern\n"


def ballot(heuristic, records=("a",), **roles):
    batch = next(weaklab.read(list(records) if isinstance(records, tuple) else records, **roles).batches())
    return as_heuristic(heuristic).evaluate(batch, LABELS)


def votes(heuristic, records=("a",), **roles):
    """Return the votes on records, which must leave no fault."""
    found = ballot(heuristic, records, **roles)
    assert found.faults == []
    return found.votes.tolist()


def returning(value, **options):
    def constant(x):
        return value

    return labeling_function(**options)(constant)


def refusal(make):
    with pytest.raises(HeuristicError) as caught:
        make()
    return str(caught.value)


# ---- what a function may return


@pytest.mark.parametrize(
    "vote",
    ["spam", 1, np.int8(1), np.uint64(1), np.int64(1), np.str_("spam"), np.array(1), ("spam", 1), ("spam", True)],
)
def test_a_vote_is_a_name_or_a_code_of_any_kind(vote):
    assert votes(returning(vote)) == [1]


@pytest.mark.parametrize("vote", [None, ABSTAIN, np.int64(-1), (None, 0.5), (-1, 0.2), (np.int64(-1), 0)])
def test_none_and_abstain_are_no_vote(vote):
    assert votes(returning(vote)) == [-1]


@pytest.mark.parametrize("confidence", [0.25, np.float32(0.25), np.float64(0.25)])
def test_a_vote_may_come_with_its_confidence(confidence):
    found = ballot(lambda x: ("spam", confidence) if x.text == "b" else "ham", ("a", "b"))
    assert found.votes.tolist() == [0, 1]
    assert found.confidence.tolist() == [1, 0.25]


class Rude:
    """Raises whenever it is looked at."""

    def __index__(self):
        raise RuntimeError("do not look")

    def __repr__(self):
        raise RuntimeError("do not look")


@pytest.mark.parametrize(
    "vote",
    [
        True, np.True_, 7, -2, 2**70, 1.0, float("nan"), "Spam", "", "a\ud800", b"spam", [1], {"a": 1}, ("spam",),
        ("spam", 0.5, 1),
        ("spm", 0.5), ("spam", 0), ("spam", 2), ("spam", float("nan")), ("spam", "x"), ("spam", None),
        np.array([1]), np.array([1, 2]), pa.scalar("spam"),
        object(), Rude(), "x" * 10_000,
    ],
    ids=lambda vote: type(vote).__name__,
)  # fmt: skip
def test_anything_else_abstains_and_leaves_one_short_fault(vote):
    found = ballot(returning(vote), ("a", "b"))
    assert found.votes.tolist() == [-1, -1]
    assert [fault.count for fault in found.faults] == [2]
    assert len(found.faults[0].message) < 1000
    found.faults[0].message.encode()


def test_misspelled_label_gets_a_suggestion():
    assert "'spm' is not a label; did you mean 'spam'?" in ballot(returning("spm")).faults[0].message


def test_one_record_that_raises_leaves_the_others_their_votes():
    @labeling_function
    def divides(x):
        return 1 // int(x.text)

    found = ballot(divides, ("1", "0", "2", "x", "0"))
    assert found.votes.tolist() == [1, -1, 0, -1, -1]
    assert [(fault.exception, fault.count) for fault in found.faults] == [("ZeroDivisionError", 2), ("ValueError", 1)]


def test_an_exception_that_cannot_be_shown_is_a_fault_too():
    class BadError(Exception):
        def __str__(self):
            raise RuntimeError

    @labeling_function
    def bad(x):
        raise BadError

    assert ballot(bad).faults[0].message == "(its message cannot be shown)"


STARS = LabelNames(["5", "1", "ham"])
ANY_VOTE = st.sampled_from(
    [None, -1, 0, 1, 2, 3, 5, 2**70, True, False, 1.0, 0.0, -1.0, float("nan"), "1", "5", "ham", "Ham", "",
    np.int64(1), np.str_("ham"),
     np.True_, ("ham", 0.5), ("ham", 2), (None, 0.5), [1], Rude(), np.array([1]), b"ham"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY_VOTE, max_size=12))
def test_votes_that_are_looked_up_together_are_those_of_each(made):
    answers = dict(zip(map(str, range(len(made))), made, strict=True))
    records = pa.record_batch(
        {"id": list(answers), "text": [""] * len(made)}, pa.schema({"id": "string", "text": "string"})
    )
    found = labeling_function(lambda x: answers[x.id]).evaluate(records, STARS)
    expected, faulty = [], []
    for row, vote in enumerate(made):
        try:
            expected.append(STARS.code(split_vote(vote)[0]))
        except Exception as error:  # Rude
            expected.append(-1)
            faulty.append((row, type(error).__name__))
    assert found.votes.tolist() == expected
    assert [(row, kind) for row, kind, _ in found.fault_rows] == faulty


@labeling_function
def touchy(x):
    if x.n % 5 == 0:
        return 1 // (x.n % 2)
    if x.n % 7 == 0:
        return x.nope
    return (None, "spam", ("ham", 0.5), "spm", np.int64(1))[x.n % 5]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=60), st.integers(1, 12))
def test_votes_and_faults_do_not_depend_on_where_batches_end(numbers, size):
    whole = pa.record_batch({"id": [f"r{i}" for i in range(len(numbers))], "n": numbers})
    parts = [whole.slice(start, size) for start in range(0, len(numbers), size)]
    expected, ballots = touchy.evaluate(whole, LABELS), [touchy.evaluate(part, LABELS) for part in parts]
    joined = join(ballots)
    assert joined.votes.tolist() == expected.votes.tolist()
    assert joined.faults == expected.faults
    assert (joined.confidence is None) == (expected.confidence is None)
    assert joined.confidence is None or joined.confidence.tolist() == expected.confidence.tolist()
    assert [
        (i * size + row, kind, why) for i, b in enumerate(ballots) for row, kind, why in b.fault_rows
    ] == expected.fault_rows


def test_every_faulty_record_is_reported_with_its_reason():
    found = ballot(lambda x: 1 // int(x.text), ("1", "0", "x", "0"))
    assert [(row, kind) for row, kind, _ in found.fault_rows] == [
        (1, "ZeroDivisionError"),
        (2, "ValueError"),
        (3, "ZeroDivisionError"),
    ]
    assert found.fault_rows[1][2] == "invalid literal for int() with base 10: 'x'"
    assert [(f.exception, f.message, f.count) for f in found.faults] == [
        (*found.fault_rows[0][1:], 2),
        (*found.fault_rows[1][1:], 1),
    ]


def test_message_contains_no_memory_address():
    assert ballot(returning(object())).faults[0].message.startswith("<object object> is not a label")


# ---- the records that functions see


def batch_of(**columns):
    return pa.record_batch(columns)


def seen_by(function, batch):
    """Return what a function makes of every record of a batch, in the way in which labeling functions are called."""
    seen = []
    found = labeling_function(lambda x: seen.append(function(x))).evaluate(batch, LABELS)
    assert found.faults == []
    return seen


def test_a_column_is_read_by_attribute_by_key_and_by_get():
    batch = batch_of(
        id=[1, 2], text=["a", None], n=[1.5, None], get=["x", "y"], **{"two words": [True, False], "_row": [7, 8]}
    )
    ways = [
        lambda x: (x.text, x.n, x.id),
        lambda x: (x["text"], x["n"], x["id"]),
        lambda x: (x.get("text"), x.get("n"), x.get("id")),
    ]
    for way in ways:
        assert seen_by(way, batch) == [("a", 1.5, 1), ("", None, 2)]
    assert seen_by(lambda x: (x["get"], x["two words"], getattr(x, "two words"), x["_row"]), batch) == [
        ("x", True, True, 7),
        ("y", False, False, 8),
    ]
    assert seen_by(lambda x: (x.get("no"), x.get("no", 5), "n" in x, "no" in x), batch) == [(None, 5, True, False)] * 2
    assert seen_by(dict, batch)[0] == {"id": 1, "text": "a", "n": 1.5, "get": "x", "two words": True, "_row": 7}
    assert seen_by(lambda x: x.record_id, batch) == ["1", "2"]


def test_every_column_of_a_wide_table_can_be_read():
    batch = batch_of(id=[0, 1], **{f"c{i}": [i, -i] for i in range(100)})
    assert seen_by(lambda x: [getattr(x, f"c{i}") for i in range(100)], batch) == [
        list(range(100)),
        [-i for i in range(100)],
    ]


def test_functions_see_the_same_records_and_cannot_change_them():
    batch = batch_of(id=["0"], text=["a"], words=[["b"]], vector=[[1.0, 2.0]], both=[{"k": "v"}])
    assert seen_by(lambda x: x, batch)[0] is seen_by(lambda x: x, batch)[0]

    def meddles(x):
        for change in (lambda: setattr(x, "text", "z"), lambda: setattr(x, "new", 1), lambda: delattr(x, "text")):
            with pytest.raises(AttributeError, match="a record cannot be changed"):
                change()
        x.words.append("c")
        x.vector[0] = 9
        x.both["k"] = "w"
        return x.text, x.words, x.vector.tolist(), x["both"]

    assert seen_by(meddles, batch) == [("a", ["b", "c"], [9, 2], {"k": "w"})]
    assert seen_by(lambda x: (x.text, x.words, x.vector.tolist(), x.both), batch) == [("a", ["b"], [1, 2], {"k": "v"})]


@pytest.mark.parametrize("copied", [lambda x: pickle.loads(pickle.dumps(x)), copy.copy, copy.deepcopy])
def test_a_record_can_be_pickled_and_copied(copied):
    batch = next(weaklab.read([{"headline": "a", "n": 1, "g": "spam"}], text="headline", gold="g").batches())
    (x,) = seen_by(lambda x: (x.n, x)[1], batch)
    again = copied(x)
    assert (again.text, again.headline, again.n, repr(again)) == ("a", "a", 1, repr(x))
    with pytest.raises(AttributeError, match="'g' holds labels"):
        _ = again.g


def test_records_go_with_their_batch():
    batch = batch_of(id=["0"], text=["a"])
    sheet = weakref.ref(sheet_of(batch)[1])
    assert sheet() is not None
    del batch
    assert sheet() is None


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(max_size=5) | st.none(), st.integers().filter(lambda n: abs(n) < 2**62) | st.none()),
        max_size=8,
    )
)
def test_a_record_of_a_sheet_is_the_record_alone(rows):
    texts, numbers = ([row[i] for row in rows] for i in (0, 1))
    schema = pa.schema({"id": "string", "text": "large_string", "n": "int64"})
    batch = pa.record_batch([list(map(str, range(len(rows)))), texts, numbers], schema=schema)
    _, sheet = sheet_of(batch)
    for row, x in enumerate(sheet):
        alone = Record(Columns(batch), row)
        assert (x.n, x.text, x["n"], repr(x)) == (alone.n, alone.text, alone["n"], repr(alone))


# ---- batch functions


def at_fault(texts):
    return [1 // (text != "bad") for text in texts]


FORMS = {
    "pandas": lambda table: at_fault(table.text),
    "arrow": lambda table: at_fault(table["text"].to_pylist()),
    "polars": lambda table: at_fault(table["text"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_function_that_raises_on_one_record_faults_there_alone(form):
    found = ballot(labeling_function(batch=form)(FORMS[form]), ("a", "b", "bad", "c", "d"))
    assert found.votes.tolist() == [1, 1, -1, 1, 1]
    assert [(fault.exception, fault.count) for fault in found.faults] == [("ZeroDivisionError", 1)]


@pytest.mark.parametrize("form", FORMS)
def test_batch_forms_call_the_text_text_and_hide_the_labels(form):
    def look(table):
        names = table.schema.names if form == "arrow" else list(table.columns)
        assert "gold" not in names
        return [
            "spam" if text == "" else "ham"
            for text in (table["text"].to_pylist() if form == "arrow" else table["text"])
        ]

    records = [{"headline": "a", "gold": "ham"}, {"headline": None, "gold": "ham"}]
    assert votes(labeling_function(batch=form)(look), records, text="headline", gold="gold") == [0, 1]


@pytest.mark.parametrize(
    "made",
    [
        ["spam", None, "ham"], ("spam", None, "ham"), [1, -1, 0], np.array([1, -1, 0]), np.array([1.0, np.nan, 0.0]),
        pd.Series(["spam", None, "ham"]), pd.Series([1, np.nan, 0]), pd.Series(pd.Categorical(["spam", None, "ham"])),
        pd.array([1, None, 0], dtype="Int64"), pd.Series(["spam", None, "ham"], dtype="string"),
        pa.array(["spam", None, "ham"]),
        pa.array(["spam", None, "ham"]).dictionary_encode(), pa.chunked_array([[1], [None, 0]]),
        [np.int64(1), pd.NA, np.str_("ham")],
    ],
    ids=lambda made: type(made).__name__,
)  # fmt: skip
def test_a_batch_function_returns_any_column_of_votes(made):
    assert votes(labeling_function(batch=True)(lambda frame: made), ("a", "b", "c")) == [1, -1, 0]


def test_vectorised_functions_vote_in_all_forms():
    polars = pytest.importorskip("polars")
    long = {
        "pandas": lambda frame: frame.text.str.len().gt(2).map({True: "spam", False: None}),
        "arrow": lambda batch: pc.if_else(pc.greater(pc.utf8_length(batch["text"]), 2), "spam", None),
        "polars": lambda frame: frame.select(
            polars.when(polars.col("text").str.len_chars() > 2).then(polars.lit("spam"))
        ).to_series(),
    }
    for form, function in long.items():
        assert votes(labeling_function(batch=form)(function), ("a", "abc", "é中")) == [-1, 1, -1], form


def test_a_batch_function_may_return_confidences():
    assert ballot(
        labeling_function(batch=True)(lambda frame: [("spam", 0.5), None]), ("a", "b")
    ).confidence.tolist() == [0.5, 1]


@pytest.mark.parametrize(
    "made", [[1], [1] * 9, "spam", 1, np.int64(1), None, {0: 1}, (1 for _ in range(3)), pd.DataFrame({"a": [1]})]
)
def test_votes_of_the_wrong_number_are_a_fault_of_the_whole_batch(made):
    found = ballot(labeling_function(batch=True)(lambda frame: made), ("a", "b", "c"))
    assert found.votes.tolist() == [-1, -1, -1]
    assert [fault.count for fault in found.faults] == [3]
    assert "one vote per record, 3 in all" in found.faults[0].message


def test_an_unknown_batch_form_is_refused():
    assert "no batch form 'pandsa'; did you mean 'pandas'?" in refusal(lambda: labeling_function(batch="pandsa"))


# ---- keywords and patterns


def hits(heuristic, *records):
    return [record for record, vote in zip(records, votes(heuristic, records), strict=True) if vote == 1]


@pytest.mark.parametrize(
    ("word", "found", "not_found"),
    [
        ("prize", ["prize", "a Prize!", "(PRIZE)"], ["prizes", "surprize", "prize_draw"]),
        ("central bank", ["Central  Bank", "the central\nbank's"], ["centralbank", "central banks"]),
        ("café", ["café", "CAFÉ!"], ["cafés", "cafe", "cafe\u0301"]),
        ("caf", ["caf"], ["café"]),
        ("c++", ["C++ or C", "c++!", "c++11"], ["c", "abc++"]),
        (".net", [".NET", "asp.net"], ["net", ".nets"]),
        ("!!!", ["a!!!", "!!!!"], ["!!"]),
        ("😀", ["a😀b"], ["a"]),
        ("straße", ["Straße"], ["STRASSE"]),
        ("中奖", ["中奖", "“中奖”"], ["恭喜中奖了"]),
        (" prize ", ["prize"], ["prizes"]),
        (r"a\b.*", [r"a\b.*"], ["ab", "a"]),
    ],
)
def test_keywords_are_whole_words(word, found, not_found):
    assert hits(keywords("spam", [word]), *found, *not_found) == found


def test_capital_letters_matter_where_asked():
    assert hits(keywords("spam", ["US"], case=True), "US", "us") == ["US"]
    assert hits(keywords("spam", ["US"]), "US", "us") == ["US", "us"]


def test_keywords_search_the_column_that_is_named():
    records = [{"text": "x", "title": "win"}, {"text": "win", "title": None}, {"text": "a", "title": "b"}]
    assert votes(keywords("spam", ["win"], column="title"), records) == [1, -1, -1]
    assert votes(pattern("spam", "^5$", column="n"), [{"text": "x", "n": 5}, {"text": "5", "n": 15}]) == [1, -1]
    faults = ballot(keywords("spam", ["win"], column="titel"), records).faults
    assert [(fault.count, "did you mean 'title'?" in fault.message) for fault in faults] == [(3, True)]


def test_a_column_of_labels_cannot_be_searched():
    assert (
        "holds labels"
        in ballot(keywords("spam", ["x"], column="g"), [{"text": "a", "g": "x"}], gold="g").faults[0].message
    )


def test_patterns_mean_what_re_means():
    assert hits(pattern("spam", r"^\d+ (things|reasons)\b"), "5 Things", "x 5 things", "5 thingsé") == ["5 Things"]
    assert hits(pattern("spam", "A", flags=0), "A", "a") == ["A"]
    assert hits(pattern("spam", re.compile("A")), "A", "a") == ["A"]
    assert hits(pattern("spam", "a.b$", flags=re.DOTALL | re.MULTILINE), "a\nb\nc", "ab") == ["a\nb\nc"]
    assert hits(pattern("spam", r"\bcaf\b"), "caf", "café") == ["caf"]


def test_a_label_may_be_a_code():
    assert votes(keywords(1, ["a"])) == votes(pattern(np.int64(1), "a")) == [1]


@pytest.mark.parametrize("words", [[], "prize", ["a", " "], [5], [None], [float("nan")], None, 5, [["a"]]])
def test_keywords_need_words(words):
    assert "keywords need a list of words, such as" in refusal(lambda: keywords("spam", words))


def test_words_may_come_in_any_collection():
    for words in (
        {"b", "a"},
        ("a", "b"),
        iter(["a", "b"]),
        np.array(["a", "b"]),
        pd.Series(["a", "b"]),
        {"a": 1, "b": 2},
    ):
        assert keywords("spam", words).fingerprint == keywords("spam", ["a", "b"]).fingerprint


@pytest.mark.parametrize(
    ("regex", "flags"), [("(", 0), (re.compile(b"x"), 0), (b"x", 0), (5, 0), (None, 0), ("a{99999999999}", 0),
    ("(" * 5000 + ")" * 5000, 0),
                         ("a", "i"), ("a", re.ASCII | re.UNICODE)]
)  # fmt: skip
def test_a_pattern_that_is_none_is_refused(regex, flags):
    message = refusal(lambda: pattern("spam", regex, flags=flags))
    assert "is not a regular expression for text" in message
    assert len(message) < 400


@pytest.mark.parametrize("label", [None, True, 1.5, ["spam"]])
def test_keywords_and_patterns_vote_for_one_label(label):
    assert "must vote for one label" in refusal(lambda: keywords(label, ["a"]))
    assert "must vote for one label" in refusal(lambda: pattern(label, "a"))


def test_an_unknown_label_is_refused_by_the_committee():
    with pytest.raises(UnknownLabelError, match="'spm' is not a label; did you mean 'spam'"):
        Committee(["ham", "spam"]).add(keywords("spm", ["a"]))


@pytest.mark.parametrize(
    "made",
    [
        keywords("spam", ["a"], case=True, column="t"),
        keywords(1, ["a"]),
        pattern("spam", "a"),
        pattern("spam", re.compile("(?x) a", re.ASCII)),
    ],
    ids=lambda made: made.name,
)
def test_a_heuristic_made_again_from_its_spec_is_the_same(made):
    again = heuristic_from_spec(made.spec())
    assert (again.fingerprint, again.name) == (made.fingerprint, made.name)


def naive_search(words, text):
    """The plain reading: the word stands there, and neither end touches a letter that goes on with it."""
    found = False
    for word in words:
        for match in re.finditer(f"(?=({re.escape(word)}))", text, re.IGNORECASE):
            before, after = text[: match.start()][-1:], text[match.start() + len(match.group(1)) :][:1]
            inside = (re.match(r"\w", word[0]) and re.match(r"\w", before)) or (
                re.match(r"\w", word[-1]) and re.match(r"\w", after)
            )
            found = found or not inside
    return found


LETTERS = st.sampled_from("aAbé+!.-_1中ß")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=3),
    st.text(LETTERS | st.just(" "), max_size=12),
)
@example(["a", "a+"], "a+a")
@example(["aa"], "aaa aa")
def test_keywords_agree_with_a_naive_search(words, text):
    batch = pa.record_batch({"id": ["1"], "text": [text]})
    assert (keywords("spam", words).vote(batch, LABELS)[0] == 1) == naive_search(words, text)


# ---- examples


def test_examples_that_hold_are_silent():
    good = {"buy now": "spam", "hello": None}
    member = labeling_function(name="probe", examples=good)(lambda x: "spam" if "buy" in x.text else None)
    for heuristic in (
        member,
        keywords("spam", ["buy"], examples=good),
        pattern("spam", "buy", examples=list(good.items())),
    ):
        Committee(["ham", "spam"]).add(heuristic)
    Committee(["ham", "spam"]).add(
        labeling_function(name="probe", examples=[({"text": "a", "n": 5}, ("spam", 0.5))])(lambda x: x.n - 4)
    )
    Committee(["ham", "spam"]).add(keywords("spam", ["buy"], column="title", examples=good))
    Committee(["ham", "spam"]).add(
        labeling_function(name="probe", batch=True, examples=good)(
            lambda frame: ["spam" if "buy" in t else None for t in frame.text]
        )
    )


def add(heuristic):
    return Committee(["ham", "spam"], timeout=None).add(heuristic)


def test_an_example_that_fails_names_function_place_text_and_both_labels():
    @labeling_function(examples={"buy now": "ham"})
    def greedy(x):
        return "spam"

    line = greedy.function.__code__.co_firstlineno
    message = refusal(lambda: add(greedy))
    assert re.fullmatch(
        rf"greedy \(.*test_heuristics.py:{line}\) votes 'spam' on its example 'buy now', which says 'ham'; .*", message
    )


def test_an_example_on_which_the_function_raises_says_what_it_raised():
    message = refusal(lambda: add(labeling_function(name="probe", examples={"buy": "spam"})(lambda x: x.nope)))
    assert "fails on its example 'buy': AttributeError: no column 'nope'" in message


def test_an_example_with_an_unknown_label_is_refused():
    assert "'spm' is not a label; did you mean 'spam'?" in refusal(
        lambda: add(keywords("spam", ["a"], examples={"a": "spm"}))
    )


@pytest.mark.parametrize("examples", ["abc", ["abc"], [("a",)], 5, {5: "spam"}, {None: None}, [("a", "spam", 1)]])
def test_examples_are_pairs_of_record_and_label(examples):
    assert "examples of 'f' must be a dict of text to label" in refusal(
        lambda: keywords("spam", ["a"], name="f", examples=examples)
    )


@pytest.mark.parametrize("record", ["a\ud800", {"text": "a", "o": object()}, {"text": "a", "n": 2**70}])
def test_an_example_that_is_no_record_is_refused(record):
    assert "cannot be made a record" in refusal(lambda: add(keywords("spam", ["a"], examples=[(record, "spam")])))


def test_a_long_example_is_cut():
    assert len(refusal(lambda: add(keywords("spam", ["a"], examples={"b" * 10_000: "spam"})))) < 300


# ---- what can be a labeling function


class Callable:
    def __call__(self, x):
        return 1


def test_any_callable_of_one_record_can_vote():
    def add_up(n, x):
        return n

    for heuristic in (
        functools.partial(add_up, 1),
        Callable(),
        Callable().__call__,
        lambda x, y=2: 1,
        labeling_function(lambda *x: 1),
    ):
        assert votes(heuristic) == [1]
    assert as_heuristic(functools.partial(add_up, 1)).name == "add_up"
    assert as_heuristic(Callable()).name == "Callable"
    assert "test_heuristics.py:" in as_heuristic(Callable()).location


async def coroutine(x):
    return 1


def generator(x):
    yield 1


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (lambda x, y: 1, "must take one argument, the record, got (x, y)"),
        (lambda: 1, "must take one argument"),
        (coroutine, "an async function or a generator does not"),
        (generator, "an async function or a generator does not"),
        ("abc", "must be a function of a record, got str 'abc'"),
        (labeling_function(lambda x: 1), "is a heuristic already"),
        (keywords("spam", ["a"]), "is a heuristic already"),
    ],
)
def test_what_cannot_be_a_labeling_function_is_refused(thing, message):
    assert message in refusal(lambda: labeling_function(thing))


def test_a_name_is_text():
    assert "must be text, got int 5" in refusal(lambda: labeling_function(name=5)(lambda x: 1))


def test_what_is_no_heuristic_cannot_be_registered():
    assert "cannot register str 'abc'; wanted a labeling function" in refusal(lambda: add("abc"))


# ---- Snorkel's labeling functions


@pytest.fixture(scope="module")
def snorkel_functions():
    """The forms in which Snorkel's tutorials write labeling functions."""
    from snorkel.labeling import LabelingFunction
    from snorkel.labeling import labeling_function as snorkel_function
    from snorkel.preprocess import preprocessor

    @preprocessor(memoize=True)
    def memoized(x):
        x.lowered = x.text.lower()
        return x

    @preprocessor(pre=[memoized])
    def chained(x):
        x.words = x.lowered.split()
        return x

    @snorkel_function()
    def plain(x):
        return 1 if "win" in x.text else -1

    @snorkel_function(pre=[memoized])
    def with_memo(x):
        return 1 if "win" in x.lowered else -1

    @snorkel_function(pre=[chained])
    def with_chain(x):
        return 1 if "win" in x.words else -1

    @snorkel_function(resources={"words": ["win"]})
    def with_resource(x, words):
        return 1 if any(word in x.text for word in words) else -1

    def contains(x, word):
        return 1 if word in x.text else -1

    made = LabelingFunction(name="made", f=contains, resources={"word": "win"})
    return [plain, with_memo, with_chain, with_resource, made]


SNORKEL_RECORDS = ["win", "WIN", "a", "WIN"]


def test_snorkel_functions_vote_as_in_snorkel(snorkel_functions):
    from snorkel.labeling import PandasLFApplier

    L = PandasLFApplier(snorkel_functions).apply(pd.DataFrame({"text": SNORKEL_RECORDS}), progress_bar=False)
    for column, function in zip(L.T, snorkel_functions, strict=True):
        assert votes(function, SNORKEL_RECORDS) == column.tolist(), function.name


def test_snorkel_functions_run_in_child_processes_even_after_use(snorkel_functions):
    here = Committee(["ham", "spam"], timeout=None)
    there = Committee(["ham", "spam"], timeout=30, workers=1)
    for function in snorkel_functions:
        here.add(function)
        there.add(function)
    expected = here.vote(SNORKEL_RECORDS, progress=False).L.tolist()
    assert there.vote(SNORKEL_RECORDS, progress=False).L.tolist() == expected
    assert expected == [[1, 1, 1, 1, 1], [-1, 1, 1, -1, -1], [-1] * 5, [-1, 1, 1, -1, -1]]


def test_snorkel_functions_know_where_they_were_written(snorkel_functions):
    assert all("test_heuristics.py:" in as_heuristic(function).location for function in snorkel_functions)


def test_snorkel_functions_do_not_see_labels():
    from snorkel.labeling import labeling_function as snorkel_function

    @snorkel_function()
    def peek(x):
        return 1 if "g" in x.index or x.text != "a" else 0

    assert votes(peek, [{"headline": "a", "g": "spam"}], text="headline", gold="g") == [0]


def test_snorkel_votes_that_are_no_label_are_faults():
    from snorkel.labeling import labeling_function as snorkel_function

    @snorkel_function()
    def seven(x):
        return 7

    assert ballot(seven).faults[0].exception == "UnknownLabelError"
    assert "is a heuristic already" in refusal(lambda: labeling_function(seven))


def test_use_does_not_change_the_fingerprint_of_a_snorkel_function(snorkel_functions):
    for function in snorkel_functions:
        before = as_heuristic(function).fingerprint
        votes(function, ["something new"])
        assert as_heuristic(function).fingerprint == before


# ---- files of labeling functions


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in files.items():
        (folder / f"{name}.py").write_bytes(source if isinstance(source, bytes) else textwrap.dedent(source).encode())
    return folder


def places(loaded):
    return {heuristic.name: os.path.basename(heuristic.location) for heuristic in loaded.heuristics}


def test_every_heuristic_of_a_file_keeps_its_line(tmp_path):
    source = HEADER + textwrap.dedent(
        """
        import re

        @labeling_function
        def first(x):
            return "spam"

        second = keywords("spam", ["x"], name="second")
        third = pattern(
            "spam",
            "x",
            name="third",
        )
        if True:
            fourth: object = keywords("spam", ["y"], name="fourth")
        several = [
            keywords("spam", ["z"], name="fifth"),
            pattern("ham", "z", name="sixth"),
        ]
        same = first
        def helper(x):
            second = 5
        """
    )
    lines = {
        word: number for number, line in enumerate(source.splitlines(), 1) for word in line.replace('"', " ").split()
    }
    loaded = load(write(tmp_path, rules=source))
    assert loaded.errors == []
    expected = {"first": lines["@labeling_function"], "second": lines["second"] - 14, "third": lines["third"] - 4}
    assert places(loaded) == {
        "first": f"rules.py:{expected['first']}", "second": "rules.py:9", "third": "rules.py:10",
        "fourth": "rules.py:16",
        "fifth": "rules.py:18", "sixth": "rules.py:19",
    }  # fmt: skip


BROKEN = {
    "syntax": ("x = 1\ndef f(:\n", "syntax.py:2: SyntaxError: invalid syntax in `def f(:`"),
    "indent": ("def f():\nreturn 1\n", "indent.py:2: IndentationError"),
    "nul": (b"x = 1\x00\n", "nul.py:1: SyntaxError"),
    "deep": ("x = " + "(" * 5000, "deep.py:1: SyntaxError"),
    "latin": ("x = 'caf\xe9'\n".encode("latin-1"), "latin.py:1: SyntaxError"),
    "raises": ("x = 1\n\n1 / 0\n", "raises.py:3: ZeroDivisionError: division by zero"),
    "lines": ("raise ImportError('one\\ntwo')\n", "lines.py:1: ImportError: one two"),
    "leaves": ("import sys\nsys.exit('bye')\n", "leaves.py:2: SystemExit: bye (the file ends Python when it is loaded"),
    "missing": ("import nope_nope\n", "missing.py:1: ModuleNotFoundError: No module named 'nope_nope'"),
    "endless": ("def f(): f()\nf()\n", "endless.py:1: RecursionError"),
    "helped": ("x = 1\nimport _broken\n", "_broken.py:2: SyntaxError"),
}


def test_a_file_that_fails_is_one_message_and_the_others_go_on(tmp_path):
    write(tmp_path, _broken="\n)\n", **{name: source for name, (source, _) in BROKEN.items()})
    write(tmp_path, good=HEADER + "k = keywords('spam', ['x'], name='good')\n", _ignored="1 / 0\n")
    (tmp_path / "folder.py").mkdir()
    loaded = load(tmp_path)
    assert places(loaded) == {"good": "good.py:2"}
    assert len(loaded.errors) == len(BROKEN)
    for error, (_, wanted) in zip(loaded.errors, (BROKEN[name] for name in sorted(BROKEN)), strict=True):
        assert wanted in error
        assert "\n" not in error
        assert len(error) < 600


def test_a_committee_warns_of_files_that_fail(tmp_path):
    write(tmp_path, bad="1 / 0\n", good=HEADER + "k = keywords('spam', ['x'], name='good')\n")
    committee = Committee(["ham", "spam"])
    with pytest.warns(WeaklabWarning, match="bad.py:1: ZeroDivisionError"):
        committee.load(tmp_path)
    assert committee.names == ["good"]


def test_name_used_in_two_files_is_reported_with_both_places(tmp_path):
    source = HEADER + "@labeling_function\ndef f(x):\n    return 'spam'\n"
    (error,) = load(write(tmp_path, a=source, b=source)).errors
    assert re.fullmatch(r".*b\.py:2: 'f' is the name of another heuristic \(.*a\.py:2\); rename one of them", error)


def test_names_and_texts_may_be_in_any_script(tmp_path):
    source = HEADER + "k = keywords('spam', ['café'], name='{}')\n"
    files = {name: source.format(name) for name in ("utf8", "中文", "two words", "a.b")}
    files["bom"] = b"\xef\xbb\xbf" + source.format("bom").encode()
    files["latin"] = ("# -*- coding: latin-1 -*-\n" + source.format("latin")).encode("latin-1")
    folder = write(tmp_path, **files)
    loaded = load(folder)
    assert loaded.errors == []
    assert {heuristic.name for heuristic in loaded.heuristics} == set(files)
    assert all(votes(heuristic, ("un café",)) == [1] for heuristic in loaded.heuristics)


def test_what_is_no_python_file_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    assert "wanted a .py file" in refusal(lambda: load(tmp_path / "a.txt"))
    assert "no such file or folder" in refusal(lambda: load(tmp_path / "nope"))
    assert load(write(tmp_path / "empty")).heuristics == []


USER = """
    from weaklab import labeling_function
    {imports}

    @labeling_function
    def found(x):
        return "spam" if {call}(x) else None
    """
HELPER = """
    WORDS = ["{word}"]

    def has_word(x):
        return any(word in x.text for word in WORDS)
    """


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from helper import has_word", "has_word"),
        ("import helper", "helper.has_word"),
        ("from .helper import has_word", "has_word"),
        ("from . import helper", "helper.has_word"),
    ],
)
def test_helpers_in_the_same_folder_are_pickled_and_read_again(tmp_path, imports, call):
    folder = write(tmp_path, rules=USER.format(imports=imports, call=call), helper=HELPER.format(word="win"))

    def committee():
        committee = Committee(["ham", "spam"], timeout=30, workers=1)
        committee.load(folder)
        return committee

    before = committee()
    assert before.vote(["win", "buy"], progress=False).L.tolist() == [[1], [-1]]
    assert committee()["found"].fingerprint == before["found"].fingerprint
    write(folder, helper=HELPER.format(word="buy"))
    after = committee()
    assert after["found"].fingerprint != before["found"].fingerprint
    assert after.vote(["win", "buy"], progress=False).L.tolist() == [[-1], [1]]
    assert not (folder / "__pycache__").exists()


def test_helpers_of_the_same_name_in_two_folders_stay_apart(tmp_path):
    for word in ("win", "buy"):
        write(
            tmp_path / word,
            rules=USER.format(imports="import helper", call="helper.has_word"),
            helper=HELPER.format(word=word),
        )
    first, second = (load(tmp_path / word).heuristics[0] for word in ("win", "buy"))
    assert (votes(first, ("win", "buy")), votes(second, ("win", "buy"))) == ([1, -1], [-1, 1])


def test_a_heuristic_that_a_neighbour_imports_is_no_second_one(tmp_path):
    write(
        tmp_path, a=HEADER + "k = keywords('spam', ['x'], name='k')\n@labeling_function\ndef f(x):\n    return 'spam'\n"
    )
    loaded = load(write(tmp_path, b=HEADER + "from a import f, k\n@labeling_function\ndef g(x):\n    return f(x)\n"))
    assert (places(loaded), loaded.errors) == ({"k": "a.py:2", "f": "a.py:3", "g": "b.py:3"}, [])


def test_the_fingerprint_is_of_what_was_loaded_not_of_what_was_saved_since(tmp_path):
    source = HEADER + "@labeling_function\ndef f(x):\n    return {}\n"
    folder = write(tmp_path, rules=source.format(0))
    loaded = load(folder).heuristics[0]
    write(folder, rules=source.format(1))
    assert loaded.fingerprint != load(folder).heuristics[0].fingerprint
    assert votes(loaded) == [0]


# ---- fingerprints


COUNT = iter(range(1_000_000))


@pytest.fixture
def define(tmp_path, monkeypatch):
    """Write a module and return its function ``f``, as a user who edits a file and starts again."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(source, name="f"):
        module = f"fingerprint_module_{next(COUNT)}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        importlib.invalidate_caches()
        return getattr(importlib.import_module(module), name)

    return make


def print_of(thing):
    return as_heuristic(thing).fingerprint


SAME = {
    "comments and white space": ("def f(x):\n    return 1\n", "def f(x):\n\n    # why\n    return (1)  # one\n"),
    "docstring": ("def f(x):\n    return 1\n", 'def f(x):\n    """One."""\n    return 1\n'),
    "annotations": ("def f(x):\n    y = 1\n    return y\n", "def f(x: str) -> int:\n    y: int = 1\n    return y\n"),
    "decorator": ("def f(x):\n    return 1\n", HEADER + "@labeling_function(name='other', examples={'a': 1})\ndef "
                                                        "f(x):\n    return 1\n"),
    "nested docstring": ("def f(x):\n    def g():\n        return 1\n    return g()\n",
                         "def f(x):\n    def g() -> int:\n        'doc'\n        return 1\n    return g()\n"),
    "order of a set": ("G = {'a', 'b', 'c'}\ndef f(x): return x in "
                       "G\n", "G = {'c', 'b', 'a'}\ndef f(x): return x in G\n"),
    "shared values": ("A = ['x']\nG = [A, A]\ndef f(x): return G\n", "G = [['x'], ['x']]\ndef f(x): return G\n"),
    "objects": ("class O: pass\nG = O()\ndef f(x): return G\n", "\n\nclass O:\n    'doc'\nG = O()\ndef f(x): return "
                                                                "G\n"),
    "arrays of objects": ("import numpy\nG = numpy.array(['a', None])\ndef f(x): return G\n",) * 2,
    "not a number": ("G = float('nan')\ndef f(x): return G\n",) * 2,
    "a list that holds itself": ("G = []\nG.append(G)\ndef f(x): return G\n",) * 2,
    "what a cache holds": ("from functools import lru_cache\n@lru_cache\ndef h(x): return 1\ndef f(x): return h(x)\n",
                           "from functools import lru_cache\n@lru_cache\ndef h(x): return 1\nh(1)\ndef f(x): return "
                           "h(x)\n"),
    "what is not used": ("def f(x): return 1\n", "G = 5\ndef g(x): return 2\ndef f(x): return 1\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_fingerprints_do_not_change_with(define, case):
    one, other = SAME[case]
    assert print_of(define(one)) == print_of(define(other))


def using(value):
    return f"G = {value}\ndef f(x): return x in G\n"


VALUES = [
    ("['a']", "['b']"), ("['a', 'b']", "['b', 'a']"), ("['a,b']", "['a', 'b']"), ("[[1, 2], [3]]", "[[1], [2, 3]]"),
    ("('a',)", "['a']"),
    ("{'a': 1}", "{'a': 2}"), ("{'a': {'b': 1}}", "{'a': {'b': 2}}"), ("{'a'}", "{'b'}"), ("1", "1.0"), ("1", "True"),
    ("'1'", "1"),
    ("__import__('re').compile('a')", "__import__('re').compile('b')"), ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    ("__import__('re').compile('a')", "__import__('re').compile('a', 2)"),
    ("__import__('numpy').array([1, 2])", "__import__('numpy').array([1, 3])"),
    ("__import__('collections').deque('ab')", "__import__('collections').deque('b')"),
    ("__import__('pandas').Series([1, 2])", "__import__('pandas').Series([1, 3])"),
    ("__import__('pyarrow').array([1])", "__import__('pyarrow').array([2])"),
    ("__import__('functools').partial(int, base=2)", "__import__('functools').partial(int, base=3)"),
    ("__import__('datetime').date(2026, 1, 1)", "__import__('datetime').date(2026, 1, 2)"),
    ("__import__('types').SimpleNamespace(a=1)", "__import__('types').SimpleNamespace(a=2)"),
    ("iter([1])", "iter([2])"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), VALUES)
def test_fingerprints_change_with_a_global(define, one, other):
    assert print_of(define(using(one))) != print_of(define(using(other)))
    assert print_of(define(using(one))) == print_of(define(using(one)))


WRAPPER = """
import functools
def outer(function):
    @functools.wraps(function)
    def wrapper(x):
        return function(x) + {}
    return wrapper
@outer
def f(x):
    return {}
"""
CHANGED = {  # each with two values to fill in
    "code": "def f(x): return {}\n",
    "helper": "def h(x): return {}\ndef f(x): return h(x)\n",
    "global of a helper's helper": "W = {}\ndef h2(): return W\ndef h(x): return h2()\ndef f(x): return h(x)\n",
    "closure": "def make(n):\n    def f(x): return n\n    return f\nf = make({})\n",
    "default": "D = {}\ndef f(x, d=D): return d\n",
    "keyword default": "D = {}\ndef f(x, *, d=D): return d\n",
    "method of a class": "class H:\n    def m(self): return {}\ndef f(x): return H().m()\n",
    "base class": "class B:\n    def m(self): return {}\nclass H(B): pass\ndef f(x): return H().m()\n",
    "global of a method": "W = {}\nclass H:\n    def m(self): return W\ndef f(x): return H().m()\n",
    "attribute of a class": "class H: pass\nH.W = {}\ndef f(x): return H.W\n",
    "state of an object": "class H:\n    def __init__(self, n): self.n = n\nG = H({})\ndef f(x): return G.n\n",
    "slots of an object": "class H:\n    __slots__ = ('n',)\n    def __init__(self, n): self.n = n\nG = H({})\ndef "
    "f(x): return G.n\n",
    "bound method": "class H:\n    def __init__(self, n): self.n = n\n    def m(self, x): return self.n\nf = H({}).m\n",
    "partial": "from functools import partial\ndef g(a, x): return a\nf = partial(g, {})\n",
    "wrapped helper": "from functools import lru_cache\n@lru_cache\ndef h(x): return {}\ndef f(x): return h(x)\n",
    "wrapper's own body": WRAPPER.format("{}", 1),
    "body under a wrapper": WRAPPER.format(1, "{}"),
    "mutual recursion": "def f(x): return g(x)\ndef g(x): return f(x) + {}\n",
    "another labeling function": HEADER + "@labeling_function\ndef h(x): return {}\ndef f(x): return h(x)\n",
    "keywords": HEADER + "h = keywords('spam', ['{}'])\ndef f(x): return h.words\n",
    "version": HEADER + "@labeling_function(version='{}')\ndef f(x): return 1\n",
    "code without source": "exec('def f(x): return x == {}')\n",
    "global of code without source": "G = {}\nexec('def f(x): return G')\n",
    "module of the user": "import types\nM = types.ModuleType('M')\nM.W = {}\ndef f(x): return M.W\n",
}


@pytest.mark.parametrize("case", CHANGED)
def test_fingerprints_change_with(define, case):
    source = CHANGED[case]
    one, again, other = (print_of(define(source.format(value))) for value in (1, 1, 2))
    assert one == again != other


def test_a_library_wrapper_does_not_hide_what_it_wraps(define, tmp_path, monkeypatch):
    """The wrapper of a library's @retry bears the module and name of the function inside."""
    write(tmp_path / "site-packages", retry_library=WRAPPER.split("@outer")[0].format(1))
    monkeypatch.syspath_prepend(tmp_path / "site-packages")
    source = "from retry_library import outer\n@outer\ndef f(x): return {}\n"
    one, again, other = (print_of(define(source.format(value))) for value in (1, 1, 2))
    assert one == again != other


LAMBDAS = [
    "lambda x: 1, lambda x: 2", "lambda x: x.a, lambda x: x.b", "lambda x: x + 1, lambda x: x - 1",
    "lambda x: x == 1, lambda x: x == 1.0",
    "lambda x: x == 1, lambda x: x == True", "lambda x, d=1: d, lambda x, d=2: d", "lambda x: A, lambda x: B",
    "lambda x: any(w in x for w in 'ab'), lambda x: any(w in x for w in 'cd')",
    "lambda x: x in {'a'}, lambda x: x in {'b'}",
    "lambda x: (lambda y: y)(x), lambda x: (lambda y: -y)(x)", "(lambda x:\n  x.a), (lambda x:\n  x.b)",
    "lambda x: 'é' + x, lambda x: 'è' + x",
]  # fmt: skip


@pytest.mark.parametrize("pair", LAMBDAS)
def test_two_lambdas_on_one_line_differ(define, pair):
    first, second = define(f"A, B = 1, 2\nfs = ({pair})\n", "fs")
    again, _ = define(f"A, B = 1, 2\nfs = ({pair})\n", "fs")
    assert print_of(first) == print_of(again) != print_of(second)


def test_two_lambdas_with_a_closure_differ(define):
    first, second = define("def make():\n    n = 1\n    return lambda x: x == n, lambda x: x != n\nfs = make()\n", "fs")
    assert print_of(first) != print_of(second)


def test_functions_and_objects_that_all_know_one_another_do_not_hang(define):
    functions = "\n".join(f"def g{i}(x): return [{', '.join(f'g{j}' for j in range(25))}]" for i in range(25))
    assert len(print_of(define(functions, "g0"))) == 32
    objects = (
        "class N: pass\nns = [N() for _ in range(25)]\nfor n in ns: n.others = ns\nns[0].some = {ns[0]}\ndef "
        "f(x): return ns\n"
    )
    assert len(print_of(define(objects))) == 32
    deep = "G = []\nfor _ in range(5000): G = [G]\ndef f(x): return G\n"
    assert len(print_of(define(deep))) == 32


def test_fingerprints_are_equal_in_other_processes_under_other_hash_seeds(tmp_path):
    source = """
        import re
        from weaklab import keywords, labeling_function, pattern
        WORDS = {"a", "b", "c", "d"}
        TABLE = {"x": WORDS, "y": frozenset({1, 2, 3})}
        class Names(set):
            pass
        class Helper:
            def __init__(self): self.seen, self.names = {"p", "q"}, Names(["h", "i", "j", "k", "l"])
        helper = Helper()
        @labeling_function
        def f(x):
            return 1 if x.text in WORDS or x.text in {"m", "n", "o"} or TABLE or helper else None
        g = labeling_function(name="g")(lambda x: x in {"r", "s", "t"} or re.search("u", x))
        k = keywords("spam", {"v", "w"}, name="k")
        """
    folder = write(tmp_path, rules=source)
    expected = [heuristic.fingerprint for heuristic in load(folder).heuristics]
    program = (
        "import sys; from weaklab.heuristics import load; print([h.fingerprint for h in load(sys.argv[1]).heuristics])"
    )
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", program, folder],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert run.stdout.strip() == str(expected)


def nested(leaves):
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=6)


@settings(max_examples=100, deadline=None)
@given(nested(st.integers(0, 2) | st.text("ab", max_size=1)), nested(st.booleans() | st.integers(0, 2)))
def test_fingerprints_of_values_are_equal_where_the_values_are(one, other):
    assert (fingerprint.of_value(one) == fingerprint.of_value(other)) == (repr(one) == repr(other))


@pytest.mark.parametrize(
    ("heuristic", "name", "value"),
    [
        (weaklab.keywords("spam", ["free"]), "words", ("prize",)),
        (weaklab.pattern("spam", "free"), "regex", re.compile("prize")),
        (weaklab.pattern("spam", "free"), "label", "ham"),
        (weaklab.where("spam", weaklab.col("text").length() > 3), "condition", weaklab.col("text").length() > 9),
    ],
)
def test_what_a_heuristic_is_made_with_cannot_be_changed_as_its_votes_are_known_by_it(heuristic, name, value):
    before = heuristic.fingerprint
    with pytest.raises(HeuristicError, match=f"is made with {name}=.* make a new heuristic"):
        setattr(heuristic, name, value)
    assert heuristic.fingerprint == before
    heuristic.name = "another name"
    assert pickle.loads(pickle.dumps(heuristic)).fingerprint == before
