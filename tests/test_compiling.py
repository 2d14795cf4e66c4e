"""Compiled labeling functions vote as Python does: the same votes, confidences and faults on every text."""

import csv
import gzip
import itertools
import linecache
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import weaklab
from weaklab.core.labels import LabelNames
from weaklab.corpus.records import Roles
from weaklab.datasets import load_headlines
from weaklab.heuristics import as_heuristic
from weaklab.voting import plan
from weaklab.voting.compiling import compile_functions
from weaklab.voting.compiling import functions as compiled_functions
from weaklab.voting.runner import VoteRunner

LABELS = LabelNames(["ham", "spam"])
ODD = "sSkKiIſKıİßẞµΜςσΣéÉèe\u0301ﬁǅǆԱա٣²½_-'.+!? \n\r\t\x00\x1c\x85\u00a0\u2028aAbB9٤中😀𐐀𐐨"
CAPTURED = """
import re
WORDS = ["prize", "ſix", "İ", "free entry", "a", "σας"]
SET = {"prize", "été", "a", "c++", "free", "_x_", "½"}
FEW = ("ski", "!!")
PATTERN = re.compile(r"\\\\b(?:prize|été)\\\\b", re.I)
PATTERNS = [r"\\\\d+", PATTERN, r"(?<!\\\\w)a"]
TABLE = {"prize": "spam", "free": ("ham", 0.25)}
def is_shout(text):
    return text.isupper() and "!" in text
def kind(text, least=2):
    if text.count("a") >= least:
        return "many"
    return "few" if "a" in text else ""
def unread(text):
    return any(map(str.isdigit, text))
"""
_numbers = itertools.count()


def defined(source):
    """Return the function ``f`` of some source, which Python can find."""
    name = f"<made {next(_numbers)}>"
    source = CAPTURED.replace("\\\\\\\\", "\\") + source
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {}
    exec(compile(source, name, "exec"), space)
    return space["f"]


def made(source):
    return weaklab.labeling_function(name="f")(defined(source))


def batch_of(values, **columns):
    table = {"id": pa.array(map(str, range(len(values)))), "text": pa.array(values, pa.large_string()), **columns}
    batch = pa.record_batch(table)
    return batch.replace_schema_metadata(Roles("id", ("text",)).attach(batch.schema).metadata)


@pytest.fixture
def with_kernels(monkeypatch):
    """Declared heuristics use kernels, however few the records are."""
    monkeypatch.setattr(plan, "FEW_ROWS", 0)
    monkeypatch.setattr(plan, "_is_little", lambda cells: False)


@pytest.fixture(autouse=True)
def _few_records(monkeypatch):
    monkeypatch.setattr("weaklab.voting.runner.FEW_RECORDS", 0)
    monkeypatch.setattr(compiled_functions, "_distrusted", set())


def same(function, batch):
    """Check that compiled votes are those of Python; return how the function runs."""
    wanted = function.evaluate(batch, LABELS)
    compiled, reasons = compile_functions([function], LABELS)
    if not len(compiled):
        return reasons["f"]
    [votes] = compiled.evaluate(batch)
    assert compiled.functions[0].given_up == ""
    decided = ~votes.found.called
    assert votes.found.votes[decided].tolist() == wanted.votes[decided].tolist()
    assert not decided[[row for row, _, _ in wanted.fault_rows]].any()
    confidence = np.ones(len(decided)) if wanted.confidence is None else wanted.confidence
    given = np.ones(len(decided)) if votes.found.confidence is None else votes.found.confidence
    assert given[decided].tolist() == confidence[decided].tolist()
    runner = VoteRunner([function], LABELS, timeout=None)
    ballot = runner.vote(batch)[0]
    assert runner.distrusted == set()
    assert ballot.votes.tolist() == wanted.votes.tolist()
    assert (ballot.faults, ballot.fault_rows) == (wanted.faults, wanted.fault_rows)
    if wanted.confidence is not None:
        assert ballot.confidence.tolist() == wanted.confidence.tolist()
    return compiled.functions[0].explain()[0]


