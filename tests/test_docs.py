"""What the documentation names must be there, and the other way round."""

import re
from pathlib import Path

import pytest
from test_imports import ROOMS
from typer.main import get_command

from weaklab.classifiers import CLASSIFIERS
from weaklab.cli.app import app
from weaklab.features import FEATURES
from weaklab.label_models import LABEL_MODELS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


def test_every_command_is_in_the_readme_and_every_command_in_the_readme_is_there():
    named = set(re.findall(r"(?:^|`)weaklab ([a-z]+)", README, re.M))
    assert named == set(COMMANDS)


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


def test_links_in_the_documentation_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


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
