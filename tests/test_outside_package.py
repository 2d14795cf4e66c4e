"""Parts of another installed package: found by name, listed, checked, used like our own; a broken one stops nothing."""

import shutil

import forked
import pytest

pytestmark = forked.needs_fork

MODULE = '''
"""A package of somebody else that adds one part of each kind."""
import json

import numpy as np
import pyarrow as pa
from sklearn.naive_bayes import BernoulliNB
from weaklab import labeling_function
from weaklab.core.errors import CorpusError
from weaklab.corpus import Columns
from weaklab.features import Features
from weaklab.label_models import MajorityVote

def longest_first(P, keys):
    """Score records by the number of their key, for no good reason."""
    return keys / (keys.max(initial=0) + 1.0)

class Shy(MajorityVote):
    """Majority vote under another name, in the place of a model of its own."""

def words_or_not(seed):
    """Naive Bayes on whether a word is there."""
    return BernoulliNB(alpha=0.1)

class TextLength(Features):
    """The number of characters of a text, as one column."""
    def fit(self, corpus):
        return self
    def transform(self, batch):
        return np.array([[len(text)] for text in Columns(batch).text], dtype=np.float32)

@labeling_function
def word0(x):
    """The label a where the text has word0."""
    return "a" if "word0" in x.text else None

def read_blocks(paths, options, source):
    """Blocks: a JSON object of columns a line."""
    for path in paths:
        try:
            for line in path.read_text(encoding="utf-8").splitlines():
                yield pa.table(json.loads(line))
        except ValueError as error:
            raise CorpusError(f"{path}: no file of blocks: {error}") from None

def write_blocks(table, path):
    """Blocks: all columns as one JSON object."""
    path.write_text(json.dumps({name: table.column(name).to_pylist() for name in table.column_names}))
'''
ENTRY_POINTS = """
[weaklab.strategies]
longest_first = outside_parts:longest_first
[weaklab.label_models]
shy = outside_parts:Shy
[weaklab.classifiers]
words_or_not = outside_parts:words_or_not
[weaklab.features]
text_length = outside_parts:TextLength
[weaklab.heuristics]
has_word0 = outside_parts:word0
[weaklab.readers]
.blocks = outside_parts:read_blocks
[weaklab.writers]
.blocks = outside_parts:write_blocks
"""
OUTSIDE = {
    "strategies": "longest_first",
    "label-models": "shy",
    "classifiers": "words_or_not",
    "features": "text_length",
    "heuristics": "has_word0",
    "readers": ".blocks",
    "writers": ".blocks",
}


def install(folder, entry_points=ENTRY_POINTS, module=MODULE, name="outside_parts"):
    """Put a package into a folder as an installer would: its module, and its metadata beside it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(module)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


def command(folder, *arguments):
    """Run a command line that finds the packages in ``folder``."""
    done = forked.run(forked.COMMAND_LINE, *arguments, path=[folder])
    assert done.returncode == 0, done.stderr
    return done


def program(tmp_path, text):
    """Run a program that finds the packages in ``tmp_path / "site"``; return what it prints."""
    done = forked.run(f"import warnings\nwarnings.simplefilter('always')\n{text}", path=[tmp_path / "site"])
    assert done.returncode == 0, done.stderr
    return done


def test_parts_of_another_package_are_listed(tmp_path):
    install(tmp_path / "site")
    text = f"""
from weaklab.cli.listing import list_
for what in {list(OUTSIDE)}:
    list_(what)
"""
    shown = program(tmp_path, text).stdout
    missing = [name for name in OUTSIDE.values() if name not in shown]
    assert not missing
    assert shown.count(".blocks") == 2
    assert "The label a where the text has word0." in shown


def test_without_outside_heuristics_the_list_says_so(tmp_path):
    done = command(tmp_path, "list", "heuristics")
    assert "no heuristics" in done.stderr + done.stdout


def test_parts_of_another_package_pass_the_checks(tmp_path):
    install(tmp_path / "site")
    text = """
from pathlib import Path
from weaklab import checks
import outside_parts as own
Path("sample.blocks").write_text('{"id": [1, 2], "text": ["a word", "b word"]}\\n{"id": [3], "text": ["c"]}\\n')
checks.check_strategy(own.longest_first)
checks.check_label_model(own.Shy)
checks.check_classifier(own.words_or_not)
checks.check_features(own.TextLength)
checks.check_heuristic(own.word0, ["a", "b"])
checks.check_reader(own.read_blocks, "sample.blocks")
checks.check_writer(own.write_blocks, ".blocks", own.read_blocks)
print("all passed")
"""
    assert program(tmp_path, text).stdout == "all passed\n"


USES = """
import json
from pathlib import Path
import weaklab
texts = [f"word{i % 2} and {i}" for i in range(40)]
Path("records.blocks").write_text(json.dumps({"id": [f"r{i}" for i in range(40)], "text": texts}))
project = weaklab.Project("p", labels=["a", "b"], timeout=None, strategy="longest_first", label_model="shy")
project.add_records("records.blocks", quiet=True)
project.add("has_word0")
project.weak_classifier("words_or_not", features="text_length")
project.label_many([(f"r{i}", "ab"[i % 2]) for i in range(20)])
project.run(progress=False)
print(len(project.ask(3, strategy="longest_first")), project.committee.names)
print(project.export("labels.blocks", include=["text"]), len(weaklab.read("labels.blocks", text="text")))
"""
REMEMBERS = """
import weaklab
project = weaklab.Project("p", labels=["a", "b"], timeout=None)
project.add_records([f"word{i % 2} and {i}" for i in range(40)], quiet=True)
project.add("has_word0")
project.run(progress=False)
"""
OPENS = """
import weaklab
project = weaklab.Project("p")
member = project.committee["has_word0"]
votes = project.votes()
print(type(member).__name__, int((votes.L[:, votes.names.index("has_word0")] == 0).sum()))
print(project.load_errors)
"""


def test_parts_of_another_package_are_used_by_name(tmp_path):
    install(tmp_path / "site")
    first, second = program(tmp_path, USES).stdout.splitlines()
    assert first.startswith("3 ")
    assert "has_word0" in first
    assert second == "40 40"


def test_project_remembers_a_heuristic_of_another_package_by_name(tmp_path):
    install(tmp_path / "site")
    program(tmp_path, REMEMBERS)
    assert program(tmp_path, OPENS).stdout.splitlines() == ["LabelingFunction 20", "[]"]
    shutil.rmtree(tmp_path / "site")
    done = program(tmp_path, OPENS)
    kind, errors = done.stdout.splitlines()
    assert kind == "MissingHeuristic 20"
    assert "heuristic 'has_word0': the package that offers it is not installed here" in errors


SETTING = """
import weaklab
project = weaklab.Project("p", labels=["a", "b"], timeout=None, heuristics=["has_word0"])
project.add_records([f"word{i % 2} and {i}" for i in range(40)], quiet=True)
project.run(progress=False)
print(project.committee["has_word0"].location)
try:
    project.remove("has_word0")
