"""Applies a trained committee to records outside its corpus: the members vote, the label model gives probabilities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.labels import LabelNames
from weaklab.core.votes import Votes
from weaklab.voting.committee import assemble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.heuristics import Ballot, Heuristic
    from weaklab.label_models import LabelModel
    from weaklab.training.trainer import State


@dataclass(frozen=True)
class TrainedCommittee:
    """The members of a committee and the label model that was fitted to their votes.

    Attributes
    ----------
    heuristics : m members, in the order of the columns; weak classifiers are trained
    labels : k label names
    label_model : fitted to the votes of these members
    scored : columns with class probabilities when the label model was fitted; a member that gives none now gets a
        uniform row
    confident : columns with confidences when the label model was fitted; a vote that comes without one has confidence 1
    embed : batch -> float32 (n, d), the features that the label model looks at; None where it looks at votes alone

    Examples
    --------
    >>> import weaklab
    >>> from weaklab.core.labels import LabelNames
    >>> labels, members = LabelNames(["ham", "spam"]), [weaklab.keywords("spam", ["prize"])]
    >>> model = weaklab.label_models.label_model("majority_vote").set_params(n_classes=2).fit(np.array([[1], [-1]]))
    >>> trained = TrainedCommittee(members, labels, model)
    >>> votes, P = trained.judge(next(weaklab.read(["win a prize", "lunch"]).batches()))
    >>> votes.L.tolist(), P.round(2).tolist()
    ([[1], [-1]], [[0.0, 1.0], [0.5, 0.5]])
    """

    heuristics: Sequence[Heuristic]
    labels: LabelNames
    label_model: LabelModel
    scored: Iterable[int] = ()
    confident: Iterable[int] = ()
    embed: Callable[[pa.RecordBatch], NDArray[np.float32] | None] | None = None

    @classmethod
    def of_state(
        cls,
        heuristics: Sequence[Heuristic],
        state: State,
        embed: Callable[[pa.RecordBatch], NDArray[np.float32] | None] | None = None,
    ) -> TrainedCommittee:
        """Return the committee as one training left it; ``embed`` is used if the label model looks at features."""
        embed = embed if state.feature_proba is not None else None
        votes = state.votes
        return cls(
            heuristics, LabelNames.of(votes.labels), state.model, tuple(votes.scores), tuple(votes.confidence), embed
        )

    def judge(self, batch: pa.RecordBatch) -> tuple[Votes, NDArray[np.float64]]:
        """Let the members vote on a batch in this process; return votes and probabilities float (n, k)."""
        ballots = [heuristic.evaluate(batch, self.labels) for heuristic in self.heuristics]
        return self.apply(ballots, batch.num_rows, None if self.embed is None else self.embed(batch))

    def apply(
        self, ballots: Sequence[Ballot], n: int, embeddings: NDArray[np.float32] | None = None
    ) -> tuple[Votes, NDArray[np.float64]]:
        """Turn the ballots of all members on n records into votes and probabilities.

        Parameters
        ----------
        ballots : one a member, in the order of ``heuristics``
        embeddings : float32 (n, d) of these records, if the label model looks at features

        Returns
        -------
        (Votes, float (n, k))
        """
        votes, k = assemble(self.heuristics, ballots, self.labels, n), len(self.labels)
        no_opinion, plain = np.full((n, k), 1 / k, dtype=np.float32), np.ones(n, dtype=np.float32)
        votes = replace(
            votes,
            scores={**dict.fromkeys(self.scored, no_opinion), **votes.scores},
            confidence={**dict.fromkeys(self.confident, plain), **votes.confidence},
        )
        return votes, self.label_model.predict_proba(replace(votes, features=embeddings))
