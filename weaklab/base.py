"""The words every other module shares: labels and their codes, errors, faults, registries."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import operator
import os
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from weaklab.tables import clean, clean_lines, has_controls

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int8]
    Floats = NDArray[np.floating[Any]]

ABSTAIN = -1
"""The code of a vote that is no vote."""

MAX_CLASSES = 127
"""A label matrix is int8, so a project has at most this many labels."""


class WeaklabError(ValueError):
    """A user's mistake: the message says what arrived, what was wanted and what to do."""

    def __str__(self) -> str:
        return clean_lines(super().__str__())  # it may name what a terminal would obey


class UnknownLabelError(WeaklabError):
    """A vote or a manual label that is none of the project's labels."""


class UnknownNameError(WeaklabError):
    """A name that no registry holds."""


class CorpusError(WeaklabError):
    """A corpus that cannot be read as records with unique ids."""


class HeuristicError(WeaklabError):
    """A labeling function or weak classifier that cannot be registered."""


class ProjectError(WeaklabError):
    """A project folder that cannot do what was asked of it."""


class WeaklabWarning(UserWarning):
    """Something the user should know that did not stop the work."""


class FaultWarning(WeaklabWarning):
    """A heuristic failed on some records, which abstain there; see :class:`Fault`."""


def warn(message: str, category: type[WeaklabWarning] = WeaklabWarning) -> None:
    """Warn with the line of the user's code that called weaklab."""
    package = os.path.dirname(__file__)
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        level, frame = level + 1, frame.f_back
    warnings.warn(clean_lines(message), category, stacklevel=level)


def is_number(value: object) -> bool:
    """Whether a value is a real number, and no yes or no.

    >>> is_number(0.5), is_number(True), is_number("0.5")
    (True, False, False)
    """
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number by its type, and no yes or no.

    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def did_you_mean(name: str, available: Iterable[str]) -> str:
    """Return `` did you mean 'x'?`` for a near miss, else an empty string.

    >>> did_you_mean("margn", ["margin", "entropy"])
    " did you mean 'margin'?"
    """
    near = difflib.get_close_matches(str(name), list(available), n=1)
    return f" did you mean {near[0]!r}?" if near else ""


_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)
_TRUTH = ("true", "false")
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)


def not_a_list(names: Any) -> str:
    """Say that label names are one text, or a set, which has no order."""
    if isinstance(names, (str, bytes)):
        text = names if isinstance(names, str) else names.decode("utf-8", "replace")
        parts = [part.strip() for part in re.split(r"[,;|]", text) if part.strip()]
        wanted = repr(parts) if len(parts) > 1 else f"[{text!r}, ...]"
        return f"labels must be a list of names, got the single string {names!r}: write {wanted}"
    return f"labels must be a list of names, got a set, which has no order: write {sorted(map(str, names))!r} in the order you want"


