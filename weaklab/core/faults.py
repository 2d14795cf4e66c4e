"""Faults: exceptions and wrong return values of heuristics, with the records on which they occurred."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklab.core.tables import clean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int8]
    Floats = NDArray[np.floating[Any]]


MAX_FAULT_RECORDS = 20
"""At most this many record ids are stored per fault; ``count`` is not capped."""

BROKEN_SHARE = 0.2
"""A heuristic that has faults on this share of the records is broken."""


@dataclass(frozen=True)
class Fault:
    """One kind of exception in one heuristic, with the records on which it occurred.

    Attributes
    ----------
    heuristic : name of the heuristic
    exception : type name of the exception, such as ``KeyError``
    message : message of its first occurrence
    location : ``file:line`` of the heuristic, or an empty string
    records : ids of the first records on which it occurred, at most :data:`MAX_FAULT_RECORDS`
    count : number of records on which it occurred
    """

    heuristic: str
    exception: str
    message: str
    location: str = ""
    records: tuple[str, ...] = ()
    count: int = 1

    def __str__(self) -> str:
        where = f" ({self.location})" if self.location else ""
        what = f"{self.exception}: {self.message}" if self.message else self.exception
        first = f"record {self.records[0]!r}" if self.records else "the whole batch"
        more = f" and {self.count - 1:,} more" if self.count > 1 else ""
        return clean(f"{self.heuristic}{where} on {first}{more}: {what}", None)

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "records": list(self.records)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        return cls(**{**data, "records": tuple(data["records"])})


def merge_faults(faults: Iterable[Fault]) -> list[Fault]:
    """Merge faults of the same heuristic and exception into one, in order of first occurrence.

    >>> one = Fault("f", "KeyError", "'x'", records=("7",))
    >>> str(merge_faults([one, Fault("f", "KeyError", "'x'", records=("9",))])[0])
    "f on record '7' and 1 more: KeyError: 'x'"
    """
    merged: dict[tuple[str, str], Fault] = {}
    for fault in faults:
        key = (fault.heuristic, fault.exception)
        old = merged.get(key)
        if old is not None:
            records = (old.records + fault.records)[:MAX_FAULT_RECORDS]
            fault = Fault(old.heuristic, old.exception, old.message, old.location, records, old.count + fault.count)
        merged[key] = fault
    return list(merged.values())


def broken_heuristics(faults: Iterable[Fault], records: int) -> dict[str, list[Fault]]:
    """Return the heuristics that have faults on a fifth of the records or more, with their faults, most frequent first.

    >>> list(broken_heuristics([Fault("f", "KeyError", "'x'", count=2), Fault("g", "KeyError", "'x'")], 10))
    ['f']
    """
    found: dict[str, list[Fault]] = {}
    for fault in sorted(faults, key=lambda fault: -fault.count):
        found.setdefault(fault.heuristic, []).append(fault)
    counts = {name: sum(fault.count for fault in each) for name, each in found.items()}
    broken = [name for name in found if records and counts[name] >= BROKEN_SHARE * records]
    return {name: found[name] for name in sorted(broken, key=lambda name: -counts[name])}
