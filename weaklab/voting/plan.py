"""Compiles the declared heuristics of a committee (keywords, patterns, conditions, columns), to vote on batches."""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from weaklab.core.labels import ABSTAIN
from weaklab.corpus.records import TEXT_JOINT, Columns, Roles
from weaklab.heuristics.ballot import Ballot, Heuristic
from weaklab.heuristics.declared import ColumnVotes, Keywords, Pattern, words_regex
from weaklab.voting import regexes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.core.labels import LabelNames

FEW_CELLS = 20_000
"""Up to this many votes, plain ``re`` at 1 to 50 us each is faster than loading the kernels (0.4 s and more); counted
over all batches with more than :data:`TINY` votes."""
TINY = 1_000
"""Batches with at most this many votes never load the kernels."""
FEW_ROWS = 10
"""Fewer rows than this are searched with plain ``re`` even with the kernels loaded: arrays would cost more than they
save."""
MAX_STEPS = 1e8
"""A search of at most this many steps, about a second, may run in this process, where nothing can stop it."""


class Member(NamedTuple):
    """How one heuristic runs.

    Attributes
    ----------
    name : of the heuristic
    how : the method, such as ``"words in one pass"``
    why : the reason for it
    seconds : CPU time so far; work done for several heuristics at once is divided equally
    records : rows voted on so far
    """

    name: str
    how: str
    why: str
    seconds: float = 0.0
    records: int = 0


@dataclass
class _Search:
    """A regular expression of one member, the code it votes, and the longest text that is safe to search here."""

    member: int
    regex: re.Pattern[str]
    code: int
    longest: float
    clues: list[regexes.Clue] | None = None


