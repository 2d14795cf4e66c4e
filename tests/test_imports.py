"""What an import may load, and which module may import which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "weaklab"
LAYERS = [
    "tables", "base", "progress", "files", "seals", "database", "label_reader",
    "rows", "duplicates", "corpus", "heuristics", "voting", "processes", "receipt",
    "plots", "metrics", "reliability", "features",
    "classifiers", "polling", "committee", "label_models", "compare", "crowd", "annotators", "explain", "analysis",
    "audit", "forecast", "preview", "strategies", "embeddings", "stream", "synthesis", "scheduler",
    "training", "frozen", "promises", "loop", "settings", "store", "history", "intake", "members", "roster", "outside",
    "evaluation", "asks", "exports", "summary", "workbench", "engines", "batch", "session", "project",
    "datasets", "experiment", "runs", "simulation", "cli",
    "__main__",
]  # fmt: skip
"""A module imports only modules that stand before it, and those of its own package."""
HEAVY = ("torch", "snorkel", "gensim", "sklearn", "pandas")


def layer(dotted):
    return dotted.split(".")[1]


def module_name(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def runtime_imports(path):
    """Return every weaklab module that a file imports, those for type checking alone left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("weaklab."):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("weaklab."))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=module_name)
def test_imports_point_down(path):
    name = module_name(path)
    if name == "weaklab":
        return
    assert layer(name) in LAYERS, f"give {name} a place in LAYERS"
    above = [m for m in runtime_imports(path) if LAYERS.index(layer(m)) > LAYERS.index(layer(name))]
    assert not above, f"{name} imports {above}, which stand above it"


def test_the_layers_are_all_there():
    found = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert found - {"__init__"} == set(LAYERS)


@pytest.mark.parametrize(
    "code", ["import weaklab", "from weaklab.cli.app import app", "from weaklab import keywords, pattern, labeling_function"]
)
def test_import_loads_nothing_heavy(code):
    program = f"import sys; {code}; print([m for m in {HEAVY} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_every_public_name_is_there():
    import weaklab

    assert all(getattr(weaklab, name) is not None for name in weaklab.__all__)
    assert set(weaklab.__all__) <= set(dir(weaklab))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = weaklab.nothing
