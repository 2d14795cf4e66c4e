"""The estimated accuracy of the committee's labels while people label; made in the background after each training."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from weaklab.project.quality import given_answers
from weaklab.training.background import Ahead

if TYPE_CHECKING:
    from weaklab.evaluation.audit import Estimate
    from weaklab.project.workspace import Workspace
    from weaklab.training.trainer import Opinion

PAUSE_SECONDS = 0.005
"""Others who wait for the project get it between two folds: a lock that is taken again at once lets nobody in."""
NONE_YET = "not known yet (it is estimated after the committee was trained in a session)"


class _StoppedError(Exception):
    """The project is being closed."""


class RunningAccuracy:
    """The last estimate, for all sessions of an open project; see :func:`weaklab.evaluation.evaluation.accuracy_now`.

    An estimate takes several trainings of the label model, so it runs in a thread of its own, which lets trainings and
    picks in between, and :meth:`as_json` never waits.
    """

    def __init__(self, work: Workspace) -> None:
        self._work = work
        self._ahead: Ahead[None] = Ahead()
        self._seen: Opinion | None = None
        self._found: tuple[Estimate, int] | None = None
        self._known: dict[int, Estimate] = {}
        self._failed = ""
        self._stop = threading.Event()

    def follow(self) -> None:
        """Begin an estimate if the committee has been trained since the last one; one that runs is not disturbed."""
        state = self._work.opinion.last
        if state is not None and state is not self._seen and not self._ahead.running:
            self._seen = state
            self._stop.clear()
            self._ahead.begin(None, lambda: self._estimate(state))

    def _estimate(self, state: Opinion) -> None:
        try:
            with self._work.working:
                if self._work.opinion.last is state:
                    self._found = self._estimated(state)
                    estimate, labels = self._found
                    if estimate.known:
                        self._known = {**self._known, labels: estimate}
                    self._failed = ""
        except _StoppedError:
            self._seen = None
        except Exception as error:  # a person who labels goes on; what went wrong is shown in the state
            self._found, self._failed = None, f"{type(error).__name__}: {error}"

    def _estimated(self, state: Opinion) -> tuple[Estimate, int]:
        from weaklab.evaluation.evaluation import accuracy_now

        answers = given_answers(self._work)
        trainer = self._work.cache.trainer(progress=False)
        return accuracy_now(trainer, state, answers, self._let_others), len(answers.rows)

    def _let_others(self) -> None:
        """Let those have the project who wait for it."""
        if self._stop.is_set():
            raise _StoppedError
        self._work.working.release()
        try:
            time.sleep(PAUSE_SECONDS)
        finally:
            self._work.working.acquire()

    def as_json(self) -> dict[str, Any]:
        """Return the last estimate as values that JSON can hold.

        ``value``, ``low`` and ``high``, the 95 % interval, all None where there is no estimate; ``reason``, then the
        cause; ``random_answers`` and ``labels``, what it rests on; ``running``, whether a newer one is on its way.
        """
        found, labels = self._found or (None, 0)
        known = found is not None and found.known
        value, low, high = (found.value, found.low, found.high) if found is not None and known else (None,) * 3
        return {
            "value": None if value is None else round(value, 4),
            "low": None if low is None else round(low, 4),
            "high": None if high is None else round(high, 4),
            "random_answers": 0 if found is None else found.n_audit,
            "labels": labels,
            "reason": None if known else self._failed or (NONE_YET if found is None else str(found)),
            "running": self._ahead.running,
        }

    def curve(self) -> list[dict[str, float]]:
        """Return the estimates of this open project, oldest first: ``labels``, ``value``, ``low`` and ``high``."""
        return [
            {"labels": labels, "value": round(each.value, 4), "low": round(each.low, 4), "high": round(each.high, 4)}
            for labels, each in sorted(self._known.items())
        ]

    def wait(self) -> None:
        """Wait for the estimate that is on its way."""
        self._ahead.wait()

    def close(self) -> None:
        """Stop the estimate that is on its way, after the fold at which it is."""
        self._stop.set()
        self._ahead.close()
