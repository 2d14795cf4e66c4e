"""Commands that propose labeling functions and repairs of them, and write the ones that are accepted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from weaklab.cli.open_project import open_project, print_load_errors
from weaklab.cli.options import Folder, Json
from weaklab.cli.output import print_line, print_table
from weaklab.core.errors import WeaklabError, did_you_mean
from weaklab.core.tables import Table, clean, clean_lines, counted, terminal_width, wrapped

if TYPE_CHECKING:
    from weaklab.project.project import Project
    from weaklab.rules import Repair, Rule, Rules

commands = typer.Typer()

Most = Annotated[int, typer.Option(help="How many are proposed.", min=1)]
Undo = Annotated[bool, typer.Option("--undo", help="Take back what was accepted last, rule or repair.")]


@commands.command(epilog="Example: `weaklab rules spam --label spam`, then `weaklab rules spam --accept NAME`")
def rules(
    project: Folder,
    label: Annotated[str | None, typer.Option(help="Rules for this label only.")] = None,
    record: Annotated[
        list[str] | None, typer.Option(help="Id of a record that the rules must have a share in; repeat for several.")
    ] = None,
    most: Most = 10,
    accept: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write the rule of this name, or number, into a file, and load it."),
    ] = None,
    undo: Undo = False,
    as_json: Json = False,
) -> None:
    """Propose labeling functions: words, pairs of words, patterns and thresholds, each with precision and gain.

    The options that propose a rule also find it again: give the same ones with --accept.
    """
    with open_project(project) as held:
        print_load_errors(held)
        if undo:
            print_line(f"taken back: {held.undo_rule()}")
            return
        found = held.propose_rules(records=record or None, label=label, most=most)
        if accept is not None:
            print_line(f"wrote {held.accept_rule(_rule_of(found, accept)).location}")
        elif as_json:
            print(json.dumps([rule.to_dict() for rule in found], indent=1))
        else:
            print("\n".join(_listed(found, terminal_width())))


def _rule_of(found: Rules, wanted: str) -> Rule:
    """Return the rule of a name, or of a number in the list."""
    names = [rule.name for rule in found]
    if wanted in names:
        return found[names.index(wanted)]
    if wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(found):
        return found[int(wanted) - 1]
    hint = did_you_mean(wanted, names)
    raise WeaklabError(f"no rule {wanted!r} is proposed;{hint} there are {', '.join(names) or 'none'}")


def _listed(found: Rules, to: int) -> list[str]:
    """Return the rules as lines: what each says, its name, and its figures; a name is on a line of its own, whole."""
    table = found.table
    lines = [table.title]
    for number, (rule, row) in enumerate(zip(found, table.rows, strict=True), 1):
        _, records, precision, judged, gain, changed = row
        figures = (
            f"{counted(int(records), 'record')}; precision {precision}, {judged}; "
            f"gain in points {gain}, {counted(int(changed), 'label')} changed"
        )
        head, *rest = wrapped(clean(rule.says, None), to - 4)
        lines += [f"{number:>2}  {head}", *(f"    {line}" for line in [*rest, rule.name, *wrapped(figures, to - 4)])]
    return lines


@commands.command(epilog="Example: `weaklab repairs spam`, then `weaklab repairs spam NAME --accept 1`")
def repairs(
    project: Folder,
    heuristic: Annotated[
        str | None, typer.Argument(metavar="HEURISTIC", help="Of this one, by default of all that seem wrong.")
    ] = None,
    most: Most = 10,
    accept: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Write the repair of this number in the list.", min=1)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write it without asking.")] = False,
    undo: Undo = False,
    as_json: Json = False,
) -> None:
    """Propose repairs of labeling functions that are wrong on some records: exceptions, other labels, or to retire one.

    With --accept it shows what will be written as a diff, and asks before it writes.
    """
    with open_project(project) as held:
        print_load_errors(held)
        if undo:
            print_line(f"taken back: {held.undo_rule()}")
            return
        found = held.propose_repairs(heuristic, most=most)
        if accept is not None:
            if accept > len(found):
                raise WeaklabError(f"there is no repair {accept}; the list has {len(found)}")
            _accept(held, found[accept - 1], yes)
        elif as_json:
            print(json.dumps([repair.to_dict() for repair in found], indent=1))
        else:
            table: Table = found.table
            rows = [[number, *row] for number, row in enumerate(table.rows, 1)]
            print_table(replace(table, columns=["", *table.columns], rows=rows))


def _accept(project: Project, repair: Repair, yes: bool) -> None:
    if not repair.diff:
        raise WeaklabError(
            f"{repair.heuristic!r} stands in no file of the project, or cannot be edited there; change it where it is "
            f"defined: {repair.says}"
        )
    print(clean_lines(repair.diff), end="" if repair.diff.endswith("\n") else "\n")
    if yes or typer.confirm("Write it?"):
        member = project.accept_repair(repair)
        print_line(f"wrote {member.location}" if member else f"retired {repair.heuristic}")
