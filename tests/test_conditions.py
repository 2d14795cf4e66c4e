"""Conditions on columns: they mean what Python means, on any text and any number, and a record that fails is a
fault."""

import datetime
import json
import operator
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import weaklab
from weaklab.core.errors import HeuristicError, UnknownLabelError
from weaklab.core.labels import LabelNames
from weaklab.corpus.records import Columns, Roles
from weaklab.heuristics import check_examples, col, where
from weaklab.heuristics import columnar as vectors
from weaklab.heuristics.conditions import Condition
from weaklab.heuristics.expression_text import expression_from_text
from weaklab.heuristics.expressions import Expression, expression_from_spec

LABELS = LabelNames(["ham", "spam"])
X = col("text")

ODD = "aAbB!? 10e\u0301ßẞİıΣσς²٣Ⅷ’\u2013漢🎉\u00a0\u0085\u1680\u2003\u200b\u2028\u3000\x1c\x1f\x00\n\t"
texts = st.one_of(st.text(alphabet=ODD, max_size=12), st.text(max_size=12))


def table(columns, text=("text",)):
    n = len(next(iter(columns.values())))
    arrays = {
        "id": pa.array([str(row) for row in range(n)]),
        **{name: pa.array(values) for name, values in columns.items()},
    }
    batch = pa.RecordBatch.from_pydict(arrays)
    return batch.replace_schema_metadata(
        Roles("id", tuple(name for name in text if name in columns)).attach(batch.schema).metadata
    )


def ballot(condition, batch):
    batch = batch if isinstance(batch, pa.RecordBatch) else table(batch)
    return where("spam", condition).evaluate(batch, LABELS)


def holds(condition, batch):
    """Return on which records a condition holds, with no fault."""
    found = ballot(condition, batch)
    assert found.faults == []
    return (found.votes == 1).tolist()


def faults(condition, batch):
    return [(fault.exception, fault.count) for fault in ballot(condition, batch).faults]


def slow(condition, batch):
    """Return the votes and the kinds of faults that Python gives, record by record."""
    columns, votes, kinds = Columns(batch), [], {}
    for row in range(len(columns)):
        vote = -1
        try:
            value = condition.python(lambda name, row=row: columns[name][row])
            if value is not None and type(value) is not bool:
                raise TypeError("no condition")
            vote = 1 if value else -1
        except Exception as error:
            kinds[type(error).__name__] = kinds.get(type(error).__name__, 0) + 1
        votes.append(vote)
    return votes, kinds


def same(condition, batch):
    found = ballot(condition, batch)
    assert (found.votes.tolist(), {fault.exception: fault.count for fault in found.faults}) == slow(condition, batch)


# ---- text: what Python's str does

ON_TEXT = {
    "length": (X.length(), len),
    "words": (X.words(), lambda t: len(t.split())),
    "digits": (X.digits(), lambda t: sum(c.isdigit() for c in t)),
    "capitals": (X.capitals(), lambda t: sum(c.isupper() for c in t)),
    "count": (X.count("!"), lambda t: t.count("!")),
    "count two": (X.count("ab"), lambda t: t.count("ab")),
    "count what overlaps": (X.count("aa"), lambda t: t.count("aa")),
    "count three that overlap": (X.count("aba"), lambda t: t.count("aba")),
    "count beyond ASCII": (X.count("’"), lambda t: t.count("’")),
    "count of": (X.count_of("!?’İ0"), lambda t: sum(c in "!?’İ0" for c in t)),
    "lower": (X.lower().count("σ"), lambda t: t.lower().count("σ")),
    "length of lower": (X.lower().length(), lambda t: len(t.lower())),
    "strip": (X.strip().length(), lambda t: len(t.strip())),
    "joined": ((X + "a" + X).count("a"), lambda t: (t + "a" + t).count("a")),
}


