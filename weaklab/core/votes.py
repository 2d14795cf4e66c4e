"""Votes: what heuristics say about records. Committees return them, label models take them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import WeaklabError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.faults import Fault

    Floats = NDArray[np.floating[Any]]
    ByColumn = Mapping[int, Floats]

ROUNDING = 1e-6
"""A probability may be this far outside its bounds by rounding: eight times the precision of float32."""
LONGEST = 1 + 1e-3
"""Features may be this long: rows of length 1 in float16, whose precision is 0.001."""


@dataclass(frozen=True, eq=False, repr=False)
class Votes:
    """What m heuristics say about n records.

    Values never change: :func:`dataclasses.replace` makes other votes from these.

    Parameters
    ----------
    L : int8 (n, m), the label matrix, -1 abstains; lists, frames and other arrays of whole numbers are converted
    scores : column of ``L`` -> float (n, k), class probabilities of weak classifiers, out-of-fold on labeled records,
        uniform where one has no opinion; rows need not sum to 1
    confidence : column of ``L`` -> float (n,) in (0, 1], how much each vote of that column counts; votes of other
        columns count 1
    features : float (n, d), dense embeddings of the records with rows of length 1, such as those of
        :func:`weaklab.features.embeddings.embed`; None without. Label models other than the default one ignore them
    sentence : number of the last features that are sentence vectors
    calibrated : columns whose ``scores`` have not learned from manual labels and are probabilities by themselves, such
        as the consensus of a crowd; they count in full where those of a classifier count half, until manual labels say
        otherwise
    picked : bool (n,), records whose label was asked for because of what heuristics said of them, such as the most
        uncertain ones; their labels do not tell how often heuristics are right elsewhere. None where there are none
    feature_proba : float (n, k), what the built-in classifier of a fitted label model says about these records; takes
        the place of ``features`` in a prediction
    names : the m heuristics, in column order; empty where not known
    labels : the k label names; empty where not known
    faults : what went wrong in the heuristics

    Raises
    ------
    WeaklabError
        ``L`` is no matrix of whole numbers from -1 to 126, or scores or confidence are no mappings.

    Examples
    --------
    >>> import numpy as np
    >>> votes = Votes([[0, 1], [-1, 1]], confidence={1: np.array([0.9, 0.6])})
    >>> votes
    Votes(2 records, 2 heuristics, confidence of columns [1])
    >>> votes.L.dtype, len(votes), votes.take(slice(0, 1)).confidence[1].tolist()
    (dtype('int8'), 2, [0.9])
    """

    L: NDArray[np.int8]
    scores: ByColumn = field(default_factory=dict)
    confidence: ByColumn = field(default_factory=dict)
    features: Floats | None = None
    feature_proba: Floats | None = None
    names: Sequence[str] = ()
    labels: Sequence[str] = ()
    faults: Sequence[Fault] = ()
    sentence: int = 0
    picked: NDArray[np.bool_] | None = None
    calibrated: Collection[int] = ()

    def __post_init__(self) -> None:
        for name in ("scores", "confidence"):
            given = getattr(self, name)
            if given is None:
                object.__setattr__(self, name, {})
            elif not isinstance(given, Mapping):
                raise WeaklabError(
                    f"{name} must be a mapping of column to array, such as {{0: array}}, got {type(given).__name__}"
                )
        if getattr(self.L, "dtype", None) != "int8" or getattr(self.L, "ndim", None) != 2:
            from weaklab.core.codes import check_votes

            object.__setattr__(self, "L", check_votes(self.L))

    @classmethod
    def of(cls, given: Votes | ArrayLike, n_classes: int | None = None) -> Votes:
        """Return votes as they are, and anything else as votes with that label matrix; no code is above ``n_classes``.

        Examples
        --------
        >>> Votes.of([[0, 1], [1, -1]])
        Votes(2 records, 2 heuristics)
        """
        from weaklab.core.codes import check_votes

        L = check_votes(given.L if isinstance(given, Votes) else given, n_classes)
        if isinstance(given, Votes):
            return given if L is given.L else replace(given, L=L)
        return cls(L)

    def __len__(self) -> int:
        return int(self.L.shape[0])

    def __repr__(self) -> str:
        parts = [f"{len(self):,} records, {self.L.shape[1]} heuristics"]
        parts += [f"scores of columns {sorted(self.scores)}"] if self.scores else []
        parts += [f"confidence of columns {sorted(self.confidence)}"] if self.confidence else []
        parts += [] if self.features is None else [f"{self.features.shape[1]} features"]
        parts += [f"{len(self.faults)} faults"] if self.faults else []
        return f"Votes({', '.join(parts)})"

    @property
    def votes_only(self) -> bool:
        """Whether there is nothing but the label matrix to label records by."""
        nothing_else = self.features is None and self.feature_proba is None and self.picked is None
        return nothing_else and not self.scores and not self.confidence

    @property
    def without_scores(self) -> NDArray[np.intp]:
        """The columns without scores, ascending: int."""
        import numpy as np

        return np.array([j for j in range(self.L.shape[1]) if j not in self.scores], dtype=np.intp)

    @property
    def not_learned(self) -> NDArray[np.intp]:
        """The columns that have not learned from manual labels, ascending: int."""
        import numpy as np

        learned = self.scores.keys() - set(self.calibrated)
        return np.array([j for j in range(self.L.shape[1]) if j not in learned], dtype=np.intp)

    def confidence_of(self, column: int) -> NDArray[np.float64]:
        """Return how much each vote of a column counts: float (n,), 1 where nothing was said."""
        import numpy as np

        given = self.confidence.get(column)
        return np.ones(len(self)) if given is None else np.asarray(given, dtype=np.float64)

    def take(self, rows: NDArray[np.integer[Any]] | slice) -> Votes:
        """Return the votes on some records, with all that goes with these."""
        return replace(
            self,
            L=self.L[rows],
            scores={j: given[rows] for j, given in self.scores.items()},
            confidence={j: given[rows] for j, given in self.confidence.items()},
            features=None if self.features is None else self.features[rows],
            feature_proba=None if self.feature_proba is None else self.feature_proba[rows],
            picked=None if self.picked is None else self.picked[rows],
        )

    def checked(self, n_classes: int) -> Votes:
        """Return these votes with float scores, confidence and features, or raise where these do not fit ``L``.

        Raises
        ------
        WeaklabError
            A shape is wrong, or a number is none that a probability, a confidence or a feature can be.
        """
        if self.votes_only:
            return self
        n, feature_proba = len(self), self.feature_proba
        if feature_proba is not None:
            feature_proba = _shaped(feature_proba, (n, n_classes))
        return replace(
            self,
            scores=_checked_columns("scores", self.scores, (n, n_classes), self.L.shape[1]),
            confidence=_checked_columns("confidence", self.confidence, (n,), self.L.shape[1]),
            features=None if self.features is None else _checked_features(self.features, n),
            feature_proba=feature_proba,
            picked=None if self.picked is None else _mask(self.picked, n),
        )


def _mask(given: Any, n: int) -> NDArray[np.bool_]:
    import numpy as np

    found = np.asarray(given)
    if found.dtype != bool or found.shape != (n,):
        raise WeaklabError(f"picked must hold {n} times True or False, got shape {found.shape} of {found.dtype}")
    return found


def _shaped(values: Any, shape: tuple[int, ...]) -> Floats:
    import numpy as np

    if np.shape(values) != shape:
        raise WeaklabError(f"feature_proba has shape {np.shape(values)}; wanted {shape}, a row a record")
    return np.asarray(values)


def _checked_columns(name: str, given: Mapping[int, Any] | None, shape: tuple[int, ...], m: int) -> dict[int, Floats]:
    """Return column -> floats of one shape, or raise a WeaklabError that names the first wrong column."""
    import numpy as np

    found: dict[int, Floats] = {}
    for j, values in (given or {}).items():
        column: Any = j
        if not isinstance(column, Integral) or not 0 <= j < m or np.shape(values) != shape:
            raise WeaklabError(
                f"{name}[{j}] has shape {np.shape(values)}; wanted a column of L from 0 to {m - 1}, and shape {shape}"
            )
        found[int(j)] = _floats(values, f"{name}[{j}]")
        _check_range(name, j, found[int(j)])
    return found


def _check_range(name: str, j: int, values: Floats) -> None:
    import numpy as np

    least, most = float(np.min(values, initial=1)), float(np.max(values, initial=0))  # NaN if there is one
    if not np.isfinite([least, most]).all():
        raise WeaklabError(
            f"{name}[{j}] holds NaN or infinity; a row without an opinion is uniform, a plain vote has confidence 1"
        )
    if name == "scores" and least < -ROUNDING:
        raise WeaklabError(
            f"scores[{j}] holds {least:g}, and scores are probabilities; pass logits through a softmax first"
        )
    if name == "confidence" and not (least > 0 and most <= 1 + ROUNDING):
        wrong = most if least > 0 else least
        raise WeaklabError(
            f"confidence[{j}] holds {wrong:g}; wanted numbers above 0 and up to 1, where 1 is a plain vote"
        )


def _checked_features(features: Any, n: int) -> Floats:
    import numpy as np

    if hasattr(features, "tocsr"):
        raise WeaklabError(
            f"features are a sparse matrix of shape {np.shape(features)}; wanted dense ones: "
            "weaklab.features.embeddings.embed(features)"
        )
    E = np.asarray(features)
    E = E.astype(np.float32) if E.dtype == np.float16 else E
    if E.ndim != 2 or len(E) != n or E.dtype.kind != "f":
        raise WeaklabError(
            f"features must be a dense matrix of floats with {n} rows, got shape {E.shape} of {E.dtype}; see "
            "weaklab.features.embeddings.embed"
        )
    squares = np.einsum("ij,ij->i", E, E, dtype=np.result_type(E, np.float32))
    longest = float(np.sqrt(squares.max(initial=0)))  # NaN if there is one
    if longest <= LONGEST:
        return E
    if not np.isfinite(E).all():
        raise WeaklabError(
            "features hold NaN or infinity; wanted finite numbers, a row of zeros where nothing is known of a record"
        )
    raise WeaklabError(
        f"features have a row of length {longest:g}; wanted rows of length 1, or 0 where nothing is known of a record: "
        "pass weaklab.features.embeddings.unit_rows(features)"
    )


def _floats(values: ArrayLike, name: str) -> Floats:
    """Return numbers as floats, float32 and float64 as they are; float16 has too few digits to calculate with."""
    import numpy as np

    given = np.asarray(values)
    if given.dtype in (np.float32, np.float64):
        return given
    if given.dtype.kind not in "iufO":
        raise WeaklabError(f"{name} holds {given.dtype} values; wanted numbers")
    try:
        return given.astype(np.float64)
    except (TypeError, ValueError):
        raise WeaklabError(f"{name} holds what is no number; wanted numbers") from None
