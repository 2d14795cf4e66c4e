"""Evaluates the trees of labeling functions on batches: conditions as masks over the records.

A condition that a declared heuristic can answer is answered for all records at once. Python evaluates the others, on
the records that need it only. Where a term raises or cannot be read, the record is left to the function itself.
"""

from __future__ import annotations

import enum
import math
import re
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.corpus.records import TEXT_JOINT, Columns, Roles, is_plain
from weaklab.heuristics.columnar import Texts, lowered
from weaklab.heuristics.functions import split_vote
from weaklab.voting.compiling.reading import Known
from weaklab.voting.compiling.statements import Branch, ReadFunction, Tree
from weaklab.voting.compiling.terms import Names, Term
from weaklab.voting.compiling.vectors import FOUND, Vector, necessary, vector_of
from weaklab.voting.plan import Plan

Mask = NDArray[np.bool_]

_FAILED = -1
_CHEAP = ("column", "const", "variable", "opaque", "loop", "len", "slice", "item")
"""Operations that are done again each time; the results of others are kept where a condition uses them again."""


@dataclass
class Found:
    """What the compiled functions found for one of them on a batch.

    Attributes
    ----------
    votes : int8 (n,), codes, -1 where it abstains or is called
    confidence : float32 (n,), 1 where it is not given; None if it never is
    called : bool (n,), the records on which the function must be called
    seconds : CPU seconds; work that is done for several functions in equal parts
    """

    votes: NDArray[np.int8]
    confidence: NDArray[np.float32] | None
    called: Mask
    seconds: float = 0.0


class Program:
    """The trees of several functions, ready to be evaluated on batches; safe in several threads.

    Parameters
    ----------
    functions : what was read of each
    names : the columns and constants of them all
    labels : the label names
    whole : for each whether its votes are codes that ``int`` makes, as those of Snorkel are
    """

    def __init__(
        self, functions: Sequence[ReadFunction], names: Names, labels: LabelNames, whole: Sequence[bool]
    ) -> None:
        self.functions, self.names, self.labels, self.whole = list(functions), names, labels, list(whole)
        self.vectors: dict[str, Vector] = {}
        self.needed: dict[str, Vector] = {}
        self.looking: set[int] = set()
        counts: dict[str, int] = {}
        self._shared: dict[str, Term] = {}
        for j, function in enumerate(self.functions):
            for term in conditions(function.tree):
                self._prepare(j, term, counts)
        listed = {vector.key: vector for vector in (*self.vectors.values(), *self.needed.values())}
        self.places = {key: place for place, key in enumerate(listed)}
        self.texts = {text: f"t{i}" for i, text in enumerate(dict.fromkeys(v.text.text for v in listed.values()))}
        self._terms = {vector.text.text: vector.text for vector in listed.values()}
        self.plan = Plan(
            [v.heuristic(self.texts[v.text.text], f"a{i}") for i, v in enumerate(listed.values())],
            LabelNames([FOUND, "other"]),
        )
        longest_first = sorted(self._shared.items(), key=lambda item: -len(item[0]))
        self.shared = {text: term for text, term in longest_first if counts[text] > 1}
        self._loops: dict[tuple[str, tuple[str, ...], bool], Callable[..., list[Any]]] = {}
        self._lock = threading.Lock()

    def _prepare(self, j: int, term: Term, counts: dict[str, int]) -> None:
        slow = set(_beside_a_search(term))
        for atom in atoms(term):
            if atom.text in slow:
                continue
            if atom.text not in self.vectors and (vector := vector_of(atom)) is not None:
                self.vectors[atom.text] = vector
            elif atom.text not in self.vectors and atom.total and (vector := necessary(atom)) is not None:
                self.needed[atom.text] = vector
            if atom.text in self.vectors or atom.text in self.needed:
                self.looking.add(j)
            if atom.text not in self.vectors:
                for part in _parts_of(atom):
                    if part.op not in _CHEAP and part.kind != "bool" and _of_columns(part):
                        counts[part.text] = counts.get(part.text, 0) + 1
                        self._shared[part.text] = part

    def evaluate(self, batch: pa.RecordBatch, chosen: Iterable[int]) -> dict[int, Found]:
        """Return what is found for some functions, by their number."""
        work, found = _Batch(self, batch), {}
        if self.vectors or self.needed:
            before = time.thread_time()
            work.answer_all()
            looking = time.thread_time() - before
        for j in chosen:
            before = time.thread_time()
            found[j] = work.found(j)
            found[j].seconds = time.thread_time() - before
            if j in self.looking:
                found[j].seconds += looking / len(self.looking)
        return found

    def loop(self, expression: str, variables: tuple[str, ...], total: bool) -> Callable[..., list[Any]]:
        """Return a function of lists that evaluates an expression for each row."""
        key = expression, variables, total
        with self._lock:
            if key not in self._loops:
                self._loops[key] = self.names.compiled(_loop_source(*key))
            return self._loops[key]

    def text_terms(self) -> Iterator[tuple[str, Term]]:
        """Yield the name of the column and the term of every text that declared heuristics look at."""
        for text, name in self.texts.items():
            yield name, self._terms[text]


