"""What becomes of a project whose files are damaged?

    python -m benchmarks.damage --flips 100 --whole 30

Makes a project, damages one file of a copy at a time, opens the copy and compares everything that it says with what the
whole project says: ids, texts, labels and probabilities, manual labels, history, the next questions. First flipped
bits, drawn over the parts of the corpus, the votes, the cache and the database; then whole files: cut, empty, missing,
of another project, garbage, with bytes appended.

noticed : a ProjectError, nothing was computed
remade : a warning; everything is as it was
harmless : nothing was said, and everything is as it was
silent : something changed, and no error said so
raw : another exception

The exit code is 1 where anything was silent or raw.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import weaklab
from weaklab import Project
from weaklab.core.errors import ProjectError, WeaklabWarning
from weaklab.core.tables import Table

NOTICED, REMADE, HARMLESS, SILENT, RAW = OUTCOMES = ("noticed", "remade", "harmless", "silent", "raw")
KINDS = {"corpus": 40, "votes": 20, "cache": 20, "database": 20}
"""Where bits are flipped, and in how many of a hundred cases."""
FUNCTIONS = """
from weaklab import labeling_function

@labeling_function()
def short(x):
    return "ham" if len(x.text) < 30 else None
"""
WORDS = ("lunch", "noon", "prize", "free", "train", "meeting", "winner", "later", "offer", "call")

Damage = Callable[[Path, Path, random.Random], str]
"""Damages a file, given the file of another project that stands in the same place, and says how."""


def make(folder: Path, seed: int) -> Path:
    """Make a project with two imports, three labeling functions, a classifier, and answers."""
    rng = random.Random(seed)

    def records(prefix: str, n: int, labels: bool) -> list[dict[str, str | None]]:
        rows = []
        for i in range(n):
            text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 8))) + f" {rng.randint(0, 999)}"
            said = rng.choice(["ham", "spam", None, None]) if labels else None
            rows.append({"id": f"{prefix}{seed}-{i}", "text": text, "answer": said})
        return rows

    with Project(folder, labels=["ham", "spam"], timeout=0, weak_classifiers=["naive_bayes"]) as project:
        (folder / "labeling_functions" / "short.py").write_text(FUNCTIONS)
        project.reload()
        with contextlib.redirect_stdout(None):
            project.add_records(records("a", 200, labels=True), text="text", id="id", label="answer")
            project.add_records(records("b", 100, labels=True), text="text", id="id", label="answer")
        project.add(weaklab.keywords("spam", ["prize", "winner", "offer"], name="prizes"))
        project.add(weaklab.pattern("ham", r"\b(lunch|meeting)\b", name="plans"))
        project.run(progress=False)
        project.label_many({ask: rng.choice(["ham", "spam"]) for ask in [a.id for a in project.ask(20)]})
        project.run(progress=False)
        project.ask(5)
    return folder


def state(folder: Path) -> str:
    """Return a digest of everything that a project says."""
    with Project(folder) as project:
        labels = project.labels()
        texts = project.corpus.column("text").to_pylist()
        history = project.history().drop(columns="suggestion_confidence")
        asks = [ask.id for ask in project.ask(5, lease=False)]
        said = [labels.to_csv(), texts, history.to_csv(), project.manual_labels(), asks, project.committee.names]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def outcome(folder: Path, expected: str) -> tuple[str, str]:
    """Return what became of a damaged project, and the first thing that it said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = state(folder)
        except ProjectError as error:
            return NOTICED, str(error)
        except Exception as error:
            return RAW, f"{type(error).__name__}: {error}"
    told = [str(w.message) for w in caught if issubclass(w.category, WeaklabWarning)]
    if found != expected:
        return SILENT, told[0] if told else ""
    return (REMADE, told[0]) if told else (HARMLESS, "")


def files_of(folder: Path, kind: str) -> list[Path]:
    """Return the files of a kind, in a fixed order."""
    if kind == "database":
        return [folder / "weaklab.db"]
    return sorted(path for path in (folder / kind).rglob("*") if path.suffix in (".parquet", ".npy", ".npz"))


