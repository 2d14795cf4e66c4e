"""CSV files, read in blocks of whole records; an open quote or an extra value is an error with its line number.

Arrow's reader is fast and takes much for granted: a quote that is never closed makes one value of all records up to the
next quote. So the quotes, line ends and records of a block are found first, by their bytes; Arrow has to find as many
records.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from weaklab.core.errors import CorpusError, warn
from weaklab.corpus.source import Source
from weaklab.exchange.csv_layout import HEAD_BYTES, Layout, layout_of, long_values
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.formats import READERS, uses
from weaklab.exchange.schemas import check_same_columns, with_schema
from weaklab.exchange.text_streams import Utf8Stream, count_lines, first_line, not_encoded, short

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

BLOCK_BYTES = 64 << 20
"""Bytes of a block; a block is larger if one record is longer."""
_LARGEST_RECORD = 1 << 30
_ESCAPED_BLOCK = 16 << 20
_PIECE = 1 << 18
_LF, _CR, _SPACE = 10, 13, 32


@dataclass(frozen=True)
class Block:
    """Whole records of a file.

    Attributes
    ----------
    data : their bytes, UTF-8
    rows : how many they are, blank lines left out
    line : number of the line with which they begin, from 1
    """

    data: bytes | memoryview
    rows: int
    line: int


@READERS.named(".csv")
@READERS.named(".tsv")
@uses("encoding", "sep", "quote", "escape", "header", "names", "na_values", "decimal")
def read_csv(paths: Sequence[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    """CSV, with any separator."""
    schema = None
    as_text = (*source.text_columns, source.id_column)
    empty: dict[Path, tuple[str, ...]] = source.notes.setdefault("empty columns", {})
    for path in paths:
        if path.stat().st_size == 0:
            continue
        for batch in csv_batches(path, options, as_text, empty, source.wants):
            for name in empty[path]:
                source.left_out[name] = f"{path}: it has no name and holds nothing"
            if schema is None:
                schema = batch.schema
            check_same_columns(batch.schema.names, schema.names, path, paths[0])
            yield with_schema(batch, schema, str(path))


def csv_batches(
    path: Path,
    options: FileOptions,
    text_columns: Sequence[str],
    empty: dict[Path, tuple[str, ...]],
    wanted: Callable[[str], bool],
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a CSV file.

    Parameters
    ----------
    text_columns : columns that are text whatever stands in them; a first line that holds the name of one is a header
    empty : file -> columns without a name that hold nothing, which are left out; filled when the file is read first
    wanted : says of the name of a column whether to read it

    Raises
    ------
    CorpusError
        The file cannot be read, or is not well formed; the message names the line.
    """
    with Utf8Stream(path, options.encoding) as stream:
        head = stream.read(HEAD_BYTES + 1)
        layout = layout_of(head, path, options, text_columns)
        if path not in empty:
            empty[path] = _empty_columns(path, options, layout) if layout.trailing else ()
        names = [name for name in layout.names if name not in empty[path] and wanted(name)]
        reader = _BlockReader(path, layout, names, text_columns, options)
        for block in _blocks(stream, head, layout):
            yield from reader.read(block)


def _empty_columns(path: Path, options: FileOptions, layout: Layout) -> tuple[str, ...]:
    """Return the columns without a name after the last named one that hold nothing in the whole file, and tell of the
    others.
    """
    import pyarrow.compute as pc

    names = [layout.names[i] for i in layout.trailing]
    counts = dict.fromkeys(names, 0)
    with Utf8Stream(path, options.encoding) as stream:
        head = stream.read(HEAD_BYTES + 1)
        reader = _BlockReader(path, layout, names, names, options)
        for block in _blocks(stream, head, layout):
            for batch in reader.read(block):
                for name in names:
                    counts[name] += pc.sum(pc.not_equal(batch.column(name), "")).as_py() or 0
    kept = {name: count for name, count in counts.items() if count}
    if kept:
        shown = ", ".join(f"{name} ({count:,} {'value' if count == 1 else 'values'})" for name, count in kept.items())
        warn(
            f"{path}: columns without a name hold something and are kept as {shown}; if they are the rest of a text "
            "with separators, put quotes around it in the file"
        )
    return tuple(name for name in names if not counts[name])


