"""The output folder of a batch: its manifest, finished parts, lock and summary."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weaklab.batch.file_digests import differences
from weaklab.batch.frozen import FrozenCommittee
from weaklab.batch.inputs import Input, Parts
from weaklab.batch.parts import KEY, SEAL, is_sealed, part_name
from weaklab.core.errors import WeaklabError, warn
from weaklab.core.faults import Fault, merge_faults
from weaklab.core.files import replacing, write_errors
from weaklab.core.tables import Table, counted
from weaklab.heuristics.fingerprint import digest

FORMAT = 2
"""Format number of the manifest and the parts; a run of another format is not resumed."""
MANIFEST, SUMMARY, LOCK = "_manifest.json", "_summary.json", ".lock"
LOCK_SECONDS = 3.0
"""How long to wait for the lock: the workers of a run that was just killed may still be ending."""
_PART = re.compile(r"part-(\d{6,})\.parquet")
_HALF = re.compile(rf"\.({_PART.pattern}|{re.escape(MANIFEST)}|{re.escape(SUMMARY)})\.\w+")
"""Name of a temporary file that a killed run has left."""


@dataclass
class BatchSummary:
    """The result of a batch run: counts of records, labels, votes and faults.

    Attributes
    ----------
    rows, parts : in all
    labels : label -> number of records
    undecided : records without a label
    manual : records labeled by a person
    votes : heuristic -> label -> number of votes
    faults : what went wrong, one entry for each heuristic and kind of exception
    out : the folder
    empty_texts : records whose text is empty
    fresh, seconds : records that this call labeled, and how long it took
    """

    rows: int = 0
    parts: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    undecided: int = 0
    manual: int = 0
    votes: dict[str, dict[str, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    out: Path = Path()
    fresh: int = 0
    seconds: float = 0.0
    empty_texts: int = 0

    def add(self, part: dict[str, Any]) -> None:
        """Add the counts in the footer of the next part."""
        self.rows, self.parts = self.rows + part["rows"], self.parts + 1
        self.undecided, self.manual = self.undecided + part["undecided"], self.manual + part["manual"]
        self.empty_texts += part.get("empty_texts", 0)
        _add_counts(self.labels, part["labels"])
        for name, counts in part["votes"].items():
            _add_counts(self.votes.setdefault(name, {}), counts)
        self.faults = merge_faults([*self.faults, *map(Fault.from_json, part["faults"])])

    def to_json(self) -> dict[str, Any]:
        """Return the summary as JSON; the same input and committee give the same JSON."""
        held = {name: getattr(self, name) for name in ("rows", "parts", "labels", "undecided", "manual", "votes")}
        empty = {"empty_texts": self.empty_texts} if self.empty_texts else {}
        return {**held, "faults": [fault.to_json() for fault in self.faults], **empty}

    def table(self) -> Table:
        """Return a table of the labels and their numbers of records."""
        counts = [*self.labels.items(), ("(undecided)", self.undecided)]
        rows = [[name, count, f"{count / max(1, self.rows):.1%}"] for name, count in counts]
        notes = [f"{self.manual:,} of them labeled by a person"] if self.manual else []
        if self.empty_texts:
            notes.append(
                f"{counted(self.empty_texts, 'record')} with an empty text: without words, their other columns "
                "and how frequent labels are decided"
            )
        title = f"{counted(self.rows, 'record')} in {counted(self.parts, 'part')}: {self.out}"
        return Table(
            title, ["label", "records", "share"], rows, [*notes, *(f"fault: {fault}" for fault in self.faults)]
        )

    def __str__(self) -> str:
        return str(self.table())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def manifest_of(
    frozen: FrozenCommittee, records: Input, votes: bool, include: Sequence[str], rows_per_part: int
) -> dict[str, Any]:
    """Return everything that determines the bytes of the parts, as JSON."""
    import numpy as np
    import pyarrow as pa

    from weaklab import __version__

    roles = records.roles
    return {
        "format": FORMAT,
        "committee": {"fingerprint": frozen.fingerprint, **frozen.parts},
        "input": records.contents.to_json(),
        "settings": {
            "rows_per_part": rows_per_part,
            "votes": votes,
            "include": list(include),
            "id": roles.id,
            "text": list(roles.text),
            "encoding": records.options.encoding,
            **records.options.chosen,
        },
        "versions": {"weaklab": __version__, "numpy": np.__version__, "pyarrow": pa.__version__},
    }


def claim(folder: Path, manifest: dict[str, Any], overwrite: bool) -> str:
    """Write the manifest of a new run, or check that the folder has the same; return the key of the run."""
    path = folder / MANIFEST
    run = digest(json.dumps(manifest, sort_keys=True, ensure_ascii=False))
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        others = sorted(p.name for p in folder.iterdir() if p.name != LOCK and not _HALF.fullmatch(p.name))
        if others:
            raise WeaklabError(
                f"{folder} holds {_few(others)}, which is no batch of weaklab; name an empty or a new folder"
            ) from None
        held = None
    except ValueError:
        held = {}
    if held not in (None, {}) and not (isinstance(held, dict) and {"format", "committee", "input"} <= held.keys()):
        raise WeaklabError(f"{path} was not written by weaklab; name an empty or a new folder")
    if held == manifest:
        return run
    if held is not None and not overwrite:
        raise WeaklabError(
            f"{folder} holds a batch that was made otherwise: {'; '.join(_differences(held, manifest))}. Name another "
            "folder, "
            "or begin anew in this one with overwrite=True (--overwrite)"
        )
    (folder / SUMMARY).unlink(missing_ok=True)
    with replacing(path) as temporary:
        write_json(temporary, manifest)
    return run


def _differences(held: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Return the differences between two manifests, in words."""
    said = []
    committee, other = held.get("committee") or {}, wanted["committee"]
    parts = [
        name for name in {**committee, **other} if name != "fingerprint" and committee.get(name) != other.get(name)
    ]
    if parts:
        said.append(f"the committee differs ({_few(parts)})")
    changed = differences(held.get("input"), wanted["input"])
    if changed:
        said.append(f"the input differs ({changed})")
    for kind in ("settings", "versions"):
        before, now = held.get(kind) or {}, wanted[kind]
        said += [
            f"{name} was {before.get(name)!r} and is {now[name]!r}" for name in now if before.get(name) != now[name]
        ]
    return said or ["another version of weaklab wrote it"]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def finished(folder: Path, run: str, overwrite: bool) -> Parts:
    """Return part number -> footer of the finished parts of this run; remove other parts and temporary files.

    Raises
    ------
    WeaklabError
        A file is somebody else's, or a part was edited or damaged after it was written; with ``overwrite`` that is made
        again.
    """
    found: Parts = {}
    useless, broken, edited = [], [], []
    for path in sorted(folder.iterdir()):
        part = _PART.fullmatch(path.name)
        metadata = None if part is None else _metadata(path)
        if part is None:
            useless += [path] if _HALF.fullmatch(path.name) else []
        elif metadata is None:
            broken.append(path)
        elif (said := _told(metadata))["run"] != run or path.name != part_name(said["part"]):
            useless.append(path)
        elif not is_sealed(path, metadata.get(SEAL.encode(), b"").decode(errors="replace")):
            edited.append(path)
        else:
            found[said["part"]] = said
    if edited and not overwrite:
        raise WeaklabError(
            f"{folder}: {_few([path.name for path in edited])} changed after weaklab wrote "
            f"{'it' if len(edited) == 1 else 'them'}: "
            "edited or damaged. To keep an edit, move the file to another folder; to label these records again, run "
            "the same with "
            "overwrite=True (--overwrite), which leaves the other parts"
        )
    if broken:
        warn(
            f"{folder}: {_few([path.name for path in broken])} cannot be read any more, so these records are labeled "
            "again"
        )
    for path in [*useless, *broken, *edited]:
        path.unlink()
    return found