def flip(file: Path, _: Path, rng: random.Random) -> str:
    """Flip one bit."""
    data = bytearray(file.read_bytes())
    place, bit = rng.randrange(len(data)), rng.randrange(8)
    data[place] ^= 1 << bit
    file.write_bytes(data)
    return f"bit {bit} of byte {place:,}"


def cut(file: Path, _: Path, rng: random.Random) -> str:
    """Leave only the beginning."""
    data = file.read_bytes()
    file.write_bytes(data[: rng.randrange(1, len(data))])
    return "cut"


def empty(file: Path, _: Path, rng: random.Random) -> str:
    """Leave nothing in it."""
    file.write_bytes(b"")
    return "empty"


def missing(file: Path, _: Path, rng: random.Random) -> str:
    """Remove it."""
    file.unlink()
    return "missing"


def foreign(file: Path, other: Path, rng: random.Random) -> str:
    """Put the file of another project in its place."""
    shutil.copyfile(other, file)
    return "of another project"


def garbage(file: Path, _: Path, rng: random.Random) -> str:
    """Fill it with bytes drawn at random."""
    file.write_bytes(rng.randbytes(file.stat().st_size))
    return "garbage"


def append(file: Path, _: Path, rng: random.Random) -> str:
    """Add bytes at its end."""
    with open(file, "ab") as stream:
        stream.write(rng.randbytes(rng.randint(1, 5000)))
    return "bytes appended"


WHOLE: tuple[Damage, ...] = (cut, empty, missing, foreign, garbage, append)


def trials(flips: int, whole: int, rng: random.Random) -> Iterator[tuple[str, Damage]]:
    """Yield what to damage, and how: bits by the shares of :data:`KINDS`, whole files in turn."""
    for kind, share in KINDS.items():
        for _ in range(round(flips * share / sum(KINDS.values()))):
            yield kind, flip
    places = [(kind, damage) for damage in WHOLE for kind in (*KINDS, "cache")]
    for number in range(whole):
        yield places[number % len(places)]


def run(flips: int, whole: int, seed: int, verbose: bool = False) -> tuple[Table, int]:
    """Damage copies of a project; return the table and the number of cases that were silent or raw."""
    rng = random.Random(seed)
    counts: dict[tuple[str, str], Counter[str]] = {}
    bad = []
    with tempfile.TemporaryDirectory() as place:
        good, other, copy = make(Path(place) / "good", 1), make(Path(place) / "other", 2), Path(place) / "copy"
        expected = state(shutil.copytree(good, copy))
        for kind, damage in trials(flips, whole, rng):
            shutil.rmtree(copy)
            shutil.copytree(good, copy)
            file = rng.choice(files_of(copy, kind))
            strangers = [path for path in files_of(other, kind) if path.suffix == file.suffix]
            how = damage(file, rng.choice(strangers), rng)
            found, said = outcome(copy, expected)
            counts.setdefault((kind, "bit" if damage is flip else "whole file"), Counter())[found] += 1
            if verbose:
                print(f"{found}: {file.relative_to(copy)}, {how}: {said}", file=sys.stderr)
            if found in (SILENT, RAW):
                bad.append(f"{found}: {file.relative_to(copy)}, {how}: {said}")
    rows = [
        [kind, what, sum(count.values()), *(count[name] for name in OUTCOMES)] for (kind, what), count in counts.items()
    ]
    total = [sum(row[place] for row in rows) for place in range(2, 3 + len(OUTCOMES))]
    title = f"{flips} flipped bits and {whole} damaged files (seed {seed})"
    return Table(title, ["where", "what", "cases", *OUTCOMES], [*rows, ["all", "", *total]], bad), len(bad)


def main(arguments: list[str] | None = None) -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--whole", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="print every case and what was said, on stderr")
    options = parser.parse_args(arguments)
    table, bad = run(options.flips, options.whole, options.seed, options.verbose)
    print(table)
    if bad:
        sys.exit(1)


if __name__ == "__main__":
    main()
