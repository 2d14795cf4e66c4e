r"""Regular expressions as finite automata that read UTF-8 once and never backtrack.

The only question is whether there is a match, so greedy and lazy repeats and groups make no difference. ``re`` itself
says which characters a set holds. An expression that is not a regular language, or needs too many states, has no
automaton; ``re`` searches it.

Why they are here: against ``re`` on the same candidate rows they save half of the CPU time or more. Measured on texts
of about 139 characters, medians of 5: 1.9 times for the twenty declared functions of the benchmark ``lf_declared`` (2.0
to 2.4 for ``Committee.vote`` as a whole), 4.2 for its six patterns alone, 3.4 for twenty patterns, 2.3 for one edited
pattern. On a long text they also need no process that can be killed.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from weaklab.voting import folding
from weaklab.voting.regexes import combined_flags, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

MAX_PLACES = 1_000
"""Most positions in an expression, with its counted repeats written out."""
MAX_CELLS = 20_000
"""Most table cells, states times kinds of characters, 4 bytes each."""
MAX_WORK = 200_000
"""Most positions looked at for all cells together, each a fraction of a microsecond: giving up takes about 50 ms."""
MAX_WIDE = 256
"""Most characters outside ASCII that an expression may name."""

_GROUPS = (range(0x4E00, 0x5000), range(0x660, 0x66A), range(0x2000, 0x200B), range(0x2190, 0x2400))
"""Some characters of each group of :func:`character_groups`; none has another case."""
_BEGIN = _END = -1
"""The symbol before the first character and after the last."""

MANY_ROWS = 2_000
"""An automaton is built, in 1 to 50 ms, after its expression was searched on this many rows, at 1 to 10 us each."""
MAX_KNOWN = 500
"""Most automata that are kept, at most 80 kB each."""

ACCEPT, DEAD = 0, 1
"""Final states: a match was found; no match can be found any more."""


class _NoAutomatonError(Exception):
    """The expression has no automaton, so ``re`` searches it."""


@dataclass
class Automaton:
    """A deterministic automaton; a state is a row of ``table``, identified by the index of its first cell.

    Attributes
    ----------
    table : int32 (states * width,), the next state for each kind of character, a newline that ends the text, and its
        end
    kinds : int32 (132 + len(extra),), the kind of every ASCII character, of the four groups beyond, of each of
        ``extra``
    extra : int32, ascending, characters beyond ASCII that are not like the others of their group
    width : kinds of characters, the final newline and the end included
    start : the first state
    """

    table: NDArray[np.int32]
    kinds: NDArray[np.int32]
    extra: NDArray[np.int32]
    width: int
    start: int

    def search(self, data: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether each of these rows of UTF-8 holds a match, bool (rows,)."""
        import numpy as np

        from weaklab.voting import kernels

        found = np.zeros(len(rows), dtype=np.bool_)
        kernels.run_automaton(
            data, offsets, rows, self.table, self.kinds, self.extra, character_groups(), self.width, self.start, found
        )
        return found


def automaton(regex: re.Pattern[str]) -> Automaton | None:
    r"""Return an automaton that finds a match where ``regex.search`` does, None where there is none of a fair size.

    M. Rabin and D. Scott, Finite automata and their decision problems, IBM Journal of Research and Development 3(2),
    1959 (subset construction); K. Thompson, Regular expression search algorithm, Communications of the ACM 11(6), 1968.

    >>> automaton(re.compile(r"\b(?:19|20)\d\d\b")) is None, automaton(re.compile(r"(.)\1")) is None
    (False, True)
    """
    try:
        return _Places(regex).determined()
    except (_NoAutomatonError, RecursionError, OverflowError, re.error):
        return None


_known: dict[re.Pattern[str], Automaton | None] = {}
_rows: dict[re.Pattern[str], int] = {}
_lock = threading.Lock()


def automaton_for(regex: re.Pattern[str], n_rows: int, at_once: bool) -> Automaton | None:
    """Return the automaton of an expression that is about to be searched in ``n_rows`` rows; None where there is none.

    It is built once the expression was searched on :data:`MANY_ROWS` rows, or now where ``at_once`` is true, and kept
    for all committees of this process.
    """
    with _lock:
        if regex not in _known:
            _rows[regex] = n_rows = n_rows + _rows.get(regex, 0)
            if n_rows < MANY_ROWS and not at_once:
                return None
            for kept in (_known, _rows):
                if len(kept) >= MAX_KNOWN:
                    kept.pop(next(iter(kept)))
            _known[regex] = automaton(regex)
        return _known[regex]


