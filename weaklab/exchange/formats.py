"""The registries of file readers and file writers, by the suffix of a file name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, ProjectError, did_you_mean
from weaklab.core.files import replacing
from weaklab.core.registry import Registry
from weaklab.corpus.source import Source
from weaklab.exchange.file_options import FileOptions

if TYPE_CHECKING:
    import pyarrow as pa

Reader = Callable[[Sequence[Path], FileOptions, Source], Iterable[Any]]
"""Reads files of one format: ``reader(paths, options, source)`` yields Arrow record batches or tables.

All of them have the same columns, and every call yields the same. ``options`` say how text is to be read;
:func:`uses` names those that have a meaning in the format. ``source`` says which columns are wanted and which are text;
a simple reader ignores it. A file that cannot be read is a :class:`~weaklab.core.errors.CorpusError` that names the
file and the place.
"""
Writer = Callable[["pa.Table", Path], None]
"""Writes a table: ``writer(table, path)``. What the format cannot hold is a
:class:`~weaklab.core.errors.ProjectError` that names the column.
"""

READERS: Registry[Reader] = Registry("file reader", package="weaklab.exchange", group="weaklab.readers")
"""Readers by suffix; register a function with ``@READERS.named(".csv")`` in a module of this package."""
WRITERS: Registry[Writer] = Registry("file writer", package="weaklab.exchange", group="weaklab.writers")
"""Writers by suffix; register a function with ``@WRITERS.named(".csv")`` in a module of this package."""


def uses(*names: str) -> Callable[[Reader], Reader]:
    """Decorate a reader with the names of the options that have a meaning in its format; the others are refused.

    A reader without this decorator gets all options.
    """

    def decorate(reader: Reader) -> Reader:
        reader.options = names  # type: ignore[attr-defined]
        return reader

    return decorate


def check_options(reader: Reader, options: FileOptions, name: str, kind: str) -> None:
    """Raise a CorpusError if an option was given that a reader does not use."""
    used: Sequence[str] | None = getattr(reader, "options", None)
    for option, value in options.chosen.items():
        if used is not None and option not in used:
            has = f"the options for it are {', '.join(used)}" if used else "there are no options for it"
            raise CorpusError(
                f"{name}: {option}={value!r} has no meaning in a file of type {kind}; {has}; leave it out"
            )


def check_writable(path: Path) -> None:
    """Raise a ProjectError unless a table can be written to a file with this name."""
    if path.suffix.lower() not in WRITERS:
        raise ProjectError(
            f"cannot export to {path.name!r};{did_you_mean(path.suffix, WRITERS.names())} wanted a name that ends in "
            f"{', '.join(WRITERS.names())}"
        )
    if path.is_dir():
        raise ProjectError(f"{path} is a folder; wanted a file name")


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table in the format of the file's suffix; the file is there whole or not at all.

    Raises
    ------
    ProjectError
        There is no such format, it cannot hold a column, or the disk is full.
    """
    check_writable(path)
    with replacing(path) as temporary:
        unfinished = temporary.with_name(temporary.name + path.suffix)  # libraries may choose a format by the suffix
        try:
            WRITERS[path.suffix.lower()](table, unfinished)
            os.replace(unfinished, temporary)
        finally:
            unfinished.unlink(missing_ok=True)
