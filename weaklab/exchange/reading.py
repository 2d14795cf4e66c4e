"""Reads data of any supported kind as a corpus."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from weaklab.core.errors import CorpusError, warn
from weaklab.corpus import Corpus, Roles
from weaklab.corpus.corpus import listed
from weaklab.corpus.source import Source
from weaklab.exchange.file_options import FileKeywords, FileOptions
from weaklab.exchange.files import file_source
from weaklab.exchange.formats import READERS
from weaklab.exchange.frames import (
    class_names_of,
    hugging_face_source,
    pandas_source,
    polars_source,
)
from weaklab.exchange.python_records import list_source
from weaklab.exchange.schemas import table_batches
from weaklab.exchange.text_streams import short, suffix

if TYPE_CHECKING:
    import pyarrow as pa


def read(
    data: Any,
    *,
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    label: str | None = None,
    gold: str | None = None,
    columns: Sequence[str] | None = None,
    **options: Unpack[FileKeywords],
) -> Corpus:
    """Read anything that holds records as a corpus.

    Parameters
    ----------
    data : pandas, polars or Arrow table, list of strings or dicts, or path
        A path is a CSV, TSV, JSON, JSONL, Parquet, Excel (.xlsx) or text file (a record a line), a folder or glob of
        one type, or a list of paths. A folder of text files holds one file a label and ``dataset.txt`` or
        ``unlabeled.txt``.
    text : column name or names, optional
        By default the column ``text``, else the only column of strings, if these are plainly texts and no classes.
        Tabular data needs none; ``text=[]`` says that there is none.
    id : column name, optional
        By default the column ``id``; without one, ids are made from the content, so that they stay the same when
        records are added or re-ordered.
    label : column name, optional
        Manual labels that are known already; empty where there is none. By default the label files of a folder.
    gold : column name, optional
        The truth, used for measuring and for nothing else.
    columns : column names, optional
        The columns to keep beside those of text, id, label and gold; by default all. One that is named here and cannot
        be stored is an error; any other that cannot be stored (mixed types, lists of several shapes) is left out with a
        warning.
    encoding : str
        Encoding of text files, by default UTF-8.
    sep, quote, escape : one character, optional
        Of CSV files. ``sep`` stands between values, by default whichever of comma, semicolon, tab and ``|`` gives the
        first records the same number of values. ``quote`` stands around values, by default ``"``; with ``quote=""``
        quotes are part of the text. ``escape`` makes a quote part of a text, such as a backslash; by default such a
        quote is doubled.
    header : bool, optional
        Whether the first line of a CSV file or sheet holds the names of the columns. By default it does, and is an
        error if it looks like a record.
    names : column names, optional
        Of a file without them, with ``header=False``; by default ``column_1``, ``column_2``...
    sheet : str, optional
        Sheet of an Excel workbook; needed only if several hold something.

    Raises
    ------
    CorpusError
        A column is missing, an id appears twice, a column that is needed mixes types, a file is empty or malformed, or
        it is not clear which column is the text.

    Examples
    --------
    >>> import weaklab
    >>> corpus = weaklab.read(["Free prize inside", "See you at noon"])
    >>> len(corpus), corpus.record(0).text
    (2, 'Free prize inside')
    """
    corpus = open_corpus(data, text=text, id=id, label=label, gold=gold, columns=columns, **options)
    if not isinstance(data, Corpus):
        for name, reason in corpus.left_out.items():
            warn(f"column {name!r} is left out: {reason}")
    return corpus


def open_corpus(
    data: Any,
    *,
    like: Roles | None = None,
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    label: str | None = None,
    gold: str | None = None,
    columns: Sequence[str] | None = None,
    **options: Unpack[FileKeywords],
) -> Corpus:
    """Return data as a corpus, as :func:`read` does, but without warnings for columns that are left out.

    Parameters
    ----------
    like : roles of records that are there already; columns of the same name get them unless others are named
    """
    roles = {"text": text, "id": id, "label": label, "gold": gold, "columns": columns}
    if not isinstance(data, Corpus):
        return Corpus(source_of(data, **options), like=like, text=text, id=id, label=label, gold=gold, columns=columns)
    for role, wanted in roles.items():
        if wanted is not None and (role == "columns" or listed(wanted) != listed(getattr(data.roles, role))):
            raise CorpusError(
                f"{data.name} was read before, without {role}={wanted!r}; name the column there: weaklab.read(..., "
                f"{role}=...)"
            )
    return data


def table_source(table: pa.Table, name: str = "the Arrow table") -> Source:
    """Return an Arrow table as a source with a name of its own in messages, such as the file it was read from."""
    names = class_names_of(table.schema)
    return Source(name, lambda source: table_batches(table), in_memory=True, class_names=names)


def source_of(data: Any, **options: Unpack[FileKeywords]) -> Source:
    """Return data of any supported kind as a source.

    Parameters
    ----------
    options : how files are to be read, see :class:`~weaklab.exchange.file_options.FileOptions`

    Raises
    ------
    CorpusError
        It is nothing that weaklab reads, it does not exist, or it mixes file types.
    """
    import pyarrow as pa

    if isinstance(data, Source):
        return data
    if isinstance(data, (str, Path)) or (_is_sequence(data) and data and all(_is_path(item) for item in data)):
        return file_source(data, FileOptions(**options))
    _check_no_options(data, FileOptions(**options))
    if isinstance(data, (pa.Table, pa.RecordBatch)):
        return table_source(data if isinstance(data, pa.Table) else pa.Table.from_batches([data]))
    package = type(data).__module__.split(".")[0]
    if package == "pandas":
        return pandas_source(data)
    if package == "polars":
        frame = data.collect() if hasattr(data, "collect") else data
        return polars_source(frame if hasattr(frame, "columns") else frame.to_frame())
    if package == "datasets" and hasattr(data, "with_format"):
        return hugging_face_source(data)
    if _is_sequence(data):
        return list_source(list(data))
    raise CorpusError(
        f"cannot read {type(data).__name__} {short(data)} as a corpus; wanted a pandas, polars or Arrow table, a list "
        "of strings or dicts, or the path of a CSV, JSONL, Parquet or text file or of a folder of them"
        + (
            "; make a list of it: list(...)"
            if hasattr(data, "__iter__") and not isinstance(data, (bytes, Mapping))
            else ""
        )
    )


def _check_no_options(data: Any, options: FileOptions) -> None:
    """Refuse options that would have no effect."""
    chosen = next(iter(options.chosen.items()), None)
    if chosen is not None:
        raise CorpusError(
            f"{chosen[0]}={chosen[1]!r} says how a file is read, got {type(data).__name__} {short(data)}; leave it out"
        )


def _is_path(item: Any) -> bool:
    """Whether an item of a list is a path; a string is a path if it names an existing file of a known format."""
    if not isinstance(item, str) or len(item) > 1024 or "\0" in item:
        return isinstance(item, Path)
    return suffix(Path(item)) in READERS and os.path.isfile(item)


def _is_sequence(data: Any) -> bool:
    return isinstance(data, (Sequence, set, frozenset)) and not isinstance(data, (str, bytes))