def known_automaton(regex: re.Pattern[str]) -> Automaton | None:
    """Return the automaton of an expression if it was built before, else None."""
    return _known.get(regex)


@cache
def character_groups() -> NDArray[np.uint8]:
    r"""Return uint8 (0x110000,): 0 for ``\w`` without ``\d``, 1 for ``\d``, 2 for ``\s``, 3 for any other character."""
    import numpy as np

    every = np.arange(folding.N_CHARACTERS, dtype=np.int32).view("U1")
    table = np.where(folding.fold_table() >= 0, 0, 3).astype(np.uint8)
    table[np.char.isspace(every)] = 2
    table[np.char.isdecimal(every)] = 1
    table.flags.writeable = False
    return table


_Test = tuple[str, int, bool]
"""An assertion: "before" or "after", the characters that may stand there, and whether the edge of the text may, too."""


class _Places:
    """The places of an expression between characters, joined by what may stand there: Thompson's automaton, built from
    its end.

    A set of characters is an int with a bit for every symbol: ASCII, the four groups, the extra characters, the final
    newline.
    """

    def __init__(self, regex: re.Pattern[str]) -> None:
        self.tree = parsed(regex)
        named = {same for c in (*range(128), *_named(self.tree)) for same in folding.same_letters(c)}
        self.extra = sorted(c for c in named if c > 127)
        if len(self.extra) > MAX_WIDE:
            raise _NoAutomatonError
        others = [next((c for c in group if c not in named), group[0]) for group in _GROUPS]
        self.symbols = [*map(chr, (*range(128), *others, *self.extra)), "\n"]
        self.all = (1 << len(self.symbols)) - 1
        self.newlines = 1 << 10 | 1 << (len(self.symbols) - 1)
        self.sets: dict[tuple[str, int], int] = {}
        self.steps: list[tuple[str, Any, int]] = [("accept", None, 0)]
        self.rivals: dict[int, int] = {}
        self.start = self.sequence(self.tree, regex.flags, 0)

    # ---- from the tree to places

    def place(self, kind: str, value: Any, after: int) -> int:
        if len(self.steps) >= MAX_PLACES:
            raise _NoAutomatonError
        self.steps.append((kind, value, after))
        return len(self.steps) - 1

    def sequence(self, nodes: Any, flags: int, after: int) -> int:
        for op, value in reversed(list(nodes)):
            after = self.node(str(op), value, flags, after)
        return after

    def node(self, name: str, value: Any, flags: int, after: int) -> int:
        if name in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            return self.place("set", self.set_of(name, value, flags), after)
        if name == "SUBPATTERN":
            _, add, remove, nodes = value
            # re.search reads a set at the beginning by the flags outside the group, so that (?a:\W) finds no "²".
            if add & (re.ASCII | re.UNICODE):
                raise _NoAutomatonError
            return self.sequence(nodes, combined_flags(flags, add, remove), after)
        if name == "BRANCH":
            return self.place("split", [self.sequence(nodes, flags, after) for nodes in value[1]], after)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, nodes = value
            return self.repeat(least, most, nodes, flags, after)
        if name == "AT":
            return self.at(str(value), flags, after)
        if name in ("ASSERT", "ASSERT_NOT"):
            direction, nodes = value
            return self.look(name == "ASSERT_NOT", direction, nodes, flags, after)
        raise _NoAutomatonError

    def repeat(self, least: int, most: int, nodes: Any, flags: int, after: int) -> int:
        endless = str(most) == "MAXREPEAT"
        if nodes.getwidth()[0] == 0 or max(least, 0 if endless else most) > MAX_PLACES:
            raise _NoAutomatonError
        if endless:
            loop = self.place("split", None, after)
            self.steps[loop] = ("split", [self.sequence(nodes, flags, loop), after], after)
            after = loop
        else:
            after = self.at_most(most - least, nodes, flags, after)
        for _ in range(least):
            after = self.sequence(nodes, flags, after)
        return after

    def at_most(self, times: int, nodes: Any, flags: int, after: int) -> int:
        """Repeat up to so many times. Whoever has more repeats left finds all that the same place with fewer left
        finds.
        """
        begins = [len(self.steps)]
        inner = after
        for _ in range(times):
            inner = self.place("split", [self.sequence(nodes, flags, inner), after], after)
            begins.append(len(self.steps))
        better = [0] * (len(self.steps) - begins[-1 - bool(times)])
        for begin in reversed(begins[:-1]):
            for i, rivals in enumerate(better):
                self.rivals[begin + i] = self.rivals.get(begin + i, 0) | rivals
                better[i] |= 1 << (begin + i)
        return inner

    def at(self, name: str, flags: int, after: int) -> int:
        lines = self.newlines if flags & re.MULTILINE else 0
        if name in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
            return self.place("test", [[("before", lines if name == "AT_BEGINNING" else 0, True)]], after)
        if name in ("AT_END", "AT_END_STRING"):
            final = lines or 1 << (len(self.symbols) - 1)
            return self.place("test", [[("after", final if name == "AT_END" else 0, True)]], after)
        if name not in ("AT_BOUNDARY", "AT_NON_BOUNDARY"):
            raise _NoAutomatonError
        word = self.members(r"\w", flags)
        other = self.all ^ word
        if name == "AT_BOUNDARY":
            ways: list[list[_Test]] = [
                [("before", word, False), ("after", other, True)],
                [("before", other, True), ("after", word, False)],
            ]
        else:
            ways = [[("before", word, False), ("after", word, False)]]
            ways += [
                [("before", other, False), ("after", other, True)],
                [("before", other, True), ("after", other, False)],
            ]
            if re.search(r"\B", ""):  # since Python 3.14
                ways.append([("before", 0, True), ("after", 0, True)])
        return self.place("test", ways, after)

    def look(self, negated: bool, direction: int, nodes: Any, flags: int, after: int) -> int:
        inner = [(str(op), value) for op, value in nodes]
        if len(inner) != 1 or inner[0][0] not in ("LITERAL", "NOT_LITERAL", "IN", "ANY"):
            raise _NoAutomatonError
        members = self.set_of(*inner[0], flags)
        side = "before" if direction < 0 else "after"
        return self.place("test", [[(side, self.all ^ members if negated else members, negated)]], after)

    # ---- sets of characters

    def set_of(self, name: str, value: Any, flags: int) -> int:
        if name == "ANY":
            return self.members(".", flags)
        if name != "IN":
            return self.members(("[^" if name == "NOT_LITERAL" else "[") + _escaped(value) + "]", flags)
        return self.members("[" + "".join(_set_item(str(op), v) for op, v in value) + "]", flags)

    def members(self, source: str, flags: int) -> int:
        """Ask ``re`` which symbols a set holds."""
        flags &= re.IGNORECASE | re.ASCII | re.DOTALL
        found = self.sets.get((source, flags))
        if found is None:
            match = re.compile(source, flags).match
            found = self.sets[source, flags] = sum(1 << i for i, symbol in enumerate(self.symbols) if match(symbol))
        return found

    # ---- from places to states

    def determined(self) -> Automaton:
        """Build the states: each is a set of places and what matters of the character before them."""
        import numpy as np

        tests = [test for kind, value, _ in self.steps if kind == "test" for way in value for test in way]
        befores = sorted({members for side, members, _ in tests if side == "before"})
        edges = any(side == "before" for side, _, _ in tests)
        used = sorted({value for kind, value, _ in self.steps if kind == "set"} | {members for _, members, _ in tests})
        signatures: dict[tuple[bool, ...], int] = {}
        kinds = [
            signatures.setdefault(tuple(bool(s >> i & 1) for s in used), len(signatures))
            for i in range(len(self.symbols))
        ]
        one_of = [kinds.index(kind) for kind in range(len(signatures))]  # a symbol of each kind
        one_of.append(len(self.symbols) - 1)  # the final newline
        width = len(one_of) + 1
        contexts: dict[tuple[bool, ...], int] = {}
        sights = [tuple(bool(s >> i & 1) for s in befores) for i in one_of]
        context = [contexts.setdefault(sight, len(contexts)) for sight in sights]
        example = {number: one_of[context.index(number)] for number in contexts.values()}
        example[len(contexts)] = _BEGIN
        begin = len(contexts) if edges else 0
        follow = self._follow(one_of, example)

        start = 1 << self.start
        states = {(start, begin): 2}
        queue = [(start, begin)]
        rows: list[list[int]] = [[ACCEPT] * width, [DEAD] * width]
        work = 0
        for mask, now in queue:
            places = list(_bits(mask))
            work += len(places) * width
            if work > MAX_WORK:
                raise _NoAutomatonError
            row = []
            for kind in range(width):
                reached = 0
                for place in places:
                    reached |= follow(place, now, kind)
                if reached & 1:
                    row.append(ACCEPT)
                elif kind == width - 1:
                    row.append(DEAD)
                else:
                    key = (self._best(reached) | start, context[kind])
                    state = states.get(key)
                    if state is None:
                        state = states[key] = len(states) + 2
                        if state * width > MAX_CELLS:
                            raise _NoAutomatonError
                        queue.append(key)
                    row.append(state)
            rows.append(row)
        table = np.array(rows, dtype=np.int32)
        if edges:
            table = _without_dead_ends(table)
        extra = np.array(self.extra, dtype=np.int32)
        return Automaton(
            (table * np.int32(width)).ravel(), np.array(kinds[:-1], dtype=np.int32), extra, width, 2 * width
        )

    def _best(self, mask: int) -> int:
        """Leave out the places that find nothing which another one does not find as well."""
        for place in _bits(mask):
            if mask & self.rivals.get(place, 0):
                mask ^= 1 << place
        return mask

    def _follow(self, one_of: list[int], example: dict[int, int]) -> Callable[[int, int, int], int]:
        """Return a function from a place, what stands before it and the kind of what comes, to the next places; 1 is a
        match.
        """
        known: dict[tuple[int, int, int], int] = {}
        end = len(one_of)

        def follow(place: int, context: int, kind: int) -> int:
            key = (place, context, kind)
            found = known.get(key)
            if found is None:
                before, after = example[context], one_of[kind] if kind != end else _END
                found = known[key] = self._reached(place, before, after)
            return found

        return follow

    def _reached(self, place: int, before: int, after: int) -> int:
        found, seen, waiting = 0, {place}, [place]
        while waiting:
            kind, value, then = self.steps[waiting.pop()]
            nexts: list[int] = []
            if kind == "accept":
                return 1
            if kind == "set":
                if after != _END and value >> after & 1:
                    found |= 1 << then
            elif kind == "split":
                nexts = value
            elif any(all(_holds(test, before, after) for test in way) for way in value):
                nexts = [then]
            waiting += [n for n in nexts if n not in seen]
            seen.update(nexts)
        return found


