"""Progress bars, on standard error or in a notebook; they appear only if the work takes longer than two seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

SECONDS = 2.0
"""A bar appears after this many seconds; shorter work shows no bar."""


class ProgressBar:
    """A progress bar that appears after :data:`SECONDS`; it does nothing if ``shown`` is false.

    Parameters
    ----------
    shown : whether to show the bar at all
    total : final count, None if it is not known
    desc : name of the work, such as ``voting``
    unit : name of the counted things, such as ``records``

    Attributes
    ----------
    done : sum of the counts given to :meth:`update`

    Examples
    --------
    >>> with ProgressBar(False, 3, "voting", "records") as bar:
    ...     bar.update(3)
    """

    def __init__(self, shown: bool, total: int | None, desc: str, unit: str, **settings: Any) -> None:
        self.done = 0
        self._bar: Any = None
        if shown:
            from tqdm.auto import tqdm

            self._bar = tqdm(
                **{"total": total, "desc": desc, "unit": f" {unit}", "leave": False, "delay": SECONDS, **settings}
            )

    def update(self, count: int = 1) -> None:
        """Advance the bar by ``count``."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)

    def skip(self, count: int) -> None:
        """Advance the bar by ``count`` without changing the shown rate, for work that was done earlier."""
        if self._bar is not None:
            self._bar.initial += count
            self._bar.update(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def tracked(
    items: Iterable[Any], shown: bool, total: int | None, desc: str, unit: str, size: Callable[[Any], int] = len
) -> Iterator[Any]:
    """Yield the items; a bar counts them.

    >>> list(tracked([[1, 2], [3]], False, 3, "reading", "records"))
    [[1, 2], [3]]
    """
    with ProgressBar(shown, total, desc, unit) as bar:
        for item in items:
            yield item
            bar.update(size(item))
