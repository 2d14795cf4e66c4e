"""Adapter: labeling functions of Snorkel as heuristics, without changes to them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from weaklab.corpus.records import Columns
from weaklab.heuristics import fingerprint
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch
from weaklab.heuristics.functions import BallotBox, location_of
from weaklab.heuristics.value_writer import Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from weaklab.core.labels import LabelNames


class SnorkelFunction(Heuristic):
    """A ``LabelingFunction`` of Snorkel; preprocessors, memoisation and resources work as in Snorkel.

    As in Snorkel's pandas applier, it gets a ``pandas.Series`` of the record's columns (with ``text`` added if the text
    column has another name). Its label codes are those of the project.
    """

    opaque = True

    def __init__(self, function: Any) -> None:
        self.function = function
        self.name = function.name
        self.location = location_of(function._f)

    @property
    def fingerprint(self) -> str:
        return fingerprint.digest("snorkel", fingerprint.look(self.fingerprint_parts()).digest)

    @property
    def unseen(self) -> tuple[str, ...]:
        return fingerprint.look(self.fingerprint_parts()).unseen

    def modules(self) -> Mapping[str, Module]:
        return fingerprint.look(self.fingerprint_parts()).modules

    def fingerprint_parts(self) -> Any:
        mappers = [(type(mapper).__qualname__, _settings(mapper)) for mapper in self.function._pre]
        return [self.function._f, self.function._resources, mappers]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the memo of preprocessors, because a pickled Series loses the attributes that they added."""
        return {**self.__dict__, "function": _without_memo(self.function)}

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        import pandas as pd

        columns = Columns(batch)
        box = BallotBox(self, columns, labels)
        names = list(dict.fromkeys([*columns.names, *(["text"] if columns.roles.text else [])]))
        index, values = pd.Index(names), list(zip(*(columns[name] for name in names), strict=True))
        watch = watch or Watch()
        for row in range(len(columns)):
            if row in watch.skip:
                continue
            watch.at(row)
            try:
                vote = self.function(pd.Series(list(values[row]), index=index, dtype=object, name=row))
                box.put(row, vote if vote is None else int(vote))
            except Exception as error:  # any exception of the user's function is a fault of this record
                box.fault(row, error)
        return box.close()


def _settings(mapper: Any) -> dict[str, Any]:
    """Return the settings that determine the output of a preprocessor, without its memo."""
    settings = {k: v for k, v in vars(mapper).items() if k not in ("_cache", "_pre")}
    return {**settings, "pre": [(type(inner).__qualname__, _settings(inner)) for inner in mapper._pre]}


def _without_memo(thing: Any) -> Any:
    fresh = copy.copy(thing)
    fresh._pre = [_without_memo(mapper) for mapper in thing._pre]
    if hasattr(fresh, "_cache"):
        fresh._cache = {}
    return fresh


def is_snorkel(thing: Any) -> bool:
    """Whether an object is a labeling function of Snorkel; Snorkel is not imported."""
    return any(
        c.__module__.startswith("snorkel.labeling") and c.__name__ == "LabelingFunction" for c in type(thing).__mro__
    )