# ---- generated functions

GRAMMAR = {
    "part": ["'prize'", "'a'", "'ſ'", "'İ'", "'free entry'", "'σ'", "'ς'", "'!!'", "'é'", "'9'", "' '", "'K'", "'ß'",
             "'\\n'", "'中'", "'ss'"],
    "text": ["x.text", "x.text", "x['text']", "x.text.lower()", "x.text.lower()", "t", "x.text.lower().strip()",
             "x.get('text')", "<text>.upper()", "<text>.strip('a!')", "<text>[:4]", "<text>[2:]", "kind(<text>)",
             "<text>.replace('a', 'ſſ')", "<text>.casefold()", r"re.sub(r'\W+', ' ', <text>)", "<text>.title()",
             "<text>.split('a')[0]", "(<text> + <text>)", "kind(<text>, least=1)"],
    "tokens": ["<text>.split()", "<text>.split()", r"re.findall(r'\w+', <text>)", "<text>.split(' ')",
               "<text>.splitlines()", "set(<text>.split())", "re.findall(r'[a-z]+', <text>)",
               "[w.lower() for w in <text>.split()]"],
    "number": ["len(<text>)", "<text>.count('a')", "<text>.count('!!')", "<text>.find('a')", "<text>.index('a')",
               "len(<text>.split())", "sum(w in <text> for w in WORDS)", "sum(1 for w in WORDS if w in <text>)",
               "sum(<text>.count(w) for w in FEW)", "len(re.findall(r'a', <text>))", "n",
               "sum(c.isdigit() for c in <text>)", "len(<tokens>)", "sum(1 for w in <tokens> if w in SET)",
               "len(set(<tokens>) & SET)", "max(len(w) for w in <tokens>)", "(<number> - <number>)"],
    "sign": ["<", "<=", ">", ">=", "==", "!="],
    "limit": ["-1", "0", "1", "2", "3", "5"],
    "condition": [
        "<part> in <text>", "<part> in <text>", "<part> not in <text>", "<text>.startswith(<part>)",
        "<text>.endswith(<part>)", "<part> in <tokens>", "<number> <sign> <limit>", "<number> <sign> <limit>",
        "<limit> < <number> <= <limit>", "any(w in <text> for w in WORDS)", "all(w in <text> for w in FEW)",
        "PATTERN.search(<text>)", "PATTERN.search(<text>) is not None", r"re.search(r'\bski\b|a$', <text>, re.I)",
        "re.match('a|K', <text>)", r"re.fullmatch(r'\w+', <text>, flags=re.I)", "<text>.isdigit()", "<text>.isupper()",
        "is_shout(<text>)", "<text> == 'prize'", "any(re.search(p, <text>) for p in PATTERNS)", "<text> in SET",
        "any(<text>.endswith(w) for w in FEW)", "<text>", "not re.search(r'(a|b)+!', <text>)",
        r"re.search(r'^\s*\d', <text>) is None", "unread(<text>)", "<text>[0].isupper()",
        "any(c.isupper() for c in <text>)", "bool(<text>)", "<text>.startswith(FEW)",
        r"re.search(r'(?<!\w)(?:a|½x|K)(?!\w)', <text>, re.I)", "not SET.isdisjoint(<tokens>)",
        "any(w in SET for w in <tokens>)", "any(w in <tokens> for w in SET)", "SET & set(<tokens>)",
        "any(w.isupper() for w in <tokens>)", "list(<tokens>)[0] == 'a'", "<tokens>", "set(<tokens>) >= {'a'}",
        "(<condition> and <condition>)", "(<condition> and <condition>)", "(<condition> or <condition>)",
        "(not <condition>)", "(<condition> if <condition> else <condition>)",
    ],
    "vote": ["'spam'", "0", "None", "-1", "1", "('ham', 0.5)", "('spam', 1)", "'no label'", "True", "1.0", "2",
             "('spam' if <condition> else None)", "(<condition> and 'ham')", "TABLE.get(<text>)",
             "('ham', min(1.0, <number> / 4))", "<condition>"],
    "line": ["if <condition>: return <vote>", "if <condition>: return <vote>", "if <condition>: n += 1",
             "n += <number>", "t = <text>", "if <condition>:\n        t = <text>\n    else: n = 2",
             "for w in WORDS:\n        if w in <text>: return <vote>",
             "for w in <tokens>:\n        if w in SET: n += 1", "pass", "m = PATTERN.search(<text>)\n    if m: n += 1"],
    "function": ["def f(x):\n    t = <text>\n    n = 0\n    <line>\n    <line>\n    return <vote>\n",
                 "def f(x):\n    t, n = x.text, 0\n    return <vote>\n",
                 "def f(x):\n    t = x.text.lower()\n    n = 0\n    <line>\n    <line>\n    <line>\n"],
}  # fmt: skip
DEEPEST = 7


