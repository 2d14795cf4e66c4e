"""Digests of the input files of a batch, piece by piece: they show whether and where a file was changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError

if TYPE_CHECKING:
    from weaklab.exchange.parquet_files import ParquetRows

PIECE_BYTES = 64 << 20
"""Bytes of one piece of a text file; the pieces of a Parquet file are its row groups."""
_BLOCK = 1 << 20
_MOST_PLACES = 3
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Piece:
    """A range of bytes of one file, and its digest.

    Attributes
    ----------
    start, stop : bytes
    unit : ``row`` of a Parquet file, from 0 in its file; ``line`` of a text file, from 1; ``byte`` where neither is
        known
    first, last : rows or lines that lie in it, at least in part
    hash : of its bytes
    """

    start: int
    stop: int
    unit: str
    first: int
    last: int
    hash: str

    def to_json(self) -> list[Any]:
        return [self.unit, self.first, self.last, self.stop - self.start, self.hash]


class FileContent:
    """Digests of one file, and its size and times when they were last checked."""

    def __init__(
        self, path: Path, groups: Sequence[tuple[int, int, int]] | None, progress: Progress | None = None
    ) -> None:
        self.path, self._groups, self._progress = path, groups, progress or _silent
        self._stamp = _stamp(path)  # before it is read: whoever writes to it meanwhile is noticed
        self.pieces = self._read()
        self._progress = _silent

    @property
    def size(self) -> int:
        return self.pieces[-1].stop if self.pieces else 0

    @property
    def lines(self) -> int:
        """Number of lines of a text file."""
        return self.pieces[-1].last if self.pieces and self.pieces[-1].unit == "line" else 0

    def to_json(self) -> dict[str, Any]:
        return {"file": self.path.name, "size": self.size, "pieces": [piece.to_json() for piece in self.pieces]}

    def changes(self) -> str | None:
        """Return where the file has changed, in words; None if not. It is read only if its times or size differ."""
        if not self.path.exists():
            return f"{self.path} is gone"
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return None
        try:
            found = self._read()
        except OSError as error:
            return f"{self.path} cannot be read any more ({error.strerror})"
        if found == self.pieces:
            self._stamp = stamp
            return None
        return f"{self.path} changed ({_places([p.to_json() for p in self.pieces], [p.to_json() for p in found])})"

    def _read(self) -> list[Piece]:
        with open(self.path, "rb") as stream:
            if self._groups is None:
                return self._text_pieces(stream)
            return [
                self._piece(stream, start, stop, "row", first, last) for start, stop, first, last in self._stretches()
            ]

    def _stretches(self) -> list[tuple[int, int, int, int]]:
        """Return (first byte, end, first row, last row): the row groups, and the footer, which holds no row."""
        assert self._groups is not None
        size, at, row, found = self.path.stat().st_size, 0, 0, []
        for _, end, rows in self._groups:
            end = min(max(at, end), size)
            found.append((at, end, row, row + rows - 1))
            at, row = end, row + rows
        return [*found, (at, size, row, row - 1)]

    def _text_pieces(self, stream: Any) -> list[Piece]:
        unit = "byte" if self.path.suffix.lower() in (".gz", ".xlsx", ".xls") else "line"
        found: list[Piece] = []
        at, line, ended = 0, 1, True
        while True:
            state, size, breaks, last = hashlib.blake2b(digest_size=16), 0, 0, b""
            while size < PIECE_BYTES and (block := stream.read(_BLOCK)):
                state.update(block)
                size, breaks, last = size + len(block), breaks + block.count(b"\n"), block[-1:]
                self._progress(len(block))
            if not size:
                return found
            ended = last == b"\n"
            first, end = (line, line + breaks - ended) if unit == "line" else (at, at + size - 1)
            found.append(Piece(at, at + size, unit, first, end, state.hexdigest()))
            at, line = at + size, line + breaks

    def _piece(self, stream: Any, start: int, stop: int, unit: str, first: int, last: int) -> Piece:
        state, left = hashlib.blake2b(digest_size=16), stop - start
        stream.seek(start)
        while left and (block := stream.read(min(_BLOCK, left))):
            state.update(block)
            left -= len(block)
            self._progress(len(block))
        return Piece(start, stop, unit, first, last, state.hexdigest())


class Contents:
    """Digests of all input files.

    Parameters
    ----------
    paths : in the order in which they are read
    parquet : what their footers say, None of files of another type
    progress : called with numbers of bytes that were read
    """

    def __init__(self, paths: Sequence[Path], parquet: ParquetRows | None, progress: Progress | None = None) -> None:
        self.files = [FileContent(path, None if parquet is None else _byte_ranges(path), progress) for path in paths]

    @property
    def lines(self) -> int:
        """Number of lines of all text files."""
        return sum(file.lines for file in self.files)

    def to_json(self) -> list[dict[str, Any]]:
        """Return name, size and digests of each file; the folder does not matter."""
        return [file.to_json() for file in self.files]

    def check(self) -> None:
        """Raise a CorpusError if a file has changed since this was made."""
        changed = next((said for file in self.files if (said := file.changes())), None)
        if changed is not None:
            raise CorpusError(
                f"{changed} while its records were labeled; run the same command with --overwrite to label what it "
                "holds now"
            )


def differences(before: Any, now: list[dict[str, Any]]) -> str:
    """Return where two inputs differ, in words; empty if they are equal. Both are as :meth:`Contents.to_json` returns.

    >>> held = {"file": "mail.csv", "size": 9, "pieces": [["line", 1, 2, 9, "0f"]]}
    >>> differences([held], [{**held, "pieces": [["line", 1, 2, 9, "a1"]]}])
    'mail.csv: lines 1 to 2'
    """
    try:
        old = {entry["file"]: entry for entry in before}
        new = {entry["file"]: entry for entry in now}
        said = [f"{name} is new" for name in new if name not in old] + [
            f"{name} is gone" for name in old if name not in new
        ]
        both = [(name, old[name], new[name]) for name in new if name in old]
        said += [f"{name}: {_places(held['pieces'], found['pieces'])}" for name, held, found in both if held != found]
        if not said and before != now:
            said.append("the order of its files")
    except (KeyError, TypeError, ValueError, IndexError):
        return "its digests are kept in another way"
    return ", ".join(said[:5]) + (f" and {len(said) - 5} more" if len(said) > 5 else "")


def _places(before: list[list[Any]], now: list[list[Any]]) -> str:
    """Return the rows, lines or bytes of the pieces that differ, in words."""
    common = min(len(before), len(now))
    places = [other[:3] for piece, other in zip(before, now, strict=False) if piece != other]
    places += [piece[:3] for piece in (now if len(now) > len(before) else before)[common:]]
    named = [(unit, first, last) for unit, first, last in places if last >= first]
    if not named:
        return "its footer"
    said = [f"{unit}s {first:,} to {last:,}" for unit, first, last in _joined(named)]
    more = f" and {len(said) - _MOST_PLACES} more stretches" if len(said) > _MOST_PLACES else ""
    counted = " (counted from 0)" if named[0][0] != "line" else ""
    return ", ".join(said[:_MOST_PLACES]) + more + counted


def _joined(places: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Join adjacent ranges."""
    found: list[tuple[str, int, int]] = []
    for unit, first, last in places:
        if found and found[-1][0] == unit and first <= found[-1][2] + 1:
            found[-1] = unit, found[-1][1], max(found[-1][2], last)
        else:
            found.append((unit, first, last))
    return found


def _byte_ranges(path: Path) -> list[tuple[int, int, int]]:
    """Return (first byte, end, rows) of the row groups of a Parquet file."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    found, at = [], 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        ends = [_end(group.column(j)) for j in range(group.num_columns)]
        found.append((at, max([at, *ends]), group.num_rows))
        at = found[-1][1]
    return found


def _end(column: Any) -> int:
    start = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset is not None:
        start = min(start, column.dictionary_page_offset)
    return int(start + column.total_compressed_size)


def _stamp(path: Path) -> tuple[int, int, int, int]:
    """Return size, times and inode of a file, which change when it is written or replaced."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _silent(count: int) -> None:
    """Report no progress."""
