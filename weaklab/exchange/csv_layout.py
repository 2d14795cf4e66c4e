"""Finds the layout of a CSV file: the separator, and whether the first line holds the column names."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from weaklab.core.errors import CorpusError
from weaklab.corpus.source import check_names
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.text_streams import count_lines, not_encoded, short, suffix

SEPARATORS = ",;\t|"
HEAD_BYTES = 1 << 18
"""Bytes at the start of a file that are examined."""
_RECORDS = 100
"""Records at the start of a file that are examined."""
_WORDS = 12
"""A first-line value with more words is a text, not a column name."""
_SENTENCE = 4
"""A first-line value with this many words may be a text if the values below it are texts."""
_LONG = 120
"""A first-line value with more characters is a text, not a column name."""
_COUNTED = 10
"""Fewer columns named 1, 2, 3... may be a record if the values below them are whole numbers."""
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d+)*|\d*\.\d+)([eE][-+]?\d+)?%?")
_NO_NAME = re.compile(
    r"[-+]?[\d.,]+([eE][-+]?\d+)?%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|https?://.+|[^@\s]+@[^@\s]+\.\w+"
)


@dataclass(frozen=True)
class Layout:
    """The layout of one CSV file.

    Attributes
    ----------
    sep, quote, escape : characters; quote and escape may be empty
    names : of the columns, in order; those without one are called ``column_N``
    unnamed : numbers of the columns from 0 that have no name in the header
    header : whether the first record holds the names
    skip : bytes before the first record, of a line ``sep=;``
    """

    sep: str
    quote: str
    escape: str
    names: tuple[str, ...] = ()
    unnamed: tuple[int, ...] = ()
    header: bool = True
    skip: int = 0

    @property
    def trailing(self) -> tuple[int, ...]:
        """Columns without a name that stand after all named ones."""
        named = [i for i in range(len(self.names)) if i not in self.unnamed]
        return tuple(i for i in self.unnamed if i > max(named, default=-1)) if named else ()

    def reader(self, lines: Any) -> Iterator[list[str]]:
        """Read lines with Python's own reader, which is slower and checks more."""
        return csv.reader(
            lines,
            delimiter=self.sep,
            quotechar=self.quote or None,
            escapechar=self.escape or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            strict=True,
        )


@contextmanager
def long_values() -> Iterator[None]:
    """Allow Python's reader to read values of any length."""
    limit = csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def layout_of(head: bytes, path: Path, options: FileOptions, roles: Sequence[str] = ()) -> Layout:
    """Find out how the records of a file are written from its first bytes.

    Parameters
    ----------
    head : the first bytes, UTF-8; all there are, or more than :data:`HEAD_BYTES`
    roles : names of columns that were asked for; a line that holds one is a header

    Raises
    ------
    CorpusError
        It is not clear which character separates the values, or whether the first line is a header.
    """
    skip = re.match(rb'(?:\r?\n)*"?sep=([^\r\n])"?\r?\n', head)
    sep = options.sep
    start = 0
    if skip is not None:
        start, sep = skip.end(), sep or skip[1].decode(errors="replace")
        if not sep.isascii():
            raise CorpusError(
                f"{path}: the line sep={sep} names a separator that is no ASCII character; write the file with another"
            )
    whole = len(head) <= HEAD_BYTES
    text = _decoded(head[start : start + HEAD_BYTES], path)
    plain = Layout(",", '"' if options.quote is None else options.quote, options.escape or "", skip=start)
    layout = replace(plain, sep=sep or _separator(text, whole, path, plain, options.header is not False))
    _check_not_json(text, path)
    records, _ = _records(text, whole, layout)
    if not records:
        return layout
    names, unnamed, header = named_columns(records[0], records[1:], path, options, roles)
    return replace(layout, names=names, unnamed=unnamed, header=header)


