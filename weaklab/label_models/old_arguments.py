"""Arguments and attributes that label models had before :class:`~weaklab.core.votes.Votes`; they go with the next
release.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from weaklab.core.errors import WeaklabError
from weaklab.core.votes import Votes

Function = TypeVar("Function", bound=Callable[..., Any])

OLD_ORDER = ("scores", "confidence", "features")
"""What stood, in this order, behind the arguments that a method still has."""
OLD_NAMES = {"L": "L", **{name: name for name in OLD_ORDER}, "instance": "feature_proba"}
"""Old keyword -> field of :class:`Votes`."""


def takes_votes(*still: str) -> Callable[[Function], Function]:
    """Let a function that takes one ``Votes`` also take the old arguments, with a warning that says what to write.

    Parameters
    ----------
    still : the positional arguments that the function, or method, has behind the votes
    """

    def decorate(function: Function) -> Function:
        before = int(next(iter(inspect.signature(function).parameters)) == "self")
        most = before + 1 + len(still)

        @functools.wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            if len(given) <= most and not OLD_NAMES.keys() & named.keys():
                return function(*given, **named)
            if len(given) > most + len(OLD_ORDER):
                raise TypeError(
                    f"{function.__name__} takes {' and '.join(('votes', *still))}, got {len(given)} arguments"
                )
            old = dict(zip(OLD_ORDER, given[most:], strict=False))
            old |= {OLD_NAMES[name]: named.pop(name) for name in OLD_NAMES.keys() & named.keys()}
            new = [*given[before:most]]
            votes = old.pop("L") if "L" in old else new.pop(0) if new else named.pop("votes")
            old = {name: value for name, value in old.items() if value is not None}
            _warn(function.__name__, sorted(old), still)
            return function(*given[:before], _with_old(votes, old), *new, **named)

        return call  # type: ignore[return-value]  # takes more than the function it stands for

    return decorate


def _with_old(first: Any, old: dict[str, Any]) -> Votes:
    """Return votes with what came in the old arguments."""
    twice = [name for name in old if isinstance(first, Votes) and name in OLD_ORDER and _is_there(first, name)]
    if twice:
        raise WeaklabError(f"{twice[0]} came twice, in the votes and as {twice[0]}=; give votes that hold them")
    return replace(first, **old) if isinstance(first, Votes) else Votes(first, **old)


def _is_there(votes: Votes, name: str) -> bool:
    held = getattr(votes, name)
    return held is not None and (name == "features" or bool(held))


def _warn(name: str, old: list[str], still: tuple[str, ...]) -> None:
    inside = "".join(f", {each}={each}" for each in old)
    more = ", y" if still == ("y",) else ""
    warnings.warn(
        f"{name} takes one argument for all that heuristics say, and the old ones go with the next release; write "
        f"{name}(weaklab.Votes(L{inside}){more})",
        DeprecationWarning,
        stacklevel=3,
    )


def renamed(old: str, new: str) -> property:
    """Return a property that reads an attribute under its old name, with a warning."""

    def read(self: Any) -> Any:
        warnings.warn(f"{old} is now called {new}; the old name goes with the next release", DeprecationWarning, 2)
        return getattr(self, new)

    return property(read, doc=f"The old name of :attr:`{new}`.")