class Plan:
    r"""The declared heuristics of a committee, compiled once to vote on any number of batches.

    Single words of all keyword lists are looked up in one pass over a column. A regular expression, and a phrase or a
    word with punctuation, is searched only on rows that hold the characters every match needs: by ``re``, or on many
    rows by a finite automaton where there is one. Votes are those of :meth:`~weaklab.heuristics.Heuristic.evaluate`.
    Evaluating is safe in several threads at once, and most of it is done without the interpreter lock.

    Parameters
    ----------
    heuristics : members; one of a class with a function ``evaluate_many(heuristics, batch, labels) -> list of ballots``
        is given to it together with the others of that class, any other one that is not declared here evaluates itself
    labels : the label names

    Examples
    --------
    >>> import weaklab
    >>> from weaklab.core.labels import LabelNames
    >>> lists = [weaklab.keywords("spam", ["prize"]), weaklab.pattern("ham", r"\blunch\b")]
    >>> plan = Plan(lists, LabelNames(["ham", "spam"]))
    >>> ballots, left = plan.evaluate(next(weaklab.read(["A prize!", "Lunch?"]).batches()))
    >>> [ballot.votes.tolist() for ballot in ballots]
    [[1, -1], [-1, 0]]
    """

    def __init__(self, heuristics: Sequence[Heuristic], labels: LabelNames) -> None:
        self.heuristics, self.labels = list(heuristics), labels
        self._steps = {j: regexes.steps(h.regex) for j, h in enumerate(self.heuristics) if isinstance(h, Pattern)}
        self._columns: dict[str, list[int]] = defaultdict(list)
        self._many: dict[type, list[int]] = defaultdict(list)
        self._alone: list[int] = []
        for j, h in enumerate(self.heuristics):
            if isinstance(h, (Keywords, Pattern)):
                self._columns[h.column].append(j)
            elif hasattr(type(h), "evaluate_many"):
                self._many[type(h)].append(j)
            else:
                self._alone.append(j)
        self._compiled: dict[str, _Compiled] = {}
        self._seconds = [0.0] * len(self.heuristics)
        self._records = [0] * len(self.heuristics)
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.RLock())

    def risky(self, heuristic: Heuristic) -> bool:
        """Whether the search time of this pattern has no known bound, so that all its rows are left to a process that
        can be killed.
        """
        j = next(j for j, h in enumerate(self.heuristics) if h is heuristic)
        return j in self._steps and self._steps[j].longest(MAX_STEPS) < 0

    def evaluate(
        self, batch: pa.RecordBatch, all_here: bool = False
    ) -> tuple[list[Ballot], dict[int, NDArray[np.int64]]]:
        """Vote on a batch.

        Parameters
        ----------
        batch : n records
        all_here : whether patterns are searched here in every row that may match, however long it may take

        Returns
        -------
        list of Ballot
            In the order of ``heuristics``.
        dict
            Index of a pattern -> int64 rows, ascending, that may match and may take long; the ballot abstains there
            until a process that can be killed has searched them.
        """
        n = int(batch.num_rows)
        ballots: dict[int, Ballot] = {}
        left: dict[int, NDArray[np.int64]] = {}
        for column, places in self._columns.items():
            try:
                texts = _Texts(batch, column)
            except KeyError:
                ballots.update((j, self.heuristics[j].evaluate(batch, self.labels)) for j in places)
                continue
            votes = self._vote(column, places, texts, all_here, left)
            for j in places:
                if texts.valid is not None:
                    votes[j][~texts.valid] = ABSTAIN
                ballots[j] = Ballot(votes[j])
        for kind, places in self._many.items():
            with self._timed(places):
                found = kind.evaluate_many([self.heuristics[j] for j in places], batch, self.labels)  # type: ignore[attr-defined]
                ballots.update(zip(places, found, strict=True))
        for j in self._alone:
            with self._timed([j]):
                ballots[j] = _column_ballot(self.heuristics[j], batch, self.labels)
        with self._lock:
            self._records = [records + n for records in self._records]
        return [ballots[j] for j in range(len(self.heuristics))], left

    def explain(self) -> list[Member]:
        """Return how each member runs, and its CPU seconds so far."""
        hows = {j: self._compile(column).how(j) for column, places in self._columns.items() for j in places}
        for places in self._many.values():
            hows.update((j, ("together", f"shares its work with {len(places) - 1} others of its kind")) for j in places)
        for j in self._alone:
            column = isinstance(self.heuristics[j], ColumnVotes)
            hows[j] = ("column", "its votes are in the column") if column else ("by itself", "it is not declared")
        return [Member(h.name, *hows[j], self._seconds[j], self._records[j]) for j, h in enumerate(self.heuristics)]

    def _timed(self, places: Sequence[int]) -> _Timed:
        return _Timed(self, places)

    def _compile(self, column: str) -> _Compiled:
        with self._lock:
            if column not in self._compiled:
                places = self._columns[column]
                longest = {j: self._steps[j].longest(MAX_STEPS) for j in places if j in self._steps}
                self._compiled[column] = _compiled(
                    tuple(_task(j, self.heuristics[j], self.labels, longest.get(j, 0.0)) for j in places)
                )
            return self._compiled[column]

    def _vote(
        self, column: str, places: list[int], texts: _Texts, all_here: bool, left: dict[int, NDArray[np.int64]]
    ) -> dict[int, NDArray[np.int8]]:
        import numpy as np

        n = len(texts)
        if n < FEW_ROWS or _is_little(n * len(places)):
            votes = {j: np.full(n, ABSTAIN, dtype=np.int8) for j in places}
            searches = [_whole_search(j, self.heuristics[j], self.labels, self._steps) for j in places]
            candidates: list[NDArray[np.int64] | None] = [None] * len(places)
        else:
            compiled = self._compile(column)
            data, offsets = texts.utf8()
            votes = {}
            if compiled.words is not None:
                with self._timed(compiled.listed):
                    votes.update(zip(compiled.listed, compiled.words.vote(data, offsets), strict=True))
            votes.update((j, np.full(n, ABSTAIN, dtype=np.int8)) for j in places if j not in votes)
            searches = compiled.searches
            candidates = [None] * len(searches)
            if compiled.passes is not None:
                with self._timed([searches[s].member for s in compiled.clued]):
                    for group, rows in compiled.passes.rows(data, offsets):
                        candidates[compiled.clued[group]] = rows
            searches, candidates = self._run_automata(searches, candidates, data, offsets, votes)
        if searches:
            self._search(searches, candidates, texts, votes, all_here, left)
        return votes

    def _run_automata(
        self,
        searches: list[_Search],
        candidates: list[NDArray[np.int64] | None],
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        votes: dict[int, NDArray[np.int8]],
    ) -> tuple[list[_Search], list[NDArray[np.int64] | None]]:
        """Store the votes of the expressions that have an automaton; return the others and their candidate rows."""
        import numpy as np

        from weaklab.voting.automata import automaton_for

        others: list[tuple[_Search, NDArray[np.int64] | None]] = []
        for search, rows in zip(searches, candidates, strict=True):
            with self._timed([search.member]):
                chosen = np.arange(len(offsets) - 1) if rows is None else rows
                long = len(chosen) and search.longest < int((offsets[chosen + 1] - offsets[chosen]).max())
                automaton = automaton_for(search.regex, len(chosen), bool(long))
                if automaton is None:
                    others.append((search, rows))
                else:
                    votes[search.member][chosen[automaton.search(data, offsets, chosen)]] = search.code
        return [search for search, _ in others], [rows for _, rows in others]

    def _search(
        self,
        searches: list[_Search],
        candidates: list[NDArray[np.int64] | None],
        texts: _Texts,
        votes: dict[int, NDArray[np.int8]],
        all_here: bool,
        left: dict[int, NDArray[np.int64]],
    ) -> None:
        """Search each expression in its candidate rows, None for all rows, and store its votes."""
        import numpy as np

        with self._timed([search.member for search in searches]):
            shown, place = texts.of(candidates)
        for search, rows in zip(searches, candidates, strict=True):
            with self._timed([search.member]):
                if rows is None:
                    rows, chosen = np.arange(len(texts)), shown
                else:
                    chosen = [shown[i] for i in (rows if place is None else place[rows]).tolist()]
                if not all_here and search.longest < max(map(len, chosen), default=0):
                    long = np.fromiter((len(text) > search.longest for text in chosen), dtype=bool, count=len(chosen))
                    held = rows[long]
                    left[search.member] = held if texts.valid is None else held[texts.valid[held]]
                    rows, chosen = rows[~long], [text for text in chosen if len(text) <= search.longest]
                find = search.regex.search
                found = [i for i, text in enumerate(chosen) if find(text)]
                votes[search.member][rows[found]] = search.code


