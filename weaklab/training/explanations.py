"""Explanations: why a record got its label, as the contribution of each committee member to the log-odds."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.core.rows import is_tied
from weaklab.core.tables import Table, clean, counted, some_of
from weaklab.training.turning import smallest_turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from weaklab.core.votes import Votes
    from weaklab.label_models import LabelModel

BALANCE = "(every record)"
"""Name of the bias in the table of contributions; it is the same for every record."""
FOR, AGAINST = "#0072B2", "#D55E00"
"""Blue and vermilion of Okabe and Ito (2008), Color universal design, as in the plots."""
BAR_PIXELS = 120
MOST_WORDS, MOST_WORKERS, MOST_SIMILAR = 5, 10, 60
"""Words that a member found, workers who gave a label, and characters of a similar record, in one line."""


@dataclass(frozen=True)
class Part:
    """The contribution of one committee member to the label of a record.

    Attributes
    ----------
    member : name of the member
    vote : the label that it votes for; None if it abstains
    confidence : 0 to 1, the confidence of the vote, or the probability of the best label of a weak classifier; None
        for other members
    log_odds : contribution to the log-odds (natural logarithm) of the label against the runner-up
    """

    member: str
    vote: str | None
    confidence: float | None
    log_odds: float


@dataclass(frozen=True)
class Span:
    """What a heuristic found in a record: ``text`` from ``start`` to ``end`` of the value of ``column``."""

    member: str
    column: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Similar:
    """A similar record with a manual label; ``similarity`` is the cosine of the features, at most 1."""

    record: str
    label: str
    similarity: float
    text: str


@dataclass(frozen=True)
class Turn:
    """A vote that changes: from ``vote`` to ``instead``; None is to abstain."""

    member: str
    vote: str | None
    instead: str | None

    def __str__(self) -> str:
        return f"{clean(self.member)} {'abstained' if self.instead is None else f'voted {self.instead}'}"


@dataclass(frozen=True, repr=False)
class Explanation:
    """The label of one record according to the committee, with the contribution of each member.

    Attributes
    ----------
    record : id of the record, or its row number
    text : its text
    label, runner_up : the two most probable labels; ties are in label order
    probability, runner_up_probability : their probabilities
    parts : contributions of the members, largest first; members that abstain and contribute nothing are left out
    silent : number of members that were left out
    tied : whether both labels are equally probable, so that the record gets no label
    manual : the label that a person gave, which is exported instead of the committee's; None if there is none
    why : which kind of label model was chosen from the votes, and by what evidence
    turn : the fewest votes to change so that the record gets another label; empty where a few do not
    spans : what keywords and patterns found in the record
    similar : the most similar records with a manual label
    crowds : name of a crowd -> label -> the workers who gave it to the record

    Examples
    --------
    >>> parts = [Part("has_link", "spam", None, 1.75), Part("naive_bayes", "ham", 0.6, -0.25)]
    >>> Explanation("7", "see http://x", "spam", "ham", 0.8176, 0.1824, parts)
    7: spam 0.818, then ham 0.182
    member                   vote  confidence  log-odds
    has_link                 spam                 1.750
    naive_bayes              ham        0.600    -0.250
    spam rather than ham                          1.500
    text: see http://x
    """

    record: str
    text: str
    label: str
    runner_up: str
    probability: float
    runner_up_probability: float
    parts: Sequence[Part]
    silent: int = 0
    tied: bool = False
    manual: str | None = None
    why: str = ""
    turn: Sequence[Turn] = ()
    spans: Sequence[Span] = ()
    similar: Sequence[Similar] = ()
    crowds: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @property
    def log_odds(self) -> float:
        """The sum of all contributions: ln(probability / runner_up_probability)."""
        return float(sum(part.log_odds for part in self.parts))

    def table(self) -> Table:
        """Return the contributions as a table for display."""
        rows = [[part.member, part.vote, part.confidence, part.log_odds] for part in self.parts]
        rows.append([f"{self.label} rather than {self.runner_up}", None, None, self.log_odds])
        return Table(self._title(), ["member", "vote", "confidence", "log-odds"], rows, self._notes())

    def _title(self) -> str:
        return (
            f"{self.record}: {self.label} {self.probability:.3f}, then {self.runner_up} "
            f"{self.runner_up_probability:.3f}"
        )

    def _notes(self) -> list[str]:
        notes = [f"text: {clean(self.text)}"] if self.text else []
        notes += [f"{clean(name)} found {some_of(words, MOST_WORDS)}" for name, words in self._words().items()]
        notes += self.crowd_notes()
        if self.silent:
            notes.append(f"{self.silent:,} other{' abstains' if self.silent == 1 else 's abstain'}.")
        if self.tied:
            notes.append("Nothing tells the two labels apart, so the committee gives none.")
        if self.turn:
            notes.append(f"It would get another label if {' and '.join(map(str, self.turn))}.")
        for each in self.similar:
            said = f"similar ({each.similarity:.2f}), labeled {each.label}"
            notes.append(f"{said}: {clean(each.record)} {clean(each.text, MOST_SIMILAR)}")
        if self.manual is not None:
            notes.append(f"A person's label, {self.manual}, stands in the place of the committee's.")
        if self.why:
            notes.append(f"label model: {clean(self.why, None)}")
        return notes

    def crowd_notes(self) -> list[str]:
        """Return a line for each crowd: who gave which label."""
        return [f"{clean(name)}: {_given(said)}" for name, said in self.crowds.items() if said]

    def _words(self) -> dict[str, list[str]]:
        """Return what each member found, each word once."""
        found: dict[str, list[str]] = {}
        for span in self.spans:
            words = found.setdefault(span.member, [])
            if repr(clean(span.text)) not in words:
                words.append(repr(clean(span.text)))
        return found

    def __repr__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        most = max((abs(part.log_odds) for part in self.parts), default=0.0) or 1.0
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(clean(part.member))}</td>"
            f"<td style='text-align:left'>{html.escape(clean(part.vote or ''))}</td>"
            f"<td>{'' if part.confidence is None else f'{part.confidence:.3f}'}</td>"
            f"<td>{part.log_odds:+.3f}</td><td style='text-align:left'>{_bar(part.log_odds / most)}</td></tr>"
            for part in self.parts
        )
        head = "".join(f"<th>{name}</th>" for name in ("member", "vote", "confidence", "log-odds", ""))
        total = html.escape(clean(f"{self.label} rather than {self.runner_up}", None))
        foot = (
            "<tr><td style='text-align:left' "
            f"colspan='3'><b>{total}</b></td><td><b>{self.log_odds:+.3f}</b></td><td></td></tr>"
        )
        notes = "".join(f"<div>{html.escape(clean(note, None))}</div>" for note in self._notes())
        title = html.escape(clean(self._title(), None))
        return f"<div><b>{title}</b><table><tr>{head}</tr>{rows}{foot}</table>{notes}</div>"


def _given(said: Mapping[str, Sequence[str]]) -> str:
    """Return in one line who gave which label.

    >>> _given({"no": ["3", "5"], "yes": ["8"]})
    '2 of 3 workers say no (3, 5); 1 says yes (8)'
    """
    total = sum(map(len, said.values()))
    parts: list[str] = []
    for label, workers in said.items():
        who = some_of([clean(name) for name in workers], MOST_WORKERS)
        of = "" if parts else f" of {counted(total, 'worker')}"
        parts.append(f"{len(workers)}{of} {'says' if len(workers) == 1 else 'say'} {label} ({who})")
    return "; ".join(parts)


def _bar(share: float) -> str:
    """Return an HTML bar of length ``share``, -1 to 1: to the right for the label, to the left for the runner-up."""
    width = round(abs(share) * BAR_PIXELS / 2)
    left = BAR_PIXELS // 2 if share >= 0 else BAR_PIXELS // 2 - width
    return (
        f"<div style='width:{BAR_PIXELS}px'><div style='margin-left:{left}px;width:{width}px;height:0.8em;"
        f"background:{FOR if share >= 0 else AGAINST}'></div></div>"
    )


def _stated(one: Votes, j: int, vote: int) -> float | None:
    """Return how sure a member said it was of its vote on one record, None where it said nothing."""
    if j in one.scores:
        return float(one.scores[j].max())
    return float(one.confidence[j][0]) if j in one.confidence and vote != ABSTAIN else None


def explain(
    model: LabelModel,
    votes: Votes,
    row: int,
    *,
    feature_proba: NDArray[np.float64] | None = None,
    record: str = "",
    text: str = "",
    manual: str | None = None,
    spans: Sequence[Span] = (),
    similar: Sequence[Similar] = (),
) -> Explanation:
    """Explain the label of one record: the contribution of each member to the log-odds.

    Parameters
    ----------
    model : a fitted label model that sums up contributions of its members
    votes : the votes of the committee that it was fitted on
    row : row number of the record
    feature_proba : float (n, k), probabilities of the model's built-in classifier, which uses the features
    record, text, manual, spans, similar : see :class:`Explanation`; ``record`` is the row number by default

    Raises
    ------
    WeaklabError
        The model is not a sum of contributions, see :meth:`weaklab.label_models.LabelModel.contributions`.
    """
    one = replace(votes, features=None, feature_proba=feature_proba).take(np.array([row]))
    by_class = model.contributions(one)[0]
    P = model.predict_proba(one)
    first, second = np.argsort(-P[0], kind="stable")[:2].tolist()
    log_odds = (by_class[:, first] - by_class[:, second]).tolist()
    names = [*votes.names, *([model.built_in_classifier] if model.built_in_classifier else []), BALANCE]
    parts = []
    for j, (name, added) in enumerate(zip(names, log_odds, strict=True)):
        voted = int(one.L[0, j]) if j < one.L.shape[1] else ABSTAIN
        if added or voted != ABSTAIN:
            label = None if voted == ABSTAIN else votes.labels[voted]
            parts.append(Part(name, label, _stated(one, j, voted), added))
    parts.sort(key=lambda part: -abs(part.log_odds))
    said = {part.member for part in parts}
    turned = smallest_turn(model, votes, row, one)

    def names_of(vote: int) -> str | None:
        return None if vote == ABSTAIN else votes.labels[vote]

    return Explanation(
        record or str(row),
        text,
        votes.labels[first],
        votes.labels[second],
        float(P[0, first]),
        float(P[0, second]),
        parts,
        sum(name not in said for name in votes.names),
        bool(is_tied(P)[0]),
        manual,
        model.why,
        [Turn(votes.names[j], names_of(int(one.L[0, j])), names_of(vote)) for j, vote in turned],
        spans,
        similar,
    )
