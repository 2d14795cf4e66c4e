"""Fast evaluation of column expressions on whole batches, with numpy and Arrow.

The results must equal those of :meth:`Expression.python`. Rows for which this is not certain (an unexpected type, a
division by zero, an integer that is too large) are marked as doubtful, and are evaluated there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, reduce
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from weaklab.corpus.records import TEXT_JOINT, Columns
from weaklab.heuristics.expressions import COMPARISONS, METHODS, Expression

Mask = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    + "".join(map(chr, range(0x2000, 0x200B)))
    + "\u2028\u2029\u202f\u205f\u3000"
)
"""The characters at which ``str.split`` splits and that ``str.strip`` removes."""

_WIDE_SPACES = [
    int.from_bytes(character.encode().ljust(3, b"\0"), "big") for character in WHITE_SPACE if not character.isascii()
]
"""White space beyond ASCII; each character as the number of its two or three bytes in UTF-8."""
_BLOCK_BYTES = 1 << 18
"""Text is processed in blocks of this size, so that a block and its masks fit into the processor's cache, and the
allocator can reuse their memory."""
_FEW_BYTES = 1 << 20
"""Up to this size, text is counted in some milliseconds without compiled kernels."""
_EXACT_FLOAT = 2**53
"""Integers up to this limit can be represented exactly as floats."""
_SAFE_INTEGER = 2**62
"""The sum of two integers below this limit fits into 64 bits."""


@dataclass
class Values:
    """The values of an expression on n records.

    Attributes
    ----------
    data : bool, int64 or float64 (n,), or texts; a scalar for a constant; None if every row is doubtful
    known : bool (n,), False where the value is missing; None if no value is missing
    doubt : bool (n,), True where :meth:`Expression.python` must be used; None if nowhere
    """

    data: Any
    known: Mask | None = None
    doubt: Mask | None = None


class Texts:
    """The texts of n records in Arrow's memory layout: UTF-8 bytes, and the start of each text."""

    def __init__(self, array: pa.LargeStringArray) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    @cached_property
    def starts(self) -> Ints:
        """int64 (n + 1,): text i is ``data[starts[i]:starts[i + 1]]``."""
        return np.frombuffer(self.array.buffers()[1], np.int64, len(self.array) + 1, self.array.offset * 8)

    @cached_property
    def data(self) -> Bytes:
        buffer = self.array.buffers()[2]
        return np.frombuffer(buffer, np.uint8) if buffer is not None else np.empty(0, np.uint8)

    @cached_property
    def wide(self) -> Ints:
        """The rows that contain characters beyond ASCII."""
        used = self.data[self.starts[0] : self.starts[-1]]
        if not len(used) or used.max() < 128:
            return np.empty(0, np.int64)
        return np.flatnonzero(count_marked(self, lambda data, firsts: data >= 128))

    def blocks(self) -> Iterator[tuple[int, int, Bytes, Ints]]:
        """Yield, for each block, its first and last row, its bytes, and the starts of its texts in the bytes."""
        starts = self.starts
        cuts = np.searchsorted(starts, np.arange(starts[0], starts[-1], _BLOCK_BYTES))
        bounds = np.unique([0, *cuts.tolist(), len(self)]).tolist()
        for first, last in pairwise(bounds):
            yield first, last, self.data[starts[first] : starts[last]], starts[first : last + 1] - starts[first]


