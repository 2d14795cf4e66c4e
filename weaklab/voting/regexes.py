r"""Reads from a regular expression which bytes every match must contain, and how long a search may take.

Both come from the parse tree that ``re`` itself compiles. The bytes are only a filter: ``re`` decides on the rows that
pass.
"""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from weaklab.voting import folding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_ALTERNATIVES = 32
"""Most spellings of a piece that are followed together; if there are more, each has clues of its own."""
MAX_BYTES = 8
"""Most bytes of a clue: longer ones filter hardly better and fill the 64 positions of a pass."""
POSITIONS = 60
"""Positions of a pass that the clues of one expression may use together."""
MAX_SET = 512
"""Larger sets of non-ASCII characters are treated as any character."""

HIGH = ((1 << 256) - 1) ^ ((1 << 128) - 1)
"""A set of bytes is an int with 256 bits; this one holds all bytes of non-ASCII characters."""
_LATER = ((1 << 0xC0) - 1) ^ ((1 << 0x80) - 1)


def byte_set(members: Iterable[int]) -> int:
    """Return bytes as an int with a bit for each."""
    bits = 0
    for member in members:
        bits |= 1 << member
    return bits


_ASCII = (1 << 128) - 1
_WORD = byte_set(c for c in range(128) if folding.is_word(c))
EDGE = (_ASCII ^ _WORD) | HIGH
r"""Bytes that may stand beside a ``\b``."""

_SHARES = (("etaoinshrdlu", 0.05), ("abcdefghijklmnopqrstuvwxyz", 0.012), (" ", 0.17), ("0123456789", 0.004))


@cache
def _share(byte: int) -> float:
    """Return a rough share of a byte in English text; only the speed depends on it."""
    return next((share for characters, share in _SHARES if byte < 128 and chr(byte) in characters), 0.002)


@cache
def _rarity(bits: int) -> float:
    """Return the information of a position in bits: rare bytes filter better."""
    share = sum(_share(byte) for byte in range(128) if bits >> byte & 1) + (0.01 if bits & HIGH else 0)
    return max(0.0, -math.log2(share)) if share else 8.0


class Clue(NamedTuple):
    """A sequence of byte sets: consecutive bytes of a text that a match needs.

    Attributes
    ----------
    sets : for each position the bytes that may stand there, as an int with 256 bits
    start : it stands at the first byte of the text
    left, right : the first set, the last one, is :data:`EDGE`, and may also be the beginning, the end of the text
    """

    sets: tuple[int, ...]
    start: bool = False
    left: bool = False
    right: bool = False


@dataclass(frozen=True)
class _Atom:
    """One character of a match.

    ``sets`` are the byte sets of its UTF-8, None where the lengths differ; then ``first`` and ``last`` hold its first
    and last bytes. ``others`` are characters too odd to be in them: a text with one of these is a candidate.
    """

    sets: tuple[int, ...] | None
    first: int
    last: int
    word: bool
    others: frozenset[int] = frozenset()


_Item = _Atom | str  # "^" the beginning of the text, "b" a word boundary
_Ways = list[tuple[_Item, ...]]


def clues(regex: re.Pattern[str]) -> list[Clue] | None:
    """Return clues of which every text with a match holds at least one; None if the expression gives none.

    >>> [bytes(b for b in range(128) if clue.sets[0] >> b & 1) for clue in clues(re.compile("https?://|www"))]
    [b'h', b'h', b'w']
    """
    try:
        reader = _Reader(regex.flags)
        reader.sequence(parsed(regex))
        reader.flush()
    except (RecursionError, OverflowError, re.error):
        return None
    return max(reader.groups, key=lambda group: group[0], default=(0.0, None))[1]


def parsed(regex: re.Pattern[str]) -> Any:
    """Return the parse tree of ``re``."""
    import re._parser as parser  # type: ignore[import-not-found]

    with warnings.catch_warnings():  # what there is to warn of was said when the expression was compiled
        warnings.simplefilter("ignore")
        return parser.parse(regex.pattern, regex.flags & ~re.DEBUG)


