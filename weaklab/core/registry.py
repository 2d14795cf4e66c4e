"""Registries: parts that users choose by name, from this package and from other installed packages."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from weaklab.core.errors import UnknownNameError, WeaklabError, did_you_mean, warn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int8]
    Floats = NDArray[np.floating[Any]]


T = TypeVar("T")


@dataclass
class Registry(Generic[T]):
    """A mapping from names to parts of one kind, such as query strategies; modules register their parts on import.

    Parameters
    ----------
    kind : name of the kind in messages, such as ``"query strategy"``
    package : dotted name of the package that contains the parts; its modules are imported on first use
    group : entry-point group for parts of other installed packages, such as ``"weaklab.strategies"``

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
    weaklab.core.errors.UnknownNameError: no colour named 'gren'; did you mean 'green'? available: green
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
                f"there is a {self.kind} named {key!r} already ({self._place(known)}); rename the one in "
                f"{self._place(part)}"
            )
        self._parts[key] = part
        self._aliases.update(dict.fromkeys(aliases, key))
        return part

    def named(self, name: str, *aliases: str) -> Callable[[T], T]:
        """Return a decorator that registers a part under ``name`` (and ``aliases``)."""
        return lambda part: self.register(part, name=name, aliases=aliases)

    def __getitem__(self, name: str) -> T:
        if name not in self:
            raise UnknownNameError(
                f"no {self.kind} named {name!r};{did_you_mean(name, [*self._parts, *self._aliases])} available: "
                f"{', '.join(self.names())}"
            )
        return self._parts[self._aliases.get(name, name)]

    def __contains__(self, name: object) -> bool:
        self._discover()
        if name not in self._parts and name not in self._aliases:
            self._look_outside()  # as late as possible: it is slow for a short command
        return name in self._parts or name in self._aliases

    def names(self) -> list[str]:
        """Return the registered names in alphabetical order, those of other installed packages included."""
        self._discover()
        self._look_outside()
        return sorted(self._parts)

    def describe(self) -> list[tuple[str, str, str]]:
        """Return (name, first line of the docstring, ``file:line``) of every part."""
        return [(n, _plain((inspect.getdoc(self[n]) or "").split("\n")[0]), self._place(self[n])) for n in self.names()]

    def registered_outside(self) -> list[tuple[str, list[str], T]]:
        """Return (name, aliases, part) of every part that code outside this package has registered so far."""
        return [
            (name, [alias for alias, known in self._aliases.items() if known == name], part)
            for name, part in self._parts.items()
            if (getattr(part, "__module__", None) or "").partition(".")[0] != __name__.partition(".")[0]
        ]

    @staticmethod
    def _place(part: Any) -> str:
        try:
            return f"{inspect.getsourcefile(part)}:{inspect.getsourcelines(part)[1]}"
        except (TypeError, OSError):
            return getattr(part, "__module__", "") or ""

    def _look_outside(self) -> None:
        """Register the parts in the entry-point group of other packages; one that fails is left out, with a warning."""
        if self._looked_outside or self.group is None:
            return
        self._looked_outside = True
        from importlib.metadata import entry_points

        for point in entry_points(group=self.group):
            package = point.dist.name if point.dist is not None else "an installed package"
            try:
                self.register(point.load(), name=point.name)
            except Exception as error:  # code of other packages may raise anything
                warn(
                    f"the {self.kind} {point.name!r} of the package {package} cannot be used ({type(error).__name__}: "
                    f"{error}); update or uninstall that package"
                )

    def _discover(self) -> None:
        if self._discovered or self.package is None:
            return
        self._discovered = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            if module.name != "kernels":  # importing kernels loads the compiler, and they register nothing
                importlib.import_module(f"{self.package}.{module.name}")


def _plain(text: str) -> str:
    """Remove the markup of a docstring."""
    return re.sub(r":\w+:`~?(?:[\w.]*\.)?(\w+)`", r"\1", text).replace("``", "")