def _loop_source(expression: str, variables: tuple[str, ...], total: bool) -> str:
    given = ", ".join(f"all_{name}" for name in variables)
    target = ", ".join(variables)
    items = given if len(variables) == 1 else f"zip({given})"
    if total:
        return f"def work({given}):\n    return [{expression} for {target} in {items}]\n"
    return (
        f"def work({given}):\n    out = []\n    put = out.append\n    rows = iter({items})\n    while True:\n"
        f"        try:\n            for {target} in rows:\n                put({expression})\n"
        f"        except Exception as error:\n            put(error)\n        else:\n            return out\n"
    )


def conditions(tree: Tree) -> Iterator[Term]:
    """Yield every condition of a tree, and every value that it works out."""
    pending: list[Tree] = [tree]
    while pending:
        part = pending.pop()
        if isinstance(part, Branch):
            yield part.condition
            pending += [part.yes, part.no]
        elif isinstance(part.value, Term) and part.value.op not in ("const", "opaque"):
            yield part.value


_LOGIC = ("and", "or", "not", "bool")


def atoms(term: Term) -> Iterator[Term]:
    """Yield the conditions that a condition is made of by ``and``, ``or``, ``not`` and ``if``."""
    if term.op in _LOGIC or term.op == "if":
        for arg in term.args:
            yield from atoms(arg)
    elif term.op not in ("const", "opaque"):
        yield term


def _beside_a_search(term: Term) -> Iterator[str]:
    """Yield the conditions ``any(part in text ...)`` that stand beside a search in an ``and``: the few texts that the
    search finds are looked through by Python, which takes less time than a second search of all texts.
    """
    parts = _flat(term, "and") if term.op == "and" else []
    if parts and all(part.total for part in parts) and any(part.op in ("is", "not", "re.search") for part in parts):
        vectors = [vector_of(part) for part in parts]
        if any(
            vector is not None and vector.kind == "search" and part.op != "any"
            for part, vector in zip(parts, vectors, strict=True)
        ):
            yield from (
                part.text for part in parts if part.op == "any" and len(part.args) == 3 and part.args[2].constant
            )
    for arg in term.args if term.op in (*_LOGIC, "if") else ():
        yield from _beside_a_search(arg)


def _parts_of(term: Term) -> Iterator[Term]:
    yield term
    for arg in term.args:
        yield from _parts_of(arg)


def _of_columns(term: Term) -> bool:
    return bool(term.reads) and all(name[0] == "x" for name in term.reads)


