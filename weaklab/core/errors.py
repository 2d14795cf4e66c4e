"""The error and warning classes of weaklab, and small helpers for checking values and writing messages."""

from __future__ import annotations

import difflib
import os
import sys
import warnings
from collections.abc import Iterable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from weaklab.core.tables import clean_lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int8]
    Floats = NDArray[np.floating[Any]]


class WeaklabError(ValueError):
    """A user's mistake: the message says what arrived, what was wanted and what to do."""

    def __str__(self) -> str:
        return clean_lines(super().__str__())  # it may quote data with control characters, which a terminal would obey


class UnknownLabelError(WeaklabError):
    """A vote or a manual label that is not one of the project's labels."""


class UnknownNameError(WeaklabError):
    """A name that is not in the registry."""


class CorpusError(WeaklabError):
    """A corpus that cannot be read as records with unique ids."""


class HeuristicError(WeaklabError):
    """A labeling function or weak classifier that cannot be registered."""


class ProjectError(WeaklabError):
    """A project folder that is damaged, locked, or cannot do the requested operation."""


class StorageError(ProjectError):
    """Nothing can be stored now: another process writes to the project, the disk is full, it is read-only, its database
    is damaged, or it was closed.

    Nothing was wrong with what should be stored: it may be tried again once that is well.
    """


class WeaklabWarning(UserWarning):
    """A problem that the user should know about, but that did not stop the work."""


class FaultWarning(WeaklabWarning):
    """A heuristic failed on some records and abstains on these; see :class:`Fault`."""


def warn(message: str, category: type[WeaklabWarning] = WeaklabWarning) -> None:
    """Issue a warning that points to the line of the user's code that called weaklab."""
    package = os.path.dirname(os.path.dirname(__file__))
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        level, frame = level + 1, frame.f_back
    warnings.warn(clean_lines(message), category, stacklevel=level)


def is_number(value: object) -> bool:
    """Whether a value is a real number and not a bool.

    >>> is_number(0.5), is_number(True), is_number("0.5")
    (True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether a value has an integer type and is not a bool.

    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def did_you_mean(name: str, available: Iterable[str]) -> str:
    """Return `` did you mean 'x'?`` with the most similar available name, or an empty string if none is similar.

    >>> did_you_mean("margn", ["margin", "entropy"])
    " did you mean 'margin'?"
    """
    near = difflib.get_close_matches(str(name), list(available), n=1)
    return f" did you mean {near[0]!r}?" if near else ""
