"""Finds the files to read: from a path, a folder, a glob pattern or a list of paths, all of one format."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import CorpusError, did_you_mean
from weaklab.corpus.source import Source
from weaklab.exchange.file_options import FileOptions
from weaklab.exchange.formats import READERS, Reader, check_options
from weaklab.exchange.text_files import read_text
from weaklab.exchange.text_streams import short, suffix

if TYPE_CHECKING:
    import pyarrow as pa

_BESIDE = (".json", ".xlsx", ".xlsm")
"""In a folder with files of other formats, files with these suffixes are notes and not records."""


def file_source(data: Any, options: FileOptions) -> Source:
    """Return files as a source.

    Raises
    ------
    CorpusError
        There is no such file, all of them are empty, their formats are unknown, or they differ.
    """
    paths = _expand(data)
    readers = {_reader_of(path): None for path in paths}
    if len(readers) > 1:
        kinds = ", ".join(sorted(map(_kind_of, readers)))
        raise CorpusError(f"{data}: files of several types ({kinds}); import one type at a time")
    reader = next(iter(readers))
    name = str(data) if isinstance(data, (str, Path)) else str(paths[0]) if len(paths) == 1 else f"{len(paths)} files"
    check_options(reader, options, name, _kind_of(reader))
    if all(path.stat().st_size == 0 for path in paths):
        raise CorpusError(f"{name}: the file is empty; wanted at least one record")
    by_label = reader is read_text and isinstance(data, (str, Path)) and Path(data).is_dir()
    return Source(
        name, read_with(reader, paths, options), labels_by_file=by_label, kind=_kind_of(reader), paths=tuple(paths)
    )


def read_with(
    reader: Reader, paths: Sequence[Path], options: FileOptions
) -> Callable[[Source], Iterator[pa.RecordBatch]]:
    """Return the function that a :class:`~weaklab.corpus.source.Source` opens: it yields the batches of a reader."""
    return partial(_batches, reader, paths, options)


def _batches(reader: Reader, paths: Sequence[Path], options: FileOptions, source: Source) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    for part in reader(paths, options, source):
        if isinstance(part, pa.Table):
            yield from part.to_batches()
        elif isinstance(part, pa.RecordBatch):
            yield part
        else:
            raise CorpusError(
                f"{source.name}: the reader of {suffix(paths[0])} files gave {type(part).__name__} {short(part)}; "
                "wanted Arrow record batches or tables: update or mend the package that it comes from"
            )


def _kind_of(reader: Reader) -> str:
    return getattr(reader, "__name__", type(reader).__name__).removeprefix("read_")


def _expand(data: Any) -> list[Path]:
    if not isinstance(data, (str, Path)):
        return [Path(path) for path in data]
    if not str(data).strip() or "\0" in str(data):
        raise CorpusError(
            f"{str(data)!r} is no path; wanted a file or folder, or a list of texts: [{short(str(data))}]"
        )
    path = Path(data).expanduser()
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if exists and path.is_dir():
        _check_no_saved_data_set(path)
        found = sorted(p for p in path.iterdir() if p.is_file() and suffix(p) in READERS and not p.name.startswith("."))
        found = [p for p in found if suffix(p) not in _BESIDE] or found
        if not found:
            raise CorpusError(f"{path}: no {', '.join(READERS.names())} file in this folder")
        return found
    if exists:
        return [path]
    found = sorted(Path(p) for p in glob.glob(str(path))) if len(str(data)) < 4096 else []
    if not found:
        raise CorpusError(_no_such_file(path))
    return found


def _check_no_saved_data_set(path: Path) -> None:
    """Refuse a folder that the Hugging Face library wrote; it holds Arrow files and metadata."""
    if (path / "dataset_dict.json").exists() or (
        (path / "dataset_info.json").exists() and (path / "state.json").exists()
    ):
        raise CorpusError(
            f"{path}: is a Hugging Face data set as save_to_disk writes it; load it and pass it: "
            f"datasets.load_from_disk({str(path)!r})"
        )


def _no_such_file(path: Path) -> str:
    shown = repr(str(path)) if len(str(path)) <= 200 else repr(str(path)[:200]) + "..."
    try:
        near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() and suffix(path) in READERS else []
    except OSError:
        near = []
    return (
        f"{shown}: no such file or folder;{did_you_mean(path.name, near)} texts are passed as a list, "
        f"[{short(str(path))}]"
    )


def _reader_of(path: Path) -> Reader:
    if not path.is_file():
        raise CorpusError(_no_such_file(path))
    if suffix(path) not in READERS:
        raise CorpusError(
            f"{path}: unknown file type; wanted one of {', '.join(READERS.names())} (CSV, JSON, JSONL and text also "
            "with .gz); read any other with pandas and pass the DataFrame"
        )
    return READERS[suffix(path)]
