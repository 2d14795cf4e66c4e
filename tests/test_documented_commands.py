"""Command lines in the documentation: all of them are understood, and those of the tutorial run."""

import io
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd
import pytest
from typer.main import get_command

from weaklab.cli import main
from weaklab.cli.app import app
from weaklab.datasets import load_headlines

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def command_lines(page):
    """Return the arguments of every line of a block of shell commands that calls weaklab."""
    lines = [line for kind, text in blocks(page) if kind in ("", "sh", "bash") for line in text.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("weaklab ")]


@pytest.mark.parametrize("page", [page for page in PAGES if command_lines(page)], ids=lambda page: page.stem)
def test_every_command_line_is_understood(page):
    for arguments in command_lines(page):
        name, *others = [word for word in arguments if word != "|"]
        COMMANDS[name].make_context(name, others)  # raises where an option is unknown or something is missing


def run(arguments, stdin):
    said, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(errors):
        patch.setattr(sys, "argv", ["weaklab", *arguments])
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as left:
            main()
    assert left.value.code == 0, f"{arguments}: {errors.getvalue()}"
    return said.getvalue()


def test_the_command_lines_of_the_tutorial_lead_to_exported_labels():
    load_headlines()[["id", "text"]].to_csv("headlines.csv", index=False)
    for kind, text in blocks(DOCS / "tutorial.md"):
        if kind == "py":
            file = Path(text.partition("\n")[0].removeprefix("# "))
            file.write_text(text)
        for line in text.splitlines() if kind == "sh" else []:
            if line.startswith("weaklab "):
                run(shlex.split(line)[1:], "\n" * 40 if " label " in line else "")
    assert pd.read_csv("labels.csv").label.isin(["clickbait", "news"]).mean() > 0.8