@pytest.mark.parametrize("name", ON_TEXT)
@settings(deadline=None)
@given(listed=st.lists(texts, min_size=1, max_size=8), block=st.sampled_from([3, 16, 1 << 18]))
@example(listed=["aaa", "", "aaaaa", "ababa", "a", "ba", "a"], block=3)
@example(listed=["ΑΣ", "ΑΣ x", "İ", "ẞ", "x\x1cy\x85z\u2028w\u200bv", "\xa0a\u3000", "é’", "\xc2"], block=1 << 18)
def test_a_count_is_pythons_on_any_text(name, listed, block):
    expression, python = ON_TEXT[name]
    batch = table({"text": listed})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "_BLOCK_BYTES", block)
        found = vectors.ExpressionBatch(batch).values(expression)
    assert found.data.tolist() == [python(text) for text in listed]
    assert found.known is None
    assert found.doubt is None
    assert [expression.python({"text": text}.__getitem__) for text in listed] == [python(text) for text in listed]


TOGETHER = [
    X.count("!"),
    X.length(),
    X.count_of("ab1"),
    col("title").count("!"),
    X.count("\n"),
    X.count("a"),
    col("title").length(),
]


@settings(deadline=None)
@given(st.lists(st.tuples(texts, st.none() | texts), min_size=1, max_size=8), st.integers(0, 2))
@example([("!" * 70_000 + "é", "a" * 65_536), ("", None), ("a\n!", "é!")], 0)
def test_counts_in_one_reading_are_those_in_several(rows, cut):
    pytest.importorskip("numba")
    columns = dict(zip(("text", "title"), map(list, zip(*rows, strict=True)), strict=True))
    batch = table({**columns, "title": pa.array(columns["title"], pa.string())}).slice(min(cut, len(rows) - 1))
    together, apart = vectors.ExpressionBatch(batch), vectors.ExpressionBatch(batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "_FEW_BYTES", 0)
        together.count_together([(count >= 2) & (X.count("!") == count) for count in TOGETHER])
    assert {count.key for count in TOGETHER} <= set(together._found)
    for count in TOGETHER:
        one, other = together.values(count), apart.values(count)
        known = np.ones(len(apart), bool) if other.known is None else other.known
        assert one.data[known].tolist() == other.data[known].tolist()
        assert (None if one.known is None else one.known.tolist()) == (
            None if other.known is None else other.known.tolist()
        )
        assert one.doubt is other.doubt is None


YES_OR_NO = {
    "contains": (lambda c, part: c.contains(part), lambda t, part: part in t),
    "contains in any case": (lambda c, part: c.contains(part, case=False), lambda t, part: part.lower() in t.lower()),
    "starts with": (lambda c, part: c.starts_with(part), str.startswith),
    "starts with in any case": (
        lambda c, part: c.starts_with(part, case=False),
        lambda t, part: t.lower().startswith(part.lower()),
    ),
    "ends with": (lambda c, part: c.ends_with(part), str.endswith),
    "ends with in any case": (
        lambda c, part: c.ends_with(part, case=False),
        lambda t, part: t.lower().endswith(part.lower()),
    ),
    "is in": (lambda c, part: c.is_in([part, "x", 3]), lambda t, part: t in (part, "x")),
    "less": (lambda c, part: c < part, operator.lt),
    "at least": (lambda c, part: c >= part, operator.ge),
    "equal": (lambda c, part: c == part, operator.eq),
    "another": (lambda c, part: c != part, operator.ne),
    "between": (lambda c, part: c.between("A", part), lambda t, part: "A" <= t <= part),
}


@pytest.mark.parametrize("name", YES_OR_NO)
@settings(deadline=None)
@given(listed=st.lists(texts, min_size=1, max_size=8), part=texts.filter(len), tail=st.booleans())
@example(listed=["ab", "c", "", "a", "b"], part="bc", tail=False)
def test_a_condition_on_text_is_pythons(name, listed, part, tail):
    make, python = YES_OR_NO[name]
    listed = [*listed, f"x{part}", part, f"{part}y", part.swapcase()] if tail else listed
    assert holds(make(X, part), {"text": listed}) == [python(text, part) for text in listed]