def _blocks(stream: Utf8Stream, head: bytes, layout: Layout) -> Iterator[Block]:
    """Cut a file into blocks of whole records, the header left out."""
    if layout.escape:
        yield from _escaped_blocks(stream, head, layout)
        return
    data = head[layout.skip :]
    line = 1 + count_lines(head[: layout.skip])
    size, has_header, at_end = BLOCK_BYTES, layout.header, False
    while not at_end:
        before = len(data)
        data = b"".join([data, *_read_full(stream, max(1, size - before))])
        at_end = len(data) < size or len(data) == before
        if at_end and not data.endswith((b"\n", b"\r")):
            data += b"\r" if b"\r" in data and b"\n" not in data else b"\n"
        found = _Records(data, layout, stream.path, line, at_end)
        if found.rows:
            start = found.header_end() if has_header else 0
            header_lines = count_lines(data[:start])
            yield Block(memoryview(data)[start : found.cut], found.rows - has_header, line + header_lines)
            line += found.lines
            data, size, has_header = data[found.cut :], BLOCK_BYTES, False
        elif len(data) >= size:
            size *= 2
        if size > _LARGEST_RECORD:
            raise CorpusError(
                f"{stream.path}, line {line:,}: a record is longer than {_LARGEST_RECORD:,} bytes; is a quote not "
                "closed there?"
            )


def _read_full(stream: Utf8Stream, size: int) -> list[bytes]:
    chunks = []
    while size > 0 and (chunk := stream.read(size)):
        chunks.append(chunk)
        size -= len(chunk)
    return chunks


def _places(codes: NDArray[np.uint8], code: int) -> NDArray[np.intp]:
    """Return where a byte stands, piece by piece, so that what is compared stays in the processor's cache."""
    import numpy as np

    found = [np.flatnonzero(codes[i : i + _PIECE] == code) + i for i in range(0, len(codes), _PIECE)]
    return np.concatenate(found) if found else np.empty(0, np.intp)


def _count(codes: NDArray[np.uint8], code: int) -> int:
    import numpy as np

    return sum(int(np.count_nonzero(codes[i : i + _PIECE] == code)) for i in range(0, len(codes), _PIECE))


