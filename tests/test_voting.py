"""The plan votes exactly as its members do by themselves, whatever the texts, the columns and the way it runs."""

import pickle
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weaklab import keywords, pattern
from weaklab.core.labels import LabelNames
from weaklab.corpus.records import Roles
from weaklab.heuristics import Ballot, ColumnVotes, Heuristic
from weaklab.voting import Plan, automata, folding, plan, regexes

LARGE = pa.large_string()
LABELS = LabelNames(["ham", "spam"])
ODD = "sSkKiIſKıİßẞµμΜςσΣéÉèe\u0301ﬁǅǆԱա٣²½_-'.+!? \n\r\t\x00\x1c\x85\u00a0\u2028aAbB9٤中😀𐐀𐐨"
WORDS = [
    "prize", "six", "SKI", "ſix", "straße", "STRASSE", "σας", "été", "e\u0301", "c++", "u.s.", "10%", "!!!",
    "free entry", "a\tb  c",
    "kiki", "İ", "i", "ı", "ﬁ", "_x_", "x-ray", "中", "𐐀", "a" * 31, "a" * 32, "a" * 33, "ab" * 64, "½", "٣", "-a",
    "a-", " pad ", "µ",
]  # fmt: skip
REGEXES = [
    r"\b\d+ (things|reasons|ways)\b", r"^(why|how|what)\b", r"https?://", r"\$\d+", r"\b(shocking|unbelievable)\b",
    r"[A-Z]{4,}",
    r"ki", r"[a-k]s", r"\bski\b", r"é", r"ß", r"[à-ÿ]x", r"µ+", r"σ", r"(?i:s)K", r"(?a:\bé)", r"\d", r"\s\w",
    r"(?-i:S)i", r"a.*b", r"^",
    r"x?",
    r"(a|b|)k", r"[^a]k", r"(?=s)s", r"(?<!s)k", r"(?m)^a", r"\Aa|b\Z", r"i{2,3}", r"(?:ab){2}", r"(i)\1",
    r"(?x) s  k # no", r"\bé\b",
    r"\b-a\b", r"\bsk[ik]\b", r"\b(?:ski|(?:st|k)i)\b", r"\bski\b|\bé\b", r"\b(?i:ski)\b", r"\bs\bk\b",
    r"\b(ſ|ß|a-b)\b", r"\b(|k)\b",
    r"a\b b", r"[ſ-ʀ]", r"[\u0100-\uffff]a", r"(?u:\bé)", r"(?a)\d", r"(?s).\n", r"(s|k|i|a)+\b", r"(?>a|ab)c", r"a++b",
    r"\bs", r"s\b", r"\w$", r"\D9", r"[\d_]i",
    r"(?:st|sk|si)(?:a|b)?i", r"İ", r"\b[sk]{1}\b", r"\b\b", r"(k)?(?(1)a|b)c", r"K", r"\x00",
]  # fmt: skip

texts = st.lists(
    st.sampled_from([*WORDS, *ODD, "things", "Why ", "HTTPS://", "$5", "7 ways", "BREAKING"]), max_size=9
).map("".join)
anything = st.one_of(
    texts, st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.text(st.sampled_from(ODD), max_size=12)
)
words = st.one_of(st.sampled_from(WORDS), anything).filter(str.strip)


def batch_of(values, kind=LARGE, column="text", roles=("text",)):
    columns = {"id": pa.array(map(str, range(len(values)))), column: pa.array(values, kind)}
    batch = pa.record_batch(columns)
    return batch.replace_schema_metadata(Roles("id", roles).attach(batch.schema).metadata)


@pytest.fixture(autouse=True)
def _always_compiled(monkeypatch):
    monkeypatch.setattr(automata, "_known", {})
    monkeypatch.setattr(automata, "_rows", {})
    monkeypatch.setattr(plan, "FEW_ROWS", 0)
    monkeypatch.setattr(plan, "_is_little", lambda cells: False)


