"""What the committee of a project says as of the last training, without training anew where nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weaklab.core.files import Kept
from weaklab.heuristics.look_cache import one_look
from weaklab.project.at_hand import AtHand
from weaklab.project.stored_training import may_be_kept, read_opinion, training_key, write_opinion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weaklab.project.workspace import Workspace
    from weaklab.training.trainer import Opinion

FILE = "trained.npz"
"""The file, among those that can be made again, that holds what the committee said after the last training."""


class CommitteeOpinion:
    """What the committee says, from its file or from a training. The file may be deleted at any time.

    Parameters
    ----------
    work : the open project
    """

    def __init__(self, work: Workspace) -> None:
        self._work, self._kept = work, Kept(work.path / "cache", work.path)
        self._said: Opinion | None = None
        self._fingerprints: list[tuple[str, str]] = []
        self._in_file = ""

    def now(self, progress: bool = False) -> Opinion:
        """Return what the committee says as of the last training: what is in the file, where that fits in all, else
        what a training gives.

        The weak classifiers and the label model may not be trained; :meth:`Workspace.state` sees to these.
        """
        work = self._work
        with work.working:
            through = work.look()
            if self._said is not None and self._fingerprints != self._members():
                self._said = None
            if work.trained is None and self._said is None:
                self._take_from_file(through)
            if work.trained is not None or self._said is None:
                return work.state(progress)
            work.at_hand = AtHand.of(work, self._said)
            return self._said

    @property
    def last(self) -> Opinion | None:
        """What the committee said when it was last asked; None where nobody has."""
        return self._work.trained or self._said

    def forget(self) -> None:
        """Look into the file again when somebody asks."""
        self._said = None

    def forget_classifiers(self) -> None:
        """Train anew when classifiers are wanted: they have been trained on parts of the labels."""
        work = self._work
        with work.working:
            self.keep()
            if work.trained is not None:
                self._say(work.trained)
            work.trained = None

    def keep(self) -> None:
        """Keep what was said after the last training in the file, for other processes."""
        work, state = self._work, self._work.trained
        if state is None or work.journal.read_only or not self._is_of_key(bool(work.snapshot.extra_labels)):
            return
        if work.cache.is_current(work.committee.fingerprints()) and may_be_kept(work.committee.heuristics, state):
            picked = np.zeros(len(state.y), dtype=bool) if state.votes.picked is None else state.votes.picked
            key = self._key(state.y, picked)
            if key != self._in_file:
                self._kept.write(FILE, lambda path: write_opinion(path, key, state))
                self._in_file = key

    def _take_from_file(self, through: int) -> None:
        work = self._work
        then = work.snapshot.at(through, work.journal)
        if not self._kept.path(FILE).exists() or not self._is_of_key(bool(then.extra_labels)):
            return
        key = self._key(then.y, then.picked)
        said: Opinion | None = self._kept.read(FILE, lambda path: read_opinion(path, key, work.label_names, then.y))
        if said is not None:
            self._say(said)
            self._in_file, work.trained_through = key, through

    def _say(self, said: Opinion) -> None:
        self._said, self._fingerprints = said, self._members()

    def _members(self) -> list[tuple[str, str]]:
        """Return the name and fingerprint of every member, weak classifiers too, in the order of the committee."""
        with one_look():
            return [(member.name, member.fingerprint) for member in self._work.committee.heuristics]

    def _is_of_key(self, outside: bool) -> bool:
        """Whether a key says all that a training depends on: not with sentence vectors or labels ``outside`` the
        corpus.
        """
        work = self._work
        return work.has_records and work.encoder is None and not outside

    def _key(self, y: NDArray[np.int64], picked: NDArray[np.bool_]) -> str:
        work = self._work
        return training_key(work.records_key, work.label_names, self._members(), work.settings, y, picked)