def _check_not_json(text: str, path: Path) -> None:
    """Refuse JSON under the name of a CSV file."""
    line = text.lstrip().partition("\n")[0].strip()
    found = None
    if line[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            found = json.loads(line)
    if found and isinstance(found, (dict, list)):
        kind = ".jsonl" if isinstance(found, dict) else ".json"
        raise CorpusError(f"{path}: is no CSV file, its first line is JSON: {short(line)}; name it {kind}")


def named_columns(
    first: list[str], others: list[list[str]], path: Path, options: FileOptions, roles: Sequence[str] = ()
) -> tuple[tuple[str, ...], tuple[int, ...], bool]:
    """Return the names of the columns, the numbers of those without one, and whether the first record holds them.

    Raises
    ------
    CorpusError
        The first record may be names or a record, or there are not as many names as columns.
    """
    if options.header is False:
        return _given_names(first, path, options), (), False
    names = tuple(name or f"column_{i}" for i, name in enumerate(first, 1))
    check_names(names, str(path))
    reason = _looks_like_data(first, others) if options.header is None and not set(roles) & set(first) else None
    if reason is not None:
        raise CorpusError(
            f"{path}: the first line looks like a record, not like column names: {reason}; pass header=False "
            "(--no-header) if the file has no header, header=True (--header) if this is one"
        )
    return names, tuple(i for i, name in enumerate(first) if not name), True


def _given_names(first: list[str], path: Path, options: FileOptions) -> tuple[str, ...]:
    names = tuple(options.names or (f"column_{i}" for i in range(1, len(first) + 1)))
    if len(names) != len(first):
        raise CorpusError(
            f"{path}: {len(names)} {'name' if len(names) == 1 else 'names'} for {len(first)} columns: "
            f"{', '.join(names)}; the first record is {short(first)}"
        )
    check_names(names, str(path))
    return names


def _decoded(head: bytes, path: Path) -> str:
    """Decode the beginning of a file, whose last character may be cut."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        raise CorpusError(not_encoded(path, f"line {1 + count_lines(head[: error.start])}", "utf-8", head)) from None


def _separator(text: str, whole: bool, path: Path, plain: Layout, header: bool) -> str:
    """Return the separator with which the first records have the same number of values, quotes respected."""
    order = "\t,;|" if suffix(path) == ".tsv" else SEPARATORS
    found = {
        sep: _records(text, whole, replace(plain, sep=sep)) for sep in order if sep not in (plain.quote, plain.escape)
    }
    several = {sep: records for sep, (records, _) in found.items() if records and (len(records[0]) > 1 or not header)}
    even = {sep: records for sep, records in several.items() if found[sep][1] and _is_even(records)}
    if not even and several:
        return _closest(several, path)
    if order[0] == "\t" and "\t" in even:
        return "\t"
    # where a quote stands in the way, its line is named later
    broken = {sep: records for sep, records in several.items() if not found[sep][1] and len(records[0]) > 1}
    candidates = _without_decimals(even | broken) if even else {}
    if len(candidates) > 1:
        raise _ambiguous(candidates, path)
    return next(iter(candidates), order[0])


def _is_even(records: list[list[str]]) -> bool:
    width = len(records[0])
    return width > 1 and all(len(record) == width for record in records)


def _closest(several: dict[str, list[list[str]]], path: Path) -> str:
    """Return the separator that gives most records as many values as the header, where none gives it all: the reader
    names the line.
    """
    shares = {
        sep: sum(len(record) == len(records[0]) for record in records) / len(records)
        for sep, records in several.items()
    }
    shares = {sep: share for sep, share in shares.items() if len(several[sep][0]) > 1}
    best = [sep for sep, share in shares.items() if share == max(shares.values())]
    if not best:
        return SEPARATORS[0]
    if len(best) > 1:
        raise _ambiguous({sep: several[sep] for sep in best}, path)
    return best[0]


def _without_decimals(even: dict[str, list[list[str]]]) -> dict[str, list[list[str]]]:
    """Leave out a comma that stands in numbers such as 3,50 where another separator fits, too, and separators that cut
    names at a space.
    """
    if len(even) > 1 and "," in even and all(_cuts_numbers(record) for record in even[","][1:]):
        even = {sep: records for sep, records in even.items() if sep != ","}
    clean = {sep: records for sep, records in even.items() if all(name == name.strip() for name in records[0])}
    return clean if len(clean) == 1 else even


def _cuts_numbers(record: list[str]) -> bool:
    """Whether every comma of a record stands between two digits."""
    return all(left[-1:].isdigit() and right[:1].isdigit() for left, right in pairwise(record))


def _ambiguous(candidates: dict[str, list[list[str]]], path: Path) -> CorpusError:
    shown = " or ".join(f"{sep!r} ({len(records[0])} columns)" for sep, records in candidates.items())
    first = next(iter(candidates))
    return CorpusError(
        f"{path}: it is not clear what separates the values, {shown}; say which, such as sep={first!r} (--sep "
        f"{first!r})"
    )


def _records(text: str, whole: bool, layout: Layout) -> tuple[list[list[str]], bool]:
    """Return the first records without blank lines, and whether they are well formed."""
    records: list[list[str]] = []
    with long_values():
        lines = io.StringIO(text, newline="")
        reader = layout.reader(lines)
        try:
            records.extend(islice(reader, _RECORDS))  # those before an error stay
        except csv.Error as error:
            return [record for record in records if record], "unexpected end of data" in str(error) and not whole
        if not whole and not lines.read(1):
            records.pop()  # it may be cut
    return [record for record in records if record], True


def _looks_like_data(first: list[str], others: list[list[str]]) -> str | None:
    """Say why a line is more like a record than like names of columns, else None."""
    numbers = [(i, name) for i, name in enumerate(first) if _NUMBER.fullmatch(name.strip())]
    if numbers and not _counts_columns([name for _, name in numbers], [i for i, _ in numbers], others):
        return f"it holds the number {numbers[0][1]}"
    strange = next(
        (name for name in first if _NO_NAME.fullmatch(name.strip()) and not _NUMBER.fullmatch(name.strip())), None
    )
    if strange is not None:
        return f"it holds {short(strange)}"
    again = next(
        (name for i, name in enumerate(first) if name.strip() and any(name in row[i : i + 1] for row in others)), None
    )
    if again is not None:
        return f"{short(again)} stands in the same column further down, too"
    long = next((name for name in first if len(name) > _LONG or len(name.split()) > _WORDS), None)
    if long is None and not _stands_above_numbers(first, others):
        long = next(
            (name for i, name in enumerate(first) if _reads_like(name, [row[i] for row in others if len(row) > i])),
            None,
        )
    return None if long is None else f"it holds the text {short(long)}"


def _stands_above_numbers(first: list[str], others: list[list[str]]) -> bool:
    """Whether a word stands above a column of numbers, so that it is a name."""
    below = [[row[i] for row in others if len(row) > i and row[i].strip()] for i in range(len(first))]
    return any(
        name.strip()
        and not _NUMBER.fullmatch(name.strip())
        and values
        and all(_NUMBER.fullmatch(value.strip()) for value in values)
        for name, values in zip(first, below, strict=True)
    )


def _reads_like(name: str, values: list[str]) -> bool:
    """Whether a column name of several words is like the texts below it."""
    words = [len(value.split()) for value in values if value.strip()]
    return len(name.split()) >= _SENTENCE and bool(words) and sum(words) >= _SENTENCE * len(words)


def _counts_columns(names: list[str], places: list[int], others: list[list[str]]) -> bool:
    """Whether numbers are names that pandas gives to columns: 0, 1, 2... for at least three, or a 0 above texts."""
    if len(names) >= 3 and names in ([str(i) for i in range(len(names))], [str(i) for i in range(1, len(names) + 1)]):
        return len(names) >= _COUNTED or any(
            not row[i].strip().isdigit() for row in others for i in places if len(row) > i
        )
    below = [row[places[0]] for row in others if len(row) > places[0]]
    return names == ["0"] and not any(_NUMBER.fullmatch(value.strip()) for value in below)