class LabelNames(Sequence[str]):
    """The labels of a project in a fixed order: users speak names, matrices hold codes.

    Parameters
    ----------
    names : sequence of str
        At least two different, non-empty names; the code of a name is its position.

    Attributes
    ----------
    are_numbers : whether some name writes a number or a truth value, so that a number is a name and never a position

    Examples
    --------
    >>> labels = LabelNames(["ham", "spam"])
    >>> labels.code("spam"), labels.name(0), len(labels)
    (1, 'ham', 2)
    """

    def __init__(self, names: Sequence[str]) -> None:
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
                raise WeaklabError(f"a label must be readable text, got {name!r}, which holds a control character; name it without")
        if len(set(self._names)) != len(self._names):
            raise WeaklabError(f"labels must differ from one another, got {list(self._names)}")
        self._codes = {name: code for code, name in enumerate(self._names)}
        self.are_numbers = any(_NUMBER.fullmatch(name) or name.lower() in _TRUTH for name in self._names)
        self._numbers = {int(name.split(".")[0]): code for name, code in self._codes.items() if _WHOLE.fullmatch(name)}

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: Any) -> Any:
        return self._names[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(other) == self._names

    def __hash__(self) -> int:
        return hash(self._names)

    def __repr__(self) -> str:
        return f"LabelNames({list(self._names)})"

    def code(self, vote: Any) -> int:
        """Return the code of what a function returned: a name, a code, or None / ABSTAIN for no vote.

        Where a name is itself a whole number, such as the stars 1 to 5, a number is one of these names and never a code. Values of data
        columns are read by :class:`weaklab.label_reader.LabelReader`, which takes no number for a code.

        Raises
        ------
        UnknownLabelError
            The vote is none of these; a bool is refused, too, because True is no label.

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
                if code == ABSTAIN or (not self.are_numbers and 0 <= code < len(self._names)):
                    return code
        raise UnknownLabelError(self.unknown(vote))

    def unknown(self, vote: Any) -> str:
        """Say that ``vote`` is no label, and what would be one."""
        hint = did_you_mean(vote, self._names) if isinstance(vote, str) else ""
        if type(vote).__name__ in ("bool", "bool_"):
            hint = " a yes or no is no label: return the label's name where the answer is yes, None where it is no."
        shown = repr(vote)
        shown = shown if len(shown) <= 80 else shown[:77] + "..."
        names = ", ".join(map(repr, self._names[:20])) + (", ..." if len(self) > 20 else "")
        codes = "" if self.are_numbers else f" (or their codes 0 to {len(self) - 1})"
        return f"{shown} is not a label;{hint} the labels are {names}{codes}, and None abstains"

    def name(self, code: int) -> str | None:
        """Return the name of a code, None for ABSTAIN."""
        return None if code == ABSTAIN else self._names[code]


MAX_FAULT_RECORDS = 20
"""So many record ids are kept with a fault; its count goes on."""


@dataclass(frozen=True)
class Fault:
    """What went wrong in one heuristic, once for each kind of exception.

    Attributes
    ----------
    heuristic : name of the heuristic
    exception : type name of the exception, such as ``KeyError``
    message : the message of the first one
    location : ``file:line`` of the heuristic, or an empty string
    records : ids of the first records that it happened on
    count : on how many records it happened
    """

    heuristic: str
    exception: str
    message: str
    location: str = ""
    records: tuple[str, ...] = ()
    count: int = 1

    def __str__(self) -> str:
        where = f" ({self.location})" if self.location else ""
        what = f"{self.exception}: {self.message}" if self.message else self.exception
        first = f"record {self.records[0]!r}" if self.records else "the whole batch"
        more = f" and {self.count - 1:,} more" if self.count > 1 else ""
        return clean(f"{self.heuristic}{where} on {first}{more}: {what}", None)

    def to_json(self) -> dict[str, Any]:
        return {**self.__dict__, "records": list(self.records)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        return cls(**{**data, "records": tuple(data["records"])})


def merge_faults(faults: Iterable[Fault]) -> list[Fault]:
    """Add up faults of the same heuristic and exception, in the order in which they came.

    >>> one = Fault("f", "KeyError", "'x'", records=("7",))
    >>> str(merge_faults([one, Fault("f", "KeyError", "'x'", records=("9",))])[0])
    "f on record '7' and 1 more: KeyError: 'x'"
    """
    merged: dict[tuple[str, str], Fault] = {}
    for fault in faults:
        key = (fault.heuristic, fault.exception)
        old = merged.get(key)
        if old is not None:
            records = (old.records + fault.records)[:MAX_FAULT_RECORDS]
            fault = Fault(old.heuristic, old.exception, old.message, old.location, records, old.count + fault.count)
        merged[key] = fault
    return list(merged.values())


T = TypeVar("T")


@dataclass
class Registry(Generic[T]):
    """Names for interchangeable parts; a package's modules register theirs when first asked for.

    Parameters
    ----------
    kind : what the parts are called in messages, such as ``"query strategy"``
    package : dotted name of the package whose modules hold the parts, imported on first look-up
    group : entry-point group in which other installed packages name parts of theirs, such as ``"weaklab.strategies"``

    Examples
    --------
    >>> colours = Registry("colour")
    >>> @colours.register
    ... def green(): return "#0f0"
    >>> colours["green"]()
    '#0f0'
    >>> colours["gren"]
    Traceback (most recent call last):
        ...
    weaklab.base.UnknownNameError: no colour named 'gren'; did you mean 'green'? available: green
    """

    kind: str
    package: str | None = None
    group: str | None = None
    _parts: dict[str, T] = field(default_factory=dict)
    _aliases: dict[str, str] = field(default_factory=dict)
    _discovered: bool = False
    _looked_outside: bool = False

    def register(self, part: T, *, name: str | None = None, aliases: Sequence[str] = ()) -> T:
        """Register ``part`` under its ``name`` attribute, else its ``__name__``; return it."""
        key = name or getattr(part, "name", None) or part.__name__  # type: ignore[attr-defined]
        known = self._parts.get(key)
        if known is not None and self._place(known) != self._place(part):
            raise WeaklabError(
                f"there is a {self.kind} named {key!r} already ({self._place(known)}); rename the one in {self._place(part)}"
            )
        self._parts[key] = part
        self._aliases.update(dict.fromkeys(aliases, key))
        return part

    def named(self, name: str, *aliases: str) -> Callable[[T], T]:
        """Decorate a part to register it under ``name`` (and ``aliases``)."""
        return lambda part: self.register(part, name=name, aliases=aliases)

    def __getitem__(self, name: str) -> T:
        if name not in self:
            raise UnknownNameError(
                f"no {self.kind} named {name!r};{did_you_mean(name, [*self._parts, *self._aliases])} available: {', '.join(self.names())}"
            )
        return self._parts[self._aliases.get(name, name)]

    def __contains__(self, name: object) -> bool:
        self._discover()
        if name not in self._parts and name not in self._aliases:
            self._look_outside()  # only now: reading what is installed takes longer than the rest of a short command
        return name in self._parts or name in self._aliases

    def names(self) -> list[str]:
        """Return the registered names in alphabetical order, those of other installed packages included."""
        self._discover()
        self._look_outside()
        return sorted(self._parts)

    def describe(self) -> list[tuple[str, str, str]]:
        """Return (name, first line of the docstring, ``file:line``) of every part."""
        return [(n, _plain((inspect.getdoc(self[n]) or "").split("\n")[0]), self._place(self[n])) for n in self.names()]

    @staticmethod
    def _place(part: Any) -> str:
        try:
            return f"{inspect.getsourcefile(part)}:{inspect.getsourcelines(part)[1]}"
        except (TypeError, OSError):
            return getattr(part, "__module__", "") or ""

    def _look_outside(self) -> None:
        """Register what other installed packages name in the entry-point group; one that fails is told and left out."""
        if self._looked_outside or self.group is None:
            return
        self._looked_outside = True
        from importlib.metadata import entry_points

        for point in entry_points(group=self.group):
            package = point.dist.name if point.dist is not None else "an installed package"
            try:
                self.register(point.load(), name=point.name)
            except Exception as error:  # somebody else's code may raise anything
                warn(
                    f"the {self.kind} {point.name!r} of the package {package} cannot be used ({type(error).__name__}: {error}); "
                    "update or uninstall that package"
                )

    def _discover(self) -> None:
        if self._discovered or self.package is None:
            return
        self._discovered = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            if module.name != "kernels":  # these bring the compiler along, and register nothing
                importlib.import_module(f"{self.package}.{module.name}")


def _plain(text: str) -> str:
    """Take the mark-up of a docstring away."""
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", text).replace("``", "")
