"""What the documentation names must be there, and the other way round."""

import dataclasses
import json
import re
import shlex
from pathlib import Path

import pytest
from test_imports import ROOMS
from typer.main import get_command

from weaklab.classifiers import CLASSIFIERS
from weaklab.cli.app import app
from weaklab.features import FEATURES
from weaklab.label_models import LABEL_MODELS
from weaklab.project.settings import Settings

ROOT = Path(__file__).parent.parent
COMMAND_LINE = (ROOT / "docs" / "how_to" / "command_line.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))  # their sources; the links in the .ipynb are the same
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def test_the_page_of_the_command_line_names_every_command_and_no_other():
    named = set(re.findall(r"`weaklab ([a-z]+)", COMMAND_LINE))
    assert named == set(COMMANDS)


def test_figures_in_the_readme_stand_in_the_benchmarks():
    readme, benchmarks = (ROOT / "README.md").read_text("utf-8"), (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    rows = re.findall(r"^\|[^|]+\|([^|]+\|[^|]+)\| `", readme.split("## What was measured")[1], re.M)
    figures = {figure for row in rows[1:] for figure in re.findall(r"[\d.]+(?= (?:s|ms|%))", row)}
    assert len(figures) > 12
    assert figures <= set(re.findall(r"(?<![\d.])\d+(?:\.\d+)?(?![\d.]*\d)", benchmarks))


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_and_an_example(name):
    command = COMMANDS[name]
    assert len(command.help) > 20
    assert command.epilog.startswith("Example: `weaklab ")
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name} needs help"


def test_the_guide_names_every_label_model():
    named = re.findall(r"^\| `([a-z_]+)`", GUIDE, re.M)
    assert set(named) == set(LABEL_MODELS.names())


def text_without_code(page):
    return re.sub(r"^```.*?^```$|`[^`\n]+`(?!\])", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page):
    """The anchors that GitHub gives the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    found = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)]
    return {name if found[:n].count(name) == 0 else f"{name}-{found[:n].count(name)}" for n, name in enumerate(found)}


@pytest.mark.parametrize("page", PAGES + NOTEBOOKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_in_the_documentation_lead_to_files_and_headings(page):
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text_without_code(page)):
        path, _, place = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not place or target.suffix != ".md" or place in anchors(target), f"{page.name}: {link}"


def blocks(page, *languages):
    """The code blocks of a page that are marked with one of the languages; "" are those without a mark."""
    found = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    return [code for language, code in found if language in languages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_in_the_documentation_is_run_or_at_least_python(page):
    for code in blocks(page, "python", "pycon") if page.name != "refusals.md" else ():  # test_refusals.py runs that
        assert ">>> " in code, f"{page.name}: begin lines with >>>, which run, or mark the block as py:\n{code}"
    for code in blocks(page, "py"):
        compile(code, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_documentation_have_the_options_that_they_are_shown_with(page):
    for code in blocks(page, "", "sh", "bash", "console"):
        for line in re.findall(r"^(?:\$ )?weaklab .*$", code.replace("\\\n", " "), re.M):
            words = shlex.split(line, comments=True)
            name = words[words.index("weaklab") + 1]
            if not name.startswith("-"):
                known = {option for each in COMMANDS[name].params for option in (*each.opts, *each.secondary_opts)}
                given = {word.split("=")[0] for word in words if re.match("--?[a-z]", word)}
                assert given <= known | {"--help", "-h"}, f"{page.name}: {line}"


def test_the_page_of_settings_says_the_default_of_each():
    rows = re.findall(
        r"^\| `(\w+)` \| `?([^|`]+)`? \|", (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8"), re.M
    )
    defaults = {name: value if value == "required" else json.loads(value) for name, value in rows}
    new = Settings(labels=["a", "b"])
    assert defaults == {
        each.name: "required" if each.name == "labels" else getattr(new, each.name)
        for each in dataclasses.fields(Settings)
    }


def test_names_that_settings_take_are_what_the_registries_hold():
    assert {"naive_bayes", "logistic_regression"} <= set(CLASSIFIERS.names())
    assert {"tfidf", "hashing", "word2vec", "columns"} <= set(FEATURES.names())


def test_the_page_on_architecture_names_every_room_and_only_modules_that_are_there():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = page.split("## Rooms")[1].split("## A project")[0].split("|---|---|")[1].strip().splitlines()
    named = [room for row in rows for room in re.findall(r"`([a-z_]+)(?:/|\.py)`", row.split("|")[1])]
    assert [room for room in reversed(ROOMS) if room != "__main__" and room in named] == named
    assert set(named) == set(ROOMS) - {"__main__"}
    for path in re.findall(r"`([a-z_/]+\.py)`", page):
        places = [ROOT / path, *(ROOT / "weaklab").rglob(path)]
        assert any(place.exists() for place in places), path