def written(draw, symbol="function", depth=0):
    """Return source of the grammar."""
    forms = GRAMMAR[symbol]
    if depth > DEEPEST:
        forms = [form for form in forms if f"<{symbol}>" not in form] or forms
    form = draw(st.sampled_from(forms))
    return re.sub(
        r"<(\w+)>",
        lambda match: written(draw, match[1], depth + 1),
        form.replace("t, n = x.text, 0", "t = x.text\n    n = 0"),
    )


@st.composite
def sources(draw):
    return written(draw)


records = st.lists(
    st.one_of(
        st.lists(st.sampled_from(["prize", "ski", " ", "FREE", "été", "a", "c++", "!!", *ODD]), max_size=8).map(
            "".join
        ),
        st.text(st.sampled_from(ODD), max_size=10),
        st.none(),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=sources(), values=records)
def test_generated_functions_vote_as_python_does(source, values):
    same(made(source), batch_of(values))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=sources(), values=records)
def test_generated_functions_vote_as_python_does_with_kernels(with_kernels, source, values):
    same(made(source), batch_of(values))


# ---- what is read, and what is not


def how(source, *texts):
    function = made(source)
    assert same(function, batch_of(list(texts)))
    compiled, reasons = compile_functions([function], LABELS)
    return reasons.get("f") or compiled.functions[0].explain()[0]


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    '''Doc.'''\n    return 'spam' if any(w in x.text.lower() for w in WORDS) else None",
        "def f(x): return 'spam' if re.search(r'win.*cash', x.text, flags=re.I) else -1",
        "def f(x):\n    n = 0\n    for w in WORDS:\n        if w in x.text: n += 1\n    return 1 if n >= 2 else -1",
        "def f(x): return 'ham' if len(x.text.split()) < 5 else None",
        "def f(x):\n    if is_shout(x.text): return 'spam'\n    return ('ham', 0.7) if kind(x.text) == 'many' else 0",
        "f = lambda x: 0 if x.text.startswith(('why', 'how')) else None",
        "def f(x):\n    return TABLE.get(x.text.lower())",
        "def f(x, words=('prize', 'free')):\n    return 1 if set(words) & set(x.text.split()) else -1",
        "def f(x):\n    first = x.text.split()[0]\n    return 'spam' if first.isdigit() else None",
    ],
)
def test_usual_functions_are_compiled_whole(source):
    assert how(source, "why", "", "A prize, free ! A", "WIN some cash now!", "12 a") == "compiled"


@pytest.mark.parametrize(
    "source",
    [
        "seen = []\ndef f(x):\n    seen.append(x.text)\n    return 'spam'",
        "def f(x):\n    try: return TABLE[x.text]\n    except KeyError: return None",
        "def f(x): return 'spam' if len(dict(x)) > 3 else None",
        "def f(x): return 'spam' if ' '.join(sorted(x.text)) * 10**6 else None",
        "def f(x): return 'spam' if any(w in v for w in x.text.split() for v in x.text.split()) else None",
        "def f(x): return x.record_id",
        "class Words(list): pass\nw = Words(['a'])\ndef f(x): return 'spam' if x.text in w else None",
        "def f(x):\n    while True: return 'spam'",
        "def f(x): return f2(x)",
    ],
)
def test_what_may_change_something_or_never_end_is_called(source):
    assert how(source, "a", "prize").startswith(("it ", "line "))