except weaklab.WeaklabError as error:
    print(error)
project.workspace.reload()
print(project.committee.names)
"""
OPENS_WITHOUT_CODE = OPENS.replace('Project("p")', 'Project("p", run_code=False)')


def test_settings_name_a_heuristic_of_another_package(tmp_path):
    install(tmp_path / "site")
    place, refused, names = program(tmp_path, SETTING).stdout.splitlines()
    assert place == "heuristics of weaklab.toml"
    assert "stands in heuristics of weaklab.toml; take it out there" in refused
    assert names == "['has_word0']"
    assert 'heuristics = ["has_word0"]' in (tmp_path / "p" / "weaklab.toml").read_text()
    assert program(tmp_path, OPENS).stdout.splitlines() == ["LabelingFunction 20", "[]"]
    assert program(tmp_path, OPENS_WITHOUT_CODE).stdout.splitlines() == ["MissingHeuristic 20", "[]"]
    shutil.rmtree(tmp_path / "site")
    kind, errors = program(tmp_path, OPENS).stdout.splitlines()
    assert kind == "MissingHeuristic 20"
    assert "heuristic 'has_word0': the package that offers it is not installed here" in errors


def test_settings_that_name_no_heuristic_are_refused_or_told(tmp_path):
    text = """
import weaklab
for names in (["no_such"], [3], 3):
    try:
        project = weaklab.Project(f"p{names}", labels=["a", "b"], heuristics=names)
        print(project.load_errors)
    except weaklab.WeaklabError as error:
        print(error)
"""
    missing, number, single = program(tmp_path, text).stdout.splitlines()
    assert "heuristic 'no_such': the package that offers it is not installed here" in missing
    assert "setting heuristics holds 3; wanted names in quotes" in number
    assert "setting heuristics must be a list, got 3" in single


def test_commands_import_and_export_formats_of_another_package(tmp_path):
    install(tmp_path / "site")
    program(tmp_path, USES)
    command(tmp_path / "site", "export", "p", "out.blocks")
    assert (tmp_path / "out.blocks").exists()
    (tmp_path / "more.blocks").write_text('{"id": ["n1", "n2"], "text": ["word1 once", "word0 more"]}')
    done = command(tmp_path / "site", "import", "p", "more.blocks")
    assert "2" in done.stdout + done.stderr


def test_unknown_formats_and_names_list_what_is_there(tmp_path):
    install(tmp_path / "site")
    text = """
import weaklab
from pathlib import Path
from weaklab.exchange.formats import check_writable
Path("x.foo").write_text("x")
for call in (
    lambda: weaklab.read("x.foo"),
    lambda: check_writable(Path("x.block")),
    lambda: weaklab.Committee(["a", "b"]).add("has_word"),
):
    try:
        call()
    except weaklab.WeaklabError as error:
        print(error)
"""
    unknown, export, name = program(tmp_path, text).stdout.splitlines()
    assert "unknown file type; wanted one of .blocks, .csv, .json, " in unknown
    assert "did you mean '.blocks'? wanted a name that ends in .blocks, .csv, .jsonl, .parquet" in export
    assert "the name of a heuristic that an installed package offers (has_word0)" in name


def test_broken_part_of_another_package_is_reported_and_ignored(tmp_path):
    install(
        tmp_path / "site",
        "[weaklab.strategies]\nlost = broken_parts:nothing\nmargin = broken_parts:margin\n",
        "def margin(P):\n    return P\n",
        "broken_parts",
    )
    done = command(tmp_path / "site", "list", "strategies")
    assert "entropy" in done.stdout
    assert "'lost' of the package broken-parts cannot be used (AttributeError" in done.stderr
    assert "there is a query strategy named 'margin' already" in done.stderr


@pytest.mark.parametrize("answer", ["['a']", "[1]"])
def test_a_reader_that_gives_no_tables_is_named(tmp_path, answer):
    install(
        tmp_path / "site",
        "[weaklab.readers]\n.odd = odd_parts:read_odd\n",
        f"def read_odd(paths, options, source):\n    return {answer}\n",
        "odd_parts",
    )
    text = """
import weaklab
from pathlib import Path
Path("x.odd").write_text("x")
try:
    weaklab.read("x.odd")
except weaklab.WeaklabError as error:
    print(error)
"""
    assert "the reader of .odd files gave" in program(tmp_path, text).stdout