def combined_flags(flags: int, add: int, remove: int) -> int:
    """Return the flags inside a group such as ``(?i-m:...)``; the kinds of text exclude one another."""
    kinds = re.ASCII | re.LOCALE | re.UNICODE
    return ((flags & ~kinds if add & kinds else flags) | add) & ~remove


class _Reader:
    """Walks the parse tree and collects a group of clues for each run of known text."""

    def __init__(self, flags: int) -> None:
        self.flags = flags
        self.groups: list[tuple[float, list[Clue]]] = []
        self.ways: _Ways = [()]

    def flush(self) -> None:
        """End a run of known text: what follows may be anywhere later."""
        if all(self.ways):
            found = _group(self.ways)
            if found is not None:
                self.groups.append(found)
        self.ways = [()]

    def add(self, ways: _Ways) -> None:
        if len(self.ways) * len(ways) > MAX_ALTERNATIVES:
            self.flush()
        self.ways = [a + b for a in self.ways for b in ways]

    def sequence(self, nodes: Any) -> None:
        for name, value in ((str(op), value) for op, value in nodes):
            ways = self.expand(name, value)
            if ways is not None:
                self.add(ways)
                continue
            repeat = name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
            inner = self.expand_all(value[2]) if repeat and value[0] else None
            if inner is not None:
                for _ in range(min(value[0], MAX_BYTES)):
                    self.add(inner)
                self.flush()
                self.add(inner)
                continue
            self.flush()
            if name == "SUBPATTERN":
                self.inside(value)
            elif name == "ATOMIC_GROUP":
                self.sequence(value)
            elif repeat and value[0]:
                self.sequence(value[2])
            elif name == "BRANCH":
                self.branch(value[1])
            self.flush()

    def inside(self, value: Any) -> None:
        _, add, remove, nodes = value
        before, self.flags = self.flags, combined_flags(self.flags, add, remove)
        self.sequence(nodes)
        self.flush()
        self.flags = before

    def branch(self, branches: Any) -> None:
        """Handle alternatives: a clue of each."""
        best: list[tuple[float, list[Clue]]] = []
        for nodes in branches:
            reader = _Reader(self.flags)
            reader.sequence(nodes)
            reader.flush()
            if not reader.groups:
                return
            best.append(max(reader.groups, key=lambda group: group[0]))
        self.groups.append(
            (min(score for score, _ in best), list(dict.fromkeys(clue for _, found in best for clue in found)))
        )

    # ---- pieces that can be written in a few ways

    def expand_all(self, nodes: Any) -> _Ways | None:
        ways: _Ways = [()]
        for op, value in nodes:
            more = self.expand(str(op), value)
            if more is None or len(ways) * len(more) > MAX_ALTERNATIVES:
                return None
            ways = [a + b for a in ways for b in more]
        return ways

    def expand(self, name: str, value: Any) -> _Ways | None:
        """Return all spellings of a node, None if there are too many."""
        if name in ("LITERAL", "IN"):
            atom = self.atom([("LITERAL", value)] if name == "LITERAL" else [(str(op), v) for op, v in value])
            return None if atom is None else [(atom,)]
        if name == "AT":
            return [_AT.get(str(value), ())] if str(value) != "AT_BEGINNING" or not self.flags & re.MULTILINE else [()]
        if name in ("ASSERT", "ASSERT_NOT"):
            return [()]
        if name == "SUBPATTERN":
            _, add, remove, nodes = value
            before, self.flags = self.flags, combined_flags(self.flags, add, remove)
            ways = self.expand_all(nodes)
            self.flags = before
            return ways
        if name == "ATOMIC_GROUP":
            return self.expand_all(value)
        if name == "BRANCH":
            listed = [self.expand_all(nodes) for nodes in value[1]]
            together = [way for ways in listed if ways is not None for way in ways]
            return together if None not in listed and len(together) <= MAX_ALTERNATIVES else None
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, most, nodes = value
            if most > MAX_BYTES or (most != least and most > 1):
                return None
            inner = self.expand_all(nodes)
            if inner is None or len(inner) ** int(most) > MAX_ALTERNATIVES:
                return None
            ways = [()] if least == 0 else []
            times: _Ways = [()]
            for _ in range(int(most)):
                times = [a + b for a in times for b in inner]
            return ways + times
        return None

    def atom(self, items: Sequence[tuple[str, Any]]) -> _Atom | None:
        """Return one character of a set; None for a set that excludes too little."""
        if items[0][0] == "NEGATE":
            return None
        characters: set[int] = set()
        ascii_only, leads = bool(self.flags & re.ASCII), 0
        for name, value in items:
            if name == "CATEGORY":
                kind = str(value)
                if kind not in _CATEGORIES:
                    return None
                characters.update(c for c in range(128) if re.match(_CATEGORIES[kind], chr(c)))
                if not ascii_only:
                    leads |= HIGH if kind == "CATEGORY_WORD" else byte_set(folding.lead_bytes(_CATEGORIES[kind]))
            else:
                low, high = (value, value) if name == "LITERAL" else value
                characters.update(range(low, min(high, 127) + 1))
                if max(low, 128) <= high:
                    if high - low > MAX_SET:
                        leads |= HIGH
                        characters.update(c for c in map(ord, _EXOTIC) if low <= c <= high)
                    else:
                        characters.update(range(max(low, 128), high + 1))
        if self.flags & re.IGNORECASE:
            characters = {same for c in characters for same in folding.same_letters(c)}
        return _atom(characters, leads, ascii_only)


