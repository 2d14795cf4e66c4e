"""Labels of many annotators, a row a label, as a label matrix; and how good each annotator is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from weaklab.core.errors import WeaklabError, warn
from weaklab.core.label_reader import LabelReader, names_in
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.tables import counted
from weaklab.corpus.file_options import FileKeywords
from weaklab.corpus.sources import check_columns, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from weaklab.label_models import LabelModel

MODEL = "hierarchical_dawid_skene"
"""The label model for annotators: many of them, and few labels of each."""


class Crowd:
    """The labels of many annotators as a label matrix with a column each, read from a table with a row for each label.

    Somebody who labeled an item several times gave one opinion, not several that are independent: the label given most
    often is taken, the last one of those that are tied, with the share of the labels that agree with it as its
    confidence.

    Parameters
    ----------
    data : what :func:`weaklab.read` reads: a pandas, polars or Arrow table, the path of a CSV, JSONL or Parquet file, a
        list of dicts
    item, worker, label : names of the columns
    labels : the label names in the order of their codes; by default those that occur, numbers by size and others by
        name
    map : value -> label name, for values of the label column that are none of ``labels``, such as
        ``{"1": "spam", "0": "ham"}``
    options : how a file is to be read: ``encoding``, ``sep`` and so on, as of :func:`weaklab.read`

    Attributes
    ----------
    items, workers : list of str, in the order in which they first occur
    labels : LabelNames
    L : int8 (n_items, n_workers), codes of the labels, -1 where a worker did not label an item
    confidence : column -> float (n_items,) in (0, 1], for workers who labeled some item differently from time to time
    n_labels : int, rows of the table
    n_repeated : int, pairs of item and worker with more than one label
    n_contradicted : int, those of them whose labels differ

    Raises
    ------
    WeaklabError
        A column is missing, a cell is empty, a label is none of ``labels``, or there are no two labels to tell apart.

    Examples
    --------
    >>> rows = [("a", "Ann", "cat"), ("a", "Bob", "dog"), ("a", "Eve", "cat"), ("b", "Ann", "dog"), ("b", "Bob", "dog")]
    >>> crowd = Crowd([dict(zip(["item", "worker", "label"], row)) for row in rows])
    >>> crowd.workers, crowd.L.tolist()
    (['Ann', 'Bob', 'Eve'], [[0, 1, 0], [1, 1, -1]])
    >>> crowd.consensus()["label"].tolist()
    ['cat', 'dog']
    """

    def __init__(
        self,
        data: Any,
        item: str = "item",
        worker: str = "worker",
        label: str = "label",
        labels: Sequence[str] | None = None,
        map: Mapping[Any, Any] | None = None,
        **options: Unpack[FileKeywords],
    ) -> None:
        items, workers, given, source = _read(data, (item, worker, label), options)
        self.labels = _names(given, labels, map, source, label)
        codes = self._parse(given, map, source, label)
        there = [row for row, code in enumerate(codes.tolist()) if code != ABSTAIN]
        if not there:
            raise WeaklabError(f"{source}, column {label!r}: no row holds a label")
        if len(there) < len(given):
            items, workers, codes = [items[row] for row in there], [workers[row] for row in there], codes[there]
        self.n_labels = len(there)
        self.items, self.workers = list(dict.fromkeys(items)), list(dict.fromkeys(workers))
        self._fill(_codes(items, self.items), _codes(workers, self.workers), codes)

    def _parse(self, given: list[str], map: Mapping[Any, Any] | None, source: str, column: str) -> NDArray[np.int64]:
        import pyarrow as pa

        reader = LabelReader(self.labels, map)
        codes = reader.codes(
            pa.array(given, pa.large_string()), lambda row: f"{source}, column {column!r}, row {row + 1}"
        )
        if reader.unused():
            warn(f"{source}, column {column!r}: mapped, but never occurred: {', '.join(reader.unused())}")
        return codes

    def _fill(self, i: NDArray[np.int64], j: NDArray[np.int64], codes: NDArray[np.int64]) -> None:
        """Set ``L`` and ``confidence`` from the row, column and code of each label."""
        import numpy as np

        n, m, k = len(self.items), len(self.workers), len(self.labels)
        cells, place, times = np.unique(i * m + j, return_inverse=True, return_counts=True)
        tally, last = np.zeros((len(cells), k)), np.zeros((len(cells), k))
        np.add.at(tally, (place, codes), 1)
        np.maximum.at(
            last, (place, codes), np.arange(len(codes)) / len(codes)
        )  # under 1, so it decides between ties alone
        taken = (tally + last).argmax(axis=1)
        share = tally.max(axis=1) / times
        self.L = np.full((n, m), ABSTAIN, dtype=np.int8)
        self.L[cells // m, cells % m] = taken
        self.n_repeated, self.n_contradicted = int((times > 1).sum()), int((share < 1).sum())
        doubted = share < 1
        self.confidence = _Shares(n, cells[doubted] // m, cells[doubted] % m, share[doubted])

    def fit(self, model: str | LabelModel = MODEL, y: ArrayLike | None = None) -> LabelModel:
        """Return a label model that is fitted to the labels, and to the true codes ``y`` int (n_items,), -1 unknown, if
        any are known.

        A model that is given is left as it is; the one returned has its settings.
        """
        from sklearn.base import clone

        from weaklab.label_models import label_model

        found: LabelModel = clone(label_model(model)).set_params(n_classes=len(self.labels))
        return found.fit(self.L, y, confidence=self.confidence)

    def consensus(self, model: str | LabelModel = MODEL, y: ArrayLike | None = None) -> pd.DataFrame:
        """Return one row an item: item, label, one probability a label, ``confidence`` from 0 to 1, and ``n_labels``.

        ``label`` is None where nothing tells the best two apart. Items whose true code in ``y`` int (n_items,) is known
        get it.
        """
        import numpy as np
        import pandas as pd

        from weaklab.label_models import confidence, is_tied

        P = self.probabilities(model, y)
        names = np.array([*self.labels, None], dtype=object)
        frame = pd.DataFrame({"item": self.items})
        frame["label"] = pd.Series(names[np.where(is_tied(P), ABSTAIN, P.argmax(axis=1))], dtype=object)
        shares = pd.DataFrame(P, columns=[f"p_{name}" for name in self.labels])
        return pd.concat([frame, shares], axis=1).assign(
            confidence=confidence(P), n_labels=(self.L != ABSTAIN).sum(axis=1)
        )

    def probabilities(self, model: str | LabelModel = MODEL, y: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the probability of each label, float (n_items, k); 1 where the true code in ``y`` is known."""
        import numpy as np

        from weaklab.label_models.base import check_labels

        P = self.fit(model, y).predict_proba(self.L, confidence=self.confidence)
        if y is not None:
            truth = check_labels(y, len(self.items), len(self.labels))
            known = np.flatnonzero(truth != ABSTAIN)
            P[known] = np.eye(len(self.labels))[truth[known]]
        return P

    def quality(self, model: str | LabelModel = MODEL, level: float = 0.95, y: ArrayLike | None = None) -> pd.DataFrame:
        """Return how often each worker is right, with intervals: see :func:`annotator_quality`.

        Parameters
        ----------
        model : name of a label model, or one with settings of its own
        level : of the intervals
        y : int (n_items,), true codes where they are known, -1 elsewhere; where all items of a worker are known the
            interval is exact
        """
        return annotator_quality(self.L, self.probabilities(model, y), self.workers, level)

    def confusion(self, worker: str, model: str | LabelModel = MODEL, y: ArrayLike | None = None) -> pd.DataFrame:
        """Return how many items of each class (rows) a worker is expected to have given each label (columns)."""
        import numpy as np
        import pandas as pd

        if worker not in self.workers:
            from weaklab.core.errors import did_you_mean

            raise WeaklabError(
                f"no worker named {worker!r};{did_you_mean(worker, self.workers)} there are {len(self.workers):,}, see "
                ".workers"
            )
        column = self.L[:, self.workers.index(worker)]
        P = self.probabilities(model, y)
        table = np.stack([P[column == code].sum(axis=0) for code in range(len(self.labels))], axis=1)
        return pd.DataFrame(
            table, index=pd.Index(self.labels, name="class"), columns=pd.Index(self.labels, name="given")
        )

    def __repr__(self) -> str:
        counts = (
            f"{counted(self.n_labels, 'label')} of {counted(len(self.items), 'item')} by "
            f"{counted(len(self.workers), 'worker')}"
        )
        again = (
            f", {self.n_repeated:,} given repeatedly ({self.n_contradicted:,} not always the same)"
            if self.n_repeated
            else ""
        )
        return f"Crowd({counts}{again})"


