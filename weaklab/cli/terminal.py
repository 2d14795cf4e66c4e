"""Labeling in a terminal, with one input line per answer."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

from weaklab.core.record_lines import in_columns, record_lines
from weaklab.core.tables import clean, clean_lines, counted, terminal_width, width, wrapped
from weaklab.project.asking import named_records
from weaklab.scheduling.asks import shown_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from weaklab.core.labels import LabelNames
    from weaklab.project.project import Project
    from weaklab.project.session import Session
    from weaklab.scheduling.asks import Ask

COMMANDS = {"s": "skip", "b": "back in the queue", "u": "undo", "q": "quit", "?": "help"}
MAX_SHOWN = 2000
INDENT = "  "
MOST_CHOICES = 24
"""Up to this many labels are shown with every record; more of them only by ``?``."""
LEAST_ROOM = 8
"""Cells that are free behind the labels for what is typed."""


class LineReader:
    """Interprets a typed line as a label or a command.

    An empty line accepts the suggestion. A label is given by its name, an unambiguous beginning of the name, or its
    number. Names have priority over commands: if a label is called ``s``, the command to skip is ``:s``.
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
        exact = [name for name in self.labels if name == typed] or [
            name for name in self.labels if name.casefold() == typed.casefold()
        ]
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
        return "  ".join(_choice(i if self.digits else None, name) for i, name in enumerate(self.labels, 1))

    def legend(self, to: int) -> list[str]:
        """Return the labels with their numbers in lines of at most ``to`` terminal cells."""
        return in_columns([_choice(i if self.digits else None, name) for i, name in enumerate(self.labels, 1)], to)

    def help(self) -> str:
        """Return the line that explains the commands."""
        return "Enter accepts   " + "   ".join(
            f"{key} {COMMANDS[command]}" for key, command in self.keys.items() if command != "?"
        )


def _choice(number: int | None, label: str) -> str:
    return clean(label, 40) if number is None else f"[{number}] {clean(label, 40)}"


def label_in_terminal(
    project: Project,
    n: int | None = None,
    *,
    records: Iterable[Any] | None = None,
    batch: int = 10,
    strategy: Any = None,
    again: bool = False,
    ahead: bool = False,
    read: Callable[[str], str] = input,
    out: TextIO | None = None,
) -> int:
    """Show records one by one and store the answers; return the number of labels given.

    It ends at ``q``, at the end of the input, at Ctrl-C, after ``n`` records, or when no record is left. Every answer
    is on disk before the next record is shown.

    ``records`` are shown in their order, instead of those that are picked.

    With ``ahead``, the committee is trained and the next batch is picked while the person works on the current one. The
    person waits only if this is not finished in time. Every batch is picked without the answers to the batch before it.
    """
    project.workspace.journal.must_be_writable()
    out = out or sys.stdout
    limit = batch if n is None else max(1, min(batch, n))
    records = None if records is None else named_records(project.workspace, records)
    with project.session(strategy=strategy, batch=limit, again=again, records=records, background=ahead) as session:
        given = _Screen(session, n, read, out).run(partial(_nothing_left, project, records, again))
        accuracy = session.state()["accuracy"]
    project.retrain_when_due()
    left = project.status()
    have = (
        f"{left['manual_labels']:,} of {counted(left['records'], 'record')} "
        f"{'has' if left['manual_labels'] == 1 else 'have'} one"
    )
    out.write(f"{counted(given, 'label')} given; {have}. Every answer is stored.\n")
    if accuracy["value"] is not None:
        out.write(_accuracy_line(accuracy, left["manual_labels"]))
    return given


def _nothing_left(project: Project, named: list[str] | None, again: bool) -> str:
    """Say why no record is left to ask about, and which option shows more."""
    hint = "" if again else "; --again shows those that have a label, too"
    if named is None:
        return f"no record is left to ask about: each has a label, was skipped or is shown to somebody else{hint}"
    labels = project.manual_labels()
    labeled = sum(name in labels for name in named)
    shown = "all of them were shown" if again else f"{labeled:,} of {len(named):,} have a label"
    return f"no record is left of those that --records names: {shown}{hint if labeled else ''}"


def _accuracy_line(accuracy: dict[str, Any], labels: int) -> str:
    """Return the estimate; it was made after the last training of the session, so newer answers are not in it."""
    value, low, high = (f"{100 * accuracy[name]:.1f}" for name in ("value", "low", "high"))
    older = labels != accuracy["labels"]
    when = f"With the first {counted(accuracy['labels'], 'label')}, " if older else ""
    more = f"`weaklab evaluate` counts all {labels:,}" if older else "`weaklab evaluate` says more"
    return (
        f"{when}{value} % of the committee's labels are estimated to be right ({low}-{high} %, 95 % interval from "
        f"{counted(accuracy['random_answers'], 'random answer')}). {more}.\n"
    )


