"""What an import may load, and which module may import which."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from weaklab.core import moved

PACKAGE = Path(__file__).parent.parent / "weaklab"
ROOMS = [
    "core", "label_models", "strategies", "corpus", "heuristics", "exchange", "datasets", "crowd", "features",
    "classifiers", "voting", "checks", "training", "scheduling", "evaluation", "rules", "batch", "project",
    "simulation", "report", "page", "cli", "__main__",
]  # fmt: skip
"""The rooms by rank: a module imports modules of its own room and of rooms that stand before it."""
HEAVY = ("torch", "snorkel", "gensim", "sklearn", "pandas")


def module_name(path, package=PACKAGE):
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path, package=PACKAGE):
    """Return every module of the package that a file names in an import of any form, wherever it stands in the file."""
    name = module_name(path, package)
    here = name.split(".") if path.stem == "__init__" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            found.update(f"{module}.{alias.name}" for alias in node.names)
    return {each for each in found if each.startswith(f"{package.name}.")}


def upward(path, package=PACKAGE, rooms=ROOMS):
    """Return the imports of a file that point to a room above its own."""
    rank = rooms.index(module_name(path, package).split(".")[1])
    inside = {room: number for number, room in enumerate(rooms)}
    return sorted(each for each in imported(path, package) if inside.get(each.split(".")[1], 0) > rank)


@pytest.mark.parametrize("path", sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"}), ids=module_name)
def test_imports_point_down(path):
    assert not upward(path)


@pytest.mark.parametrize(
    "line",
    [
        "import pack.upper",
        "import pack.upper.part",
        "from pack import upper",
        "from pack.upper import thing",
        "from .. import upper",
        "from ..upper import thing",
        "def f():\n    from pack.upper import thing",
        "if TYPE_CHECKING:\n    from pack.upper import Thing",
    ],
)
def test_every_form_of_import_is_seen(tmp_path, line):
    lower = tmp_path / "pack" / "lower"
    lower.mkdir(parents=True)
    (lower / "part.py").write_text(line)
    assert upward(lower / "part.py", tmp_path / "pack", ["lower", "upper"])


def test_every_room_has_a_rank():
    found = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/*.py")}
    assert found - {"__init__"} == set(ROOMS)


def test_a_module_that_moved_is_found_under_its_old_name():
    with pytest.warns(DeprecationWarning, match="weaklab.reliability has moved to weaklab.evaluation.reliability"):
        import weaklab.reliability as old
    from weaklab.core.thresholds import threshold_for

    assert old.threshold_for is threshold_for
    with pytest.raises(AttributeError, match="it has moved to"):
        _ = old.nothing
    for name, homes in moved.MOVED.items():
        assert importlib.util.find_spec(name)
        assert all(importlib.import_module(home) for home in homes)


def test_a_function_that_moved_is_found_under_its_old_name():
    from weaklab import corpus, exchange

    with pytest.warns(DeprecationWarning, match=r"weaklab\.corpus\.read has moved to weaklab\.exchange\.read"):
        assert corpus.read is exchange.read
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = corpus.nothing


@pytest.mark.parametrize(
    "code",
    ["import weaklab", "from weaklab.cli.app import app", "from weaklab import keywords, pattern, labeling_function"],
)
def test_import_loads_nothing_heavy(code):
    program = f"import sys; {code}; print([m for m in {HEAVY} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
        == "[]"
    )


def test_every_public_name_is_there():
    import weaklab

    assert all(getattr(weaklab, name) is not None for name in weaklab.__all__)
    assert set(weaklab.__all__) <= set(dir(weaklab))
    with pytest.raises(AttributeError, match="nothing"):
        _ = weaklab.nothing