def test_white_space_is_what_python_splits_at():
    assert sorted(vectors.WHITE_SPACE) == [chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()]


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_bits_are_counted_with_and_without_numpys_own_function(numbers):
    words = np.array(numbers, np.uint64)
    wanted = [number.bit_count() for number in numbers]
    assert vectors.ones(words).tolist() == wanted
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(np, "bitwise_count", raising=False)
        assert vectors.ones(words).tolist() == wanted


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_text_counts_the_same_in_every_arrow_form_and_in_a_slice(kind):
    listed = ["a!", None, "’!!", "", "!x!"]
    batch = table({"note": pa.array(listed).cast(pa.large_string()).cast(kind)}).slice(1, 4)
    assert ballot(col("note").count("!") >= 2, batch).votes.tolist() == [-1, 1, -1, 1]
    assert ballot(col("note").length() == 0, batch).votes.tolist() == [-1, -1, 1, -1]


# ---- numbers


INTEGERS = st.one_of(
    st.integers(-5, 5), st.sampled_from([2**31, 2**53, 2**53 + 1, 2**62 - 1, 2**62, 2**63 - 1, -(2**63), -(2**53) - 1])
)
FLOATS = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, 2.0**53, 2.0**53 + 2, 2.0**62, 1e308, 0.1]))
COLUMNS = {
    "text": st.none() | texts,
    "i": st.none() | INTEGERS,
    "f": st.none() | FLOATS,
    "b": st.none() | st.booleans(),
    "u": st.none() | st.integers(0, 2**64 - 1),
    "when": st.none() | st.just(datetime.date(2020, 1, 1)),
    "none": st.none(),
    "tags": st.none() | st.lists(texts, max_size=2),
}
TYPES = {
    "text": pa.large_string(), "i": pa.int64(), "f": pa.float64(), "b": pa.bool_(), "u": pa.uint64(),
    "when": pa.date32(),
    "none": pa.null(), "tags": pa.list_(pa.string()),
}  # fmt: skip
batches = st.integers(1, 5).flatmap(
    lambda n: st.fixed_dictionaries({name: st.lists(v, min_size=n, max_size=n) for name, v in COLUMNS.items()})
)
SIGNS = ["<", "<=", ">", ">=", "==", "!=", "+", "-", "*", "/", "&", "|"]
STEPS = [lambda e: e.length(), lambda e: e.words(), lambda e: e.lower(), lambda e: e.count("a"), lambda e: ~e,
         lambda e: e.is_null(),
         lambda e: e.is_in([1, "a", 2.0, True, 2**70]), lambda e: e.contains("a", case=False),
         lambda e: e.between(0, 2)]  # fmt: skip
PYTHON = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
          "!=": operator.ne, "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
          "&": operator.and_, "|": operator.or_}  # fmt: skip


@st.composite
def conditions(draw):
    """Draw any condition that can be written, over columns that are there and one that is not."""
    made = [col(name) for name in draw(st.lists(st.sampled_from([*COLUMNS, "missing"]), min_size=1, max_size=4))]
    made += draw(
        st.lists(
            st.one_of(INTEGERS, FLOATS.filter(np.isfinite), st.just(2**70), st.sampled_from(["a", "!"])), max_size=2
        )
    )
    for _ in range(draw(st.integers(1, 6))):
        left, right = draw(st.sampled_from(made)), draw(st.sampled_from(made))
        try:
            if draw(st.booleans()):
                made.append(PYTHON[draw(st.sampled_from(SIGNS))](left, right))
            else:
                made.append(draw(st.sampled_from(STEPS))(left))
        except (HeuristicError, AttributeError, TypeError, ZeroDivisionError, OverflowError):
            continue  # what cannot be written is tested below
    wanted = [part for part in made if isinstance(part, Expression) and part.kind in (None, "truth")]
    return wanted[-1] if wanted else col("b")


@settings(max_examples=200, deadline=None)
@given(columns=batches, condition=conditions())
def test_any_condition_votes_and_fails_as_python_does(columns, condition):
    batch = table({name: pa.array(values, TYPES[name]) for name, values in columns.items()})
    same(condition, batch)


@settings(max_examples=100, deadline=None)
@given(condition=conditions())
def test_a_condition_is_written_and_stored_so_that_it_comes_back(condition):
    assert eval(condition.key, {"col": col}).key == condition.key
    assert expression_from_spec(json.loads(json.dumps(condition.spec()))).key == condition.key


