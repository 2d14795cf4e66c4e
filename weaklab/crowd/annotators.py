"""Several annotators of one project: consensus labels, accuracy of each annotator, and a crowd as a heuristic."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import UnknownLabelError, WeaklabError, warn
from weaklab.core.events import SETTLED
from weaklab.core.labels import ABSTAIN, LabelNames
from weaklab.corpus import ids_of
from weaklab.heuristics import Ballot, Heuristic, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.core.events import Event
    from weaklab.crowd.crowd import Crowd

    Opinions = Mapping[str, Mapping[str, Event]]
    """Record -> annotator -> the latest valid label event of this annotator."""

CROWD = "crowd"
"""The kind of heuristic that a crowd is."""
EQUAL = 1e-6
"""Labels with probabilities that differ by less count as equally probable."""


def settle(
    opinions: Opinions, people: Sequence[str] | None = None, names: Sequence[str] | None = None
) -> dict[str, str]:
    """Return record -> label: the consensus of its annotators; where that is tied, the latest of the tied labels.

    Where somebody settled a record, the last label that was given for that stands, and counts as the truth about it.

    The accuracy of each annotator is estimated from all records that several people labeled. The label model is
    :class:`weaklab.label_models.HierarchicalDawidSkene` with one accuracy per person (``form="accuracy"``). For
    example, if two people labeled only the same records, they get the same accuracy, and where they disagree the later
    label is used.

    Parameters
    ----------
    opinions : record -> annotator -> event; every record has at least one
    people, names : all annotators and all label names in use, in alphabetical order; by default those of ``opinions``,
        which may leave out records with one annotator
    """
    found = {record: max(mine.values(), key=lambda event: event.id).label or "" for record, mine in opinions.items()}
    final = settling(opinions)
    found |= {record: event.label or "" for record, event in final.items()}
    disputed = [
        record
        for record, mine in opinions.items()
        if record not in final and len({event.label for event in mine.values()}) > 1
    ]
    if disputed:
        names, P, rows = _judged(opinions, people, names)
        for record in disputed:
            share = dict(zip(names, P[rows[record], : len(names)].tolist(), strict=True))
            best = max(share.values())
            given = sorted(opinions[record].values(), key=lambda event: -event.id)
            found[record] = next(
                (event.label or "" for event in given if share[event.label or ""] > best - EQUAL), found[record]
            )
    return found


def settling(opinions: Opinions) -> dict[str, Event]:
    """Return record -> the last label that was given to settle it, for the records that have one."""
    final = {
        record: max((event for event in mine.values() if event.picked_by == SETTLED), default=None, key=_number)
        for record, mine in opinions.items()
    }
    return {record: event for record, event in final.items() if event is not None}


def independent(opinions: Opinions) -> Opinions:
    """Return the opinions without the labels that settle, which are given in knowledge of the others."""
    kept = {
        record: {name: event for name, event in mine.items() if event.picked_by != SETTLED}
        for record, mine in opinions.items()
    }
    return {record: mine for record, mine in kept.items() if mine}


def _number(event: Event) -> int:
    return event.id


def _matrix(
    opinions: Opinions, people: Sequence[str] | None = None, names: Sequence[str] | None = None
) -> tuple[Sequence[str], Sequence[str], NDArray[np.int8], dict[str, int]]:
    """Return label names, annotators, the label matrix (n, m) of records with several annotators, and record -> row."""
    import numpy as np

    shared = [record for record, mine in opinions.items() if len(mine) > 1]
    if people is None:
        people = sorted({annotator for mine in opinions.values() for annotator in mine})
    if names is None:
        names = sorted({event.label or "" for mine in opinions.values() for event in mine.values()})
    column, code = ({name: place for place, name in enumerate(listed)} for listed in (people, names))
    L = np.full((len(shared), len(people)), ABSTAIN, dtype=np.int8)
    for row, record in enumerate(shared):
        for annotator, event in opinions[record].items():
            L[row, column[annotator]] = code[event.label or ""]
    return names, people, L, {record: row for row, record in enumerate(shared)}


def _judged(
    opinions: Opinions, people: Sequence[str] | None = None, names: Sequence[str] | None = None
) -> tuple[Sequence[str], NDArray[np.float64], dict[str, int]]:
    """Return label names, probabilities of the records with several annotators, and record -> row.

    Probabilities are float (n, k); k is 2 at least, also where there is one name. Settled records are certain.
    """
    import numpy as np

    from weaklab.label_models import HierarchicalDawidSkene

    if names is None:
        names = sorted({event.label or "" for mine in opinions.values() for event in mine.values()})
    final = settling(opinions)
    names, _, L, rows = _matrix(independent(opinions), people, names)
    y = np.full(len(L), ABSTAIN)
    for record, row in rows.items():
        if record in final:
            y[row] = names.index(final[record].label or "")
    P = HierarchicalDawidSkene(n_classes=max(len(names), 2), form="accuracy").fit(L, y).predict_proba(L)
    P[y != ABSTAIN] = np.eye(P.shape[1])[y[y != ABSTAIN]]
    return names, P, rows


def annotator_table(
    opinions: Opinions, counts: Mapping[str, int] | None = None, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return a table of the annotators, one row per person.

    Its columns are ``annotator``; ``labels``, the number of records that the person labeled; ``shared``, the number of
    these that others labeled, too; ``agreement``, the share of the others' labels on these that are the same; and
    ``accuracy`` with its 95% interval from ``low`` to ``high``, see :func:`weaklab.crowd.crowd.annotator_quality`.
    Agreement and accuracy are missing if no record is shared.

    Parameters
    ----------
    opinions : record -> annotator -> event; records with one annotator may be left out
    counts : how many records each person labeled; by default those of ``opinions``
    names : all label names in use, in alphabetical order; by default those of ``opinions``
    """
    import numpy as np
    import pandas as pd

    from weaklab.crowd.crowd import annotator_quality

    counts = counts or Counter(annotator for mine in opinions.values() for annotator in mine)
    people = sorted(counts)
    _, _, L, _ = _matrix(independent(opinions), people, names)
    frame = pd.DataFrame({"annotator": people, "labels": [counts[name] for name in people]})
    if not len(L):
        return frame.assign(shared=0, agreement=np.nan, accuracy=np.nan, low=np.nan, high=np.nan)
    quality = annotator_quality(L, _judged(opinions, people, names)[1], people)
    shared = quality["n_labels"].to_numpy()
    given = (L != ABSTAIN).sum(axis=1)
    same = np.array([((L[:, [j]] == L) & (L[:, [j]] != ABSTAIN)).sum() - shared[j] for j in range(len(people))])
    others = np.array([(given - 1)[L[:, j] != ABSTAIN].sum() for j in range(len(people))])
    agreement = np.where(others > 0, same / np.maximum(others, 1), np.nan)
    figures = quality[["accuracy", "low", "high"]].copy()
    figures.loc[shared == 0] = np.nan
    return pd.concat([frame.assign(shared=shared, agreement=agreement), figures], axis=1)


