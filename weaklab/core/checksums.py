"""Checksums of the Parquet files ("parts") of a corpus, one per row group, to detect and locate damage."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

CHUNK = 1 << 22


@dataclass(frozen=True)
class Seal:
    """The checksums of a part, taken when it was written.

    Attributes
    ----------
    name : name of the file
    records : number of rows
    ends : end of each row group in the file, in bytes, followed by the size of the file
    rows : number of rows in each row group
    sums : CRC-32 of each row group, followed by that of the footer; together they cover every byte of the file
    """

    name: str
    records: int
    ends: tuple[int, ...]
    rows: tuple[int, ...]
    sums: tuple[int, ...]

    @classmethod
    def of(cls, part: Path) -> Seal:
        """Read a part and return its seal; a damaged Parquet file raises the error of its reader."""
        import pyarrow.parquet as pq

        metadata = pq.read_metadata(part)
        groups = [metadata.row_group(g) for g in range(metadata.num_row_groups)]
        size = part.stat().st_size
        ends = [_end(group) for group in groups] + [size]
        if any(b <= a for a, b in pairwise([0, *ends])):
            raise ValueError("its row groups do not stand one behind the other")
        return cls(
            part.name, metadata.num_rows, tuple(ends), tuple(g.num_rows for g in groups), tuple(_sums(part, ends))
        )

    def damage(self, part: Path) -> str | None:
        """Describe how a part differs from the file that was written; None if it does not.

        Raises
        ------
        OSError
            The part cannot be read.
        """
        size = part.stat().st_size
        broken = [place for place, found in enumerate(_sums(part, self.ends)) if found != self.sums[place]]
        if not broken and size == self.ends[-1]:
            return None
        if size != self.ends[-1]:
            return f"it has {size:,} bytes and had {self.ends[-1]:,}; {self._all} concerned"
        if broken[-1] == len(self.rows):
            return f"its footer is not what was written; {self._all} concerned"
        return f"it is not what was written; {self._concerned(broken)}"

    @property
    def _all(self) -> str:
        return "its 1 record is" if self.records == 1 else f"all its {self.records:,} records are"

    def _concerned(self, broken: Iterable[int]) -> str:
        starts = [sum(self.rows[:place]) for place in broken]
        spans = [f"{start + 1:,} to {start + self.rows[place]:,}" for start, place in zip(starts, broken, strict=True)]
        shown = ", ".join(spans[:5]) + (f" and {len(spans) - 5:,} more groups" if len(spans) > 5 else "")
        return f"records {shown} of its {self.records:,} are concerned"

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "records": self.records, "ends": self.ends, "rows": self.rows, "sums": self.sums}

    @classmethod
    def from_json(cls, held: dict[str, Any]) -> Seal:
        return cls(held["name"], held["records"], tuple(held["ends"]), tuple(held["rows"]), tuple(held["sums"]))


def _end(group: Any) -> int:
    columns = [group.column(c) for c in range(group.num_columns)]
    return int(max(_start(column) + column.total_compressed_size for column in columns))


def _start(column: Any) -> int:
    places = [column.data_page_offset]
    if column.has_dictionary_page and column.dictionary_page_offset is not None:
        places.append(column.dictionary_page_offset)
    return int(min(places))


def _sums(part: Path, ends: Iterable[int]) -> list[int]:
    """Return the CRC-32 of each piece of a file."""
    found = []
    with open(part, "rb") as stream:
        before = 0
        for end in ends:
            found.append(_crc(stream, end - before))
            before = end
    return found


def _crc(stream: Any, length: int) -> int:
    value = 0
    while length > 0:
        data = stream.read(min(length, CHUNK))
        if not data:
            return -1  # the file is too short; -1 equals no CRC
        value, length = zlib.crc32(data, value), length - len(data)
    return value


def seals_to_text(seals: Iterable[Seal]) -> str:
    """Return seals as JSON text."""
    return json.dumps([seal.to_json() for seal in seals], separators=(",", ":"))


def seals_from_text(text: str) -> list[Seal]:
    """Return the seals that :func:`seals_to_text` wrote."""
    return [Seal.from_json(held) for held in json.loads(text)]
