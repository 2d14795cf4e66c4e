"""What is known of every record of a project at one moment, as arrays: votes, labels, confidence, who decided."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from weaklab.core.errors import CorpusError, ProjectError, UnknownNameError, WeaklabError, did_you_mean
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.core.votes import Votes
from weaklab.corpus.records import Roles, id_texts, record_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.corpus import Corpus
    from weaklab.project.project import Project

    Rows = NDArray[np.int64]
    Mask = NDArray[np.bool_]

FEW_ROWS = 1000
"""Up to this many records are fetched by their place; for more, the corpus is read from start to end."""
ROWS_AT_ONCE = 10_000
"""Records in another order than that of the corpus are fetched this many at a time."""


class Opinions(NamedTuple):
    """What the committee and people say of all n records.

    Attributes
    ----------
    votes : label matrix and names of the heuristics
    P : float (n, k), manual and shared labels have probability 1
    manual : bool (n,), whether the record has a manual label
    shared : int (n,), row of the near-duplicate whose answer the record shares, -1 for none
    """

    votes: Votes
    P: NDArray[np.float64]
    manual: Mask
    shared: Rows


class RecordValues:
    """All records of a project at one moment. Each array is computed when it is first used, and then kept.

    Parameters
    ----------
    project : where they come from
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    @classmethod
    def now(cls, project: Project) -> RecordValues:
        """Return what is known without a wait for a training that runs: then it is as of the last one.

        There is a wait for the first training of all, and for the first one after the records, the labels or the
        committee were changed.
        """
        found, working = cls(project), project.workspace.working
        if working.acquire(blocking=False):
            try:
                assert found.opinions is not None  # computed now, while nobody trains
            finally:
                working.release()
        else:
            found._take_at_hand()
        return found

    def _take_at_hand(self) -> None:
        """Take over what is known as of the last training, if that was of the same records, and what people say now."""
        work = self.project.workspace
        hand = work.at_hand
        known = None if hand is None else hand.newest(work)
        if hand is not None and known is not None:
            shared, state = work.shared(known, hand.cache), hand.state
            P = with_known(state.P, np.where(shared >= 0, known.y[shared], known.y))
            self.corpus = hand.cache.corpus
            self.opinions = Opinions(state.votes, P, known.y != ABSTAIN, shared)

    # ---- records

    @cached_property
    def corpus(self) -> Corpus | None:
        """The records; None where the project has none yet."""
        return self.project.corpus if len(self.project) else None

    @cached_property
    def n(self) -> int:
        """The number of records."""
        return 0 if self.corpus is None else len(self.corpus)

    @cached_property
    def roles(self) -> Roles:
        """Which columns are the id and the text."""
        return Roles("id") if self.corpus is None else self.corpus.roles

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of the records, label and gold columns included."""
        schema = None if self.corpus is None else self.corpus.schema
        return () if schema is None else tuple(schema.names)

    @cached_property
    def ids(self) -> pa.ChunkedArray:
        """The ids of all records as strings, the form in which answers name them."""
        import pyarrow as pa

        chunks = [] if self.corpus is None else self.corpus.ids.chunks
        return pa.chunked_array([_as_texts(chunk) for chunk in chunks], pa.large_string())

    def column_name(self, name: str) -> str:
        """Return the column of a name; ``text`` is the text, whatever its column is called."""
        text = self.roles.text
        return text[0] if name == "text" and name not in self.columns and len(text) == 1 else name

    def check_column(self, name: str, besides: Sequence[str] = ()) -> None:
        """Raise a CorpusError if a name is no column and none of those ``besides``."""
        known = self.columns
        if known and name not in known and not (name == "text" and self.roles.text):
            hint = did_you_mean(name, [*known, *besides])
            raise CorpusError(f"no column {name!r};{hint} there are {', '.join(dict.fromkeys([*besides, *known]))}")

    def text_columns(self, names: Sequence[str] | None) -> list[str]:
        """Return the columns of these names, by default the text columns; a WeaklabError where there is none."""
        found = [self.column_name(name) for name in names] if names else list(self.roles.text)
        if not found:
            raise WeaklabError(
                f"the records have no text column; name those to look in: columns=[...] of {', '.join(self.columns)}"
            )
        return found

    def row_of(self, name: Any) -> int:
        """Return the row of an id.

        Raises
        ------
        ProjectError
            There is no such record.
        """
        import pyarrow.compute as pc

        for text in dict.fromkeys((str(name), record_id(name))):
            if _is_text(text) and (row := pc.index(self.ids, text).as_py()) >= 0:
                return int(row)
        hint = did_you_mean(str(name), self.ids[:10_000].to_pylist())
        raise ProjectError(f"no record {str(name)!r} in the project;{hint} wanted an id")

    def batches(self, rows: Rows) -> Iterator[tuple[Rows, pa.RecordBatch]]:
        """Yield the records at these row numbers in batches, each with its row numbers, in the order of ``rows``."""
        if self.corpus is None or not len(rows):
            return
        if len(rows) <= FEW_ROWS or (np.diff(rows) <= 0).any():
            for start in range(0, len(rows), ROWS_AT_ONCE):
                part = rows[start : start + ROWS_AT_ONCE]
                yield part, self.corpus.take(part).combine_chunks().to_batches()[0]
            return
        start = 0
        for batch in self.corpus.batches():
            low, high = np.searchsorted(rows, [start, start + batch.num_rows])
            part = rows[low:high]
            if len(part):
                yield part, batch if len(part) == batch.num_rows else batch.take(part - start)
            start += batch.num_rows
            if high == len(rows):
                return

    def matching(self, rows: Rows, test: Callable[[pa.RecordBatch], Mask]) -> Rows:
        """Return those of ``rows`` that pass a test on the content of the records, which are read batch by batch."""
        passed = np.zeros(self.n, bool)
        for part, batch in self.batches(np.sort(rows)):
            passed[part] = test(batch)
        return rows[passed[rows]]

    # ---- opinions

    @cached_property
    def opinions(self) -> Opinions:
        """Votes, probabilities and manual labels, of one and the same training.

        Raises
        ------
        ProjectError
            The records are no longer those of :attr:`corpus`.
        """
        project = self.project
        if self.corpus is None:
            return _no_opinions(project.label_names)
        work = project.workspace
        with work.working:
            votes, P, corpus = project.votes(), project.probabilities(), project.corpus
            manual, shared = work.snapshot.y != ABSTAIN, work.shared(work.snapshot)
        if corpus is not self.corpus:
            raise ProjectError(
                f"{project.path}: the records have changed since this table was made; take project.records again"
            )
        return Opinions(votes, P, manual, shared)

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """Codes int (n,) of the most probable or manual labels, -1 where nothing tells the best two apart."""
        from weaklab.core.rows import is_tied, row_argmax

        P = self.opinions.P
        return np.where(is_tied(P), ABSTAIN, row_argmax(P))

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """How sure each label is, float (n,), from 0 (undecided) to 1 (sure)."""
        from weaklab.core.rows import confidence

        return confidence(self.opinions.P)

    @cached_property
    def conflicts(self) -> Mask:
        """Where two heuristics vote for different labels, bool (n,)."""
        from weaklab.evaluation.analysis import conflicts

        return conflicts(self.opinions.votes.L) if len(self.opinions.votes.names) else np.zeros(self.n, bool)

    def column(self, heuristic: str) -> NDArray[np.int8]:
        """Return the votes of one heuristic, int8 (n,)."""
        votes = self.opinions.votes
        self.check_heuristic(heuristic, votes.names)
        return votes.L[:, votes.names.index(heuristic)]

    @staticmethod
    def check_heuristic(name: str, names: Sequence[str]) -> None:
        """Raise an UnknownNameError if a heuristic is none of these."""
        if name not in names:
            hint = did_you_mean(name, names)
            raise UnknownNameError(f"no heuristic named {name!r};{hint} there are {', '.join(names) or 'none yet'}")

    def reasons(self, rows: Rows) -> NDArray[np.object_]:
        """Return what decided the label of each of these records, text (r,): ``manual``, ``near-duplicate of ID``,
        ``tied``, or how many of the votes are for it.
        """
        opinions, codes = self.opinions, self.codes[rows]
        cast = (L := opinions.votes.L[rows]) != ABSTAIN
        counts = np.column_stack([cast.sum(axis=1), (cast & (codes[:, None] == L)).sum(axis=1), codes != ABSTAIN])
        kinds, of_row = np.unique(counts, axis=0, return_inverse=True)
        found = np.array([_by_votes(*kind) for kind in kinds.tolist()], dtype=object)[of_row.reshape(-1)]
        found[opinions.manual[rows]] = "manual"
        shared = np.flatnonzero(opinions.shared[rows] >= 0)
        sources = self.ids.take(opinions.shared[rows[shared]]).to_pylist() if len(shared) else []
        found[shared] = [f"near-duplicate of {source}" for source in sources]
        return found


def with_known(P: NDArray[np.float64], y: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Return probabilities in which the labels that are known count as certain.

    >>> with_known(np.array([[0.4, 0.6], [0.4, 0.6]]), np.array([0, -1])).tolist()
    [[1.0, 0.0], [0.4, 0.6]]
    """
    P, labeled = P.copy(), y != ABSTAIN
    for code in range(P.shape[1]):
        np.copyto(P[:, code], y == code, where=labeled)
    return P


def _no_opinions(labels: LabelNames) -> Opinions:
    votes = Votes(np.empty((0, 0), np.int8), labels=labels)
    return Opinions(votes, np.empty((0, len(labels))), np.empty(0, bool), np.empty(0, np.int64))


def _by_votes(voted: int, agree: int, decided: int) -> str:
    if not decided:
        return "tied" if voted else "no votes, tied"
    return f"{agree:,} of {voted:,} vote{'s' * (voted != 1)}" if voted else "no votes"


def _as_texts(ids: pa.Array) -> pa.Array:
    """Return ids as strings, in Arrow where their type allows it."""
    import pyarrow as pa

    of = pa.types
    if of.is_integer(ids.type) or of.is_string(ids.type) or of.is_large_string(ids.type):
        return ids.cast(pa.large_string())
    return pa.array(id_texts(ids), pa.large_string())


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