_plain_cells = 0
"""Votes that this process has given with plain ``re``, tiny batches not counted."""


def _is_little(cells: int) -> bool:
    """Whether this many more votes take less time with plain ``re`` than loading the kernels."""
    global _plain_cells
    if "weaklab.voting.kernels" in sys.modules or (cells > TINY and _plain_cells + cells >= FEW_CELLS):
        return False
    _plain_cells += cells if cells > TINY else 0
    return True


class _Timed:
    """Adds the CPU time of a block to some members, in equal parts."""

    def __init__(self, plan: Plan, places: Sequence[int]) -> None:
        self._plan, self._places = plan, places

    def __enter__(self) -> None:
        self._begin = time.thread_time()

    def __exit__(self, *_: object) -> None:
        share = (time.thread_time() - self._begin) / max(1, len(self._places))
        with self._plan._lock:
            for j in self._places:
                self._plan._seconds[j] += share


class _Task(NamedTuple):
    """One member to compile: its words or its regular expression, and the code it votes."""

    member: int
    words: tuple[str, ...] | None
    case: bool
    regex: re.Pattern[str] | None
    longest: float
    code: int


def _task(j: int, heuristic: Heuristic, labels: LabelNames, longest: float) -> _Task:
    if isinstance(heuristic, Keywords):
        return _Task(
            j,
            tuple(word.strip() for word in heuristic.words),
            heuristic.case,
            None,
            float("inf"),
            labels.code(heuristic.label),
        )
    assert isinstance(heuristic, Pattern)
    return _Task(j, None, True, heuristic.regex, longest, labels.code(heuristic.label))


@lru_cache(maxsize=8)
def _compiled(tasks: tuple[_Task, ...]) -> _Compiled:
    """Compile members, or return them from the cache: a committee makes a new plan each time it votes."""
    return _Compiled(tasks)


class _Compiled:
    """The compiled members that read one column; immutable."""

    def __init__(self, tasks: Sequence[_Task]) -> None:
        from weaklab.voting.candidate_rows import Passes
        from weaklab.voting.words import Words, fits

        self._how: dict[int, tuple[str, str]] = {}
        self.searches: list[_Search] = []
        lists: dict[int, tuple[list[str], bool, int]] = {}
        for j, listed, case, regex, longest, code in tasks:
            if listed is not None:
                single = [word for word in listed if fits(word)]
                odd = [word for word in listed if not fits(word)]
                if single:
                    lists[j] = (single, case, code)
                if odd:
                    self.searches.append(_Search(j, words_regex(odd, case), code, longest))
                self._how[j] = _how_words(single, odd)
                continue
            assert regex is not None
            whole = regexes.listed_words(regex)
            if whole is not None and all(map(fits, whole.words)):
                lists[j] = (whole.words, not regex.flags & re.IGNORECASE, code)
                self._how[j] = ("words in one pass", "it finds whole words only, looked up for all lists together")
                if whole.rest is not None:
                    self.searches.append(_Search(j, whole.rest, code, longest))
            else:
                self.searches.append(_Search(j, regex, code, longest))
        for search in self.searches:
            search.clues = regexes.clues(search.regex)
        self.listed = list(lists)
        self.words = Words(list(lists.values())) if lists else None
        self.clued = [s for s, search in enumerate(self.searches) if search.clues is not None]
        self.passes = Passes([self.searches[s].clues or [] for s in self.clued]) if self.clued else None

    def how(self, j: int) -> tuple[str, str]:
        """Return how a member runs, and why."""
        return (
            self._how[j]
            if j in self._how
            else _how_search(next(search for search in self.searches if search.member == j))
        )