def test_a_function_is_called_where_its_guard_does_not_decide():
    source = "def f(x):\n    if 'prize' not in x.text: return None\n    return 'spam' if unread(x.text) else 'ham'"
    assert how(source, "a", "prize", "prize 9") == "compiled guard, called on the records it leaves"


def test_source_that_is_not_the_code_is_not_read():
    function = made("def f(x): return 'spam' if 'a' in x.text else None")
    name = function.function.__code__.co_filename
    linecache.cache[name] = (1, None, ["\n"] * 40, name)
    assert same(function, batch_of(["a", "b"])) == "its source is not at hand"


def test_columns_of_every_type_give_the_votes_and_faults_of_python():
    columns = {
        "title": pa.array(["Win", None, "", "a prize"], pa.string()),
        "n": pa.array([1, None, 3, 2**60], pa.int64()),
        "share": pa.array([0.5, float("nan"), None, 2.0]),
        "flag": pa.array([True, None, False, True]),
        "list": pa.array([["a"], [], None, ["b"]]),
    }
    batch = batch_of(["a", "b", None, "prize"], **columns)
    for expression in [
        "'prize' in x.title.lower()", "x.n > 2", "x.n + 1 > x.share", "x.flag", "x.title == 'Win'", "x.n in (1, 3)",
        "x.share < 1", "not x.title", "'a' in x.list", "x.missing", "x['title'] + x.text == 'Wina'",
        "x.get('n', 0) > 2",
        "x.get('nothing', 5) == 5", "x.n.bit_length() > 2", "x.share is None", "1 <= x.n <= 3", "x.title in SET",
        "len(x.title) > x.n", "x.title[:x.n] == 'W'", "x.n == 'a'", "x.text > x.n",
    ]:  # fmt: skip
        same(made(f"def f(x): return 'spam' if {expression} else 'ham'"), batch)


def test_a_text_column_of_another_name_and_several_of_them_are_the_text():
    for roles in (("title",), ("title", "body")):
        table = {"id": pa.array(["1", "2"]), "title": ["a prize", None], "body": ["x", "9"]}
        batch = pa.record_batch(table).replace_schema_metadata(Roles("id", roles).attach(pa.schema([])).metadata)
        for expression in ("'prize' in x.text", "'prize' in x.title", "'\\n' in x.text", "x.text.isdigit()"):
            assert same(made(f"def f(x): return 'spam' if {expression} else 'ham'"), batch) == "compiled"


def test_a_global_that_changes_is_seen_by_the_next_run():
    function = made("def f(x): return 'spam' if any(w in x.text for w in WORDS) else None")
    batch = batch_of(["prize", "news"])
    for words, wanted in ((["prize"], [1, -1]), (["news"], [-1, 1])):
        function.function.__globals__["WORDS"] = words
        assert VoteRunner([function], LABELS, timeout=None).vote(batch)[0].votes.tolist() == wanted
    runner = VoteRunner([function], LABELS, timeout=None)
    for words, wanted in ((["prize"], [1, -1]), (["news"], [-1, 1]), ([len], [-1, -1]), (["news"], [-1, 1])):
        function.function.__globals__["WORDS"][:] = words
        assert runner.vote(batch)[0].votes.tolist() == wanted
    assert runner.distrusted == set()


