"""Parts of another installed package: found by name, listed, used like our own; a broken one stops nothing."""

import subprocess
import sys

import pytest

MODULE = '''
"""A package of somebody else's that adds one part of each kind."""
import numpy as np
from sklearn.dummy import DummyClassifier
from weaklab.features import Features
from weaklab.label_models import LABEL_MODELS
from weaklab.corpus import Columns

def longest_first(P, keys):
    """Score records by the number of their key, for no good reason."""
    return keys / (keys.max() + 1.0)

class Shy(type(LABEL_MODELS["majority_vote"]())):
    """Majority vote under another name, a stand-in for a model of one's own."""

def stubborn(seed):
    """Always says what most labels said, whatever the record."""
    return DummyClassifier(strategy="prior")

class TextLength(Features):
    """The number of characters of a text, as one column."""
    def fit(self, corpus):
        return self
    def transform(self, batch):
        return np.array([[len(text)] for text in Columns(batch).text], dtype=np.float32)
'''
ENTRY_POINTS = """
[weaklab.strategies]
longest_first = outside_parts:longest_first
[weaklab.label_models]
shy = outside_parts:Shy
[weaklab.classifiers]
stubborn = outside_parts:stubborn
[weaklab.features]
text_length = outside_parts:TextLength
"""
MAIN = [sys.executable, "-c", "from weaklab.cli import main; main()"]


def install(folder, entry_points, module=MODULE, name="outside_parts"):
    """Put a package into a folder as an installer would: its module, and its metadata beside it."""
    (folder / f"{name}.py").write_text(module)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


def run(folder, *command):
    import os

    path = os.pathsep.join([str(folder), *sys.path])
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("strategies", "longest_first"),
        ("label-models", "shy"),
        ("classifiers", "stubborn"),
        ("features", "text_length"),
    ],
)
def test_parts_of_another_package_are_listed(tmp_path, what, name):
    install(tmp_path, ENTRY_POINTS)
    done = run(tmp_path, *MAIN, "list", what)
    assert done.returncode == 0, done.stderr
    assert name in done.stdout


def test_parts_of_another_package_are_used_by_name(tmp_path):
    install(tmp_path, ENTRY_POINTS)
    program = """
import weaklab
project = weaklab.Project("p", labels=["a", "b"], timeout=None, strategy="longest_first", label_model="shy")
project.add_records([f"word{i % 2} and {i}" for i in range(40)], quiet=True)
project.add(weaklab.keywords("a", ["word0"]))
project.weak_classifier("stubborn", features="text_length")
ids = project.corpus.ids.to_pylist()
project.label_many([(name, "ab"[i % 2]) for i, name in enumerate(ids[:20])])
project.run(progress=False)
print(len(project.ask(3, strategy="longest_first")), project.committee.names, type(project.label_names).__name__)
"""
    (tmp_path / "program.py").write_text(program)
    done = run(tmp_path, sys.executable, str(tmp_path / "program.py"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 ")


def test_broken_part_of_another_package_is_reported_and_ignored(tmp_path):
    install(
        tmp_path,
        "[weaklab.strategies]\nlost = broken_parts:nothing\nmargin = broken_parts:margin\n",
        "def margin(P):\n    return P\n",
        "broken_parts",
    )
    done = run(tmp_path, *MAIN, "list", "strategies")
    assert done.returncode == 0, done.stderr
    assert "entropy" in done.stdout
    assert "'lost' of the package broken-parts cannot be used (AttributeError" in done.stderr
    assert "there is a query strategy named 'margin' already" in done.stderr