@pytest.fixture(params=[1, 10**9], ids=["automata", "re"])
def either_way(request):
    """Run a test with automata from the first row on, and without."""
    automata.MANY_ROWS, before = request.param, automata.MANY_ROWS
    yield
    automata.MANY_ROWS = before


def same_votes(heuristics, batch):
    ballots, left = Plan(heuristics, LABELS).evaluate(batch, all_here=True)
    assert left == {}
    for heuristic, ballot in zip(heuristics, ballots, strict=True):
        expected = heuristic.evaluate(batch, LABELS)
        assert (heuristic.name, ballot.votes.tolist()) == (heuristic.name, expected.votes.tolist())
        assert ballot.votes.dtype == np.int8
        assert (ballot.faults, ballot.confidence, ballot.scores) == (expected.faults, None, None)


# ---- the characters of re


def test_letters_are_the_same_under_ignorecase_exactly_where_re_says_so():
    cased = [
        c for c in range(0x110000) if chr(c).lower() != chr(c) or chr(c).upper() != chr(c) or chr(c).title() != chr(c)
    ]
    cased = sorted({same for c in cased for same in folding.same_letters(c)} | set(cased))
    assert len(cased) > 2_700
    every = "".join(map(chr, cased))
    for c in cased:
        assert set(re.findall(re.escape(chr(c)), every, re.IGNORECASE)) == set(map(chr, folding.same_letters(c)))


def test_every_character_without_a_case_stands_for_itself_alone():
    low = [c for c in range(folding.LAST_CASED_PLANE) if not 0xD800 <= c < 0xE000]
    others = "".join(chr(c) for c in low if folding.same_letters(c) == {c})
    several = "".join(re.escape(chr(c)) for c in low if folding.same_letters(c) != {c})
    assert len(others) > 120_000
    assert re.search(f"[{several}]", others, re.IGNORECASE) is None
    assert all(chr(c).lower() == chr(c) == chr(c).upper() for c in range(folding.LAST_CASED_PLANE, 0x110000))


def test_the_table_of_word_characters_is_that_of_re():
    every = "".join(map(chr, range(0x110000)))
    assert {m.start() for m in re.finditer(r"\w", every)} == set(np.flatnonzero(folding.fold_table() >= 0).tolist())


def test_the_table_holds_the_representative_of_every_word_character():
    table = folding.fold_table()
    assert all(table[c] == folding.representative(c) for c in np.flatnonzero(table >= 0).tolist())


# ---- keyword lists


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.lists(words, min_size=1, max_size=6), st.booleans()), min_size=1, max_size=5),
    st.lists(anything, max_size=8),
)
@example(
    [(["ski"], False), (["ski"], True), (["SKI", "SKI"], True)], ["ſKİ", "ski", "a ski\n", "SKI!", "skis", "éski", ""]
)
@example([(["aa"], False)], ["aa" + "b" * 64, "a" * 128, "a" * 66])
def test_keyword_lists_vote_as_they_do_alone(lists, values):
    members = [keywords(j % 2, list_, case=case, name=str(j)) for j, (list_, case) in enumerate(lists)]
    same_votes(members, batch_of(values))


def test_all_odd_words_are_found_in_all_odd_texts():
    values = [
        *WORDS,
        *ODD,
        *(a + b for a in WORDS for b in ("", " ", "é", "!", "\x00")),
        *(b + a for a in WORDS for b in (" ", "é", "\n")),
    ]
    values += [v.upper() for v in values] + [v.lower() for v in values]
    same_votes(
        [keywords("spam", [word], case=case, name=f"{word} {case}") for word in WORDS for case in (True, False)],
        batch_of(values),
    )


# ---- regular expressions