_AT: dict[str, tuple[_Item, ...]] = {"AT_BEGINNING": ("^",), "AT_BEGINNING_STRING": ("^",), "AT_BOUNDARY": ("b",)}
_CATEGORIES = {"CATEGORY_DIGIT": r"\d", "CATEGORY_SPACE": r"\s", "CATEGORY_WORD": r"\w"}


def _atom(characters: set[int], leads: int, ascii_only: bool) -> _Atom:
    word = all(folding.is_word(c) and (c < 128 or not ascii_only) for c in characters)
    plain = byte_set(c for c in characters if c < 128)
    encoded = {c: chr(c).encode("utf-8", "surrogatepass") for c in characters}
    if leads:
        first = plain | leads | byte_set(b[0] for b in encoded.values())
        return _Atom(None, first, plain | _LATER, False)
    length = min((len(b) for b in encoded.values()), default=1)
    main = [b for b in encoded.values() if len(b) == length]
    sets = tuple(byte_set(b[i] for b in main) for i in range(length))
    others = frozenset(c for c, b in encoded.items() if len(b) != length)
    if len(others) > len(_EXOTIC):
        return _Atom(None, byte_set(b[0] for b in encoded.values()), plain | _LATER, word)
    return _Atom(sets, sets[0], sets[-1], word, others)


_EXOTIC = "ſKİı"
"""The non-ASCII characters that equal an ASCII letter when case is ignored."""


class _Stretch(NamedTuple):
    """Positions side by side, each with the odd characters that its set leaves out."""

    positions: list[tuple[int, frozenset[int]]]
    start: bool
    left: bool
    right: bool


def _stretches(way: tuple[_Item, ...]) -> list[_Stretch]:
    """Cut one way of writing a piece where the number of bytes is not known."""
    found: list[_Stretch] = []
    positions: list[tuple[int, frozenset[int]]] = []
    start = left = False
    for i, item in enumerate(way):
        if isinstance(item, str):
            continue
        if not positions:
            before = way[i - 1] if i else None
            start, left = before == "^", before == "b" and item.word
            if left:
                positions.append((EDGE, frozenset()))
        if item.sets is not None:
            positions += [(bits, item.others if k == 0 else frozenset()) for k, bits in enumerate(item.sets)]
        else:
            positions.append((item.first, frozenset()))
            found.append(_Stretch(positions, start, left, False))
            positions, start, left = [(item.last, frozenset())], False, False
        right = item.sets is not None and item.word and i + 1 < len(way) and way[i + 1] == "b"
        if right and i + 2 == len(way):
            found.append(_Stretch([*positions, (EDGE, frozenset())], start, left, True))
            return found
    if positions:
        found.append(_Stretch(positions, start, left, False))
    return found


