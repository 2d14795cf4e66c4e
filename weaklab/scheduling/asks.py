"""Records to ask a person about, each with the committee's suggestion and the reason for the choice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weaklab.core.labels import ABSTAIN
from weaklab.core.record_lines import in_one_line
from weaklab.core.tables import Table, clean, counted
from weaklab.corpus import Columns, Corpus, Record
from weaklab.corpus.records import roles_of
from weaklab.scheduling.scheduler import RANDOM, Pick

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from weaklab.core.votes import Votes

SHOWN_TEXT = 90
HIDDEN = "the committee's opinion is hidden this time, to measure how it sways answers"
CLOSE, SURE = 0.2, 0.95
"""Limits for the words in :func:`why_picked`: "close call" if the best two probabilities differ by less than the first,
"nearly sure" if the best one is at least the second."""


@dataclass(frozen=True, repr=False)
class Ask:
    """A record to ask a person about, with the committee's opinion of it.

    Attributes
    ----------
    id : id of the record
    text : its text
    record : all its columns
    suggestion : the most probable label; None if the best two labels are equally probable
    confidence : 0 (undecided) to 1 (sure)
    probabilities : label -> probability
    votes : heuristic -> label, for the heuristics that vote
    why : why it was picked
    strategy, score, probability, pool_size : see :class:`weaklab.scheduling.scheduler.Pick`
    asked_after : id of the last event of the project at the moment when it was picked
    blind : whether to show it without the suggestion, so that answers with and without it can be compared
    synthetic : whether it was generated, and is not a record of the corpus
    """

    id: str
    text: str
    record: Record
    suggestion: str | None
    confidence: float
    probabilities: dict[str, float]
    votes: dict[str, str]
    why: str
    strategy: str
    score: float
    probability: float
    pool_size: int | None = None
    asked_after: int | None = None
    blind: bool = False
    synthetic: bool = False

    def __repr__(self) -> str:
        opinion = "blind" if self.blind else f"suggestion={self.suggestion!r}, confidence={self.confidence:.3f}"
        return f"Ask({self.id!r}, {clean(self.text)!r}, {opinion}, why={self.shown_why!r})"

    @property
    def shown_why(self) -> str:
        """Why it was picked, without the committee's opinion where that is hidden."""
        return HIDDEN if self.blind else self.why

    def _repr_html_(self) -> str:
        return Asks([self]).table()._repr_html_()


class Asks(list[Ask]):
    """A list of records to ask about, in the order in which to ask."""

    def table(self) -> Table:
        """Return the records as a table for display."""
        rows = [
            [
                a.id,
                shown_text(a.record, a.text),
                *(("(hidden)", None) if a.blind else (a.suggestion, a.confidence)),
                a.strategy,
                a.shown_why,
            ]
            for a in self
        ]
        return Table(
            f"{counted(len(self), 'record')} to label",
            ["id", "text", "suggestion", "confidence", "picked by", "why"],
            rows,
        )

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def why_picked(pick: Pick, P: NDArray[np.float64], votes: Mapping[str, str], labels: Sequence[str]) -> str:
    """Say in one line why a record was picked."""
    if pick.strategy == RANDOM:
        return f"drawn at random, as an unbiased sample (chance {pick.probability:.2g})"
    order = P.argsort()[::-1]
    first, second = int(order[0]), int(order[1])
    lead = "close call" if P[first] - P[second] < CLOSE else "leaning" if P[first] < SURE else "nearly sure"
    said = "; ".join(
        f"{label}: {', '.join(name for name, vote in votes.items() if vote == label)}"
        for label in dict.fromkeys(votes.values())
    )
    return f"{lead}, {labels[first]} {P[first]:.2f} to {labels[second]} {P[second]:.2f}; {said or 'no heuristic votes'}"


def make_asks(
    picks: Sequence[Pick],
    corpus: Corpus,
    votes: Votes,
    P: NDArray[np.float64],
    *,
    asked_after: int | None = None,
    blind_share: float = 0.0,
    seed: int = 0,
) -> Asks:
    """Return the picked records with the committee's opinion of them.

    Parameters
    ----------
    P : float (n, k), class probabilities of all records
    asked_after : id of the last event of the project
    blind_share : share of the records that are shown without the suggestion, drawn by their ids and the seed
    """
    from weaklab.core.rows import confidence, is_tied
    from weaklab.scheduling.views import keys_of
    from weaklab.strategies import uniform

    rows = [pick.row for pick in picks]
    ids, texts, found = _columns_at(corpus, rows)
    blind = uniform(keys_of([f"blind {name}" for name in ids]), seed) < blind_share
    sure, tied = confidence(P[rows]), is_tied(P[rows])
    asks, labels = Asks(), [*votes.labels]
    for i, pick in enumerate(picks):
        p = P[pick.row]
        voted = {
            name: labels[int(code)]
            for name, code in zip(votes.names, votes.L[pick.row], strict=True)
            if code != ABSTAIN
        }
        asks.append(
            Ask(
                id=ids[i],
                text=texts[i],
                record=found[i],
                suggestion=None if tied[i] else labels[int(p.argmax())],
                confidence=float(sure[i]),
                probabilities=dict(zip(labels, p.tolist(), strict=True)),
                votes=voted,
                why=why_picked(pick, p, voted, labels),
                strategy=pick.strategy,
                score=pick.score,
                probability=pick.probability,
                pool_size=pick.pool_size,
                asked_after=asked_after,
                blind=bool(blind[i]),
            )
        )
    return asks


def _columns_at(corpus: Corpus, rows: Sequence[int]) -> tuple[list[str], list[str], list[Record]]:
    """Return ids, texts and records at these row numbers; where there is no text, all columns as JSON."""
    ids: list[str] = []
    texts: list[str] = []
    found: list[Record] = []
    for columns in _batches_at(corpus, rows):
        records = columns.records()
        ids += columns.ids
        texts += columns["text"] if columns.roles.text else (json.dumps(dict(x), default=str) for x in records)
        found += records
    return ids, texts, found


def texts_of(corpus: Corpus, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
    """Return the texts of the records at these row numbers."""
    return [str(text) for columns in _batches_at(corpus, rows) for text in columns["text"]]


def texts_or_columns(corpus: Corpus, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
    """Return the texts of the records at these row numbers, to show; without a text, their columns in one line."""
    if corpus.roles.text:
        return texts_of(corpus, rows)
    return [shown_text(record, "") for columns in _batches_at(corpus, rows) for record in columns.records()]


def shown_text(record: Record, text: str, limit: int = SHOWN_TEXT) -> str:
    """Return the text of a record as a table shows it; without a text, the other columns in one line."""
    columns = shown_columns(record)
    return clean(text, limit) if columns is None else in_one_line(columns, limit)


def shown_columns(record: Record) -> dict[str, Any] | None:
    """Return the columns to show of a record that has no text, without the id; None where there is a text."""
    roles = roles_of(record)
    return None if roles.text else {name: value for name, value in dict(record).items() if name != roles.id}


def _batches_at(corpus: Corpus, rows: Sequence[int] | NDArray[np.int64]) -> Iterator[Columns]:
    for batch in corpus.take(rows).combine_chunks().to_batches():
        yield Columns(batch)