@pytest.mark.usefixtures("either_way")
def test_all_odd_expressions_are_found_in_all_odd_texts():
    values = [a + b + c for a in ("", "s", "x ", "é") for b in ODD for c in ("", "i", " k", "é")] + WORDS
    same_votes([pattern("ham", r, flags=f, name=f"{r} {f}") for r in REGEXES for f in (0, re.I, re.I | re.A)
                if not (f & re.A and "(?u:" in r)], batch_of(values))  # fmt: skip


@pytest.mark.usefixtures("either_way")
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(REGEXES), min_size=1, max_size=12, unique=True),
    st.sampled_from([0, re.I]),
    st.lists(anything, max_size=8),
)
def test_patterns_vote_as_they_do_alone(sources, flags, values):
    same_votes([pattern("ham", source, flags=flags, name=source) for source in sources], batch_of(values))


pieces = st.recursive(
    st.one_of(
        st.sampled_from(ODD).map(re.escape),
        st.sampled_from(
            [r"\d", r"\w", r"\s", r"\b", "^", "$", ".", "[a-k]", "[^s]", "[ſs9]", r"[\d-]", "[à-ÿ]", r"\B", "ki", "St"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["?", "{2}", "{1,2}", "+", "*", "{0}"])).map(lambda p: f"(?:{p[0]}){p[1]}"),
        inner.map("({})".format),
        inner.map("(?={})".format),
        inner.map("(?i:{})".format),
    ),
    max_leaves=6,
)


@pytest.mark.usefixtures("either_way")
@settings(max_examples=300, deadline=None)
@given(
    pieces,
    st.sampled_from([0, re.I, re.A | re.I, re.M]),
    st.lists(st.text(st.sampled_from(ODD), max_size=6), max_size=8),
)
def test_any_expression_is_found_where_re_finds_it(source, flags, values):
    same_votes([pattern("ham", source, flags=flags)], batch_of(values))


@pytest.mark.parametrize(
    ("source", "words"),
    [(r"\b(things|ways)\b", ["things", "ways"]), (r"\bsk[iy]\b", ["ski", "sky"]), (r"\ba\b|\bb\b", ["a", "b"]),
    (r"\bé\b", ["é"]),
     (r"\bx+\b", None), (r"\ba-b\b", None), (r"(a|b)\b", None), (r"\b(?i:a)\b", None), (r"(?a)\ba\b", None),
     (r"\b(|a)\b", None)],
)  # fmt: skip
def test_an_expression_of_whole_words_is_a_list_of_them(source, words):
    found = regexes.listed_words(re.compile(source))
    assert (found and found.words) == words


def test_a_filter_leaves_out_most_rows(monkeypatch):
    for source, flags in [
        (r"\b\d+ (things|ways)\b", re.I),
        ("https?://", re.I),
        ("[A-Z]{4,}", 0),
        (r"\b(shocking|odd)\b", re.I),
    ]:
        assert regexes.clues(re.compile(source, flags)) is not None
    member = pattern("ham", "breaking|exclusive", name="news")
    seen = []

    class Spy:
        search = staticmethod(lambda text: seen.append(text) or member.regex.search(text))

    made = Plan([member], LABELS)
    monkeypatch.setattr(made._compile("text").searches[0], "regex", Spy)
    made.evaluate(batch_of(["nothing", "breaking it", "exclusively", "break"]))
    assert seen == ["breaking it", "exclusively"]


# ---- columns


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("roles", [("text",), ()])
def test_nulls_slices_and_kinds_of_strings(kind, roles):
    values = ["a prize", None, "", "no", "prize é", None, "free  entry", "PRIZE"]
    batch = batch_of(["prize", *values, "prize"], kind, roles=roles)
    members = [
        keywords("spam", ["prize", "free entry"]),
        pattern("ham", "^$", name="empty"),
        pattern("ham", "^", name="any"),
    ]
    for start, n in [(0, 10), (1, 8), (3, 4), (2, 0)]:
        same_votes(members, batch.slice(start, n))


