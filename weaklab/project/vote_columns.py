"""Columns of votes on disk: one Parquet file for the votes of a heuristic on an import, with faults and a checksum."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.faults import Fault
from weaklab.core.files import DamagedError, Kept
from weaklab.heuristics import Ballot

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ColumnFiles:
    """One Parquet file for the votes of one heuristic on one import, with its faults and a checksum inside.

    Parameters
    ----------
    folder : where the files are, named after the import
    records : how many the import has
    read_only : whether nothing can be written
    """

    def __init__(self, folder: Path, records: int, read_only: bool = False) -> None:
        self._kept, self._records, self._read_only = Kept(folder, folder.parent.parent), records, read_only

    def get(self, fingerprint: str) -> Ballot | None:
        """Return the column, None if it is not there or not what was written; the latter with a warning."""
        name = f"{fingerprint}.parquet"
        held = self._kept.read(name, lambda path: self._read(path, fingerprint))
        if held is None:
            return None
        ballot: Ballot = held[0]
        summed: bool = held[1]
        if not summed:  # of a version that wrote none
            self.put(fingerprint, ballot)
        return ballot

    def _read(self, path: Path, fingerprint: str) -> tuple[Ballot, bool]:
        import pyarrow.parquet as pq

        with open(path, "rb") as stream:
            table = pq.read_table(stream)
        if table.num_rows != self._records:
            raise DamagedError(f"it has {table.num_rows:,} votes, and there are {self._records:,} records")
        metadata = table.schema.metadata or {}
        faults = metadata.get(b"faults", b"[]")
        sure = table.column("confidence").to_numpy() if "confidence" in table.schema.names else None
        votes = table.column("vote").to_numpy()
        kinds = table.column("fault").to_numpy() if "fault" in table.schema.names else None
        held = metadata.get(b"sum")
        if held is not None and held != _votes_sum(self._key(fingerprint), votes, sure, faults, kinds):
            raise DamagedError("its checksum does not fit")
        ballot = Ballot(votes, sure, faults=[Fault.from_json(fault) for fault in json.loads(faults)], fault_kinds=kinds)
        return ballot, held is not None

    def _key(self, fingerprint: str) -> str:
        return f"{self._kept.folder.name}/{fingerprint}"

    def put(self, fingerprint: str, ballot: Ballot) -> None:
        """Keep a column, whole or not at all; where it cannot be written that is a warning."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._read_only:
            return
        votes = np.asarray(ballot.votes, dtype=np.int8)
        sure = None if ballot.confidence is None else np.asarray(ballot.confidence, dtype=np.float32)
        columns = {"vote": pa.array(votes)} | ({} if sure is None else {"confidence": pa.array(sure)})
        kinds = ballot.fault_kinds
        columns |= {} if kinds is None else {"fault": pa.array(kinds)}
        faults = json.dumps([fault.to_json() for fault in ballot.faults]).encode()
        checksum = _votes_sum(self._key(fingerprint), votes, sure, faults, kinds)
        table = pa.table(columns).replace_schema_metadata({b"faults": faults, b"sum": checksum})
        self._kept.write(f"{fingerprint}.parquet", lambda path: pq.write_table(table, path, compression="zstd"))


class NarrowColumns:
    """Votes of a heuristic that reads some columns alone: kept for every import in which these are the same.

    Those who do not have its code cannot know what it reads, so that its votes are kept where these look, too.

    Parameters
    ----------
    narrow : where the votes are kept by what the heuristic reads
    whole : where the votes are kept by all that heuristics see
    """

    def __init__(self, narrow: ColumnFiles, whole: ColumnFiles) -> None:
        self._narrow, self._whole = narrow, whole

    def get(self, fingerprint: str) -> Ballot | None:
        """Return the column, None if it is not there."""
        held = self._whole.get(fingerprint)
        if held is None:
            held = self._narrow.get(fingerprint)
            if held is not None:
                self._whole.put(fingerprint, held)
        return held

    def put(self, fingerprint: str, ballot: Ballot) -> None:
        """Keep a column."""
        self._narrow.put(fingerprint, ballot)
        self._whole.put(fingerprint, ballot)


def _votes_sum(
    key: str, votes: NDArray[Any], sure: NDArray[Any] | None, faults: bytes, kinds: NDArray[Any] | None
) -> bytes:
    """Return a checksum of a column of votes, and of whose it is."""
    import hashlib

    import numpy as np

    found = hashlib.sha256(f"{key}\0{len(votes)}\0{sure is not None}\0".encode() + faults)
    for array in (votes, *(each for each in (sure, kinds) if each is not None)):
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()[:32].encode()