def test_integers_do_not_overflow_and_are_not_rounded():
    large = {"a": [2**62, 2**53 + 1, 3]}
    assert holds(col("a") * col("a") > 2**100, large) == [True, True, False]
    assert holds(col("a") + col("a") > 0, large) == [True, True, True]
    assert holds(col("a") == 2.0**53, large) == [False, False, False]
    assert holds(col("a") < 2**70, large) == [True, True, True]


def test_nan_compares_as_in_python():
    numbers = {"a": pa.array([1.0, float("nan"), None])}
    assert holds(col("a") != 1, numbers) == [False, True, False]
    assert holds(~(col("a") >= 1), numbers) == [False, True, False]
    assert holds(col("a").is_in([1]), numbers) == [True, False, False]


# ---- what is missing, what fails


def test_missing_value_is_unknown_unless_the_other_side_decides():
    numbers = {"a": [1, None, None, 5], "b": [None, 1, None, 5]}
    assert holds(col("a") > 0, numbers) == [True, False, False, True]
    assert holds(~(col("a") > 9), numbers) == [True, False, False, True]
    assert holds((col("a") > 0) | (col("b") > 0), numbers) == [True, True, False, True]
    assert holds(~((col("a") > 9) & (col("b") > 9)), numbers) == [True, True, False, True]
    assert holds(col("a").is_null(), numbers) == [False, True, True, False]
    assert holds((col("a") + col("b")).is_null(), numbers) == [True, True, True, False]


def test_a_missing_text_of_the_record_is_empty_and_one_elsewhere_is_missing():
    assert holds(col("text").length() == 0, {"text": ["a", None]}) == [False, True]
    assert holds(col("text").is_null(), {"text": ["a", None]}) == [False, False]
    assert holds(col("title").length() == 0, {"text": ["a", "b"], "title": ["", None]}) == [True, False]
    assert holds(col("title").is_null(), {"text": ["a", "b"], "title": ["", None]}) == [False, True]


def test_text_is_the_text_column_by_any_name_and_several_are_joined():
    batch = table({"title": ["re: x", "y"], "body": ["z", None]}, text=("title", "body"))
    assert holds(X == "re: x\nz", batch) == [True, False]
    assert holds(X == "y\n", batch) == [False, True]
    assert holds(
        col("headline").ends_with("x") & X.ends_with("x"), table({"headline": ["x", "y"]}, text=("headline",))
    ) == [True, False]


def test_a_column_that_is_not_there_is_one_fault_for_all_records():
    found = ballot(col("txt").count("!") > 1, {"text": ["a"] * 30})
    assert found.votes.tolist() == [-1] * 30
    assert [(fault.exception, fault.count) for fault in found.faults] == [("KeyError", 30)]
    assert "did you mean 'text'?" in found.faults[0].message


def test_labels_are_hidden():
    corpus = weaklab.read([{"text": "a", "truth": "spam"}, {"text": "b", "truth": "ham"}], gold="truth")
    assert faults(col("truth") == "spam", next(corpus.batches())) == [("KeyError", 2)]


@pytest.mark.parametrize(
    ("condition", "kind", "count"),
    [
        (col("text") < 3, "TypeError", 3),
        (col("a").contains("x"), "TypeError", 2),
        (col("a").count("x") > 1, "AttributeError", 2),
        (col("a") / 0 > 1, "ZeroDivisionError", 2),
        (col("text") * col("a") == "aa", "TypeError", 2),
        (col("a"), "TypeError", 2),
        (col("text") | (col("a") > 1), "TypeError", 3),
    ],
    ids=repr,
)
def test_python_exception_is_a_fault_of_the_record(condition, kind, count):
    assert faults(condition, {"text": ["a", "b", "c"], "a": [2, None, 3]}) == [(kind, count)]


def test_only_the_record_at_fault_abstains():
    found = ballot(col("a") / col("b") > 1, {"a": [4, 4, 4, 1], "b": [2, 0, None, 3]})
    assert found.votes.tolist() == [1, -1, -1, -1]
    assert [(fault.exception, fault.records) for fault in found.faults] == [("ZeroDivisionError", ("1",))]


