"""Labeling functions of a committee that vote without being called, and the check that their votes are Python's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.errors import warn
from weaklab.core.labels import ABSTAIN
from weaklab.corpus.records import ids_of
from weaklab.heuristics.functions import LabelingFunction
from weaklab.heuristics.look_cache import one_look
from weaklab.heuristics.snorkel import SnorkelFunction
from weaklab.voting.compiling.evaluating import Found, Program, atoms, conditions
from weaklab.voting.compiling.reading import Known
from weaklab.voting.compiling.statements import Branch, Leaf, ReadFunction, Tree, read_function
from weaklab.voting.compiling.terms import Names, OpaqueError, Term
from weaklab.voting.compiling.vectors import vector_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.core.labels import LabelNames
    from weaklab.heuristics import Ballot, Heuristic

CHECKED_ROWS = 48
"""Records of the first batch that are voted on both ways, half of them with votes; a quarter in later batches."""
TRIED_ROWS = 4_096
"""After this many records it is decided whether a guard is worth its cost."""
MAX_CALLED = 0.6
"""The largest share of records on which a guarded function is called; above it, it is called on all of them."""

_distrusted: set[tuple[str, str]] = set()
"""Name and fingerprint of functions that voted otherwise than Python; this process does not compile them again."""


@dataclass
class CompiledFunction:
    """A labeling function that could be read, whole or in part.

    Attributes
    ----------
    heuristic : the function
    read : what was read of it
    calls : why it is called on some records; empty where its votes are all compiled
    given_up : why it is called on all records after all
    """

    heuristic: Heuristic
    read: ReadFunction
    calls: str
    given_up: str = ""
    records: int = 0
    called: int = 0
    batches: int = 0
    seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def explain(self) -> tuple[str, str]:
        """Return how it runs, and why."""
        if self.given_up:
            return "called for each record", self.given_up
        shown = " and ".join(_described(self.read.tree)[:3])
        if self.calls:
            return "compiled guard, called on the records it leaves", f"{shown} decides the others; {self.calls}"
        return "compiled", shown or "it votes the same on every record"


def compile_functions(heuristics: Sequence[Heuristic], labels: LabelNames) -> tuple[CompiledFunctions, dict[str, str]]:
    """Return the labeling functions that could be read, and name -> reason for the others."""
    names, found, reasons = Names(), [], dict[str, str]()
    for heuristic in heuristics:
        reason = _reason_not_to(heuristic)
        if reason:
            reasons[heuristic.name] = reason
            continue
        assert isinstance(heuristic, LabelingFunction | SnorkelFunction)
        try:
            read = _read(heuristic, names)
        except Exception as error:  # what a function captures may raise anything when it is looked at
            reasons[heuristic.name] = f"its source cannot be read ({type(error).__name__})"
            continue
        if _decides(read.tree):
            found.append(CompiledFunction(heuristic, read, _opaque_reason(read.tree)))
        else:
            reasons[heuristic.name] = _opaque_reason(read.tree)
    return CompiledFunctions(found, names, labels), reasons


def _reason_not_to(heuristic: Heuristic) -> str:
    if not getattr(heuristic, "compile", True):
        return "compile=False"
    if isinstance(heuristic, LabelingFunction):
        return "" if heuristic.batch_form is None else "it votes on whole batches"
    if not isinstance(heuristic, SnorkelFunction):
        return "it is no labeling function"
    plain = type(heuristic.function).__module__.startswith("snorkel.labeling") and not heuristic.function._pre
    return "" if plain else "it has preprocessors"


def _read(heuristic: LabelingFunction | SnorkelFunction, names: Names) -> ReadFunction:
    if isinstance(heuristic, SnorkelFunction):
        return read_function(heuristic.function._f, names, heuristic.function._resources, series=True)
    return read_function(heuristic.function, names)


# ---- what was read


def _decides(tree: Tree) -> bool:
    """Whether a tree votes on some records without a call."""
    if isinstance(tree, Branch):
        return _condition_decides(tree.condition) and (_decides(tree.yes) or _decides(tree.no))
    return isinstance(tree.value, Known) or tree.value.op != "opaque"


def _condition_decides(term: Term) -> bool:
    if term.op in ("and", "or", "not", "bool", "if", "completes"):
        return _condition_decides(term.args[0])
    return term.op != "opaque"


def _opaque_reason(tree: Tree) -> str:
    """Return why a tree has parts that could not be read; empty if it has none."""
    for part in _leaves(tree):
        if isinstance(part.value, Term) and part.value.op == "opaque" and part.value.opaque != "it raises":
            return part.value.opaque
    return next((reason for term in conditions(tree) if (reason := _opaque_in(term))), "")


def _leaves(tree: Tree) -> Iterator[Leaf]:
    pending = [tree]
    while pending:
        part = pending.pop(0)
        if isinstance(part, Branch):
            pending += [part.yes, part.no]
        else:
            yield part


def _opaque_in(term: Term) -> str:
    return term.opaque or next((reason for arg in term.args if (reason := _opaque_in(arg))), "")


def _described(tree: Tree) -> list[str]:
    """Return the conditions of a tree in words, those that are looked up for whole batches first."""
    listed = [atom for term in conditions(tree) for atom in atoms(term)]
    vectors = {atom.text: vector_of(atom) for atom in listed}
    looked_up = list(dict.fromkeys(str(vector) for vector in vectors.values() if vector is not None))
    rest = len([atom for atom in dict.fromkeys(atom.text for atom in listed) if vectors[atom] is None])
    if rest:
        looked_up = [*looked_up[:2], f"{rest} condition{'s' if rest > 1 else ''} in one loop over the texts"]
    more = len(looked_up) - 3
    return looked_up if more <= 0 else [*looked_up[:2], f"{more + 1} more"]


# ---- votes


class CompiledFunctions:
    """Labeling functions whose votes come from their compiled source; safe in several threads.

    A record that the compiled source cannot decide is left to the function itself. In every batch some decided records
    are voted on both ways. Where the two differ, Python's votes win, a warning is given, and this process does not
    compile the function any more.

    Parameters
    ----------
    functions : what was read
    names : their columns and constants
    labels : the label names
    """

    def __init__(self, functions: Sequence[CompiledFunction], names: Names, labels: LabelNames) -> None:
        self.functions, self.labels = list(functions), labels
        self._program: Program | None = None
        self._names = names
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.functions)

    @property
    def names(self) -> list[str]:
        """The names of the functions."""
        return [function.heuristic.name for function in self.functions]

    @property
    def heuristics(self) -> list[Heuristic]:
        """The functions."""
        return [function.heuristic for function in self.functions]

    def fingerprints(self) -> list[str]:
        """Return the fingerprints of the functions, which change with what they capture."""
        with one_look():
            return [function.heuristic.fingerprint for function in self.functions]

    def give_up(self, reasons: dict[str, str]) -> None:
        """Call all functions on every record from now on; ``reasons`` says why, by name."""
        for function in self.functions:
            function.given_up = reasons.get(function.heuristic.name, "another function has changed")

    def left_out(self) -> list[CompiledVotes]:
        """Return for each function that it has to be called on every record."""
        return [CompiledVotes(None, False) for _ in self.functions]

    @property
    def whole(self) -> bool:
        """Whether no function has a part that could not be read."""
        return not any(function.calls for function in self.functions)

    def reads(self) -> frozenset[str]:
        """Return the columns that the compiled parts read."""
        return frozenset().union(*(function.read.columns for function in self.functions))

    def program(self) -> Program:
        """Return the program, which is made when it is needed first."""
        with self._lock:
            if self._program is None:
                series = [isinstance(function.heuristic, SnorkelFunction) for function in self.functions]
                self._program = Program([f.read for f in self.functions], self._names, self.labels, series)
            return self._program

    def evaluate(self, batch: pa.RecordBatch) -> list[CompiledVotes]:
        """Return votes and the records that are left of every function, as :class:`CompiledVotes`."""
        import pyarrow as pa

        for function in self.functions if _distrusted else ():
            if not function.given_up and (function.heuristic.name, function.heuristic.fingerprint) in _distrusted:
                function.given_up = "its compiled votes were not Python's"
        chosen = [j for j, function in enumerate(self.functions) if not function.given_up]
        views = any(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind) for kind in batch.schema.types)
        if views or not batch.num_rows:  # Arrow cannot take rows of these types
            return self.left_out()
        try:
            found = self.program().evaluate(batch, chosen) if chosen else {}
        except Exception as error:  # an error here must cost no vote
            for function in self.functions:
                function.given_up = f"compiling it failed ({type(error).__name__}: {error})"
            return self.left_out()
        return [self._votes(j, function, found.get(j), batch) for j, function in enumerate(self.functions)]

    def _votes(self, j: int, function: CompiledFunction, found: Found | None, batch: pa.RecordBatch) -> CompiledVotes:
        n = int(batch.num_rows)
        if found is None:
            return CompiledVotes(None, False)
        with function.lock:
            function.records, function.called = function.records + n, function.called + int(found.called.sum())
            function.seconds, function.batches = function.seconds + found.seconds, function.batches + 1
            if function.records >= TRIED_ROWS and function.called > MAX_CALLED * function.records:
                share = round(100 * function.called / function.records)
                function.given_up = f"its compiled part leaves {share} % of the records"
            size = CHECKED_ROWS if function.batches == 1 else CHECKED_ROWS // 4
        return CompiledVotes(found, bool(function.calls), _sample(found, size))

    def differs(self, j: int, row: int, batch: pa.RecordBatch, compiled: str, python: str) -> None:
        """Note that a function votes otherwise than its compiled source, with a warning."""
        heuristic = self.functions[j].heuristic
        key = heuristic.name, heuristic.fingerprint
        with self._lock:
            known = key in _distrusted
            _distrusted.add(key)
        self.functions[j].given_up = "its compiled votes were not Python's"
        if not known:
            warn(
                f"{heuristic.name} ({heuristic.where}) is compiled wrongly: on record {ids_of(batch)[row]!r} it votes "
                f"{python}, compiled {compiled}; this is an error in weaklab, please report it with the function. Its "
                "votes are those of Python, and it is not compiled any more"
            )


@dataclass
class CompiledVotes:
    """The votes of one function on a batch.

    Attributes
    ----------
    found : votes; None if the function must be called on every record
    called_in_check : whether the check of its votes may call what could not be read, so that it is done with the calls
    checked : decided rows that are voted on both ways, ascending
    """

    found: Found | None
    called_in_check: bool
    checked: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def rows(self) -> Sequence[int] | None:
        """The rows on which the function must be called, ascending; None for all."""
        if self.found is None:
            return None
        called = self.found.called
        if self.called_in_check:
            called = called.copy()
            called[self.checked] = True
        return np.flatnonzero(called).tolist()

    @property
    def is_whole(self) -> bool:
        """Whether it need not be called on any row."""
        return self.rows == []

    def merged(self, ballot: Ballot | None) -> Ballot:
        """Return the ballot of the batch: that of a call on :attr:`called`, with the votes of the other rows added."""
        from weaklab.heuristics import Ballot

        assert self.found is not None
        if ballot is None:
            return Ballot(self.found.votes, self.found.confidence)
        decided = ~self.found.called
        ballot.votes[decided] = self.found.votes[decided]
        if self.found.confidence is not None or ballot.confidence is not None:
            given = np.ones(len(decided), dtype=np.float32) if ballot.confidence is None else ballot.confidence
            given[decided] = 1 if self.found.confidence is None else self.found.confidence[decided]
            ballot.confidence = given
        return ballot

    def difference(self, row: int, ballot: Ballot, place: int, labels: LabelNames) -> tuple[str, str] | None:
        """Return what was voted on a row, compiled and by Python in a ballot, where the two differ."""
        assert self.found is not None
        ours = _shown(int(self.found.votes[row]), self.found.confidence, row, labels)
        fault = next((f"{kind}: {message}" for at, kind, message in ballot.fault_rows if at == place), None)
        theirs = fault or _shown(int(ballot.votes[place]), ballot.confidence, place, labels)
        return None if ours == theirs else (ours, theirs)


def _shown(code: int, confidence: NDArray[np.float32] | None, row: int, labels: LabelNames) -> str:
    if code == ABSTAIN:
        return "to abstain"
    share = 1.0 if confidence is None else float(confidence[row])
    return repr(labels.name(code)) if share == 1 else f"{labels.name(code)!r} with confidence {share:g}"


def _sample(found: Found, size: int) -> NDArray[np.int64]:
    """Return decided rows, half of them with a vote, spread over the batch."""
    decided = ~found.called
    voted = np.flatnonzero(decided & (found.votes != ABSTAIN))
    others = np.flatnonzero(decided & (found.votes == ABSTAIN))
    chosen = [
        rows[np.linspace(0, len(rows) - 1, min(size // 2, len(rows))).astype(np.int64)] for rows in (voted, others)
    ]
    return np.unique(np.concatenate(chosen))


__all__ = ["CompiledFunction", "CompiledFunctions", "CompiledVotes", "OpaqueError", "compile_functions"]