def _group(ways: _Ways) -> tuple[float, list[Clue]] | None:
    """Return the clues of all spellings of one piece, and the information of the weakest in bits."""
    clues: dict[Clue, None] = {}
    size = max(3, min(MAX_BYTES, POSITIONS // len(ways)))
    worst = math.inf
    for way in dict.fromkeys(ways):
        windows = [window for stretch in _stretches(way) for window in _windows(stretch, size)]
        if not windows:
            return None
        score, clue, others = max(windows, key=lambda window: window[0])
        if score <= 0:
            return None
        worst = min(worst, score)
        clues[clue] = None
        for c in sorted(others):
            clues[Clue(tuple(1 << b for b in chr(c).encode("utf-8", "surrogatepass")))] = None
    return worst, list(clues)


def _windows(stretch: _Stretch, size: int) -> Iterable[tuple[float, Clue, frozenset[int]]]:
    """Yield the parts of a run with at most ``size`` positions, with the information of each in bits."""
    positions, n = stretch.positions, len(stretch.positions)
    for begin in range(max(1, n - size + 1)):
        end = min(n, begin + size)
        part = positions[begin:end]
        left, right = stretch.left and begin == 0, stretch.right and end == n
        if len(part) - left - right < 1:
            continue
        start = stretch.start and begin == 0
        score = sum(_rarity(bits) for bits, _ in part) + (7 if start else 0) + left + right
        others = frozenset(c for _, odd in part for c in odd)
        yield score, Clue(tuple(bits for bits, _ in part), start, left, right), others


# ---- expressions that are lists of words

MAX_WORDS = 1000
"""An expression that stands for more words than this is searched, not listed."""


class ListedWords(NamedTuple):
    """An expression that stands for a list of texts, each between two boundaries of words.

    Attributes
    ----------
    words : those that consist of letters, digits and underscores
    rest : finds the others; None if there are none
    """

    words: list[str]
    rest: re.Pattern[str] | None


def listed_words(regex: re.Pattern[str]) -> ListedWords | None:
    r"""Return the words of an expression that finds whole words and nothing else, None for any other one.

    The boundaries are ``\b``, or ``(?<!\w)`` before and ``(?!\w)`` behind.

    >>> listed_words(re.compile(r"\b(shocking|unbelievable)\b")), listed_words(re.compile(r"\bx+\b"))
    (ListedWords(words=['shocking', 'unbelievable'], rest=None), None)
    >>> listed_words(re.compile(r"(?<!\w)(?:free|c\+\+)(?!\w)")).rest.pattern
    '(?<!\\w)c\\+\\+(?!\\w)'
    """
    if regex.flags & re.ASCII:
        return None
    try:
        found = _spelled(parsed(regex))
    except (RecursionError, OverflowError, re.error):
        return None
    if not found or not all(
        len(way) > 2 and way[0] in _BEFORE and way[-1] in _BEHIND and all(len(c) == 1 for c in way[1:-1])
        for way in found
    ):
        return None
    plain = [all(folding.is_word(ord(c)) for c in way[1:-1]) for way in found]
    words = list(dict.fromkeys("".join(way[1:-1]) for way, single in zip(found, plain, strict=True) if single))
    others = [
        (_BEFORE[way[0]] + re.escape("".join(way[1:-1])) + _BEHIND[way[-1]])
        for way, single in zip(found, plain, strict=True)
        if not single
    ]
    flags = regex.flags & ~(re.VERBOSE | re.DEBUG)
    return ListedWords(words, re.compile("|".join(others), flags) if others else None) if words else None


_BEFORE, _BEHIND = {"": r"\b", "not after": r"(?<!\w)"}, {"": r"\b", "not before": r"(?!\w)"}


def _spelled(nodes: Any) -> list[tuple[str, ...]] | None:
    """Return all that a piece may be, letter by letter, an empty one for a word boundary, ``not after`` and ``not
    before`` for a look-around at one letter; None if it is no plain list.
    """
    ways: list[tuple[str, ...]] = [()]
    for op, value in nodes:
        name = str(op)
        more: list[tuple[str, ...]] | None = None
        if name == "LITERAL":
            more = [(chr(value),)]
        elif name == "AT" and str(value) == "AT_BOUNDARY":
            more = [("",)]
        elif name == "ASSERT_NOT" and _is_one_letter(value[1]):
            more = [("not after" if value[0] < 0 else "not before",)]
        elif name == "SUBPATTERN" and not value[1] and not value[2]:
            more = _spelled(value[3])
        elif name == "BRANCH":
            branches = [_spelled(branch) for branch in value[1]]
            more = [way for branch in branches for way in branch or []] if None not in branches else None
        elif name == "IN" and all(str(kind) == "LITERAL" for kind, _ in value):
            more = [(chr(c),) for _, c in value]
        if more is None or len(ways) * len(more) > MAX_WORDS:
            return None
        ways = [a + b for a in ways for b in more]
    return ways


def _is_one_letter(nodes: Any) -> bool:
    r"""Whether the inside of a look-around is ``\w``."""
    return [
        (str(op), [(str(kind), str(v)) for kind, v in value] if str(op) == "IN" else value) for op, value in nodes
    ] == [("IN", [("CATEGORY", "CATEGORY_WORD")])]


# ---- how long a search may take


class Steps(NamedTuple):
    """A search in a text of n characters takes at most ``factor * (n + 1) ** (power + 1)`` steps."""

    factor: float
    power: int

    def longest(self, steps: float) -> float:
        """Return the longest text, in characters, that is searched in at most this many steps; -1 if there is none."""
        return max(-1.0, (steps / self.factor) ** (1 / (self.power + 1)) - 1) if math.isfinite(self.factor) else -1.0


_RISKY = Steps(math.inf, 0)


@lru_cache(maxsize=1024)
def steps(regex: re.Pattern[str]) -> Steps:
    """Bound the steps of a search, from above and with room: infinite where repeats stand in repeats or behind
    look-arounds.

    A repeat of n characters can end in n places, an alternative in as many as it has branches; a search that fails may
    try all combinations of these.

    >>> steps(re.compile(r"a+b")).power, steps(re.compile(r"(a+)+b")).factor
    (1, inf)
    """
    try:
        return _steps(parsed(regex))
    except (RecursionError, OverflowError, re.error):
        return _RISKY


def _steps(nodes: Any) -> Steps:
    factor, power = 1.0, 0
    for op, value in nodes:
        found = _node_steps(str(op), value)
        if not math.isfinite(found.factor) or factor > 1e12:
            return _RISKY
        factor, power = factor * found.factor, power + found.power
    return Steps(factor, power)


def _node_steps(name: str, value: Any) -> Steps:
    if name in ("LITERAL", "NOT_LITERAL", "IN", "ANY", "AT"):
        return Steps(1.0, 0)
    if name == "SUBPATTERN":
        return _steps(value[3])
    if name == "ATOMIC_GROUP":
        return _steps(value)
    if name in ("ASSERT", "ASSERT_NOT"):
        inner = _steps(value[1])
        return inner if inner == (1.0, 0) else _RISKY
    if name == "BRANCH":
        found = [_steps(nodes) for nodes in value[1]]
        return Steps(sum(f.factor for f in found), max(f.power for f in found))
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _repeat_steps(*value)
    return _RISKY


def _repeat_steps(least: int, most: int, nodes: Any) -> Steps:
    inner = _steps(nodes)
    if inner == (1.0, 0):
        endless = most - least > 1000
        return Steps(1.0, 1) if endless else Steps(float(most - least + 1), 0)
    if most > 32 or not math.isfinite(inner.factor):
        return _RISKY
    return Steps((most - least + 1) * inner.factor ** int(most), inner.power * int(most))


def readable(clue: Clue) -> str:
    """Return a clue as a person would write it, sets of several characters as ``.``.

    >>> readable(Clue((1 << ord("p"), 1 << ord("x") | 1 << ord("X"))))
    'px'
    """
    sets = clue.sets[clue.left : len(clue.sets) - clue.right]
    letters = [{chr(b).lower() for b in range(128) if bits >> b & 1} if not bits & HIGH else set() for bits in sets]
    digits = set("0123456789")
    shown = [
        next(iter(some))
        if len(some) == 1
        else "0-9"
        if some == digits or bits & _ASCII == byte_set(map(ord, digits))
        else "."
        for some, bits in zip(letters, sets, strict=True)
    ]
    return "".join(shown)
