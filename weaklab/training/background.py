"""One piece of work in a background thread while a person is busy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future, ThreadPoolExecutor


T = TypeVar("T")


class Ahead(Generic[T]):
    """Does a piece of work in the background while a person is busy: what will be asked for next.

    One piece at a time. What a piece of work gives must depend on what it was begun with alone; then nothing depends on
    time. Work that touches what the foreground touches, too, holds a lock that the foreground holds as well.

    Examples
    --------
    >>> with Ahead() as ahead:
    ...     ahead.begin("squares", lambda: [i * i for i in range(4)])
    ...     ahead.take("squares"), ahead.take("squares")
    ([0, 1, 4, 9], None)
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._begun: tuple[Any, Future[T]] | None = None

    def begin(self, key: Any, work: Callable[[], T]) -> None:
        """Begin a piece of work; the one before is forgotten, and finished first if it runs already."""
        from concurrent.futures import ThreadPoolExecutor

        self.cancel()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="weaklab-ahead")
        self._begun = key, self._pool.submit(work)

    def take(self, key: Any) -> T | None:
        """Return what the work that was begun under this key gave, once, after waiting for it; None if none was.

        An error of the work is raised here. Work under another key is forgotten.
        """
        begun, self._begun = self._begun, None
        if begun is None:
            return None
        if begun[0] != key:
            begun[1].cancel()
            return None
        return begun[1].result()

    @property
    def running(self) -> bool:
        """Whether work that was begun has not ended yet."""
        return self._begun is not None and not self._begun[1].done()

    def wait(self, seconds: float | None = None) -> None:
        """Wait for the end of what was begun, at most so many seconds; it can still be taken."""
        if self._begun is not None:
            from concurrent.futures import wait

            wait([self._begun[1]], seconds)

    def cancel(self) -> None:
        """Forget the work; if it runs already it ends unheard."""
        if self._begun is not None:
            self._begun[1].cancel()
            self._begun = None

    def close(self) -> None:
        """Forget the work and wait for the end of what runs; it may be used again."""
        self.cancel()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