def dispute_table(opinions: Opinions, settled: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of the records with different labels: ``record``, the ``label`` that stands, ``opinions``, and
    ``settled_by``.

    ``opinions`` maps each annotator of the record to a label; ``settled_by`` is who settled it, None for nobody.
    """
    import pandas as pd

    final = {record: event.annotator for record, event in settling(opinions).items()}
    rows = [
        (
            record,
            settled[record],
            {annotator: event.label for annotator, event in mine.items()},
            final.get(record),
        )
        for record, mine in opinions.items()
        if len({event.label for event in mine.values()}) > 1
    ]
    return pd.DataFrame(rows, columns=["record", "label", "opinions", "settled_by"])


class CrowdVotes(Heuristic):
    """A crowd as one heuristic: its scores are the probabilities of the consensus, its vote is the most probable label.

    However many people agree, a crowd is one member; it counts as much as its probabilities say. If each worker should
    have a vote, give a label model the columns of the crowd (``crowd.L``) together with those of the functions.

    Parameters
    ----------
    name : name of the heuristic
    items : record ids
    labels : label names
    P : float (n_items, k), probabilities of the labels
    judgements : hash of the labels that the workers gave
    """

    calibrated = True
    keeps = False  # votes are looked up in no time, and a kept column of votes has no probabilities

    def __init__(
        self, name: str, items: Sequence[str], labels: Sequence[str], P: NDArray[np.floating[Any]], judgements: str = ""
    ) -> None:
        import numpy as np
        import pyarrow as pa

        self.name, self.labels, self.judgements = name, list(labels), judgements
        self.items = pa.array(items, pa.large_string())
        self.P = np.asarray(P, dtype=np.float32)

    @classmethod
    def of(cls, name: str, crowd: Crowd) -> CrowdVotes:
        """Return the votes of a crowd with record ids as items, and with labels of the project."""
        return cls(name, crowd.items, crowd.labels, crowd.probabilities(), crowd.fingerprint)

    @property
    def fingerprint(self) -> str:
        state = hashlib.blake2b(
            "\0".join([*self.labels, self.judgements]).encode("utf-8", "surrogatepass"), digest_size=16
        )
        for item in self.items.to_pylist():
            state.update(f"\0{item}".encode("utf-8", "surrogatepass"))
        state.update(self.P.tobytes())
        return state.hexdigest()

    def spec(self) -> dict[str, Any]:
        """Return JSON that says in which file of the project the crowd is."""
        return {"kind": CROWD, "name": self.name, "file": self.fingerprint}

    @property
    def where(self) -> str:
        """A word for its kind."""
        return CROWD

    def evaluate(self, batch: pa.RecordBatch, labels: LabelNames, watch: Watch | None = None) -> Ballot:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        from weaklab.core.rows import is_tied

        found = pc.index_in(pa.array(ids_of(batch), pa.large_string()), value_set=self.items)
        places = found.fill_null(-1).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(places >= 0)
        scores = np.full((len(places), len(labels)), 1 / len(labels), dtype=np.float32)
        scores[rows] = 0
        for name, given in zip(self.labels, self.P.T, strict=True):
            with suppress(UnknownLabelError):  # a label that was removed since
                scores[rows, labels.code(name)] += given[places[rows]]
        total = scores.sum(axis=1, keepdims=True)
        scores = np.divide(scores, total, out=np.full_like(scores, 1 / len(labels)), where=total > 0)
        votes = np.where(is_tied(scores), ABSTAIN, scores.argmax(axis=1)).astype(np.int8)
        return Ballot(votes, scores=scores)


def check_items(crowd: Crowd, known: Mapping[str, Any]) -> None:
    """Raise a WeaklabError if no item of a crowd is a record id; warn if some items are not."""
    if not any(item in known for item in crowd.items):
        raise WeaklabError(
            f"none of the {len(crowd.items):,} items is the id of a record (the first is {crowd.items[0]!r}); wanted a "
            "column of record ids"
        )
    strange = [item for item in crowd.items if item not in known]
    if strange:
        warn(
            f"{len(strange):,} of the {len(crowd.items):,} items of the crowd are not records (the first is "
            f"{strange[0]!r}) and were left out"
        )