class _Shares(Mapping[int, "NDArray[np.float64]"]):
    """Column -> float (n,), 1 but for some rows: memory in proportion to these; a column is made whenever it is looked
    up.
    """

    def __init__(
        self, n: int, rows: NDArray[np.int64], columns: NDArray[np.int64], shares: NDArray[np.float64]
    ) -> None:
        self._n = n
        self._known: dict[int, tuple[list[int], list[float]]] = {}
        for row, column, share in zip(rows.tolist(), columns.tolist(), shares.tolist(), strict=True):
            mine = self._known.setdefault(column, ([], []))
            mine[0].append(row)
            mine[1].append(share)

    def __getitem__(self, column: int) -> NDArray[np.float64]:
        import numpy as np

        rows, shares = self._known[column]
        found = np.ones(self._n)
        found[rows] = shares
        return found

    def __contains__(self, column: object) -> bool:
        return column in self._known

    def __iter__(self) -> Iterator[int]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return repr(dict(self))


def annotator_quality(
    L: ArrayLike, P: ArrayLike, names: Sequence[str] | None = None, level: float = 0.95
) -> pd.DataFrame:
    r"""Return one row an annotator: ``worker``, ``n_labels``, ``accuracy``, ``low`` and ``high``.

    With p_i the probability of the label that an annotator gave record i and m their mean, accuracy is that of a Beta
    distribution, Beta(1/2 + e m, 1/2 + e (1 - m)), its median, and ``low`` and ``high`` are its quantiles. Here

        e = n - sum_i p_i (1 - p_i) / (v (1 - v)),   v = (n m + 1/2) / (n + 1)

    is how many labels of which one is told whether they are right say as much as these n. Where classes are certain, e
    = n: Jeffreys' interval. The accuracy v is that of this interval, never quite 0 or 1, so what is nearly certain
    counts like what is.

    Parameters
    ----------
    L : int (n, m), labels, -1 where there is none
    P : float (n, k), the probabilities of the classes; a row with a 1 is known
    names : of the annotators, by default their numbers
    level : of the intervals, between 0 and 1

    Notes
    -----
    e follows from the missing information principle: observed information is complete less missing information. Orchard
    and Woodbury (1972), A missing information principle, Berkeley Symposium 6; Louis (1982), Finding the observed
    information matrix when using the EM algorithm, JRSS B 44. The interval is that of Brown, Cai and DasGupta (2001),
    Interval estimation for a binomial proportion, Statistical Science 16. P is taken as it is: mistakes that all
    annotators share do not show.

    Examples
    --------
    >>> L, P = [[0, 1], [1, 1], [0, -1]], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    >>> annotator_quality(L, P, ["Ann", "Bob"]).round(2).values.tolist()
    [['Ann', 3, 0.93, 0.46, 1.0], ['Bob', 2, 0.5, 0.06, 0.94]]
    """
    import numpy as np
    import pandas as pd
    from scipy.special import betaincinv

    from weaklab.label_models.base import check_votes

    if not 0 < level < 1:
        raise WeaklabError(f"level must be between 0 and 1, got {level!r}")
    probabilities = np.asarray(P, dtype=np.float64)
    votes = check_votes(L, probabilities.shape[1] if probabilities.ndim == 2 else None)
    if probabilities.ndim != 2 or len(probabilities) != len(votes):
        raise WeaklabError(f"P must hold a row a record, {len(votes):,} in all, got shape {probabilities.shape}")
    m = votes.shape[1]
    workers = list(range(m)) if names is None else list(names)
    if len(workers) != m:
        raise WeaklabError(f"names must name each of the {m} annotators, got {len(workers)} names")
    i, j = np.nonzero(votes != ABSTAIN)
    p = probabilities[i, votes[i, j]]
    n = np.bincount(j, minlength=m)
    sure = np.bincount(j, p, minlength=m)
    mean, inner = sure / np.maximum(n, 1), (sure + 0.5) / (n + 1)
    doubt = np.bincount(j, p * (1 - p), minlength=m)
    told = np.clip(n - doubt / (inner * (1 - inner)), 0, n)
    right, wrong = 0.5 + told * mean, 0.5 + told * (1 - mean)
    low, middle, high = (betaincinv(right, wrong, q) for q in ((1 - level) / 2, 0.5, (1 + level) / 2))
    return pd.DataFrame({"worker": workers, "n_labels": n, "accuracy": middle, "low": low, "high": high})


