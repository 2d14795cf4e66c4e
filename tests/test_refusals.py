"""Every message on the page "What weaklab refuses, and why" is what weaklab says today.

The page holds pairs of blocks: one of Python, and right after it one with the error, the warning or the printed lines
that it leads to. A text between ‹ and › on the page stands for anything.
"""

import contextlib
import io
import os
import re
import warnings
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "refusals.md"
PAIR = re.compile(r"^```python\n(.*?)^```\n+```text\n(.*?)^```", re.M | re.S)
BLOCK = re.compile(r"^```(\w*)\n", re.M)
START = (
    "import json\nfrom pathlib import Path\nimport numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as "
    "pq\nimport weaklab as wl\n"
)


def pairs():
    text = PAGE.read_text(encoding="utf-8")
    for match in PAIR.finditer(text):
        line = text.count("\n", 0, match.start()) + 2
        yield pytest.param(match.group(1), match.group(2), id=f"line {line}")


def said(code):
    """Return the warnings, then what was printed, then the error of some code."""
    printed = io.StringIO()
    lines = []
    with (
        warnings.catch_warnings(record=True) as caught,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        warnings.simplefilter("always")
        try:
            exec(compile(code, "the page", "exec"), names := {"__name__": "page"})
        except Exception as error:
            lines.append(f"{type(error).__name__}: {error}")
        except SystemExit as leaving:
            lines.append(f"exit code {leaving.code}")
        for thing in list(names.values()):
            if hasattr(thing, "close") and type(thing).__name__ == "Project":
                with contextlib.suppress(Exception):
                    thing.close()
    return "\n".join(
        [*(f"{w.category.__name__}: {w.message}" for w in caught), printed.getvalue().strip(), *lines]
    ).strip()


def pattern(message):
    parts = re.split(r"‹[^›]*›", " ".join(message.split()))
    return ".*?".join(map(re.escape, parts))


@pytest.mark.parametrize(("code", "message"), pairs())
def test_the_message_on_the_page_is_what_weaklab_says(code, message):
    found = " ".join(said(START + code).replace(os.getcwd() + os.sep, "").split())
    assert re.search(pattern(message), found), f"wanted: {' '.join(message.split())}\n   got: {found}"


def test_every_block_on_the_page_belongs_to_a_pair():
    text = PAGE.read_text(encoding="utf-8")
    kinds = [kind for kind in BLOCK.findall(text) if kind]
    assert kinds == ["python", "text"] * (len(kinds) // 2)
    assert len(kinds) // 2 == len(list(pairs()))