def _how_words(single: list[str], odd: list[str]) -> tuple[str, str]:
    if not odd:
        return "words in one pass", "single words, looked up for all lists together"
    return f"words in one pass, then {len(odd)} by regex on rows that may hold them", f"{odd[0]!r} is no single word"


def _how_search(search: _Search) -> tuple[str, str]:
    from weaklab.voting.automata import known_automaton

    way = "regex" if known_automaton(search.regex) is None else "automaton"
    if search.longest < 0 and way == "regex":
        why = "a search may take very long, so it runs where it can be stopped"
    elif search.clues is None:
        why = "nothing is known that every match holds"
    else:
        why = "every match holds one of these"
    if search.clues is None:
        return f"{way} on every row", why
    shown = list(
        dict.fromkeys(regexes.readable(clue) for clue in search.clues if min(clue.sets) < regexes.HIGH & -regexes.HIGH)
    )
    some = " or ".join(map(repr, shown[:4])) + (f" or {len(shown) - 4} more" if len(shown) > 4 else "")
    return f"{way} on rows with {some or 'some letters'}", why


def _whole_search(j: int, heuristic: Any, labels: LabelNames, steps: dict[int, regexes.Steps]) -> _Search:
    longest = steps[j].longest(MAX_STEPS) if j in steps else float("inf")
    return _Search(j, heuristic.regex, labels.code(heuristic.label), longest)


class _Texts:
    """One column of a batch as text: an Arrow array without nulls, and which rows had a value.

    Raises
    ------
    KeyError
        There is no such column, or it is hidden.
    """

    def __init__(self, batch: pa.RecordBatch, column: str) -> None:
        import numpy as np

        array = _text_array(batch, column)
        self.valid: NDArray[np.bool_] | None = None
        if array.null_count:
            if column not in Roles.of(batch.schema).text:
                self.valid = np.asarray(array.is_valid())
            array = array.fill_null("")
        self._array: pa.LargeStringArray = array

    def __len__(self) -> int:
        return len(self._array)

    def utf8(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the bytes and int64 (n + 1,) where each row begins."""
        import numpy as np

        array, n = self._array, len(self._array)
        _, places, content = array.buffers()
        data = np.frombuffer(b"" if content is None else content, dtype=np.uint8)
        return data, np.frombuffer(places, dtype=np.int64, count=n + 1, offset=8 * array.offset)

    def of(self, candidates: Sequence[NDArray[np.int64] | None]) -> tuple[list[str], NDArray[np.int64] | None]:
        """Return the texts of all candidate rows, and row -> index among them; None if these are all rows."""
        import numpy as np

        if any(rows is None for rows in candidates):
            return self._array.to_pylist(), None
        needed = np.zeros(len(self), dtype=bool)
        for rows in candidates:
            needed[rows] = True
        return self._array.take(np.flatnonzero(needed)).to_pylist(), np.cumsum(needed) - 1


def _text_array(batch: pa.RecordBatch, column: str) -> Any:
    """Return a column as large strings, nulls included."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = Columns(batch)
    if column == "text" and column not in columns.names and len(columns.roles.text) > 1:
        parts = [batch.column(name) for name in columns.roles.text]
        if all(_is_text(part.type) for part in parts):
            parts = [part.cast(pa.large_string()).fill_null("") for part in parts]
            return pc.binary_join_element_wise(*parts, pa.scalar(TEXT_JOINT, pa.large_string()))
    name = (
        columns.roles.text[0]
        if column == "text" and column not in columns.names and len(columns.roles.text) == 1
        else column
    )
    if name in columns.names and _is_text(batch.column(name).type):
        return batch.column(name).cast(pa.large_string())
    return pa.array(
        [None if v is None else v if isinstance(v, str) else str(v) for v in columns[column]], pa.large_string()
    )


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))
    )


def _column_ballot(heuristic: Heuristic, batch: pa.RecordBatch, labels: LabelNames) -> Ballot:
    """Evaluate a heuristic; where its votes are in a plain column, look up each different value once."""
    import numpy as np
    import pyarrow as pa

    if isinstance(heuristic, ColumnVotes) and heuristic.position is None and heuristic.column in Columns(batch).names:
        column = batch.column(heuristic.column)
        plain = (
            pa.types.is_integer(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        )
        if plain and heuristic.column not in Roles.of(batch.schema).text:
            coded = column.dictionary_encode()
            try:
                codes = np.array([*map(labels.code, coded.dictionary.to_pylist()), ABSTAIN], dtype=np.int8)
            except ValueError:  # some value is no label; the heuristic says which rows hold it
                return heuristic.evaluate(batch, labels)
            return Ballot(codes[np.asarray(coded.indices.fill_null(-1))])
    return heuristic.evaluate(batch, labels)
