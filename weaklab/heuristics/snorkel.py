"""Snorkel's own labeling functions as voters, as they are."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from weaklab.corpus.records import Columns
from weaklab.heuristics import fingerprint
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch
from weaklab.heuristics.fingerprint import Module
from weaklab.heuristics.functions import BallotBox, location_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from weaklab.core.labels import LabelNames


class SnorkelFunction(Heuristic):
    """One of Snorkel's ``LabelingFunction`` objects; preprocessors, memoisation and resources work as they do there.

    It is given what Snorkel's pandas applier gives it, a ``pandas.Series`` of the record's columns (with ``text`` added
    where the text column has another name), and its codes are taken as the project's.
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
        """Travel without what preprocessors remember: a pickled Series loses the attributes that they gave it."""
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
            except Exception as error:  # whatever a user's function raises is a fault of that record
                box.fault(row, error)
        return box.close()


def _settings(mapper: Any) -> dict[str, Any]:
    """What decides a preprocessor's output; its memo does not."""
    settings = {k: v for k, v in vars(mapper).items() if k not in ("_cache", "_pre")}
    return {**settings, "pre": [(type(inner).__qualname__, _settings(inner)) for inner in mapper._pre]}


def _without_memo(thing: Any) -> Any:
    fresh = copy.copy(thing)
    fresh._pre = [_without_memo(mapper) for mapper in thing._pre]
    if hasattr(fresh, "_cache"):
        fresh._cache = {}
    return fresh


def is_snorkel(thing: Any) -> bool:
    """Tell whether a thing is one of Snorkel's labeling functions, without importing Snorkel."""
    return any(
        c.__module__.startswith("snorkel.labeling") and c.__name__ == "LabelingFunction" for c in type(thing).__mro__
    )