def test_a_condition_guards_the_one_to_its_right():
    numbers = {"a": [4, 4], "b": [2, 0]}
    assert holds((col("b") != 0) & (col("a") / col("b") > 1), numbers) == [True, False]
    assert holds((col("b") == 0) | (col("a") / col("b") > 1), numbers) == [True, True]
    assert faults((col("a") / col("b") > 1) & (col("b") != 0), numbers) == [("ZeroDivisionError", 1)]


def test_text_and_numbers_are_never_equal():
    assert holds(col("text") == 1, {"text": ["1", "a"]}) == [False, False]
    assert holds(col("text") != 1, {"text": ["1", "a"]}) == [True, True]


def test_other_types_are_pythons_too():
    assert holds(col("tags").contains("a") & (col("tags").length() > 1), {"tags": [["a", "b"], ["a"], None]}) == [
        True,
        False,
        False,
    ]
    assert holds(col("flag") & ~col("other"), {"flag": [True, True, None], "other": [False, True, False]}) == [
        True,
        False,
        False,
    ]


def test_an_empty_batch_and_empty_texts():
    assert ballot(X.words() > 0, table({"text": pa.array([], pa.string())})).votes.tolist() == []
    assert holds((X.words() == 0) & (X.count("ab") == 0) & (X.digits() == 0), {"text": ["", "", ""]}) == [True] * 3


# ---- what cannot be written


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: X.contains("a") and X.contains("b"), "write & for and"),
        (lambda: not X.contains("a"), "~ for not"),
        (lambda: 1 < X.length() < 5, r"between\(1, 5\)"),
        (lambda: "a" in X, r"contains\('x'\)"),
        (lambda: X.length() > 1 & X.words() < 3, "every comparison in parentheses"),
        (lambda: X.length() & X.contains("a"), "takes conditions"),
        (lambda: X.length() > "a", "is a number and .* is text"),
        (lambda: X.lower() == 3, "is text and .* is a number"),
        (lambda: X.length() + "a", "cannot compute"),
        (lambda: X.lower() * 2, "cannot compute"),
        (lambda: col("a") == None, r"is_null\(\)"),  # noqa: E711
        (lambda: col("a") > float("nan"), "finite numbers"),
        (lambda: col("a") > [1], "got list"),
        (lambda: col("a") == "\ud800", "lone surrogate"),
        (lambda: X.count(""), "one character or more"),
        (lambda: X.count(3), "needs a text to look for"),
        (lambda: X.length().lower(), "for text"),
        (lambda: col("a").is_in("ann"), "list of values"),
        (lambda: col("a").is_in([]), "list of values"),
        (lambda: col("a").is_in([None]), r"is_null\(\)"),
        (lambda: col(3), "name of a column"),
        (lambda: where("spam", X.length()), "needs a condition"),
        (lambda: where("spam", lambda x: True), "needs a condition"),
        (lambda: where(True, X.contains("a")), "one label"),
        (lambda: where("spam", {"op": "shout", "of": [{"column": "text"}]}), "operations are"),
        (lambda: where("spam", {"op": "&", "of": [True, False]}), "takes conditions"),
        (lambda: where("spam", {"op": "count", "of": ["text", "a"]}), "no expression"),
        (lambda: where("spam", {"op": "<", "of": ["text", "a"]}), "no expression"),
        (lambda: where("spam", {"op": "<"}), "no expression"),
    ],
)
def test_mistake_is_refused_at_its_line(write, message):
    with pytest.raises(HeuristicError, match=message):
        write()


def test_an_expression_is_no_key_of_a_dict():
    with pytest.raises(TypeError, match="unhashable"):
        hash(X)


# ---- as a heuristic


