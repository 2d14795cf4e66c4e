"""Fields of JSON records: looked up with messages that name the line, divided into columns and the rest, written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from weaklab.core.errors import CorpusError
from weaklab.core.files import replacing
from weaklab.exchange.json_files import json_object, json_records
from weaklab.exchange.json_text import json_parts
from weaklab.exchange.text_streams import head_of, lines, short, suffix

if TYPE_CHECKING:
    from types import TracebackType

    import pyarrow as pa

    from weaklab.exchange.tools.base import Hints, LabeledBatch

_MISSING = object()


def json_lines(path: Path, hints: Hints) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, object) for the lines of a JSON Lines file that are not blank."""
    for number, line in lines(path, hints.encoding):
        if line.strip():
            place = f"{path}:{number}"
            yield place, dict(json_object(line, place, checks_keys=True))


def json_array(path: Path, hints: Hints) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, object) for the objects of a file that is one JSON array, one object, or JSON Lines."""
    if suffix(path) in (".jsonl", ".ndjson"):
        yield from json_lines(path, hints)
    elif head_of(path, 64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
        yield from _one_or_lines(path, hints)
    else:
        yield from ((place, dict(record)) for place, record in json_records(path, hints.encoding) or ())


def _one_or_lines(path: Path, hints: Hints) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        found = json_object(path.read_text(hints.encoding), str(path), checks_keys=True)
    except (CorpusError, UnicodeError):
        yield from json_lines(path, hints)
    else:
        yield f"{path}, record 0", dict(found)


def refuse(place: str, what: str) -> NoReturn:
    """Raise a CorpusError for the record at a place."""
    raise CorpusError(f"{place}: {what}")


def taken(record: dict[str, Any], name: str, kind: type[Any] | tuple[type[Any], ...], place: str) -> Any:
    """Take a field out of a record and return it, None where it is missing or null; refuse one of another type."""
    value = record.pop(name, None)
    if value is None:
        return None
    wanted = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        names = " or ".join(
            {"str": "a text", "dict": "an object", "list": "a list"}.get(k.__name__, k.__name__) for k in wanted
        )
        refuse(place, f"wanted {names} in {name!r}, got {type(value).__name__} {short(value)}")
    return value


def texts_in(values: Iterable[Any], name: str, place: str) -> list[str]:
    """Return label names as texts; refuse what is none."""
    found = list(values)
    odd = next((value for value in found if not isinstance(value, str)), _MISSING)
    if odd is not _MISSING:
        refuse(place, f"wanted label names in {name!r}, got {type(odd).__name__} {short(odd)}")
    return found


def divided(record: Mapping[str, Any], hidden: Iterable[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide fields into those that can be columns, texts, numbers and truth values, and the rest."""
    columns = {
        name: value
        for name, value in record.items()
        if isinstance(value, (str, int, float)) and name not in hidden and abs_fits(value)
    }
    return columns, {name: value for name, value in record.items() if name not in columns}


def abs_fits(value: Any) -> bool:
    """Whether a value is no whole number that 64 bits cannot hold."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def time_of(value: Any) -> str:
    """Return a time of a file, seconds since 1970 or ISO 8601, as UTC in ISO 8601; empty where there is none.

    >>> time_of(1700000000), time_of("2026-01-31T12:00:00.5+01:00"), time_of(None), time_of("soon")
    ('2023-11-14T22:13:20+00:00', '2026-01-31T11:00:00.500000+00:00', '', '')
    """
    with contextlib.suppress(ValueError, OverflowError, OSError, TypeError):
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)).isoformat()
        if value is not None and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).isoformat()
    return ""


def seconds_since_1970(at: str) -> int | None:
    """Return an ISO 8601 time as whole seconds since 1970; None where there is none."""
    return int(datetime.fromisoformat(at).timestamp()) if at else None


def column_texts(batch: LabeledBatch) -> dict[str, Any]:
    """Return name -> JSON text of the columns that are to be written beside the text."""
    return {name: json_parts(column) for name, column in batch.columns.items()}


class JsonOut:
    """A file of JSON records that is there whole or not at all: lines, or one array.

    Parameters
    ----------
    path : the file
    array : whether it is one JSON array
    """

    def __init__(self, path: Path, *, array: bool = False) -> None:
        self.path, self._array, self._any = path, array, False
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stream = self._stack.enter_context(_opened(self.path, self._stack))
        if self._array:
            self._stream.write(b"[\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._array:
            if self._any:
                self._stream.seek(-len(self.end), 1)
            self._stream.write(b"\n]\n")
        self._stream.close()
        self._stack.__exit__(kind, error, trace)

    @property
    def end(self) -> str:
        """What the text of each record ends with."""
        return ",\n" if self._array else "\n"

    def write(self, texts: pa.Array, instead: Mapping[int, str] | None = None) -> None:
        """Write records.

        Parameters
        ----------
        texts : their JSON, each with :attr:`end` behind it
        instead : row -> what to write in its place, without the end
        """
        import numpy as np

        _, offsets, data = texts.buffers()
        if not len(texts) or data is None:
            return
        ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        whole, start = memoryview(data), int(ends[0])
        for row in sorted(instead or ()):
            self._stream.write(whole[start : int(ends[row])])
            self._stream.write(f"{instead[row]}{self.end}".encode())  # type: ignore[index]
            start = int(ends[row + 1])
        self._stream.write(whole[start : int(ends[-1])])
        self._any = True


def _opened(path: Path, stack: contextlib.ExitStack) -> Any:
    return open(stack.enter_context(replacing(path)), "wb")


def data_of(texts: pa.Array) -> memoryview:
    """Return the bytes of all texts, one behind the other."""
    import numpy as np

    _, offsets, data = texts.buffers()
    if data is None:
        return memoryview(b"")
    bounds = np.frombuffer(offsets, np.int64)[[texts.offset, texts.offset + len(texts)]]
    return memoryview(data)[int(bounds[0]) : int(bounds[1])]