def test_functions_are_read_only_where_the_records_are_worth_it(monkeypatch, tmp_path):
    monkeypatch.setattr("weaklab.voting.runner.FEW_RECORDS", 50)
    function = made("def f(x): return 'spam' if 'prize' in x.text else None")
    file = tmp_path / "texts.csv"
    for n, timeout, read in ((49, None, 0), (50, None, 1), (49, 10, 1)):
        texts = ["a prize", "news"] * (n // 2) + ["news"] * (n % 2)
        file.write_text("text\n" + "\n".join(texts))
        corpora = weaklab.read(texts), weaklab.read(file)
        list(corpora[1].batches())
        for corpus in corpora:
            assert corpus.known_rows == n
            runner = VoteRunner([function], LABELS, timeout=timeout, workers=1, records=corpus.known_rows)
            found = [ballots[0].votes for _, ballots in runner.run(corpus.batches(runner.batch_rows))]
            assert len(runner.compiled) == read
            assert np.concatenate(found).tolist() == [1 if text == "a prize" else -1 for text in texts]
    assert weaklab.read(file).known_rows is None


def test_a_regular_expression_that_may_take_very_long_is_left_to_the_function():
    function = made("def f(x): return 'spam' if re.match(r'(a|a)*(a|aa)*b', x.text.lower()) else None")
    compiled, _ = compile_functions([function], LABELS)
    [votes] = compiled.evaluate(batch_of(["a" * 40, "c", "ab"]))
    assert votes.found.called.all()


def test_functions_of_snorkel_are_compiled():
    snorkel = pytest.importorskip("snorkel.labeling")
    function = defined("def f(x, words): return 1 if any(w in x.text.lower() for w in words) else -1")
    member = as_heuristic(snorkel.LabelingFunction("f", function, resources={"words": ["ski"]}))
    assert same(member, batch_of(["SKI", "", None, "free"])) == "compiled"


# ---- the check at run time, the plan, and the switch


def test_where_compiled_votes_differ_python_wins_with_a_warning(monkeypatch):
    monkeypatch.setattr("weaklab.voting.compiling.vectors.re.escape", lambda part: "b" if part == "a" else part)
    function = made("def f(x): return 'spam' if 'a' in x.text else None")
    committee = weaklab.Committee(["ham", "spam"], timeout=None)
    committee.add(function)
    texts = ["a", "b", "c"] * 50
    with pytest.warns(UserWarning, match=r"f .* is compiled wrongly: on record .* it votes .*, compiled .*report it"):
        found = committee.vote(texts, progress=False).L[:, 0]
    assert found.tolist() == [1, -1, -1] * 50
    committee.add(function)
    again = weaklab.Committee(["ham", "spam"], timeout=None)
    again.add(function)
    assert again.vote(texts, progress=False).L[:, 0].tolist() == [1, -1, -1] * 50  # without a warning
    assert "not Python's" in str(again.explain_plan(texts))


def test_a_guard_that_differs_is_found_as_well(monkeypatch):
    monkeypatch.setattr("weaklab.voting.compiling.vectors.re.escape", lambda part: "b" if part == "a" else part)
    function = made("def f(x):\n    if 'a' not in x.text: return None\n    return 'spam' if unread(x.text) else 'ham'")
    texts = ["a", "b9", "a9", "c"] * 50
    for timeout in (None, 10):
        compiled_functions._distrusted.clear()
        committee = weaklab.Committee(["ham", "spam"], timeout=timeout, workers=1)
        committee.add(function)
        with pytest.warns(UserWarning, match="compiled wrongly"):
            assert committee.vote(texts, progress=False).L[:, 0].tolist() == [0, -1, 1, -1] * 50


def test_the_plan_says_how_each_function_runs_and_compile_false_switches_it_off():
    guard = "def f(x):\n    if 'prize' not in x.text: return None\n    return 'spam' if unread(x.text) else 'ham'"
    sources = ["def f(x): return 'spam' if 'a' in x.text else None", guard, "def f(x): return unread(x.text)"]
    members = [weaklab.labeling_function(name=f"f{j}")(made(s).function) for j, s in enumerate(sources)]
    committee = weaklab.Committee(["ham", "spam"])
    for member in members:
        committee.add(member)
    rows = committee.explain_plan().rows
    assert [row[1] for row in rows] == [
        "compiled", "compiled guard, called on the records it leaves", "in a child process, row by row",
    ]  # fmt: skip
    assert rows[0][2] == "a search for 'a'"
    assert "map" in rows[1][2]
    assert "not compiled: line" in rows[2][2]
    off = weaklab.Committee(["ham", "spam"], compile=False)
    for member in members:
        off.add(member)
    assert {row[1] for row in off.explain_plan().rows} == {"in a child process, row by row"}
    alone = weaklab.Committee(["ham", "spam"])
    alone.add(weaklab.labeling_function(compile=False)(members[0].function))
    assert "compile=False" in alone.explain_plan().rows[0][2]


def test_a_guarded_function_that_kills_its_process_is_given_up_like_any_other():
    source = "def f(x):\n    if 'a' not in x.text: return 'ham'\n    import os\n    os._exit(1)"
    batch = batch_of(["b", "a", "b", "a", "a", "b"])
    found = []
    for on in (True, False):
        ballot = VoteRunner([made(source)], LABELS, timeout=10, workers=1, compiled=on).vote(batch)[0]
        found.append((ballot.votes.tolist(), ballot.fault_rows, ballot.kills))
    assert found[0] == found[1]


# ---- real texts


DATA = Path(__file__).parents[2] / "shared" / "data" / "text"
"""Real texts beside the project's folder, see benchmarks."""


def real_texts():
    if not DATA.is_dir():
        pytest.skip("the real texts are not here")
    found = []
    for file in sorted((DATA / "clickbait").glob("*.gz")):
        found += [line for line in gzip.decompress(file.read_bytes()).decode().split("\n") if line][:6_000]
    for file in sorted(DATA.glob("*/*.csv")):
        with open(file, encoding="latin-1", newline="") as stream:
            found += [" ".join(row) for row in csv.reader(stream)][:6_000]
    return found[:20_000]


REAL = [
    "def f(x): return 'spam' if any(w in x.text.lower() for w in ['free', 'win', 'prize', 'why', '’s', 'é']) else None",
    "def f(x):\n    if re.search(r'\\b\\d+ (things|ways|reasons)\\b', x.text, re.I): return 'spam'\n"
    "    return 'ham' if x.text.count(',') >= 2 and not x.text.isupper() else None",
    "def f(x):\n    t = x.text.lower().split()\n    return 1 if len(t) > 12 and not SET.isdisjoint(t) else -1",
    "def f(x):\n    n = 0\n    for w in ['you', 'your', 'this', 'call']:\n        if w in x.text.lower(): n += 1\n"
    "    return ('spam', min(1.0, n / 3)) if n else None",
    "def f(x): return 'ham' if x.text.split()[3].istitle() else None",
    "def f(x): return 'ham' if re.search(r'(?<!\\w)(?:said|says|told|c\\+\\+)(?!\\w)', x.text, re.I) else None",
    "def f(x):\n    if x.text[:1].isdigit() or x.text.endswith('?'): return 'spam'\n"
    "    return 'ham' if unread(x.text) else None",
    "def f(x): return 'spam' if len(set(re.findall(r'\\w+', x.text.lower())) & {'free', 'the', 'a'}) >= 2 else None",
]


def test_20000_real_texts_are_voted_on_as_python_does(with_kernels):
    batch = batch_of(real_texts())
    assert batch.num_rows == 20_000
    for source in REAL:
        same(made(source), batch)


def test_the_bundled_headlines_are_voted_on_as_python_does():
    batch = batch_of(load_headlines().text.tolist())
    for source in REAL:
        same(made(source), batch)


def test_functions_as_people_write_them_are_compiled():
    from benchmarks.python_functions import FUNCTIONS

    members = [weaklab.labeling_function(name=f.__name__)(f) for f in FUNCTIONS]
    batch = batch_of([*load_headlines().text, "", None, "İSTANBUL 12 you'RE"])
    runner = VoteRunner(members, LABELS, timeout=None)
    found = runner.vote(batch)
    assert runner.distrusted == set()
    for member, ballot in zip(members, found, strict=True):
        wanted = member.evaluate(batch, LABELS)
        assert (member.name, ballot.votes.tolist()) == (member.name, wanted.votes.tolist())
        assert ballot.fault_rows == wanted.fault_rows
    assert sum(member.how == "compiled" for member in runner.explain()) >= 15
