"""Crowds of a project: the consensus, which votes, and the labels of all workers, as Parquet files in its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.errors import HeuristicError, WeaklabError
from weaklab.core.files import replacing
from weaklab.crowd.annotators import CrowdVotes
from weaklab.crowd.crowd import Crowd

if TYPE_CHECKING:
    import pyarrow as pa

    from weaklab.core.labels import LabelNames

FOLDER = "crowds"
"""The folder of the files, in that of the project; they are named after the hash of what they hold."""


def keep_crowd(folder: Path, crowd: Crowd, votes: CrowdVotes) -> None:
    """Write a crowd and its votes into the folder of a project."""
    import pyarrow as pa

    consensus, judgements = _files(folder, votes.fingerprint)
    known = {"labels": votes.labels, "judgements": votes.judgements}
    columns = {"item": votes.items} | {f"p{code}": pa.array(p) for code, p in enumerate(votes.P.T)}
    _write(pa.table(columns).replace_schema_metadata({"crowd": json.dumps(known)}), consensus)
    _write(crowd.table, judgements)


def stored_votes(folder: Path, name: str, file: Any) -> CrowdVotes:
    """Return the votes of a crowd that was kept.

    Raises
    ------
    HeuristicError
        The file is not there, or not what was written.
    """
    import pyarrow.parquet as pq

    path = _files(folder, str(file))[0]
    again = f"add the crowd again: project.add_crowd(judgements, name={name!r})"
    try:
        table = pq.read_table(path)
        known = json.loads((table.schema.metadata or {})[b"crowd"])
        P = np.column_stack([table.column(f"p{code}").to_numpy() for code in range(len(known["labels"]))])
        found = CrowdVotes(name, table.column("item").to_pylist(), known["labels"], P, known["judgements"])
    except FileNotFoundError:
        raise HeuristicError(f"{path} is not there any more; {again}") from None
    except Exception as error:  # the reader of a damaged file may raise anything
        raise HeuristicError(f"{path} cannot be read ({type(error).__name__}); {again}") from None
    if found.fingerprint != file:
        raise HeuristicError(f"{path} is not what was written; {again}")
    return found


def stored_crowd(folder: Path, votes: CrowdVotes) -> Crowd:
    """Return the crowd that some votes come from, with the labels of all workers."""
    return Crowd(str(_files(folder, votes.fingerprint)[1]), labels=votes.labels)


def said_of(folder: Path, votes: CrowdVotes, record: str, labels: LabelNames) -> dict[str, list[str]]:
    """Return label -> the workers who gave it to a record, the most frequent label first; empty if nobody did.

    Only the judgements of this record are read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = _files(folder, votes.fingerprint)[1]
    try:
        kind = pq.read_schema(path).field("item").type
        item = int(record) if pa.types.is_integer(kind) else record
        table = pq.read_table(path, filters=[("item", "==", item)])
    except (OSError, ValueError):  # no file any more, or a record that is no item
        return {}
    if not len(table):
        return {}
    try:
        crowd = Crowd(table, labels=labels)
    except WeaklabError:  # a label that was removed since
        crowd = Crowd(table, labels=votes.labels)
    return crowd.said_of(record)


def _files(folder: Path, fingerprint: str) -> tuple[Path, Path]:
    place = folder / FOLDER / Path(fingerprint).name
    return place.with_suffix(".consensus.parquet"), place.with_suffix(".judgements.parquet")


def _write(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")