@pytest.mark.usefixtures("either_way")
def test_other_columns_hidden_missing_and_joined():
    batch = pa.record_batch(
        {
            "id": ["1", "2", "3"], "title": ["a prize", None, "no"], "body": ["x", "prize", None], "n": [10, None, 3],
            "v": pa.array([[1.0], None, [2.0]]), "gold": ["ham"] * 3, "flag": [True, False, None],
        }
    )  # fmt: skip
    batch = batch.replace_schema_metadata(Roles("id", ("title", "body"), gold="gold").attach(batch.schema).metadata)
    columns = ["text", "title", "body", "n", "v", "gold", "flag", "nowhere", "id"]
    members = [
        pattern("ham", r, column=c, name=f"{r} in {c}")
        for c in columns
        for r in ("1", "^", "e\nx|\nprize|o\n", "True", "prize")
    ]
    same_votes([*members, *(keywords("spam", ["prize", "10", "true"], column=c, name=c) for c in columns)], batch)


def test_one_text_column_of_another_name_is_the_text():
    same_votes([keywords("spam", ["prize"])], batch_of(["a prize", None], column="headline", roles=("headline",)))


@pytest.mark.parametrize(
    "values",
    [
        ["ham", "spam", None, "ham"],
        [0, 1, None, -1],
        ["ham", "eggs", None, "eggs"],
        [0, 9, 9, 1],
        [1.0, 0.0, 1.5, None],
    ],
)
def test_votes_from_a_column(values):
    same_votes([ColumnVotes("v", "v")], batch_of(values, None, "v", roles=()))


# ---- how it runs


def test_a_long_text_is_left_over_for_a_pattern_that_may_take_long_there():
    slow, risky, fast = (
        pattern("ham", r"(?>a\w*b\w*c\w*d)", name="slow"),
        pattern("ham", r"(?>(a+)+b)", name="risky"),
        pattern("ham", "ab", name="fast"),
    )
    made = Plan([slow, risky, fast], LABELS)
    values = ["abcd", "abcd" * 500, "no", "ab"]
    ballots, left = made.evaluate(batch_of(values))
    assert {j: rows.tolist() for j, rows in left.items()} == {0: [1], 1: [0, 1, 3]}
    assert [ballot.votes.tolist() for ballot in ballots] == [[0, -1, -1, -1], [-1] * 4, [0, 0, -1, 0]]
    assert [made.risky(h) for h in made.heuristics] == [False, True, False]
    same_votes([slow, fast], batch_of(values))


def test_no_text_is_too_long_for_an_expression_with_an_automaton():
    slow, risky = pattern("ham", r"a\w*b\w*c\w*d", name="slow"), pattern("ham", r"(a+)+!", name="risky")
    made = Plan([slow, risky], LABELS)
    ballots, left = made.evaluate(batch_of(["abcd", "abcd" * 500, "no", "a!", "!" + "a" * 5_000]))
    assert left == {}
    assert [ballot.votes.tolist() for ballot in ballots] == [[0, 0, -1, -1, -1], [-1, -1, -1, 0, -1]]
    assert [member.how for member in made.explain()] == ["automaton on rows with 'b'", "automaton on rows with '!'"]


@pytest.mark.parametrize(
    ("source", "power"),
    [("abc", 0), ("a+b", 1), (r"^\d+ (things|ways)", 1), ("a*b*c*", 3), ("a{1,5}b", 0), ("(?:ab)*", 1), (r"a++b", 1)],
)
def test_the_bound_of_a_search_counts_its_repeats(source, power):
    found = regexes.steps(re.compile(source))
    assert found.power == power
    assert found.longest(1e8) >= 99


@pytest.mark.parametrize(
    "source", ["(a+)+b", "(a|a)*b", "(a|aa)+$", r"(a*)\1", "(?=a+)b", "(a?){40}b", "(?:ab|a|cd){33}", "(a|b)?" * 60]
)
def test_what_may_explode_has_no_bound(source):
    assert regexes.steps(re.compile(source)).longest(1e8) < 100


