"""Labeling in a terminal, one line an answer."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any, TextIO

from weaklab.loop import Ahead
from weaklab.tables import clean, clean_lines, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from weaklab.asks import Ask, Asks
    from weaklab.base import LabelNames
    from weaklab.project import Project

COMMANDS = {"s": "skip", "b": "back in the line", "u": "undo", "q": "quit", "?": "help"}
MAX_SHOWN = 2000


class Answers:
    """What a typed line means.

    An empty line accepts the suggestion. A label's name, a beginning of it that fits no other, or its number gives that
    label. A name always wins over a command: where a label is called ``s``, skipping is ``:s``.
    """

    def __init__(self, labels: LabelNames) -> None:
        self.labels = labels
        names = {name.casefold() for name in labels}
        self.digits = not labels.are_numbers
        self.keys = {(f":{key}" if key in names else key): key for key in COMMANDS}

    def read(self, line: str, suggestion: str | None) -> tuple[str, str]:
        """Return (``label``, name), (``command``, key) or (``unclear``, message)."""
        typed = line.strip()
        if not typed:
            return (
                ("label", suggestion)
                if suggestion
                else ("unclear", f"there is no suggestion to accept here; type a label: {self.choices()}")
            )
        exact = [name for name in self.labels if name == typed] or [name for name in self.labels if name.casefold() == typed.casefold()]
        if len(exact) == 1:
            return "label", exact[0]
        if typed.casefold().removeprefix(":") in COMMANDS and (typed.casefold() in self.keys or typed.startswith(":")):
            return "command", typed.casefold().removeprefix(":")
        if self.digits and typed.isascii() and typed.isdigit():
            number = int(typed) if len(typed) < 6 else 0
            if 1 <= number <= len(self.labels):
                return "label", self.labels[number - 1]
            return "unclear", f"there is no label {typed[:20]}; type {self.choices()}"
        begins = [name for name in self.labels if name.casefold().startswith(typed.casefold())]
        if len(begins) == 1:
            return "label", begins[0]
        fits = f"fits {', '.join(begins)}" if begins else "is no label"
        return "unclear", f"{clean(typed, 60)!r} {fits}; type {self.choices()}, or ? for help"

    def choices(self) -> str:
        """Return the labels with their numbers."""
        if self.digits:
            return "  ".join(f"[{i}] {clean(name, 40)}" for i, name in enumerate(self.labels, 1))
        return "  ".join(clean(name, 40) for name in self.labels)

    def help(self) -> str:
        """Return the line of commands."""
        return "Enter accepts   " + "   ".join(f"{key} {COMMANDS[command]}" for key, command in self.keys.items() if command != "?")


def label_in_terminal(
    project: Project,
    n: int | None = None,
    *,
    batch: int = 10,
    strategy: Any = None,
    again: bool = False,
    ahead: bool = False,
    read: Callable[[str], str] = input,
    out: TextIO | None = None,
) -> int:
    """Show records one by one and store what the person types; return how many labels were given.

    Ends at ``q``, at the end of the input, at Ctrl-C, after ``n`` records, or when no record is left. Every answer is on
    disk before the next record is shown.

    With ``ahead`` the committee trains and the next batch is picked while the person reads this one. Only an answer that comes sooner
    waits for it, and every batch is picked without knowing the answers to the one before it, however fast these come.
    """
    project.must_be_writable()
    session = _Session(project, n, batch, strategy, again, read, out or sys.stdout)
    if not ahead:
        return session.run()
    project.deferred = True
    try:
        with Ahead() as session.ahead:
            given = session.run()
    finally:
        project.deferred = False
    project.retrain_when_due()
    return given


class _Session:
    def __init__(
        self, project: Project, n: int | None, batch: int, strategy: Any, again: bool, read: Callable[[str], str], out: TextIO
    ) -> None:
        self.project, self.n, self.batch, self.strategy, self.again = project, n, batch, strategy, again
        self.read, self.out = read, out
        self.answers = Answers(project.label_names)
        self.line: deque[Ask] = deque()
        self.shown: list[Ask] = []
        self.given = 0
        self.ahead: Ahead[Asks] | None = None

    def say(self, text: str = "") -> None:
        self.out.write(clean_lines(text) + "\n")
        self.out.flush()

    def run(self) -> int:
        self.say(self.answers.help())
        try:
            while (self.n is None or self.given < self.n) and self._fill():
                if not self._one(self.line[0]):
                    break
        except (EOFError, KeyboardInterrupt):
            self.say()
        self._wait()
        left = self.project.status()
        have = f"{left['manual_labels']:,} of {counted(left['records'], 'record')} {'has' if left['manual_labels'] == 1 else 'have'} one"
        self.say(f"{counted(self.given, 'label')} given; {have}. Every answer is stored.")
        return self.given

    def _fill(self) -> bool:
        """Pick the next records when the line is empty."""
        if not self.line:
            wanted = self.batch if self.n is None else min(self.batch, self.n - self.given)
            self.line.extend(self._prepared()[:wanted] or self.project.ask(wanted, again=self.again, strategy=self.strategy))
            if self.ahead is not None:
                shown = [ask.id for ask in self.line]
                self.ahead.begin(None, lambda: self._prepare(shown))
        if not self.line:
            self.say("no record is left to ask about; --again shows those that have a label, too")
        return bool(self.line)

    def _prepare(self, shown: Collection[str]) -> Asks:
        """Train if it is time, and pick the batch after the one that is shown."""
        self.project.retrain_when_due()
        return self.project.ask(self.batch, again=self.again, strategy=self.strategy, lease=False, besides=shown)

    def _prepared(self) -> Sequence[Ask]:
        """Return what was picked ahead and may still be asked."""
        asks = None if self.ahead is None else self.ahead.take(None)
        return self.project.lease(asks, asks[0].asked_after or 0) if asks else ()

    def _wait(self) -> bool:
        """Let the work in the background end before the project is touched; return whether Ctrl-C came meanwhile."""
        stopped = False
        while self.ahead is not None:
            try:
                self.ahead.wait()
            except KeyboardInterrupt:
                stopped = True
            else:
                break
        return stopped

    def _one(self, ask: Ask) -> bool:
        """Show a record and do what is typed until it is dealt with; False to leave."""
        self._show(ask)
        start = time.monotonic()
        while True:
            kind, value = self.answers.read(self.read(self._prompt(ask)), None if ask.blind else ask.suggestion)
            if kind == "unclear":
                self.say(f"  {value}")
                continue
            seconds = time.monotonic() - start
            stopped = self._wait()
            if kind == "label":
                self.line.popleft()
                self.project.label(ask, value, seconds=seconds)
                self.shown.append(ask)
                self.given += 1
                return not stopped
            if stopped:
                return False
            if value == "q":
                return False
            if value == "?":
                self.say(self.answers.help())
                self.say(self.answers.choices())
                continue
            return self._command(value, ask, seconds)

    def _command(self, key: str, ask: Ask, seconds: float) -> bool:
        if key == "s":
            self.project.skip(self.line.popleft(), seconds=seconds)
            self.shown.append(ask)
            self.say("  skipped: it is not asked again")
        elif key == "b":
            self.project.requeue(self.line.popleft())
            self.line.append(ask)
            self.say(
                "  back in the line: it comes again after the others"
                if len(self.line) > 1
                else "  back in the line: it is the only one in it"
            )
        elif key == "u":
            self._undo()
        return True

    def _undo(self) -> None:
        event = self.project.undo()
        if event is None:
            self.say("  nothing to undo in this session")
            return
        before = next((ask for ask in reversed(self.shown) if ask.id == event.record), None)
        if event.kind == "label":
            self.given -= 1
        if before is not None and event.kind in ("label", "skip"):
            self.shown.remove(before)
            self.line.appendleft(before)
        what = f"label {event.label!r}" if event.label else event.kind
        self.say(f"  undone: {clean(what, 60)} of record {clean(event.record, 60)}")

    def _show(self, ask: Ask) -> None:
        text = clean(ask.text, MAX_SHOWN) or "(an empty record)"
        self.say(f"\n{text}")
        self.say(f"  record {clean(ask.id, 60)} · {clean(ask.strategy, 60)}: {clean(ask.shown_why, 400)}")

    def _prompt(self, ask: Ask) -> str:
        suggested = "no suggestion"
        if ask.blind:
            suggested = "hidden"
        elif ask.suggestion:
            suggested = f"{clean(ask.suggestion, 40)} (confidence {ask.confidence:.2f})"
        if len(self.answers.labels) > 12:
            return f"  {suggested} > "
        return f"  {self.answers.choices()}   {suggested} > "