class _Batch:
    """The evaluation of a program on one batch; each condition is answered once."""

    def __init__(self, program: Program, batch: pa.RecordBatch) -> None:
        self.program, self.batch, self.n = program, batch, int(batch.num_rows)
        self.columns = Columns(batch)
        self._lists: dict[str, Sequence[Any]] = {}
        self._names = {text: name for name, text in program.names.columns.items()}
        self._answers: dict[Any, tuple[Mask, Mask | None]] = {}
        self._tried: dict[str, tuple[Mask, NDArray[np.int8]]] = {}
        self._lengths: dict[str, int] = {}
        self._kept: dict[str, list[Any]] = {}
        self._ready: dict[str, Mask] = {}

    def found(self, j: int) -> Found:
        """Evaluate one function."""
        out = Found(np.full(self.n, ABSTAIN, dtype=np.int8), None, np.zeros(self.n, dtype=np.bool_))
        function = self.program.functions[j]
        known = self._usable(function)
        if known is None:
            out.called[:] = True
            return out
        out.called |= ~known
        self._walk(function.tree, known, out, self.program.whole[j])
        return out

    # ---- columns

    def _usable(self, function: ReadFunction) -> Mask | None:
        """Return where all columns of a function have a value; None if one is not what the code takes it for."""
        known = np.ones(self.n, dtype=np.bool_)
        for name in function.columns:
            kind = function.assumed.get(name)
            if not self._is(name, kind):
                return None
            if kind is not None and name in self.columns.names and name not in self.columns.roles.text:
                column = self.batch.column(name)
                if column.null_count:
                    known &= np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)
        return known

    def _is(self, name: str, kind: str | None) -> bool:
        if name not in self.columns.names:
            return (
                name == "text"
                and bool(self.columns.roles.text)
                and all(text in self.columns.names and self._is(text, "str") for text in self.columns.roles.text)
            )
        type_ = self.batch.schema.field(name).type
        if kind == "str":
            return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))
        if kind == "number":
            return bool(pa.types.is_integer(type_) or (pa.types.is_floating(type_) and not pa.types.is_float16(type_)))
        return is_plain(type_)

    def _cells(self, variable: str) -> Sequence[Any]:
        if variable not in self._lists:
            self._lists[variable] = self.columns[self._names[variable]]
        return self._lists[variable]

    def _shared(self, term: Term) -> Sequence[Any]:
        """Return the values of a term on every record; where a column has no value, those of an empty text."""
        if term.text not in self._lists:
            variables = tuple(sorted(term.reads))
            lists = [["" if value is None else value for value in self._cells(name)] for name in variables]
            self._lists[term.text] = self.program.loop(term.text, variables, True)(*lists)
        return self._lists[term.text]

    def _longest(self, variables: Iterable[str]) -> int:
        """Return a bound of the number of characters of the longest text of some columns: that of its bytes."""
        for name in variables:
            if name not in self._lengths:
                is_text = self._is(self._names[name], "str")
                starts = Texts(self._column_array(self._names[name])).starts if is_text else np.zeros(2)
                self._lengths[name] = int(np.diff(starts).max(initial=0))
        return max((self._lengths[name] for name in variables), default=0)

    def _is_long(self, term: Term) -> bool:
        """Whether a text may be too long for the regular expressions of a term."""
        return term.longest < math.inf and term.longest < self._longest(term.reads)

    # ---- branches

    def _walk(self, tree: Tree, where: Mask, out: Found, whole: bool) -> None:
        if not where.any():
            return
        if isinstance(tree, Branch):
            yes, no = self.truth(tree.condition, where)
            out.called |= where & ~(yes | no)
            self._walk(tree.yes, yes, out, whole)
            self._walk(tree.no, no, out, whole)
        elif isinstance(tree.value, Known) or tree.value.constant:
            self._put(vote_of(tree.value.value, self.program.labels, whole), where, out)
        elif tree.value.op == "opaque":
            out.called |= where
        else:
            self._put_values(tree.value, where, out, whole)

    def _put(self, vote: tuple[int, float] | None, where: Mask, out: Found) -> None:
        if vote is None:
            out.called |= where
            return
        code, confidence = vote
        out.votes[where] = code
        if confidence < 1 and code != ABSTAIN:
            if out.confidence is None:
                out.confidence = np.ones(self.n, dtype=np.float32)
            out.confidence[where] = confidence

    def _put_values(self, term: Term, where: Mask, out: Found, whole: bool) -> None:
        rows = np.flatnonzero(where)
        groups: dict[Any, tuple[Any, list[int]]] = {}
        for row, value in zip(rows.tolist(), self._values(term, rows, term.render), strict=True):
            groups.setdefault((type(value), repr(value)), (value, []))[1].append(row)
        for value, places in groups.values():
            chosen = np.zeros(self.n, dtype=np.bool_)
            chosen[places] = True
            self._put(None if isinstance(value, Exception) else vote_of(value, self.program.labels, whole), chosen, out)

    # ---- conditions

    def truth(self, term: Term, where: Mask) -> tuple[Mask, Mask]:
        """Return where a condition is true, and where it is false; it is unknown elsewhere."""
        if term.text in self.program.vectors:
            return self._looked_up(self.program.vectors[term.text], where)
        if term.op in ("and", "or"):
            return self._chain(term, where)
        if term.op == "not":
            yes, no = self.truth(term.args[0], where)
            return no, yes
        if term.op == "bool":
            return self.truth(term.args[0], where)
        if term.op == "if":
            yes, no = self.truth(term.args[0], where)
            (first_yes, first_no), (then_yes, then_no) = self.truth(term.args[1], yes), self.truth(term.args[2], no)
            return first_yes | then_yes, first_no | then_no
        nothing = np.zeros(self.n, dtype=np.bool_)
        if term.constant:
            return (where, nothing) if term.value else (nothing, where)
        return (nothing, nothing) if term.op == "opaque" else self._by_python(term, where)

    def _chain(self, term: Term, where: Mask) -> tuple[Mask, Mask]:
        """Evaluate ``and`` or ``or``: each part only where those before leave it open."""
        goes_on, ended = where, np.zeros(self.n, dtype=np.bool_)
        for part in _ordered(_flat(term, term.op), self.program.vectors):
            if not goes_on.any():
                break
            yes, no = self.truth(part, goes_on)
            goes_on, stops = (yes, no) if term.op == "and" else (no, yes)
            ended = ended | stops
        return (goes_on, ended) if term.op == "and" else (ended, goes_on)

    def _looked_up(self, vector: Vector, where: Mask) -> tuple[Mask, Mask]:
        found, unknown = self._answer(vector)
        yes = where & found
        no = where & ~found if unknown is None else where & ~found & ~unknown
        if unknown is not None:
            yes &= ~unknown
        return (no, yes) if vector.negated else (yes, no)

    def _answer(self, vector: Vector) -> tuple[Mask, Mask | None]:
        if not self._answers:
            self.answer_all()
        return self._answers[vector.key]

    def answer_all(self) -> None:
        """Let the declared heuristics answer all of their conditions."""
        program = self.program
        ballots, left = program.plan.evaluate(self._text_batch())
        for key, place in program.places.items():
            unknown = None
            if len(left.get(place, ())) or ballots[place].fault_rows:
                unknown = np.zeros(self.n, dtype=np.bool_)
                unknown[left.get(place, [])] = True
                unknown[[row for row, _, _ in ballots[place].fault_rows]] = True
            self._answers[key] = ballots[place].votes == 0, unknown
        too_long = {term.text for _, term in program.text_terms() if self._is_long(term)}
        for key in program.places:
            if key[0] in too_long:
                self._answers[key] = self._answers[key][0], np.ones(self.n, dtype=np.bool_)

    def _text_batch(self) -> pa.RecordBatch:
        arrays = {name: self._array(term) for name, term in self.program.text_terms()}
        batch = pa.record_batch(arrays)
        return batch.replace_schema_metadata(Roles("id").attach(batch.schema).metadata)

    def _array(self, term: Term) -> pa.LargeStringArray:
        """Return the texts of a term as an Arrow array, with empty texts where they cannot be had."""
        if not all(self._is(self._names[name], "str") for name in term.reads):
            return pa.array([""] * self.n, pa.large_string())
        if term.op == "column":
            return self._column_array(term.value)
        if term.op == ".lower":
            return lowered(Texts(self._array(term.args[0]))).array
        if self._is_long(term):
            return pa.array([""] * self.n, pa.large_string())
        return pa.array(self._shared(term), pa.large_string())

    def _column_array(self, name: str) -> pa.LargeStringArray:
        import pyarrow.compute as pc

        if name in self.columns.names:
            return self.batch.column(name).cast(pa.large_string()).fill_null("")
        parts = [self._column_array(part) for part in self.columns.roles.text]
        if len(parts) == 1:
            return parts[0]
        return pc.binary_join_element_wise(*parts, pa.scalar(TEXT_JOINT, pa.large_string()))

    def _by_python(self, term: Term, where: Mask) -> tuple[Mask, Mask]:
        """Evaluate a condition with Python, on the rows where it was not evaluated before."""
        away = np.zeros(self.n, dtype=np.bool_)
        if term.text in self.program.needed:
            where, away = self._looked_up(self.program.needed[term.text], where)
        if term.text not in self._tried:
            self._tried[term.text] = np.zeros(self.n, dtype=np.bool_), np.full(self.n, _FAILED, dtype=np.int8)
        tried, answers = self._tried[term.text]
        rows = np.flatnonzero(where & ~tried)
        if len(rows):
            if term.op == "completes":
                values = self._values(term.args[0], rows, term.args[0].render)
                self._keep(term.args[0], rows, values)
                answers[rows] = [_FAILED if isinstance(value, Exception) else 1 for value in values]
            else:
                values = self._values(term, rows, lambda known: f"(1 if {term.render(known)} else 0)")
                certain = term.total and not self._is_long(term)
                answers[rows] = values if certain else [_FAILED if isinstance(v, Exception) else v for v in values]
            tried[rows] = True
        return where & (answers == 1), (where & (answers == 0)) | away

    def _too_long(self, term: Term) -> list[int]:
        lists = [self._cells(name) for name in term.reads]
        return [
            row for row in range(self.n) if any(isinstance(c[row], str) and len(c[row]) > term.longest for c in lists)
        ]

    def _values(self, term: Term, rows: NDArray[np.int64], render: Callable[[dict[str, str]], str]) -> list[Any]:
        """Return the values of an expression on some rows; an exception where it raises one."""
        if self._is_long(term):
            too_long = set(self._too_long(term))
            return self._some_values(term, rows, render, too_long)
        known: dict[str, str] = {}
        lists: dict[str, Sequence[Any]] = {}
        for shared in self._shared_in(term, rows, known):
            lists[known[shared.text]] = self._kept[shared.text]
        expression = render(known)
        lists |= {name: self._cells(name) for name in sorted(term.reads) if re.search(rf"\b{name}\b", expression)}
        if len(rows) < self.n:
            places = rows.tolist()
            lists = {name: [values[row] for row in places] for name, values in lists.items()}
        if not lists:
            lists = {"_": [None] * len(rows)}
        return self.program.loop(expression, tuple(lists), term.total)(*lists.values())

    def _shared_in(self, term: Term, rows: NDArray[np.int64], known: dict[str, str]) -> list[Term]:
        """Return the parts of a term whose values on these rows are kept, the largest ones, and name them in ``known``.

        What several conditions use is worked out here; what may raise is there only if it was needed before.
        """
        found, left = [], term.text
        for text, shared in self.program.shared.items():
            if text == term.text or text not in left:
                continue
            ready = self._ready.get(text)
            if ready is None or not ready[rows].all():
                if not shared.total or self._is_long(shared):
                    continue
                self._keep(shared, rows, self._values(shared, rows, shared.render))
            known[text] = f"s{len(known)}"
            left = term.render(known)
            found.append(shared)
        return found

    def _keep(self, term: Term, rows: NDArray[np.int64], values: list[Any]) -> None:
        """Keep the values of a term on some rows for other conditions."""
        if term.text not in self._kept:
            self._kept[term.text], self._ready[term.text] = [None] * self.n, np.zeros(self.n, dtype=np.bool_)
        kept = self._kept[term.text]
        for row, value in zip(rows.tolist(), values, strict=True):
            kept[row] = value
        self._ready[term.text][rows] = True
        if not term.total:
            self._ready[term.text][rows] = [not isinstance(value, Exception) for value in values]

    def _some_values(
        self, term: Term, rows: NDArray[np.int64], render: Callable[[dict[str, str]], str], too_long: set[int]
    ) -> list[Any]:
        """Evaluate an expression only where its texts are not too long for its regular expressions."""
        short = [row for row in rows.tolist() if row not in too_long]
        lists = {name: [self._cells(name)[row] for row in short] for name in sorted(term.reads)}
        values = iter(self.program.loop(render({}), tuple(lists), False)(*lists.values()))
        return [OverflowError() if row in too_long else next(values) for row in rows.tolist()]


def _ordered(parts: list[Term], quick: Container[str]) -> list[Term]:
    """Put the quick conditions first, as far as no condition can raise and the order so makes no difference."""
    safe = next((place for place, part in enumerate(parts) if not part.total), len(parts))
    return [*sorted(parts[:safe], key=lambda part: part.text not in quick), *parts[safe:]]


def _flat(term: Term, op: str) -> list[Term]:
    return [part for arg in term.args for part in _flat(arg, op)] if term.op == op else [term]


def vote_of(value: Any, labels: LabelNames, whole: bool) -> tuple[int, float] | None:
    """Return code and confidence of what a function returns; None if that is no vote, or may change.

    >>> vote_of("spam", LabelNames(["ham", "spam"]), False), vote_of(("ham", 0.5), LabelNames(["ham", "spam"]), False)
    ((1, 1.0), (0, 0.5))
    """
    plain = value is None or isinstance(value, (str, tuple, enum.Enum, Integral))
    if not plain:
        return None
    try:
        if whole:
            value = None if value is None else int(value)
        vote, confidence = split_vote(value)
        return labels.code(vote), confidence
    except Exception:  # the function is called, and its vote is a fault
        return None
