"""Label names and their integer codes: users give names, matrices contain codes."""

from __future__ import annotations

import contextlib
import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weaklab.core.errors import UnknownLabelError, WeaklabError, did_you_mean
from weaklab.core.tables import has_controls

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int8]
    Floats = NDArray[np.floating[Any]]


ABSTAIN = -1
"""The code in place of a vote where a heuristic abstains, and in place of a label where there is none."""


MAX_CLASSES = 127
"""A label matrix is int8, so a project has at most this many labels."""


_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)


_TRUTH = ("true", "false")


_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)


def not_a_list(names: Any) -> str:
    """Return the message that label names are given as a single text or as a set, not as a list."""
    if isinstance(names, (str, bytes)):
        text = names if isinstance(names, str) else names.decode("utf-8", "replace")
        parts = [part.strip() for part in re.split(r"[,;|]", text) if part.strip()]
        wanted = repr(parts) if len(parts) > 1 else f"[{text!r}, ...]"
        return f"labels must be a list of names, got the single string {names!r}: write {wanted}"
    return (
        f"labels must be a list of names, got a set, which has no order: write {sorted(map(str, names))!r} in the "
        "order you want"
    )


class LabelNames(Sequence[str]):
    """The labels of a project in a fixed order; the code of a label is its position.

    Parameters
    ----------
    names : sequence of str
        At least two different, non-empty names.
    former : earlier name of a label -> its code, so that heuristics which still vote it vote for the label of today
    numbers : number that a heuristic votes -> code, where labels have changed places since; by default positions

    Attributes
    ----------
    are_numbers : whether some name is a number or a truth value; then a number is read as a name, never as a code

    Examples
    --------
    >>> labels = LabelNames(["ham", "spam"])
    >>> labels.code("spam"), labels.name(0), len(labels)
    (1, 'ham', 2)
    """

    former: Mapping[str, int] = {}
    numbers: Mapping[int, int] | None = None
    _shown: tuple[str, ...] = ()

    def __init__(
        self,
        names: Sequence[str],
        former: Mapping[str, int] | None = None,
        numbers: Mapping[int, int] | None = None,
    ) -> None:
        if isinstance(names, (str, bytes, set, frozenset)):
            raise WeaklabError(not_a_list(names))
        self._names = tuple(str(name).strip() for name in names)
        if len(self._names) < 2:
            raise WeaklabError(f"a project needs at least two labels, got {list(self._names)}")
        if len(self._names) > MAX_CLASSES:
            raise WeaklabError(f"a project has at most {MAX_CLASSES} labels, got {len(self._names)}")
        if not all(self._names):
            raise WeaklabError(f"a label needs a name, got an empty one in {list(self._names)}")
        for name in self._names:
            if has_controls(name):
                raise WeaklabError(
                    f"a label must be readable text, got {name!r}, which holds a control character; name it without"
                )
        if len(set(self._names)) != len(self._names):
            raise WeaklabError(f"labels must differ from one another, got {list(self._names)}")
        self.former, self.numbers = dict(former or {}), None if numbers is None else dict(numbers)
        self._index({name: code for code, name in enumerate(self._names)})

    @classmethod
    def of(cls, names: Sequence[str]) -> LabelNames:
        """Return label names as they are, with their former names, or make them of a list."""
        return names if isinstance(names, LabelNames) else cls(names)

    def _index(self, codes: Mapping[str, int]) -> None:
        """Look up votes by these names and by the former ones."""
        self._codes = {**self.former, **codes}
        self.are_numbers = any(_NUMBER.fullmatch(name) or name.lower() in _TRUTH for name in self._codes)
        self._numbers = {int(name.split(".")[0]): code for name, code in self._codes.items() if _WHOLE.fullmatch(name)}

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: Any) -> Any:
        return self._names[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LabelNames):
            return (self._codes, self._names, self.numbers) == (other._codes, other._names, other.numbers)
        return isinstance(other, Sequence) and tuple(other) == self._names

    def __hash__(self) -> int:
        return hash(self._names)

    def __repr__(self) -> str:
        return f"LabelNames({list(self._names)})"

    def code(self, vote: Any) -> int:
        """Return the code for the return value of a labeling function: a name, a code, or None / ABSTAIN for no vote.

        If a label name is itself a number, such as 1 to 5 stars, a number is read as a name and never as a code.
        Values of data columns are read by :class:`weaklab.core.label_reader.LabelReader`, which never reads a number
        as a code.

        Raises
        ------
        UnknownLabelError
            The vote is none of these. A bool is refused as well, because it is not a label.

        Examples
        --------
        >>> LabelNames(["ham", "spam"]).code(0), LabelNames(["1", "2"]).code(2)
        (0, 1)
        """
        if vote is None:
            return ABSTAIN
        if isinstance(vote, str):
            code = self._codes.get(vote)
            if code is not None:
                return code
        elif type(vote).__name__ not in ("bool", "bool_"):
            with contextlib.suppress(TypeError, ValueError):
                code = operator.index(vote)
                named = self._codes.get(str(code), self._numbers.get(code))
                if named is not None:  # a label may be called 1, as stars are
                    return named
                if code == ABSTAIN:
                    return code
                if not self.are_numbers and code in (self._positions if self.numbers is None else self.numbers):
                    return code if self.numbers is None else self.numbers[code]
        raise UnknownLabelError(self.unknown(vote))

    @property
    def _positions(self) -> range:
        return range(len(self._names))

    @property
    def spellings(self) -> Iterable[str]:
        """All names that :meth:`code` knows, former ones included."""
        return self._codes

    def unknown(self, vote: Any) -> str:
        """Return the message that ``vote`` is not a label, with the labels that there are."""
        shown_names = self._shown or self._names
        hint = did_you_mean(vote, shown_names) if isinstance(vote, str) else ""
        if type(vote).__name__ in ("bool", "bool_"):
            hint = " a yes or no is no label: return the label's name where the answer is yes, None where it is no."
        shown = repr(vote)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        names = ", ".join(map(repr, shown_names[:20])) + (", ..." if len(shown_names) > 20 else "")
        codes = "" if self.are_numbers else f" (or their codes 0 to {len(shown_names) - 1})"
        return f"{shown} is not a label;{hint} the labels are {names}{codes}, and None abstains"

    def name(self, code: int) -> str | None:
        """Return the name of a code, None for ABSTAIN."""
        return None if code == ABSTAIN else self._names[code]