class _Records:
    """Where the records of some bytes end, quotes respected.

    Attributes
    ----------
    cut : end of the last whole record
    rows : number of records before it
    lines : number of lines before it
    """

    def __init__(self, data: bytes, layout: Layout, path: Path, line: int, at_end: bool) -> None:
        import numpy as np

        self._data, self._layout, self._path, self._line = data, layout, path, line
        codes = np.frombuffer(data, np.uint8)
        ends, widths = self._line_ends(codes)
        if layout.quote and len(quotes := _places(codes, ord(layout.quote))):
            bounds = self._quotes(codes, quotes, at_end)
            outside = np.searchsorted(bounds, ends) % 2 == 0
            self._lines, ends, widths = np.flatnonzero(outside) + 1, ends[outside], widths[outside]
        else:
            self._lines = np.arange(1, len(ends) + 1)
        if len(ends) and not at_end and codes[-1] == _CR and ends[-1] == len(data) - 1:
            ends, widths = ends[:-1], widths[:-1]  # a line feed may follow
        self._ends = ends
        self._check_line_ends(codes[ends])
        self.cut = int(ends[-1]) + 1 if len(ends) else 0
        self.lines = int(self._lines[len(ends) - 1]) if len(ends) else 0
        self._filled = np.diff(ends, prepend=-1) > widths
        self.rows = int(np.count_nonzero(self._filled))

    def _line_ends(self, codes: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the place of the last byte of each line end, and how many bytes it has: LF, CRLF or CR."""
        import numpy as np

        feeds = _places(codes, _LF)
        with_return = codes[feeds - 1] == _CR
        if len(feeds) and feeds[0] == 0:
            with_return[0] = False
        widths = with_return.astype(np.intp) + 1
        if _count(codes, _CR) == np.count_nonzero(with_return):
            return feeds, widths
        returns = _places(codes, _CR)
        alone = returns[codes[np.minimum(returns + 1, len(codes) - 1)] != _LF]
        ends = np.concatenate([feeds, alone])
        order = np.argsort(ends, kind="stable")
        return ends[order], np.concatenate([widths, np.ones(len(alone), np.intp)])[order]

    def _check_line_ends(self, last: NDArray[np.uint8]) -> None:
        """Refuse a carriage return between lines that end with a line feed: it would split a record."""
        alone = last == _CR
        if alone.any() and not alone.all():
            line = self._line + int(self._lines[alone.argmax()]) - 1
            raise CorpusError(
                f"{self._path}, line {line:,}: ends with a carriage return and other lines end with a line feed; put "
                "quotes around a value that holds a carriage return, or write the file with one kind of line ends"
            )

    def header_end(self) -> int:
        """Return where the first record that is not a blank line ends."""
        return int(self._ends[self._filled.argmax()]) + 1

    def _quotes(self, codes: NDArray[np.uint8], quotes: NDArray[np.intp], at_end: bool) -> NDArray[np.intp]:
        """Return the positions of quotes that open and close values, alternating; a doubled quote does both."""
        import numpy as np

        bounds = np.zeros(256, bool)
        bounds[[_LF, _CR, ord(self._layout.sep)]] = True
        before = bounds[codes[quotes - 1]]
        before[0] |= quotes[0] == 0
        after = bounds[codes[np.minimum(quotes + 1, len(codes) - 1)]]
        after[-1] |= quotes[-1] == len(codes) - 1
        doubled = np.diff(quotes) == 1
        opens, closes = before.copy(), after.copy()
        opens[1:] |= doubled  # the second of two
        closes[:-1] |= doubled  # the first of two
        if not (opens[0::2].all() and closes[1::2].all()):
            quotes = self._quotes_one_by_one(quotes, before, after)
        if at_end and len(quotes) % 2:
            self._refuse(self._last_opened(quotes), "a quote is opened here and never closed")
        return quotes

    def _last_opened(self, quotes: NDArray[np.intp]) -> int:
        """Return the place of the quote that opened the last value, quotes doubled inside it left out."""
        last = len(quotes) - 1
        while last >= 2 and quotes[last] - quotes[last - 1] == 1:
            last -= 2
        return int(quotes[last])

    def _quotes_one_by_one(
        self, quotes: NDArray[np.intp], before: NDArray[np.bool_], after: NDArray[np.bool_]
    ) -> NDArray[np.intp]:
        """Find the quotes that open and close values where others stand within values that have none around them."""
        import numpy as np

        places, opens, closes = quotes.tolist(), before.tolist(), after.tolist()
        kept: list[int] = []
        opened = -1  # index of the quote that is open
        i = 0
        while i < len(places):
            if opened < 0:
                if opens[i]:
                    opened = i
                    kept.append(places[i])
                else:
                    self._check_space_before(places[i])
            elif i + 1 < len(places) and places[i + 1] == places[i] + 1:
                kept += places[i : i + 2]
                i += 1
            elif closes[i]:
                kept.append(places[i])
                opened = -1
            else:
                self._refuse(places[opened], "a quote is opened here", places[i])
            i += 1
        return np.array(kept, np.intp)

    def _check_space_before(self, place: int) -> None:
        """Refuse a quote that only spaces separate from the beginning of a value: it may be meant to open it."""
        start = place
        while start and self._data[start - 1] == _SPACE:
            start -= 1
        if (
            start < place
            and self._layout.sep != "\t"
            and (not start or self._data[start - 1] in (_LF, _CR, ord(self._layout.sep)))
        ):
            self._refuse(
                place,
                "a quote stands after a space at the beginning of a value; take the space away if it opens the value",
            )

    def _refuse(self, opened: int, problem: str, closed: int | None = None) -> NoReturn:
        """Raise the error of a quote that cannot be understood."""
        line = self._line + count_lines(self._data[:opened])
        shown = ""
        escaped = b"\\" + self._layout.quote.encode()
        if closed is not None:
            other = self._line + count_lines(self._data[:closed])
            rest = self._data[closed + 1 : closed + 20].decode(errors="replace")
            where = "" if other == line else f" in line {other:,}"
            shown = f" and closed{where} before {short(rest)}, which is no separator"
        hints = (
            "close it, double a quote that is part of a text, or pass quote='' (--quote '') if quotes mean nothing "
            "in this file"
        )
        if self._layout.quote != '"':
            hints = f"close it, or pass another quote than {self._layout.quote}"
        if escaped in self._data[opened : (closed or opened) + 1] or (
            closed is None and escaped in self._data[opened:]
        ):
            hints = f"quotes seem to be escaped with a backslash: pass escape='\\\\' (--escape '\\'); else {hints}"
        raise CorpusError(f"{self._path}, line {line:,}: {problem}{shown}; {hints}")


class _BlockReader:
    """Reads blocks with Arrow; types are those of the first block."""

    def __init__(
        self, path: Path, layout: Layout, names: list[str], text_columns: Sequence[str], options: FileOptions
    ) -> None:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        self._path, self._names = path, names
        self._decimal = options.decimal
        self._empty = [*arrow_csv.ConvertOptions().null_values, *options.na_values]
        self._layout = replace(layout, sep=",", quote='"', escape="") if layout.escape else layout
        self._types: dict[str, pa.DataType] = {name: pa.large_string() for name in text_columns}
        self._known: Mapping[str, pa.DataType] = {}

    def read(self, block: Block) -> Iterator[pa.RecordBatch]:
        """Yield the records of a block."""
        import pyarrow as pa

        if not block.rows:
            return
        table = self._table(block, self._layout)
        if not self._known:
            # a column that is empty in the first block may hold anything later
            self._known = {f.name: pa.large_string() if pa.types.is_null(f.type) else f.type for f in table.schema}
            table = table.cast(pa.schema(self._known))
        if table.num_rows != block.rows:
            raise CorpusError(
                f"{self._path}, from line {block.line:,} on: {block.rows:,} records stand there, and "
                f"{table.num_rows:,} were read; this is an error of weaklab: please report it, and pass sep=, quote= "
                "and escape="
            )
        yield from table.to_batches()

    def _table(self, block: Block, layout: Layout) -> pa.Table:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(pa.py_buffer(block.data)),
                read_options=arrow_csv.ReadOptions(column_names=layout.names, block_size=len(block.data) + 1),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=layout.sep, quote_char=layout.quote or False, newlines_in_values=True
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=self._known or self._types,
                    strings_can_be_null=False,
                    include_columns=self._names,
                    null_values=self._empty,
                    decimal_point=self._decimal,
                ),
            )
        except pa.ArrowInvalid as error:
            _check_utf8(block, self._path)
            raise CorpusError(_problem(block, layout, self._path, str(error), self._names)) from None
        if any(pa.types.is_binary(f.type) or pa.types.is_large_binary(f.type) for f in table.schema):
            _check_utf8(block, self._path)
        return table


def _check_utf8(block: Block, path: Path) -> None:
    """Name the line that is not valid UTF-8."""
    try:
        bytes(block.data).decode()
    except UnicodeDecodeError as error:
        line = block.line + count_lines(bytes(block.data[: error.start]))
        around = bytes(block.data[max(0, error.start - 1000) : error.start + 100_000])
        raise CorpusError(not_encoded(path, f"line {line:,}", "utf-8", around)) from None


def _lines(block: Block) -> io.StringIO:
    return io.StringIO(bytes(block.data).decode(errors="replace"), newline="")


def _problem(block: Block, layout: Layout, path: Path, message: str, names: Sequence[str]) -> str:
    """Return a message in plain words for an error of Arrow, with the line number."""
    changed = re.search(
        r"In CSV column #(\d+):(?: Row #\d+:)? CSV conversion error to (\w+): invalid value '(.*)'", message, re.DOTALL
    )
    column = layout.names.index(names[int(changed[1])]) if changed else -1
    with long_values():
        reader: Any = layout.reader(_lines(block))
        line = block.line
        for record in reader:
            if record and len(record) != len(layout.names):
                return _ragged(path, line, record, layout)
            if changed and record and record[column] == changed[3]:
                return (
                    f"{path}, line {line:,}: column {layout.names[column]!r} was {changed[2]} before and now holds "
                    f"{short(changed[3])}; make it one type in all records{_as_empty(changed[2], changed[3])}"
                )
            line = block.line + reader.line_num
    return f"{path}, from line {block.line:,} on: {first_line(message)}"


def _as_empty(kind: str, value: str) -> str:
    """Say how a value is read as empty in a column of numbers."""
    return f", or read it as empty: na_values=[{value!r}] (--na {value!r})" if kind in ("int64", "double") else ""


def _ragged(path: Path, line: int, record: list[str], layout: Layout) -> str:
    found, wanted = len(record), len(layout.names)
    values = f"{found} {'value' if found == 1 else 'values'} for {wanted} {'column' if wanted == 1 else 'columns'}"
    if found == wanted + 1 and not record[-1].strip():
        more = f"the line ends with {layout.sep!r}: end the first line with it, too, and the empty column is dropped"
        return f"{path}, line {line:,}: {values}, in {short(layout.sep.join(record))}; {more}"
    few = "a value is missing, or a line break needs quotes around it"
    more = "put quotes around a value that holds a separator" if found > wanted else few
    return (
        f"{path}, line {line:,}: {values}, in {short(layout.sep.join(record))}; {more}, or pass another sep= than "
        f"{layout.sep!r} (--sep)"
    )


class _Rest(io.RawIOBase):
    """The rest of a file, after the bytes that were already read."""

    def __init__(self, head: bytes, stream: Utf8Stream) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head or self._stream.read(len(buffer) // 4)  # what is decoded may be longer
        self._head = data[len(buffer) :]
        taken = data[: len(buffer)]
        buffer[: len(taken)] = taken
        return len(taken)


def _escaped_blocks(stream: Utf8Stream, head: bytes, layout: Layout) -> Iterator[Block]:
    """Rewrite records without an escape character, so that Arrow reads them as Python's reader does."""
    path, first = stream.path, 1 + count_lines(head[: layout.skip])
    out = io.StringIO(newline="")
    writer, rows, has_header = csv.writer(out), 0, layout.header
    lines = io.TextIOWrapper(
        io.BufferedReader(_Rest(head[layout.skip :], stream), 1 << 16), encoding="utf-8", newline=""
    )
    reader: Any = layout.reader(lines)
    line = start = first
    try:
        while (record := _next(reader)) is not None:
            if record and has_header:
                has_header = False
            elif record:
                if len(record) != len(layout.names):
                    raise CorpusError(_ragged(path, line, record, layout))
                writer.writerow(record)
                rows += 1
            line = first + reader.line_num
            if out.tell() >= _ESCAPED_BLOCK:
                yield Block(out.getvalue().encode(), rows, start)
                out.seek(0)
                out.truncate()
                rows, start = 0, line
    except csv.Error as error:
        raise CorpusError(
            f"{path}, line {line:,}: the record that begins here cannot be read: {first_line(error)}; close every "
            f"quote, and write {layout.escape} before a quote that is part of a text"
        ) from None
    except UnicodeDecodeError as error:
        raise CorpusError(not_encoded(path, f"the text after line {line:,}", "utf-8", error.object)) from None
    yield Block(out.getvalue().encode(), rows, start)


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    with long_values():
        return next(reader, None)