def _holds(test: _Test, before: int, after: int) -> bool:
    side, members, edge = test
    symbol = before if side == "before" else after
    return edge if symbol < 0 else bool(members >> symbol & 1)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _without_dead_ends(table: NDArray[np.int32]) -> NDArray[np.int32]:
    """Lead all states from which no match can be reached to one."""
    import numpy as np

    alive = np.zeros(len(table), dtype=bool)
    alive[ACCEPT] = True
    before = 0
    while before < alive.sum():
        before = alive.sum()
        alive |= alive[table].any(axis=1)
    return np.where(alive[table], table, np.int32(DEAD))


def _named(nodes: Any) -> Iterator[int]:
    """Give the characters beyond ASCII that a tree names."""
    for op, value in nodes:
        name = str(op)
        if name in ("LITERAL", "NOT_LITERAL"):
            yield from [value] if value > 127 else []
        elif name == "RANGE":
            low, high = max(128, value[0]), value[1]
            if high - low >= MAX_WIDE:
                raise _NoAutomatonError
            yield from range(low, high + 1)
        elif name == "IN":
            yield from _named(value)
        elif name == "SUBPATTERN":
            yield from _named(value[3])
        elif name == "BRANCH":
            for branch in value[1]:
                yield from _named(branch)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            yield from _named(value[2])
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _named(value[1])
        elif name not in ("AT", "ANY", "CATEGORY", "NEGATE"):
            raise _NoAutomatonError


_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip


def _escaped(character: int) -> str:
    return f"\\U{character:08x}"


def _set_item(name: str, value: Any) -> str:
    if name == "NEGATE":
        return "^"
    if name == "CATEGORY":
        if str(value) not in _CATEGORIES:
            raise _NoAutomatonError
        return _CATEGORIES[str(value)]
    return _escaped(value) if name == "LITERAL" else f"{_escaped(value[0])}-{_escaped(value[1])}"
