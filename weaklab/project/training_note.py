"""The note in the journal that says through which event the committee was trained last, by any process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weaklab.core.errors import ProjectError, warn

if TYPE_CHECKING:
    from weaklab.project.journal import Journal

TRAINED = "trained_through"
"""The fact in the journal that holds the note."""


class TrainingNote:
    """The note as of the last look.

    Attributes
    ----------
    through : the last event that the committee was trained on; None if it has never been trained
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.through: int | None = None

    def look(self) -> None:
        """Read the note."""
        self.through = self._journal.get(TRAINED)

    def write(self, through: int) -> None:
        """Note a training, unless one on more events is noted; warn if that cannot be written."""
        if self._journal.read_only or (self.through or -1) >= through:
            return
        try:
            with self._journal.transaction():
                if int(self._journal.get(TRAINED, -1)) < through:
                    self._journal.put(TRAINED, through)
        except ProjectError as error:
            warn(f"{error}; this session goes on")
        self.through = max(through, self.through or 0)