class ExpressionBatch:
    """A batch on which expressions are evaluated; results that several expressions share are computed once."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.columns = Columns(batch)
        self._found: dict[str, Values] = {}

    def __len__(self) -> int:
        return len(self.columns)

    def values(self, expression: Expression) -> Values:
        """Return the values of an expression on every record."""
        found = self._found.get(expression.key)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._found[expression.key] = self._evaluate(expression)
        return found

    def count_together(self, expressions: Iterable[Expression]) -> None:
        """Compute all simple counts in the expressions, up to four in one pass over a column.

        This is done only for a large batch and if numba is already loaded, because loading it takes as long as counting
        100 MB.
        """
        if "numba" not in sys.modules:
            return
        columns: dict[str, dict[str, tuple[Expression, Bytes]]] = {}
        for expression in expressions:
            for part in _counts_of_bytes(expression):
                columns.setdefault(part[0].args[0].key, {})[part[0].key] = part
        for counts in columns.values():
            parts = [part for key, part in counts.items() if key not in self._found]
            if len(parts) > 1:
                values = self.values(parts[0][0].args[0])
                if isinstance(values.data, Texts) and values.data.starts[-1] - values.data.starts[0] >= _FEW_BYTES:
                    found = _count_bytes(values.data, [wanted for _, wanted in parts])
                    for (expression, _), numbers in zip(parts, found, strict=True):
                        self._found[expression.key] = Values(numbers, values.known, values.doubt)

    def answers(self, expression: Expression) -> tuple[Mask, Mask]:
        """Return where a condition holds, bool (n,), and where :meth:`Expression.python` must be used, bool (n,)."""
        yes, _, doubt = self._truth(self.values(expression))
        return yes & ~doubt, doubt

    def _evaluate(self, expression: Expression) -> Values:
        op, args = expression.op, expression.args
        if op == "column":
            return self._column(args[0])
        if op == "value":
            return self._constant(args[0])
        parts = [self.values(part) for part in args if isinstance(part, Expression)]
        if op in ("&", "|", "~"):
            return self._join(op, parts)
        if op == "is_null":
            known = parts[0].known
            return Values(np.zeros(len(self), bool) if known is None else ~known, None, parts[0].doubt)
        known = _meet(*(part.known for part in parts))
        if any(part.data is None for part in parts):
            return self._doubtful()
        data, doubt = _apply(op, [part.data for part in parts], args[len(parts) :])
        if data is None:
            return self._doubtful()
        if doubt is not None and known is not None:
            doubt = doubt & known
        return Values(data, known, _union(doubt, *(part.doubt for part in parts)))

    def _doubtful(self) -> Values:
        return Values(None, None, np.ones(len(self), bool))

    def _constant(self, value: Any) -> Values:
        if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
            return self._doubtful()
        return Values(value if isinstance(value, str) else np.asarray(value))

    def _column(self, name: str) -> Values:
        roles, names = self.columns.roles, self.columns.names
        if name in names:
            return self._array(self.batch.column(name), name in roles.text)
        if name == "text" and roles.text and all(text in names for text in roles.text):
            parts = [self.values(Expression("column", text)) for text in roles.text]
            if all(isinstance(part.data, Texts) for part in parts):
                if len(parts) == 1:
                    return parts[0]
                return Values(_joined([part.data for part in parts], TEXT_JOINT))
        return self._doubtful()

    def _array(self, array: pa.Array, is_text: bool) -> Values:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        kind = array.type
        known = (
            None
            if is_text or not array.null_count
            else np.asarray(array.is_valid().to_numpy(zero_copy_only=False), bool)
        )
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
            array = array.cast(pa.large_string())
            return Values(Texts(array.fill_null("") if array.null_count else array), known)
        if is_text:
            return self._doubtful()
        if pa.types.is_null(kind):
            return Values(np.zeros(len(self), np.int64), known)
        if pa.types.is_boolean(kind):
            return Values(array.fill_null(False).to_numpy(zero_copy_only=False), known)
        if pa.types.is_integer(kind):
            numbers = array.fill_null(0).to_numpy(zero_copy_only=False)
            large = numbers > np.uint64(2**63 - 1) if kind == pa.uint64() else None
            return Values(numbers.astype(np.int64), known, large if large is not None and large.any() else None)
        if pa.types.is_floating(kind) and not pa.types.is_float16(kind):
            return Values(array.fill_null(pa.scalar(0, kind)).to_numpy(zero_copy_only=False).astype(np.float64), known)
        return self._doubtful()

    def _truth(self, values: Values) -> tuple[Mask, Mask, Mask]:
        """Return three masks: where a condition is true, where it is false, and where that is doubtful."""
        n = len(self)
        known = np.ones(n, bool) if values.known is None else values.known
        doubt = np.zeros(n, bool) if values.doubt is None else np.broadcast_to(values.doubt, n)
        if not isinstance(values.data, np.ndarray) or values.data.dtype != bool:
            return np.zeros(n, bool), np.zeros(n, bool), doubt | known
        return known & values.data, known & ~values.data, doubt

    def _join(self, op: str, parts: list[Values]) -> Values:
        yes, no, doubt = self._truth(parts[0])
        if op == "~":
            return Values(no, yes | no, doubt)
        right_yes, right_no, right_doubt = self._truth(parts[1])
        if op == "&":
            yes, no, doubt = yes & right_yes, no | right_no, doubt | (right_doubt & ~no)
        else:
            yes, no, doubt = yes | right_yes, no & right_no, doubt | (right_doubt & ~yes)
        return Values(yes, yes | no, doubt if doubt.any() else None)


def _meet(*masks: Mask | None) -> Mask | None:
    return _reduced(np.bitwise_and, masks)


def _union(*masks: Mask | None) -> Mask | None:
    return _reduced(np.bitwise_or, masks)


def _reduced(join: Any, masks: Iterable[Mask | None]) -> Mask | None:
    given = [mask for mask in masks if mask is not None]
    return reduce(join, given) if given else None


def _apply(op: str, values: list[Any], parameters: tuple[Any, ...]) -> tuple[Any, Mask | None]:
    """Return the values of one operation and the mask of doubtful rows; values are None if all rows are doubtful."""
    if op in COMPARISONS:
        return _compare(op, *values)
    if op not in METHODS:
        return _compute(op, *values)
    if op == "is_in":
        return _is_in(values[0], parameters[0]), None
    return (_ON_TEXTS[op](values[0], *parameters), None) if isinstance(values[0], Texts) else (None, None)


# ---- numbers and comparisons


def _compare(op: str, left: Any, right: Any) -> tuple[Any, Mask | None]:
    texts = [isinstance(side, (Texts, str)) for side in (left, right)]
    if all(texts):
        names = {
            "==": "equal",
            "!=": "not_equal",
            "<": "less",
            "<=": "less_equal",
            ">": "greater",
            ">=": "greater_equal",
        }
        return _numpy(pc.call_function(names[op], [_arrow(left), _arrow(right)])), None
    if any(texts):  # text and a number are not equal, and have no order
        n = max(len(side) if isinstance(side, Texts) else np.size(side) for side in (left, right))
        return (np.full(n, op == "!="), None) if op in ("==", "!=") else (None, None)
    doubt = None
    if (left.dtype.kind == "f") != (right.dtype.kind == "f"):
        doubt = _beyond(left if right.dtype.kind == "f" else right, _EXACT_FLOAT)
    return COMPARISONS[op](left, right), doubt


def _compute(op: str, left: Any, right: Any) -> tuple[Any, Mask | None]:
    texts = [isinstance(side, (Texts, str)) for side in (left, right)]
    if any(texts):
        if op != "+" or not all(texts):
            return None, None
        return _joined([left, right], ""), None
    integers = left.dtype.kind != "f" and right.dtype.kind != "f"
    left, right = (side.astype(np.int64) if side.dtype == bool else side for side in (left, right))
    if op == "/":
        doubt = _union(
            right == 0,
            _beyond(left, _EXACT_FLOAT) if integers else None,
            _beyond(right, _EXACT_FLOAT) if integers else None,
        )
        return np.true_divide(left, right), doubt if doubt is not None and doubt.any() else None
    if op == "*":
        product = np.multiply(left, right)
        return product, _beyond(np.multiply(left, right, dtype=np.float64), _SAFE_INTEGER) if integers else None
    doubt = _union(_beyond(left, _SAFE_INTEGER), _beyond(right, _SAFE_INTEGER)) if integers else None
    return np.add(left, right) if op == "+" else np.subtract(left, right), doubt


def _beyond(numbers: Any, limit: int) -> Mask | None:
    """Return where absolute values are ``limit`` or more; None if nowhere."""
    if numbers.dtype == bool or not numbers.size or (numbers.max() < limit and numbers.min() > -limit):
        return None
    return np.asarray((numbers >= limit) | (numbers <= -limit))


def _is_in(data: Any, values: tuple[Any, ...]) -> Any:
    if isinstance(data, Texts):
        texts = pa.array([value for value in values if isinstance(value, str)], pa.large_string())
        return _numpy(pc.is_in(data.array, value_set=texts))
    numbers = [value for value in values if not isinstance(value, str)]
    if data.dtype.kind == "f":
        return np.isin(data, np.array([float(v) for v in numbers if abs(v) < 2**1023 and float(v) == v], np.float64))
    return np.isin(
        data.astype(np.int64), np.array([int(v) for v in numbers if int(v) == v and -(2**63) <= v < 2**63], np.int64)
    )


def _joined(texts: list[Any], joint: str) -> Texts:
    return Texts(pc.binary_join_element_wise(*map(_arrow, texts), _arrow(joint)))


def _arrow(text: Texts | str) -> Any:
    return text.array if isinstance(text, Texts) else pa.scalar(text, pa.large_string())


def _numpy(found: Any) -> Any:
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


# ---- texts


def count_marked(texts: Texts, mark: Callable[[Bytes, Ints], Mask]) -> Ints:
    """Count the marked bytes of every text: int64 (n,).

    ``mark`` gets the bytes of a block and the starts of its texts that are not empty; it returns a bool for every byte.
    The marks are packed into bits and counted in words of 64 bits, with a running total per word, after Jacobson
    (1989), "Space-efficient static trees and graphs", FOCS.
    """
    counts = np.empty(len(texts), np.int64)
    for first, last, data, starts in texts.blocks():
        bits = np.packbits(mark(data, starts[:-1][starts[1:] > starts[:-1]]), bitorder="little")
        words = np.zeros(len(bits) // 8 + 1, "<u8")
        words.view(np.uint8)[: len(bits)] = bits
        totals = np.zeros(len(words) + 1, np.int64)
        np.cumsum(ones(words), out=totals[1:])
        word, below = starts >> 6, (np.uint64(1) << (starts & 63).astype(np.uint64)) - np.uint64(1)
        counts[first:last] = np.diff(totals[word] + ones(words[word] & below))
    return counts


def ones(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """Count the set bits of 64-bit words: uint8 (n,); only numpy 2 or later has a function for it."""
    if hasattr(np, "bitwise_count"):
        return np.asarray(np.bitwise_count(words))
    return np.asarray(np.unpackbits(words.view(np.uint8)).reshape(len(words), 64).sum(axis=1, dtype=np.uint8))


def _counts_of_bytes(expression: Expression) -> Iterator[tuple[Expression, Bytes]]:
    """Yield the parts of an expression that only count bytes of a column, and the counted bytes: uint8."""
    parts = [part for part in expression.args if isinstance(part, Expression)]
    if not (parts and parts[0].op == "column"):
        for part in parts:
            yield from _counts_of_bytes(part)
    elif expression.op == "length":
        every = np.arange(256, dtype=np.uint8)
        yield expression, every[every & 0xC0 != 0x80]  # one byte per character: all except continuation bytes
    elif expression.op in ("count", "count_of"):
        characters = expression.args[1]
        if characters.isascii() and (expression.op == "count_of" or len(characters) == 1):
            yield expression, np.frombuffer(characters.encode(), np.uint8)


def _count_bytes(texts: Texts, wanted: list[Bytes]) -> list[Ints]:
    """Count several sets of bytes in every text: int64 (n,) for each set."""
    from weaklab.heuristics.kernels import count_bytes

    found: list[Ints] = []
    for first in range(0, len(wanted), 4):
        some = wanted[first : first + 4]
        lanes = np.zeros(256, np.uint64)
        for lane, members in enumerate(some):
            lanes[members] |= np.uint64(1 << 16 * lane)
        counts = np.empty((4, len(texts)), np.int64)
        count_bytes(texts.data, texts.starts, lanes, counts)
        found.extend(counts[: len(some)])
    return found


def _length(texts: Texts) -> Ints:
    if len(texts.wide):
        return np.asarray(pc.utf8_length(texts.array).to_numpy(), np.int64)
    return np.diff(texts.starts)


def _words(texts: Texts) -> Ints:
    wide = bool(len(texts.wide))

    def mark(data: Bytes, firsts: Ints) -> Mask:
        space, begins = _ascii_space(data)
        if wide:
            _add_wide_space(data, space)
        np.greater(space[:-1], space[1:], out=begins[1:])
        begins[firsts] = ~space[firsts]
        return begins

    return count_marked(texts, mark)


def _ascii_space(data: Bytes) -> tuple[Mask, Mask]:
    """Return a mask of the bytes that are white space (9 to 13 and 28 to 32), and a second mask as work space."""
    spare = data - np.uint8(9)
    space, mask = spare <= 4, spare.view(bool)
    np.less_equal(np.subtract(data, np.uint8(28), out=spare), 4, out=mask)
    space |= mask
    return space, mask


def _add_wide_space(data: Bytes, space: Mask) -> None:
    """Mark the bytes of white space beyond ASCII; all these characters start with one of four bytes."""
    found = np.flatnonzero((data == 0xC2) | (data - np.uint8(0xE1) <= 2))
    codes = data[found].astype(np.int32) << 16 | data[found + 1].astype(np.int32) << 8
    three = data[found] != 0xC2
    codes[three] |= data[found[three] + 2]
    blank = np.isin(codes, _WIDE_SPACES)
    for place in range(3):
        space[found[blank & (three | (place < 2))] + place] = True


def _places(data: Bytes, part: bytes) -> Ints:
    """Return the positions of ``part`` in ``data``, overlaps included: int64, in ascending order.

    The first and the last byte are compared everywhere, the other bytes only where these two match, after Muła (2008),
    "SIMD-friendly algorithms for substring searching".
    """
    span = len(data) - len(part) + 1
    if span <= 0:
        return np.empty(0, np.int64)
    agree = data[:span] == part[0]
    if len(part) > 1:
        agree &= data[len(part) - 1 :] == part[-1]
    found = np.flatnonzero(agree)
    for place in range(1, len(part) - 1):
        found = found[data[found + place] == part[place]]
    return found


def _inside(texts: Texts, part: bytes) -> Iterator[tuple[slice, Ints, Ints]]:
    """Yield, for each block: its rows, the positions of ``part``, and the row of each position.

    Matches that extend into the next text are left out.
    """
    for first, last, data, starts in texts.blocks():
        found = _places(data, part)
        rows = np.searchsorted(starts, found, side="right") - 1
        inside = found + len(part) <= starts[rows + 1]
        yield slice(first, last), found[inside], rows[inside]


def _count(texts: Texts, part: str) -> Ints:
    wanted = part.encode()
    if len(wanted) == 1:
        return count_marked(texts, lambda data, firsts: data == wanted[0])
    counts = np.zeros(len(texts), np.int64)
    for block, found, rows in _inside(texts, wanted):
        counts[block] = np.bincount(rows, minlength=block.stop - block.start)
        near = (np.diff(found) < len(wanted)) & (np.diff(rows) == 0)
        _patch(texts, counts, np.unique(rows[1:][near]) + block.start, lambda text: text.count(part))
    return counts


def _contains(texts: Texts, part: str) -> Mask:
    holds = np.zeros(len(texts), bool)
    for block, _, rows in _inside(texts, part.encode()):
        holds[block][rows] = True
    return holds


def _count_of(texts: Texts, characters: str) -> Ints:
    narrow = [ord(character) for character in characters if character.isascii()]
    counts = np.zeros(len(texts), np.int64)
    if narrow:
        counts += count_marked(texts, lambda data, firsts: reduce(np.bitwise_or, (data == code for code in narrow)))
    for character in characters:
        if not character.isascii() and len(texts.wide):
            counts += _count(texts, character)
    return counts


def _count_class(texts: Texts, low: int, high: int, belongs: Callable[[str], bool]) -> Ints:
    """Count the characters of a class in every text: ASCII from ``low`` to ``high``, and others by ``belongs``."""

    def mark(data: Bytes, firsts: Ints) -> Mask:
        marks = data - np.uint8(low) <= high - low
        if wide:
            _mark_wide(data, marks, belongs)
        return marks

    wide = bool(len(texts.wide))
    return count_marked(texts, mark)


def _mark_wide(data: Bytes, marks: Mask, belongs: Callable[[str], bool]) -> None:
    """Mark the first byte of every character beyond ASCII that is in a class."""
    places = np.flatnonzero(data >= 0xC0)
    lead = data[places].astype(np.int32)
    codes = (lead & np.where(lead < 0xE0, 0x1F, np.where(lead < 0xF0, 0x0F, 0x07))) << 6 | data[places + 1] & 0x3F
    for more, least in ((2, 0xE0), (3, 0xF0)):
        longer = lead >= least
        codes[longer] = codes[longer] << 6 | data[places[longer] + more] & 0x3F
    marks[places] = _belong(codes, belongs)


def _belong(codes: NDArray[np.int32], belongs: Callable[[str], bool]) -> Mask:
    """Return which characters are in a class; the answer for each character is cached (1: no, 2: yes)."""
    known = _class_cache(belongs)
    found = known[codes]
    new = np.unique(codes[found == 0])
    if len(new):
        known[new] = [1 + belongs(chr(code)) for code in new]
        found = known[codes]
    return np.asarray(found == 2)


@cache
def _class_cache(belongs: Callable[[str], bool]) -> Bytes:
    return np.zeros(0x110000, np.uint8)


def _patch(texts: Texts, counts: Ints, rows: Ints, python: Callable[[str], int]) -> None:
    if len(rows):
        counts[rows] = [python(text) for text in texts.array.take(pa.array(rows)).to_pylist()]


def lowered(texts: Texts) -> Texts:
    """Return texts in lower case: by bytes, or by Python if a character beyond ASCII changes.

    Python handles special cases, such as the final sigma and letters that become two characters.
    """
    small = _ascii_lower(texts)
    if len(texts.wide):
        changes = (
            _count_class(texts, 0xFF, 0xFF, _lowers) > 0
        )  # 255 is no byte of UTF-8, so that only characters beyond ASCII are counted
        lowered = [text.lower() for text in texts.array.filter(pa.array(changes)).to_pylist()]
        small = pc.replace_with_mask(small, pa.array(changes), pa.array(lowered, pa.large_string()))
    return Texts(small)


def _ascii_lower(texts: Texts) -> pa.LargeStringArray:
    """Change A to Z to lower case. (Arrow's own function returns wrong texts for some slices, as of version 26.)"""
    starts = texts.starts
    data = texts.data[starts[0] : starts[-1]]
    capital = data - np.uint8(ord("A")) <= ord("Z") - ord("A")
    return pa.LargeStringArray.from_buffers(
        len(texts), pa.py_buffer(starts - starts[0]), pa.py_buffer(data | capital.view(np.uint8) << 5)
    )


def _lowers(character: str) -> bool:
    return character.lower() != character


_ON_TEXTS: dict[str, Callable[..., Any]] = {
    "length": _length,
    "words": _words,
    "count": _count,
    "count_of": _count_of,
    "digits": lambda texts: _count_class(texts, ord("0"), ord("9"), str.isdigit),
    "capitals": lambda texts: _count_class(texts, ord("A"), ord("Z"), str.isupper),
    "lower": lowered,
    "strip": lambda texts: Texts(pc.utf8_trim(texts.array, WHITE_SPACE)),
    "contains": _contains,
    "starts_with": lambda texts, part: _numpy(pc.starts_with(texts.array, part)),
    "ends_with": lambda texts, part: _numpy(pc.ends_with(texts.array, part)),
}