@pytest.mark.parametrize("limit", [0, 10**9])
def test_small_batches_run_without_kernels_and_vote_the_same(monkeypatch, limit):
    monkeypatch.setattr(plan, "FEW_ROWS", limit)
    members = [keywords("spam", ["prize", "c++"]), pattern("ham", r"\d+", name="digits"), ColumnVotes("v", "id")]
    ballots, _ = Plan(members, LABELS).evaluate(batch_of(["a PRIZE", "c++ 7", "no"]))
    assert [ballot.votes.tolist() for ballot in ballots[:2]] == [[1, 1, -1], [-1, 0, -1]]


is_little = plan._is_little


def test_many_small_batches_are_worth_the_kernels_and_tiny_ones_are_not(monkeypatch):
    monkeypatch.delitem(sys.modules, "weaklab.voting.kernels", raising=False)
    monkeypatch.setattr(plan, "_plain_cells", 0)
    assert [is_little(9_000) for _ in range(3)] == [True, True, False]
    assert all(is_little(plan.TINY) for _ in range(100))


def test_plan_can_be_pickled_and_used_by_several_threads():
    members = [keywords("spam", ["prize", "free entry"]), pattern("ham", r"\d+ ways", name="ways")]
    made = Plan(members, LABELS)
    batch = batch_of(["7 ways to a prize", "free\nentry", "x"] * 50)
    expected = [ballot.votes.tolist() for ballot in made.evaluate(batch)[0]]
    copy = pickle.loads(pickle.dumps(made))
    with ThreadPoolExecutor(4) as pool:
        for ballots, _ in pool.map(copy.evaluate, [batch] * 16):
            assert [ballot.votes.tolist() for ballot in ballots] == expected
    assert [member.records for member in copy.explain()] == [150 * 17] * 2


def test_explain_plan_shows_how_each_member_runs():
    members = [
        keywords("spam", ["prize"]), keywords("spam", ["prize", "free entry"], name="phrases"),
        pattern("ham", "breaking|exclusive", name="news"),
        pattern("ham", ".*", name="all"), pattern("ham", "(a+)+b", name="risky"), ColumnVotes("votes", "id"),
    ]  # fmt: skip
    rows = Plan(members, LABELS).explain()
    assert [row.name for row in rows] == [member.name for member in members]
    assert [row.how for row in rows] == [
        "words in one pass",
        "words in one pass, then 1 by regex on rows that may hold them",
        "regex on rows with 'breaking' or 'exclusiv'",
        "regex on every row",
        "regex on rows with 'b'",
        "column",
    ]
    assert "stopped" in rows[4].why


def test_members_of_other_classes_run_together_where_their_class_can():
    class Length(Heuristic):
        name = fingerprint = "length"
        calls = 0

        def evaluate(self, batch, labels, watch=None):
            return Ballot(np.ones(batch.num_rows, np.int8))

    class Shared(Length):
        @classmethod
        def evaluate_many(cls, heuristics, batch, labels):
            cls.calls += 1
            return [Ballot(np.zeros(batch.num_rows, np.int8)) for _ in heuristics]

    ballots, _ = Plan([Shared(), Length(), keywords("spam", ["a"]), Shared()], LABELS).evaluate(batch_of(["a", "b"]))
    assert [ballot.votes.tolist() for ballot in ballots] == [[0, 0], [1, 1], [1, -1], [0, 0]]
    assert Shared.calls == 1


def test_an_edit_of_one_word_changes_the_votes():
    batch = batch_of(["a prize", "a price"])
    assert [
        Plan([keywords("spam", [word])], LABELS).evaluate(batch)[0][0].votes.tolist() for word in ("prize", "price")
    ] == [
        [1, -1],
        [-1, 1],
    ]
