"""The command lines of the tutorial run as they stand."""

import io
import re
import shlex
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pandas as pd
import pytest

from weaklab.cli import main
from weaklab.datasets import load_headlines

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial.md"
ELSEWHERE = {"evaluate", "next", "rules"}
"""Commands that take seconds: the Python beside them does the same, and test_cli.py and others run them."""
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


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
    for kind, text in blocks(TUTORIAL):
        if kind == "py":
            file = Path(text.partition("\n")[0].removeprefix("# "))
            file.write_text(text)
        for line in text.splitlines() if kind == "sh" else []:
            if line.startswith("weaklab ") and line.split()[1] not in ELSEWHERE:
                run(shlex.split(line)[1:], "\n1\n" * 40 if " label " in line else "")
    assert pd.read_csv("labels.csv").label.isin(["clickbait", "news"]).mean() > 0.8
