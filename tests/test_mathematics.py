"""The page on the mathematics: its examples run as doctests; here is what they cannot check."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "mathematics.md").read_text(encoding="utf-8")
OUTSIDE_CODE = re.sub(r"```.*?```|`[^`\n]*`", "", PAGE, flags=re.DOTALL)
FORMULAS = re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", OUTSIDE_CODE, re.DOTALL)
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
WITHOUT_CODE = ("Symbols", "The other label models", "What is our own")


def test_every_module_that_the_page_names_is_there():
    named = set(re.findall(r"`((?:weaklab/)?[a-z_/]+\.py)`", PAGE))
    assert len(named) > 30
    for path in named:
        assert (ROOT / path).exists() or (ROOT / "weaklab" / "label_models" / path).exists(), path


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.splitlines()[0])
def test_every_section_names_its_source_and_its_code(section):
    if section.splitlines()[0] not in WITHOUT_CODE:
        assert "Source: " in section
        assert "Code:" in section


def test_formulas_are_written_so_that_github_and_sphinx_show_them_alike():
    assert OUTSIDE_CODE.count("$") % 2 == 0
    for block, inline in FORMULAS:
        formula = block or inline
        assert not re.search(r"\\[^a-zA-Z]", formula), f"markdown takes the backslash away: {formula}"
        assert "operatorname" not in formula, "GitHub refuses it"
        assert block or formula == formula.strip(), f"a space inside the dollars: {formula}"
