"""An automaton finds a match exactly where re does, on any text."""

import pickle
import re

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from weaklab.voting import automata, folding
from weaklab.voting.automata import automaton

ASCII = "aAbBkKsSiI9_-.! \n\t\x1c\x00"
WIDE = "ſKİıéÉßẞσςΣ٣²中\u2003\u0085\u2028😀\u0301ǅ"


def arrays(values):
    encoded = [value.encode() for value in values]
    return np.frombuffer(b"".join(encoded), np.uint8), np.concatenate([[0], np.cumsum([*map(len, encoded)])]).astype(
        np.int64
    )


def found(made, values):
    return made.search(*arrays(values), np.arange(len(values))).tolist()


def same(regex, values):
    made = automaton(regex)
    if made is not None:
        assert found(made, values) == [regex.search(value) is not None for value in values]
    return made


sets = st.sampled_from(
    [
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        ".",
        "[a-k]",
        "[^s]",
        "[^k\\n]",
        r"[\d-]",
        r"[^\W\d]",
        r"[\s_]",
        "[à-ÿ]",
        "[^é]",
        "[ſs9]",
        "[!-~]",
    ]
)
looks = st.sampled_from(
    [r"(?<!\w)", r"(?!\w)", r"(?<=a)", r"(?=[^s])", r"(?<!\n)", "(?!.)", r"(?=\s)", r"(?<=\W)", "(?=é)"]
)
edges = st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\Z"])
letters = st.sampled_from([*ASCII, *WIDE, "ki", "St", "aa"]).map(re.escape)
repeats = st.sampled_from(["?", "*", "+", "*?", "+?", "{2}", "{1,2}", "{0,3}", "{2,}", "{1,4}?", "{3,5}"])
pieces = st.recursive(
    st.one_of(letters, letters, sets, edges, looks),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, repeats).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        inner.map("({})".format),
        inner.map("(?i:{})".format),
        inner.map("(?s:{})".format),
        inner.map("(?a:{})".format),
        inner.map("(?m:{})".format),
    ),
    max_leaves=8,
)
flags = st.sampled_from([0, re.I, re.M, re.S, re.X, re.A, re.I | re.A, re.I | re.M, re.A | re.M | re.S])
texts = st.lists(
    st.one_of(
        st.text(st.sampled_from(ASCII), max_size=8),
        st.text(st.sampled_from(ASCII + WIDE), max_size=8),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    ),
    max_size=12,
)


def test_most_expressions_have_an_automaton():
    assert all(
        automaton(re.compile(source, re.I))
        for source in [r"\b\d{1,3}%", "https?://", r"^(why|how)\b", r"(?<!\w)c\+\+(?!\w)", "é+x*$", ""]
    )


@settings(max_examples=600, deadline=None)
@given(pieces, flags, texts)
@example(r"\B", 0, ["", "a", "\n"])
@example("a$", 0, ["a", "a\n", "a\n\n", "\na", "b"])
@example(r"$\n", 0, ["\n", "a\n", "\n\n", ""])
@example(r"(?m)^$", 0, ["\n", "a\n", "a\n\nb", "a"])
@example(r"(?:\b(?:st|k)i){2,3}s", re.I, ["KiſTi s", "kikis", "Kİkıs"])
@example(r"((?a:\W))", 0, ["²", "é", "!"])
@example(r"(?u:\w)", re.A, ["é", "a"])
@example(r"(?:a{0,3}b){1,3}c", 0, ["aaabaaac", "aaaabc", "abababc", "aaaac"])
def test_an_automaton_finds_what_re_finds(source, flags, values):
    try:
        regex = re.compile(source, flags)
    except re.error:
        assume(False)
    same(regex, ["", "\n", *values])


def test_repeats_with_a_limit_are_counted():
    regex = re.compile(r"\b(?:who|how)\b[^.!]{0,40}\?", re.I)
    values = [
        f"{a}how{' ' * n}{b}?"
        for n in (0, 1, 39, 40, 41, 80)
        for a in ("", "who ", "s", "how how ")
        for b in ("", "how", ".", "é who\n")
    ]
    made = same(regex, values)
    assert 41 < len(made.table) // made.width < 1_000


@pytest.mark.parametrize(
    "source", [r"(.)\1", "(?>a|ab)c", "a++b", "(?=ab)", "(?<=ab)c", "(a?)+b", "(a)?(?(1)b|c)", "(?:a|b){2000}"]
)
def test_irregular_and_large_expressions_have_no_automaton(source):
    assert automaton(re.compile(source)) is None


@pytest.mark.parametrize("source", ["(?:a|b)*a(?:a|b){20}c", "x.{500}y", "(?:ab|c){0,600}d"])
def test_expressions_with_too_many_states_get_no_automaton(source):
    assert automaton(re.compile(source)) is None


def test_an_expression_that_explodes_in_re_is_read_once():
    made = automaton(re.compile("(a+)+b"))
    assert found(made, ["a" * 100_000, "a" * 100_000 + "b"]) == [False, True]


@pytest.mark.parametrize("flags", [0, re.I, re.A, re.I | re.A])
@pytest.mark.parametrize(
    "source", [".", r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", "[a-z]", "[^a-z]", "[^k]", r"[\ds]", "i", "s", "[é-ü]"]
)
def test_every_single_character_is_in_the_sets_that_re_puts_it_in(source, flags):
    every = [
        chr(c)
        for c in (
            *range(0xD800),
            *range(0xE000, folding.LAST_CASED_PLANE),
            *range(folding.LAST_CASED_PLANE, 0x110000, 997),
        )
    ]
    regex = re.compile(source, flags)
    held = set(regex.findall("".join(every)))
    made = automaton(regex)
    assert [c for c, answer in zip(every, found(made, every), strict=True) if answer] == [c for c in every if c in held]


def test_automaton_can_be_pickled():
    made = pickle.loads(pickle.dumps(automaton(re.compile("ab|é"))))
    assert found(made, ["xab", "é", "ba", ""]) == [True, True, False, False]


def test_an_automaton_is_made_where_there_are_many_rows_and_then_kept(monkeypatch):
    monkeypatch.setattr(automata, "_known", {})
    monkeypatch.setattr(automata, "_rows", {})
    regex = re.compile("only here")
    assert automata.automaton_for(regex, automata.MANY_ROWS - 1, at_once=False) is None
    assert automata.known_automaton(regex) is None
    made = automata.automaton_for(regex, 1, at_once=False)
    assert made is not None
    assert automata.automaton_for(regex, 0, at_once=False) is made is automata.known_automaton(regex)
    assert automata.automaton_for(re.compile("at once"), 1, at_once=True) is not None
