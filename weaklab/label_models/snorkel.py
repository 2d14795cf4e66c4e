"""Snorkel's label model behind the common interface."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from weaklab.core.labels import ABSTAIN
from weaklab.label_models.base import LABEL_MODELS, LabelModel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from weaklab.core.votes import Votes

_LEAST_HEURISTICS = 3


@LABEL_MODELS.named("snorkel")
class SnorkelLabelModel(LabelModel):
    """Snorkel's ``LabelModel`` (MeTaL, matrix completion).

    Manual labels enter through the class balance alone, which is all that Snorkel can take. It needs three heuristics;
    with fewer, heuristics that always abstain stand in for the missing ones. The random state of torch is put back
    after fitting. It takes no confidences: where some are given it warns, and counts every vote once.

    Parameters
    ----------
    n_classes, class_balance : see :class:`LabelModel`
    n_epochs, lr, seed : as in Snorkel

    References
    ----------
    Ratner, Hancock, Dunnmon, Sala, Pandey and Re (2019), Training complex models with multi-task weak supervision.
    AAAI.

    Examples
    --------
    >>> L = [[0, 0, -1], [1, 1, 0], [1, -1, 1], [0, 0, 0]] * 5
    >>> SnorkelLabelModel(n_epochs=50).fit(L).predict([[1, 1, 1]]).tolist()
    [1]
    """

    def __init__(
        self,
        n_classes: int | None = None,
        class_balance: ArrayLike | None = None,
        n_epochs: int = 100,
        lr: float = 0.01,
        seed: int = 0,
    ) -> None:
        super().__init__(n_classes, class_balance)
        self.n_epochs = n_epochs
        self.lr = lr
        self.seed = seed

    by_rows = False
    takes_confidence = False

    def _fit(self, votes: Votes, y: NDArray[np.int64]) -> None:
        numpy_state = np.random.get_state()  # what is imported may draw numbers, too
        import torch
        from snorkel.labeling.model import LabelModel as Snorkel

        self.model_: Any = None
        voted = _padded(votes.L)[(votes.L != ABSTAIN).any(axis=1)]
        if not len(voted):
            return
        level = logging.getLogger().level
        torch_state = torch.random.get_rng_state()
        try:
            model = Snorkel(cardinality=self.n_classes_, verbose=False)
            model.fit(
                voted,
                class_balance=list(self.class_balance_),
                n_epochs=self.n_epochs,
                lr=self.lr,
                seed=self.seed,
                progress_bar=False,
            )
        finally:
            np.random.set_state(numpy_state)
            torch.random.set_rng_state(torch_state)
            logging.getLogger().setLevel(level)
        self.model_ = model

    def _proba(self, votes: Votes) -> NDArray[np.float64]:
        L = votes.L
        P = np.tile(self.class_balance_, (len(L), 1))
        voted = np.flatnonzero((L != ABSTAIN).any(axis=1))
        if self.model_ is None or not len(voted):
            return P
        found = np.array(self.model_.predict_proba(_padded(L[voted])), dtype=np.float64)
        usable = np.isfinite(found).all(axis=1) & (found.sum(axis=1) > 0)
        P[voted[usable]] = found[usable]
        return P


def _padded(L: NDArray[np.int8]) -> NDArray[np.int64]:
    missing = max(0, _LEAST_HEURISTICS - L.shape[1])
    return np.pad(L.astype(np.int64), ((0, 0), (0, missing)), constant_values=ABSTAIN)
