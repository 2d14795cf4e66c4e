"""File of finished runs, so that a simulation that was stopped can continue."""

from __future__ import annotations

import errno
import json
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError, warn
from weaklab.core.files import write_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILE = "runs.jsonl"


class RunFile:
    """A file with the finished runs of one experiment, one per line; several processes may append at the same time.

    Parameters
    ----------
    folder : folder of the file; it is created if needed
    experiment : JSON that identifies the experiment; all runs in the file must have the same

    Examples
    --------
    >>> import tempfile
    >>> file = RunFile(tempfile.mkdtemp(), {"data": "1"})
    >>> file.append("margin-0", [{"n_labels": 0, "accuracy": 0.5}])
    >>> file.read()
    {'margin-0': [{'n_labels': 0, 'accuracy': 0.5}]}
    """

    def __init__(self, folder: str | Path, experiment: Mapping[str, Any]) -> None:
        self.path = Path(folder) / FILE
        self.experiment = json.loads(json.dumps(experiment))
        if self.path.parent.exists() and not self.path.parent.is_dir():
            raise WeaklabError(f"{folder} is a file; wanted a folder for the runs")
        with write_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)

    def read(self) -> dict[str, list[dict[str, Any]]]:
        """Return key -> rounds of all runs; if several runs have the same key, the longest.

        Raises
        ------
        WeaklabError
            The folder contains runs of another experiment.
        """
        found: dict[str, list[dict[str, Any]]] = {}
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            try:
                entry = json.loads(line)
            except ValueError:  # an empty line, or a line that was not finished because its process was killed
                continue
            self._check(entry)
            if "sum" in entry and entry["sum"] != _line_sum(entry):
                warn(f"{self.path}: the run {str(entry['run'])[:60]!r} is damaged; it is done again")
                continue
            if len(entry["rounds"]) > len(found.get(entry["run"], ())):
                found[entry["run"]] = entry["rounds"]
        return found

    def _check(self, entry: Any) -> None:
        if not isinstance(entry, dict) or not {"experiment", "run", "rounds"} <= entry.keys():
            raise WeaklabError(f"{self.path} was not written by a simulation; name another folder")
        before = entry["experiment"]
        if before != self.experiment:
            changed = [name for name in {**before, **self.experiment} if before.get(name) != self.experiment.get(name)]
            shown = "; ".join(
                f"{name} was {before.get(name)!r} and is {self.experiment.get(name)!r} now" for name in changed
            )
            raise WeaklabError(f"{self.path} holds runs of another experiment ({shown}); name another folder")

    def append(self, run: str, rounds: Sequence[Mapping[str, Any]]) -> None:
        """Append a run; it is on disk when this returns."""
        entry = {"experiment": self.experiment, "run": run, "rounds": list(rounds)}
        line = json.dumps({**entry, "sum": _line_sum(entry)}, ensure_ascii=False)
        data = f"\n{line}\n".encode()  # the first line break ends a line that a killed process may have left unfinished
        with write_errors(self.path):
            handle = os.open(self.path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o666)
            try:
                if os.write(handle, data) != len(data):  # a single write, so that lines of several processes do not mix
                    raise OSError(errno.ENOSPC, "the line was cut")
                os.fsync(handle)
            finally:
                os.close(handle)


def _line_sum(entry: Mapping[str, Any]) -> int:
    """Return the checksum of a line, over everything except the checksum itself."""
    held = [entry["experiment"], entry["run"], entry["rounds"]]
    return zlib.crc32(json.dumps(held).encode())
