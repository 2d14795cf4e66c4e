"""Labels of many annotators: reading them into a label matrix, their consensus, and the accuracy of each annotator."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

from weaklab.core.errors import WeaklabError, warn
from weaklab.core.label_reader import LabelReader, names_in
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.tables import counted, some_of
from weaklab.core.votes import Votes
from weaklab.corpus.source import check_columns
from weaklab.exchange import source_of
from weaklab.exchange.file_options import FileKeywords

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import ArrayLike, NDArray

    from weaklab.crowd.agreement import Agreement
    from weaklab.label_models import LabelModel

    Truth = ArrayLike | Mapping[Any, Any]

MODEL = "hierarchical_dawid_skene"
"""The default label model for annotators; it suits many annotators with few labels each."""


class Crowd:
    """The labels of many annotators as a label matrix with one column per annotator, read from a table of labels.

    If a person labeled an item several times, these are not independent opinions. They become one label: the most
    frequent one, or the last of the tied ones. Its confidence is the share of the person's labels that agree with it.

    Parameters
    ----------
    data : table with one row per label
        Anything that :func:`weaklab.read` reads: a pandas, polars or Arrow table, the path of a CSV, JSONL or Parquet
        file, a list of dicts.
    item, worker, label : names of the columns
    labels : the label names in the order of their codes; by default the names that occur, numbers sorted by value,
        then other names sorted alphabetically
    map : value -> label name, for values of the label column that are not in ``labels``, such as
        ``{"1": "spam", "0": "ham"}``
    options : options for reading a file, such as ``encoding`` and ``sep``; see :func:`weaklab.read`

    Attributes
    ----------
    items, workers : list of str, in the order in which they first occur; items as ids of records are written
    labels : LabelNames
    L : int8 (n_items, n_workers), codes of the labels, -1 where a worker did not label an item
    confidence : column -> float (n_items,) in (0, 1], for workers who gave the same item different labels
    n_labels : int, number of labels
    n_empty : int, number of rows without a label, which are left out
    n_repeated : int, number of (item, worker) pairs with more than one label
    n_contradicted : int, number of those pairs with different labels

    Raises
    ------
    WeaklabError
        A column is missing, an item or a worker is empty, a label is not in ``labels``, or there are fewer than two
        labels.

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
        items, workers, given, source, self._whole_numbers = _read(data, (item, worker, label), options)
        self.labels = _names(given, labels, map, source, label)
        codes = self._parse(given, map, source, label)
        there = [row for row, code in enumerate(codes.tolist()) if code != ABSTAIN]
        if not there:
            raise WeaklabError(f"{source}, column {label!r}: no row holds a label")
        if len(there) < len(given):
            items, workers, codes = [items[row] for row in there], [workers[row] for row in there], codes[there]
        self.n_labels, self.n_empty = len(there), len(given) - len(there)
        self.items, self.workers = list(dict.fromkeys(items)), list(dict.fromkeys(workers))
        self._given = _codes(items, self.items), _codes(workers, self.workers), codes
        self._fill(*self._given)

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
        # later labels get a higher fraction; it is below 1, the step between two counts, so it only breaks ties
        np.maximum.at(last, (place, codes), np.arange(len(codes)) / len(codes))
        taken = (tally + last).argmax(axis=1)
        share = tally.max(axis=1) / times
        self.L = np.full((n, m), ABSTAIN, dtype=np.int8)
        self.L[cells // m, cells % m] = taken
        self.n_repeated, self.n_contradicted = int((times > 1).sum()), int((share < 1).sum())
        doubted = share < 1
        self.confidence = _SparseShares(n, cells[doubted] // m, cells[doubted] % m, share[doubted])

    @property
    def votes(self) -> Votes:
        """The labels as votes, a column a worker, as label models take them."""
        return Votes(self.L, confidence=self.confidence, names=self.workers, labels=self.labels)

    @property
    def table(self) -> pa.Table:
        """The labels as they were given, a row each: ``item``, ``worker`` and ``label``."""
        import pyarrow as pa

        known = zip(("item", "worker", "label"), self._given, (self.items, self.workers, self.labels), strict=True)
        table = pa.table(
            {name: pa.array(list(names), pa.large_string()).take(pa.array(codes)) for name, codes, names in known}
        )
        return table.set_column(0, "item", table["item"].cast(pa.int64())) if self._whole_numbers else table

    @property
    def fingerprint(self) -> str:
        """A hash of all that was given."""
        state = hashlib.blake2b(digest_size=16)
        for names in (self.items, self.workers, self.labels):
            state.update("\0".join([*names, ""]).encode("utf-8", "surrogatepass"))
        for codes in self._given:
            state.update(codes.tobytes())
        return state.hexdigest()

    def fit(self, model: str | LabelModel = MODEL, y: Truth | None = None) -> LabelModel:
        """Return a label model that is fitted to the labels.

        Parameters
        ----------
        model : name of a label model, or one with the wanted settings; it is copied, not changed
        y : what is known: a mapping of items to labels, or int (n_items,) true codes, -1 elsewhere
        """
        from sklearn.base import clone

        from weaklab.label_models import label_model

        found: LabelModel = clone(label_model(model)).set_params(n_classes=len(self.labels))
        return found.fit(self.votes, None if y is None else self._truth(y))

    def consensus(self, model: str | LabelModel = MODEL, y: Truth | None = None) -> pd.DataFrame:
        """Return a table with one row per item: item, label, probability of each label, ``confidence``, ``n_labels``.

        ``confidence`` is from 0 to 1. ``label`` is None if the best two labels are equally probable. Items are numbers
        where a project has numbers as ids: if they are whole numbers in a table in memory, or in Parquet.

        Parameters
        ----------
        y : what is known: a mapping of items to labels, such as ``{"17": "cat"}`` or :meth:`Project.manual_labels`, or
            int (n_items,) true codes, -1 elsewhere; these items get this label, and the workers are judged by it
        """
        import numpy as np
        import pandas as pd

        from weaklab.label_models import confidence, is_tied

        P = self.probabilities(model, y)
        names = np.array([*self.labels, None], dtype=object)
        frame = pd.DataFrame({"item": [int(name) for name in self.items] if self._whole_numbers else self.items})
        frame["label"] = pd.Series(names[np.where(is_tied(P), ABSTAIN, P.argmax(axis=1))], dtype=object)
        shares = pd.DataFrame(P, columns=[f"p_{name}" for name in self.labels])
        return pd.concat([frame, shares], axis=1).assign(
            confidence=confidence(P), n_labels=(self.L != ABSTAIN).sum(axis=1)
        )

    def probabilities(self, model: str | LabelModel = MODEL, y: Truth | None = None) -> NDArray[np.float64]:
        """Return the probability of each label, float (n_items, k); 1 where the label is known by ``y``."""
        import numpy as np

        P = self.fit(model, y).predict_proba(self.votes)
        if y is not None:
            truth = self._truth(y)
            known = np.flatnonzero(truth != ABSTAIN)
            P[known] = np.eye(len(self.labels))[truth[known]]
        return P

    def _truth(self, y: Truth) -> NDArray[np.int64]:
        """Return the codes of what is known, int (n_items,), -1 elsewhere."""
        import numpy as np

        from weaklab.core.codes import check_labels

        if not isinstance(y, Mapping):
            return check_labels(y, len(self.items), len(self.labels))
        rows = {item: row for row, item in enumerate(self.items)}
        truth = np.full(len(rows), ABSTAIN, dtype=np.int64)
        for item, label in y.items():
            if str(item) not in rows:
                raise WeaklabError(f"y names the item {item!r}, which no worker labeled; see .items")
            if label is not None:
                truth[rows[str(item)]] = self.labels.code(label)
        return truth

    def quality(self, model: str | LabelModel = MODEL, level: float = 0.95, y: Truth | None = None) -> pd.DataFrame:
        """Return the accuracy of each worker with an interval; see :func:`annotator_quality`.

        Parameters
        ----------
        model : name of a label model, or one with the wanted settings
        level : level of the intervals
        y : what is known: a mapping of items to labels, or int (n_items,) true codes, -1 elsewhere
            If it is known for all items of a worker, the interval has no uncertainty about the truth.
        """
        return annotator_quality(self.L, self.probabilities(model, y), self.workers, level)

    def agreement(self, seed: int = 0, pairs: bool = True) -> Agreement:
        """Return how far the workers agree, all and, with ``pairs``, each two of them; see
        :func:`weaklab.crowd.agreement.agreement`.
        """
        from weaklab.crowd.agreement import agreement

        return agreement(self.L, self.workers, seed, pairs=pairs)

    def confusion(self, worker: str | int, model: str | LabelModel = MODEL, y: Truth | None = None) -> pd.DataFrame:
        """Return the confusion matrix of a worker: expected counts of items by class (rows) and label (columns)."""
        import numpy as np
        import pandas as pd

        column = self.L[:, self._column(worker)]
        P = self.probabilities(model, y)
        table = np.stack([P[column == code].sum(axis=0) for code in range(len(self.labels))], axis=1)
        return pd.DataFrame(
            table, index=pd.Index(self.labels, name="class"), columns=pd.Index(self.labels, name="given")
        )

    def without(self, workers: Sequence[str | int]) -> Crowd:
        """Return the crowd without the labels of some workers; items that nobody else labeled are gone, too.

        Examples
        --------
        >>> rows = [("a", 1, "cat"), ("a", 2, "dog"), ("b", 1, "dog"), ("b", 3, "dog")]
        >>> crowd = Crowd([dict(zip(["item", "worker", "label"], row)) for row in rows])
        >>> crowd.without([2]).workers
        ['1', '3']
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        gone = [self.workers[self._column(worker)] for worker in workers]
        table = self.table
        kept = table.filter(pc.invert(pc.is_in(table["worker"], pa.array(gone, pa.large_string()))))
        if not len(kept):
            raise WeaklabError(f"no label is left without {some_of(gone)}; leave out fewer workers")
        return Crowd(kept, labels=self.labels)

    def said_of(self, item: str | int) -> dict[str, list[str]]:
        """Return label -> the workers who gave it to an item, the most frequent label first.

        Examples
        --------
        >>> rows = [("a", 1, "cat"), ("a", 2, "dog"), ("a", 3, "cat"), ("b", 1, "dog")]
        >>> Crowd([dict(zip(["item", "worker", "label"], row)) for row in rows]).said_of("a")
        {'cat': ['1', '3'], 'dog': ['2']}
        """
        if str(item) not in self.items:
            raise WeaklabError(f"no worker labeled an item {item!r}; see .items")
        codes = self.L[self.items.index(str(item))].tolist()
        said: dict[str, list[str]] = {}
        for worker, code in zip(self.workers, codes, strict=True):
            if code != ABSTAIN:
                said.setdefault(self.labels[code], []).append(worker)
        return dict(sorted(said.items(), key=lambda each: -len(each[1])))

    def _column(self, worker: str | int) -> int:
        """Return the column of a worker."""
        name = str(worker)
        if name not in self.workers:
            from weaklab.core.errors import did_you_mean

            raise WeaklabError(
                f"no worker named {name!r};{did_you_mean(name, self.workers)} there are {len(self.workers):,}, see "
                ".workers"
            )
        return self.workers.index(name)

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
        empty = f", {counted(self.n_empty, 'row')} without a label left out" if self.n_empty else ""
        return f"Crowd({counts}{again}{empty})"


class _SparseShares(Mapping[int, "NDArray[np.float64]"]):
    """Sparse mapping from column to float (n,): 1 except in some rows. A column is expanded when it is looked up."""

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
    r"""Return the accuracy of each annotator: a table with ``worker``, ``n_labels``, ``accuracy``, ``low``, ``high``.

    Let p_i be the probability of the label that an annotator gave record i, and m the mean of the p_i. If the truth
    were known for all n records, Jeffreys' interval would be given by the Beta distribution
    Beta(1/2 + n m, 1/2 + n (1 - m)). Uncertain truth carries less information. Therefore n is replaced by the
    effective number of labels

        e = n - sum_i p_i (1 - p_i) / (v (1 - v)),   v = (n m + 1/2) / (n + 1)

    ``accuracy`` is the median of Beta(1/2 + e m, 1/2 + e (1 - m)), and ``low`` and ``high`` are its quantiles. If all
    classes are certain, e = n. The accuracy v is never exactly 0 or 1, so that the division is safe. Jeffreys' interval
    ends at 1 where no label is wrong, and at 0 where none is right. So does this one, unless the probability that no
    label is wrong (none is right), the product of the p_i (of the 1 - p_i), is below (1 - level) / 2.

    Parameters
    ----------
    L : int (n, m), labels, -1 where there is none
    P : float (n, k), the probabilities of the classes; a row with a 1 has a known class
    names : names of the annotators; by default their numbers
    level : level of the intervals, between 0 and 1

    Notes
    -----
    e follows from the missing information principle: observed = complete - missing information. Orchard
    and Woodbury (1972), A missing information principle, Berkeley Symposium 6; Louis (1982), Finding the observed
    information matrix when using the EM algorithm, JRSS B 44. The interval is that of Brown, Cai and DasGupta (2001),
    Interval estimation for a binomial proportion, Statistical Science 16. P is assumed to be right: errors that all
    annotators share are not visible.

    Examples
    --------
    >>> L, P = [[0, 1], [1, 1], [0, -1]], [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    >>> annotator_quality(L, P, ["Ann", "Bob"]).round(2).values.tolist()
    [['Ann', 3, 0.93, 0.46, 1.0], ['Bob', 2, 0.5, 0.06, 0.94]]
    """
    import numpy as np
    import pandas as pd
    from scipy.special import betaincinv

    from weaklab.core.codes import check_votes

    if not 0 < level < 1:
        raise WeaklabError(f"level must be between 0 and 1, got {level!r}")
    probabilities = np.asarray(P, dtype=np.float64)
    votes = check_votes(L, probabilities.shape[1] if probabilities.ndim == 2 else None)
    if probabilities.ndim != 2 or len(probabilities) != len(votes):
        raise WeaklabError(f"P must hold one row per record, {len(votes):,} in all, got shape {probabilities.shape}")
    m = votes.shape[1]
    workers = list(range(m)) if names is None else list(names)
    if len(workers) != m:
        raise WeaklabError(f"names must name each of the {m} annotators, got {len(workers)} names")
    i, j = np.nonzero(votes != ABSTAIN)
    p = probabilities[i, votes[i, j]]
    n = np.bincount(j, minlength=m)
    expected_right = np.bincount(j, p, minlength=m)
    mean, v = expected_right / np.maximum(n, 1), (expected_right + 0.5) / (n + 1)
    truth_variance = np.bincount(j, p * (1 - p), minlength=m)
    effective = np.clip(n - truth_variance / (v * (1 - v)), 0, n)
    right, wrong = 0.5 + effective * mean, 0.5 + effective * (1 - mean)
    tail = (1 - level) / 2
    low, middle, high = (betaincinv(right, wrong, q) for q in (tail, 0.5, 1 - tail))
    with np.errstate(divide="ignore"):  # the logarithm of 0 is minus infinity
        all_right, all_wrong = (np.exp(np.bincount(j, np.log(sure), minlength=m)) for sure in (p, 1 - p))
    high[(n > 0) & (all_right >= tail)] = 1
    low[(n > 0) & (all_wrong >= tail)] = 0
    return pd.DataFrame({"worker": workers, "n_labels": n, "accuracy": middle, "low": low, "high": high})


def _read(
    data: Any, columns: tuple[str, str, str], options: FileKeywords
) -> tuple[list[str], list[str], list[str], str, bool]:
    """Return three columns of a table as texts, its name for messages, and whether items are whole numbers."""
    import pyarrow as pa

    if len(set(columns)) < 3:
        raise WeaklabError(f"item, worker and label must be three columns, got {', '.join(map(repr, columns))}")
    source = source_of(data, **options)
    source.text_columns = (columns[1], columns[2])
    source.label_columns = (columns[2],)
    source.id_column = columns[0]  # items may be record ids, for which 1, 1.0 and '1' are the same
    source.needed = frozenset(columns)
    found: tuple[list[str], ...] = ([], [], [])
    whole = True
    for batch in source:
        check_columns(batch.schema.names, columns, source.name)
        whole &= pa.types.is_integer(batch.column(columns[0]).type)
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
    return found[0], found[1], found[2], source.name, whole


def _names(
    given: list[str], labels: Sequence[str] | None, map: Mapping[Any, Any] | None, source: str, column: str
) -> LabelNames:
    if isinstance(labels, LabelNames):
        return labels  # with former names, which are read as the labels that they are now
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
    """Return a sort key: finite numbers first, by value, then other names; "nan" is a name, because it has no order."""
    try:
        number = float(name)
    except ValueError:
        number = math.inf
    return (False, number, name) if math.isfinite(number) else (True, 0.0, name)


def _codes(values: list[str], known: Sequence[str] | dict[str, int]) -> NDArray[np.int64]:
    import numpy as np

    codes = known if isinstance(known, dict) else {name: code for code, name in enumerate(known)}
    return np.fromiter((codes[value] for value in values), dtype=np.int64, count=len(values))
