"""The pages for people who come from other tools: their examples run as doctests; what tables name must be there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

import weaklab
from weaklab.cli.app import app
from weaklab.label_models import LABEL_MODELS
from weaklab.strategies import STRATEGIES

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "coming_from").glob("*.md"))
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_options_and_methods_that_a_page_names_are_there(path):
    page = path.read_text(encoding="utf-8")
    for name, rest in re.findall(r"`weaklab ([a-z]+)([^`]*)`", page):
        assert name in COMMANDS
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= known, f"weaklab {name}{rest}"
    for name in re.findall(r"\bproject\.([a-z_]+)", page):
        assert hasattr(weaklab.Project, name), f"project.{name}"
    for name in re.findall(r"\bwl\.([a-zA-Z_]+)", page):
        assert hasattr(weaklab, name), f"wl.{name}"
    for name in re.findall(r"label_model\(\"([a-z_]+)\"", page):
        assert name in LABEL_MODELS
    for name in re.findall(r"strategy ?= ?\"([a-z_]+)\"", page):
        assert name in STRATEGIES


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_says_what_is_better_there_what_is_better_here_and_where_that_is_from(path):
    page = path.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    assert titles[0].startswith("Coming from")
    assert any(re.search(r"has? and weaklab does not|have and weaklab does not", title) for title in titles)
    assert any(re.search(r"weaklab has and|What is different", title) for title in titles)
    assert "\nSources: " in page
    assert ">>> import weaklab as wl" in page


def test_every_query_strategy_of_modal_in_its_table_has_a_name_here():
    page = (ROOT / "docs" / "coming_from" / "modal.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if "_sampling`" in row and row.startswith("|")]
    named = [name for row in rows for name in re.findall(r"`\"([a-z_]+)\"`", row)]
    assert len(named) > 5
    assert set(named) <= set(STRATEGIES.names())