def _read(
    data: Any, columns: tuple[str, str, str], options: FileKeywords
) -> tuple[list[str], list[str], list[str], str]:
    """Return three columns of a table as texts, and what messages call the table."""
    if len(set(columns)) < 3:
        raise WeaklabError(f"item, worker and label must be three columns, got {', '.join(map(repr, columns))}")
    source = source_of(data, **options)
    source.text_columns = (columns[1], columns[2])
    source.label_columns = (columns[2],)
    source.id_column = columns[0]  # an item may be a record, whose ids 1, 1.0 and '1' are one
    source.needed = frozenset(columns)
    found: tuple[list[str], ...] = ([], [], [])
    for batch in source:
        check_columns(batch.schema.names, columns, source.name)
        for name, values in zip(columns, found, strict=True):
            cells = ["" if cell is None else str(cell).strip() for cell in batch.column(name).to_pylist()]
            if name != columns[2] and "" in cells:
                row = len(values) + cells.index("") + 1
                raise WeaklabError(
                    f"{source.name}, column {name!r}, row {row}: nothing there; every label needs an item and a worker"
                )
            values += cells
    if not found[0]:
        raise WeaklabError(f"{source.name} holds no label; wanted a row for each, with {', '.join(map(repr, columns))}")
    return found[0], found[1], found[2], source.name


def _names(
    given: list[str], labels: Sequence[str] | None, map: Mapping[Any, Any] | None, source: str, column: str
) -> LabelNames:
    if labels is not None:
        return LabelNames([str(name) for name in labels] if not isinstance(labels, str) else labels)
    found = sorted(names_in(given, map), key=_order)
    if not found:
        raise WeaklabError(f"{source}, column {column!r}: no row holds a label")
    if len(found) < 2:
        raise WeaklabError(
            f"{source}, column {column!r}: every label is {found[0]!r}; give all names there are, labels=[...]"
        )
    return LabelNames(found)


def _order(name: str) -> tuple[bool, float, str]:
    """Sort finite numbers by size and before other names; "nan" is a name, for it is neither above nor below
    anything.
    """
    try:
        number = float(name)
    except ValueError:
        number = math.inf
    return (False, number, name) if math.isfinite(number) else (True, 0.0, name)


def _codes(values: list[str], known: Sequence[str] | dict[str, int]) -> NDArray[np.int64]:
    import numpy as np

    codes = known if isinstance(known, dict) else {name: code for code, name in enumerate(known)}
    return np.fromiter((codes[value] for value in values), dtype=np.int64, count=len(values))
