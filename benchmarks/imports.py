"""CPU seconds to read a million records of a CSV file, and to import them into a project; compare two checkouts by
turns.

Example: ``python -m benchmarks.imports --records 1000000``.
"""

from __future__ import annotations

import argparse
import csv
import random
import tempfile
import time
from pathlib import Path

import weaklab
from weaklab.exchange import source_of


def write_records(path: Path, n: int, seed: int = 0) -> None:
    """Write records with quotes, separators and line breaks in their texts."""
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnop", k=draw.randint(2, 9))) for _ in range(5000)]
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text", "n", "kind"])
        for i in range(n):
            text = " ".join(draw.choices(words, k=draw.randint(5, 20)))
            text = f'{text}, "{text[:9]}"' if i % 3 == 0 else text
            writer.writerow([i, text.replace(" ", "\n", 1) if i % 50 == 0 else text, i % 7 * 0.5, "ab"[i % 2]])


def main() -> None:
    """Print the CPU seconds of both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path, help="CSV file to read, with a column text; by default one is made")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.file or Path(folder) / "records.csv"
        if given.file is None:
            write_records(path, given.records)
        start = time.process_time()
        rows = sum(batch.num_rows for batch in source_of(path))
        read = time.process_time()
        with weaklab.Project(Path(folder) / "project", labels=["a", "b"]) as project:
            project.add_records(path, text="text")
        print(f"{rows:,} records: read {read - start:.2f} s, imported {time.process_time() - read:.2f} s of CPU")


if __name__ == "__main__":
    main()
