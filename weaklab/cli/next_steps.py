"""The command that says what to do next: next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, Json, NoCode
from weaklab.core.tables import clean, json_text, some_of, terminal_width, wrapped
from weaklab.evaluation.steps import AUDIT

if TYPE_CHECKING:
    from weaklab.evaluation.steps import NextSteps, Step

commands = typer.Typer()

WIDTH = 80
INDENT = "   "
MOST_IDS = 12
MOST_LINES = 2
"""Lines for what to do; a long rule is cut."""


@commands.command("next", epilog="Example: `weaklab next spam`")
def next_(
    project: Folder,
    most: Annotated[int, typer.Option(help="How many steps.", min=1)] = 4,
    as_json: Json = False,
    no_code: NoCode = False,
) -> None:
    """Show what to do next: the steps with the largest expected gain for a minute of your time, and why.

    Label these records, accept this rule, repair or retire that labeling function, or write one for records on which
    nobody votes.
    """
    with open_project(project, run_code=not no_code) as held:
        print_load_errors(held)
        found = held.next_steps(most)
        if as_json:
            print(json_text(found.to_dict()))
        else:
            _show(found)


def _show(found: NextSteps) -> None:
    """Print the steps in colour on a terminal, and plainly elsewhere."""
    from rich.console import Console
    from rich.text import Text

    to = min(WIDTH, terminal_width())
    console = Console(width=to, file=sys.stdout, highlight=False, soft_wrap=True)
    for style, line in _lines(found, to):
        console.print(Text(line, style=style))


def _lines(found: NextSteps, to: int) -> list[tuple[str, str]]:
    """Return the screen as (style, line)."""
    shown = [("bold", line) for line in wrapped(clean(found.title, None), to)]
    for number, step in enumerate(found.steps, 1):
        shown += [("", ""), *_step_lines(number, step, to)]
    if not found.steps:
        shown += [("", ""), ("", "Nothing to do.")]
    if found.disagreements.counts:
        said = f"Where the committee disagrees or is unsure: {found.disagreements.in_words}."
        shown += [("", ""), *(("dim", line) for line in wrapped(said, to))]
    if found.records:
        shown += [("dim", line) for line in wrapped("Gains are estimates of the committee, no promises.", to)]
    return shown


def _step_lines(number: int, step: Step, to: int) -> list[tuple[str, str]]:
    room = to - len(INDENT)
    head = f"{number}  {step.gain_in_words}" if step.gain or step.kind == AUDIT else f"{number}"
    says = wrapped(clean(step.says, MOST_LINES * room), room)
    lines = [("bold green", head), *(("bold", INDENT + line) for line in says)]
    lines += [("", INDENT + line) for line in wrapped(clean(step.why, None), room)]
    if step.command:
        lines += [("cyan", INDENT + clean(step.command, None))]
    elif step.records:
        lines += [("cyan", INDENT + line) for line in wrapped(clean(f"ids: {some_of(step.records, MOST_IDS)}"), room)]
    return lines