def test_conditions_share_what_they_compute(monkeypatch):
    calls = []
    plain = vectors._ON_TEXTS["words"]
    monkeypatch.setitem(vectors._ON_TEXTS, "words", lambda values: calls.append(1) or plain(values))
    many = [
        where("spam", col("text").words() > 2),
        where("ham", (col("text").words() <= 2) & (col("text").length() > 1)),
    ]
    found = Condition.evaluate_many(many, table({"text": ["a b c", "a", "ab"]}), LABELS)
    assert [b.votes.tolist() for b in found] == [[1, -1, -1], [-1, -1, 0]]
    assert len(calls) == 1


@settings(max_examples=50, deadline=None)
@given(columns=batches, several=st.lists(conditions(), min_size=1, max_size=4))
def test_together_they_vote_as_they_do_alone(columns, several):
    batch = table({name: pa.array(values, TYPES[name]) for name, values in columns.items()})
    heuristics = [where("spam", condition, name=f"h{place}") for place, condition in enumerate(several)]
    for heuristic, found in zip(heuristics, Condition.evaluate_many(heuristics, batch, LABELS), strict=True):
        alone = heuristic.evaluate(batch, LABELS)
        assert found.votes.tolist() == alone.votes.tolist()
        assert found.faults == alone.faults


def test_a_condition_is_stored_as_json():
    heuristic = where("spam", (col("price") > 100) & ~col("seller").is_in(["ann", 3]), name="dear")
    spec = json.loads(json.dumps(heuristic.spec()))
    assert spec.pop("kind") == "where"
    again = Condition(**spec)
    assert (again.name, again.label, again.fingerprint) == ("dear", "spam", heuristic.fingerprint)


def test_the_fingerprint_is_of_structure_and_label():
    made = [
        where("spam", X.count("!") >= 2), where("ham", X.count("!") >= 2), where("spam", X.count("!") >= 3),
        where("spam", X.count("!") > 2), where("spam", X.count("!") >= 2.5),
        where("spam", col("title").count("!") >= 2), where("spam", X.count_of("!") >= 2),
    ]  # fmt: skip
    assert len({heuristic.fingerprint for heuristic in made}) == len(made)
    assert where("spam", X.count("!") >= 2, name="x").fingerprint == made[0].fingerprint


def test_examples_are_checked_and_an_unknown_label_is_told():
    check_examples(where("spam", X.count("!") >= 2, examples={"Free!!": "spam", "Free!": None}), LABELS)
    with pytest.raises(HeuristicError, match="votes None on its example"):
        check_examples(where("spam", X.count("!") >= 3, examples={"Free!!": "spam"}), LABELS)
    with pytest.raises(UnknownLabelError, match="did you mean 'spam'"):
        where("spm", X.count("!") >= 3).evaluate(table({"text": ["a"]}), LABELS)


@pytest.mark.parametrize(
    "written",
    [
        'col("a") - (col("b") - 1) > 2 * (col("c") + 1)',
        '(col("a") > 1) == (col("b") > 1)',
        '~((col("a") > 1) | (col("b") > 1)) & col("t").contains("x")',
        '(col("a") + "x").lower().starts_with("ab")',
        'col("a").is_in(["ann", 3])',
        "col('a\"b') == 1",
    ],
)
def test_an_expression_is_shown_as_it_is_written(written):
    assert repr(eval(written)) == written


def test_letters_are_lowered_in_a_slice_of_a_column_of_narrow_strings():
    texts = ["PRIZE", "é PRIZE", "Prize É", "none"]
    whole = pa.table({"id": list("abcd"), "text": pa.array(texts, pa.string())}).to_batches()[0]
    holds = where("spam", col("text").lower().contains("prize"))
    for start in range(4):
        assert holds.evaluate(whole.slice(start), LABELS).votes.tolist() == [1, 1, 1, -1][start:]


def test_names_of_several_words_stand_in_backticks_or_the_message_says_so():
    found = expression_from_text("`worst area` > 3 and note != '`x y`'")
    assert repr(found) == """(col("worst area") > 3) & (col("note") != "`x y`")"""
    with pytest.raises(HeuristicError, match=r"the name of the column 'worst area' is not one word; write col\('worst"):
        expression_from_text("worst area > 3", ["area", "worst area", "n"])
    with pytest.raises(HeuristicError, match="wanted one such as n > 3"):
        expression_from_text("n >", ["worst area", "n"])
