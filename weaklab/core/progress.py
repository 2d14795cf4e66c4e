"""Progress bars: on standard error or in the notebook, and only where the work takes longer than a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

SECONDS = 2.0
"""A bar appears after so many seconds; what takes less shows none."""


class ProgressBar:
    """A bar that appears after :data:`SECONDS`; one that is not shown does nothing.

    Parameters
    ----------
    shown : whether to show it at all
    total : how much there is to do, None if that is not known
    desc : what is done, such as ``voting``
    unit : what is counted, such as ``records``

    Attributes
    ----------
    done : how much was told to :meth:`update`

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
        """Go on by so many."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)

    def skip(self, count: int) -> None:
        """Go on by so many without counting them to the rate."""
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
    """Yield items while a bar counts them.

    >>> list(tracked([[1, 2], [3]], False, 3, "reading", "records"))
    [[1, 2], [3]]
    """
    with ProgressBar(shown, total, desc, unit) as bar:
        for item in items:
            yield item
            bar.update(size(item))