class _Screen:
    """Shows the records of a session and executes what is typed."""

    def __init__(self, session: Session, n: int | None, read: Callable[[str], str], out: TextIO) -> None:
        self.session, self.n, self.read, self.out = session, n, read, out
        self.answers = LineReader(session.project.label_names)
        self.given = 0

    def say(self, text: str = "") -> None:
        self.out.write(clean_lines(text) + "\n")
        self.out.flush()

    def run(self, nothing_left: Callable[[], str]) -> int:
        self.say(self.answers.help())
        try:
            while self.n is None or self.given < self.n:
                ask = self.session.next()
                if ask is None:
                    self.say(nothing_left())
                    break
                if not self._one(ask):
                    break
        except (EOFError, KeyboardInterrupt):
            self.say()
        return self.given

    def _one(self, ask: Ask) -> bool:
        """Show a record and execute typed lines until it is answered or skipped; return False to quit."""
        if self.answers.labels != self.session.project.label_names:
            self.answers = LineReader(self.session.project.label_names)
        self._show(ask)
        start = time.monotonic()
        while True:
            kind, value = self.answers.read(self.read(self._prompt(ask)), None if ask.blind else ask.suggestion)
            seconds = time.monotonic() - start
            if kind == "label":
                self.session.answer(ask, value, seconds=seconds)
                self.given += 1
                return True
            if kind == "unclear":
                self.say(f"  {value}")
            elif value == "q":
                return False
            elif value == "?":
                self.say(self.answers.help())
                self._say_legend()
            else:
                self._command(value, ask, seconds)
                return True

    def _command(self, key: str, ask: Ask, seconds: float) -> None:
        if key == "s":
            self.session.skip(ask, seconds=seconds)
            self.say("  skipped: it is not asked again")
        elif key == "b":
            self.session.requeue(ask)
            alone = len(self.session.peek(2)) == 1
            self.say(
                "  back in the queue: " + ("it is the only one in it" if alone else "it comes again after the others")
            )
        else:
            self._undo()

    def _undo(self) -> None:
        event = self.session.undo()
        if event is None:
            self.say("  nothing to undo")
            return
        if event.kind == "label" and event.session == self.session.id:
            self.given -= 1
        what = f"label {event.label!r}" if event.label else event.kind
        self.say(f"  undone: {clean(what, 60)} of record {clean(event.record, 60)}")

    def _show(self, ask: Ask) -> None:
        columns = shown_columns(ask.record)
        lines = wrapped(clean(ask.text, MAX_SHOWN), terminal_width()) if columns is None else self._lines(columns)
        self.say("\n" + ("\n".join(lines) or "(the record holds its id alone)"))
        why = f"record {clean(ask.id, 60)} · {clean(ask.strategy, 60)}: {clean(ask.shown_why, 400)}"
        self._indented(wrapped(why, terminal_width() - len(INDENT)))
        if not self._on_one_line(ask) and len(self.answers.labels) <= MOST_CHOICES:
            self._say_legend()

    @staticmethod
    def _lines(columns: dict[str, Any]) -> list[str]:
        return record_lines(columns, terminal_width()) if columns else []

    def _say_legend(self) -> None:
        self._indented(self.answers.legend(terminal_width() - len(INDENT)))

    def _indented(self, lines: list[str]) -> None:
        for line in lines:
            self.say(INDENT + line)

    def _on_one_line(self, ask: Ask) -> bool:
        """Whether labels and suggestion fit into the line in which the answer is typed."""
        return width(f"{INDENT}{self.answers.choices()}   {self._suggested(ask)} > ") + LEAST_ROOM <= terminal_width()

    @staticmethod
    def _suggested(ask: Ask) -> str:
        if ask.blind:
            return "hidden"
        return f"{clean(ask.suggestion, 40)} (confidence {ask.confidence:.2f})" if ask.suggestion else "no suggestion"

    def _prompt(self, ask: Ask) -> str:
        if self._on_one_line(ask):
            return f"{INDENT}{self.answers.choices()}   {self._suggested(ask)} > "
        more = ", ? shows the labels" if len(self.answers.labels) > MOST_CHOICES else ""
        return f"{INDENT}{self._suggested(ask)}{more} > "