def _metadata(path: Path) -> dict[bytes, bytes] | None:
    """Return the metadata of a part, None if its footer cannot be read.

    Raises
    ------
    WeaklabError
        It is somebody else's file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open(path, "rb") as stream:
        head = stream.read(4)
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (pa.ArrowException, OSError):
        metadata = None
    if KEY not in metadata if metadata is not None else head not in (b"", b"PAR1"):
        raise WeaklabError(
            f"{path} was not written by weaklab; move it to another folder, or name a new one for the labels"
        )
    return metadata and dict(metadata)


def _told(metadata: dict[bytes, bytes]) -> dict[str, Any]:
    """Return the footer of a part as a dict; an empty run key where it is damaged, so that it belongs to no run."""
    try:
        said: dict[str, Any] = json.loads(metadata[KEY])
        return {"run": "", "part": -1, **said}
    except (ValueError, TypeError):
        return {"run": "", "part": -1}


def is_complete(folder: Path, run: str, found: BatchSummary) -> bool:
    """Whether the folder has the summary of this run, and it agrees with the parts."""
    try:
        return bool(json.loads((folder / SUMMARY).read_text(encoding="utf-8")) == {"run": run, **found.to_json()})
    except (FileNotFoundError, ValueError):
        return False


def summed(folder: Path, done: Parts) -> BatchSummary:
    found = BatchSummary(out=folder)
    for part in sorted(done):
        found.add(done[part])
    return found


def _add_counts(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextlib.contextmanager
def opened_folder(out: Path) -> Iterator[tuple[Path, int]]:
    """Make the folder and lock it, as long as this process or one of its workers lives."""
    if out.exists() and not out.is_dir():
        raise WeaklabError(f"{out} is a file; wanted a folder for the parts")
    with write_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        stream = open(out / LOCK, "ab")  # noqa: SIM115 - closed by the next line
    with stream:
        until = time.monotonic() + LOCK_SECONDS
        while not _locked(stream.fileno()):
            if time.monotonic() > until:
                raise WeaklabError(f"another process writes to {out}; wait until it is done, or name another folder")
            time.sleep(0.05)
        yield out, stream.fileno()


def _locked(handle: int) -> bool:
    """Try to lock an open file; the system unlocks it when the last process that has it open ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
