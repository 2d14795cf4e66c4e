"""Writes 1,000,000 labeled records in every exchange format, beside pyarrow's own Parquet writer.

    python -m benchmarks.exchange [--records 1000000] [--formats prodigy,label-studio]

Each format is timed in turn with ``pyarrow.parquet.write_table`` of the same columns, three times; shown
are the smallest CPU times. pyarrow has no JSON writer. One record in a hundred has an answer of a person.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from weaklab.exchange.tools import FORMATS, Answer, Labeled, format_of
from weaklab.exchange.tools.base import Voter

SENTENCES = (
    'win a prize now lunch at noon the minister said "yes" to things you need free entry call txt stop meeting moved',
    "tomorrow see you there thanks reply with your name and claim it today offer ends at midnight ok then",
)
WORDS = " ".join(SENTENCES).split()
LABELS = ("ham", "spam")


def labeled_records(n: int, seed: int = 0) -> Labeled:
    """Return n records of 5 to 30 words with labels, two voters, and answers of people on one in a hundred."""
    rng = np.random.default_rng(seed)
    words = rng.choice(WORDS, size=30 * min(n, 20_000)).tolist()
    starts, lengths = rng.integers(0, len(words) - 30, n), rng.integers(5, 31, n)
    texts = [" ".join(words[start : start + length]) for start, length in zip(starts, lengths, strict=True)]
    codes = rng.integers(0, 2, n)
    answers = {
        int(row): [Answer("label", LABELS[codes[row]], "10", at="2026-01-31T12:00:00+00:00")]
        for row in range(0, n, 100)
    }
    votes = [Voter(name, rng.integers(-1, 2, n), np.ones(n)) for name in ("words_of_spam", "words_of_ham")]
    return Labeled(
        ids=pa.array(np.arange(n)).cast(pa.large_string()),
        text=pa.array(texts, pa.large_string()),
        columns={"source": pa.array(["web"] * n)},
        label=pa.array(np.array(LABELS)[codes].tolist(), pa.large_string()),
        score=pa.array(rng.random(n)),
        labels=LABELS,
        answers=answers,
        voters=votes,
    )


def cpu_seconds(call: Callable[[], Any]) -> float:
    """Return the CPU time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def with_pyarrow(labeled: Labeled, path: Path) -> None:
    """Write the same columns with pyarrow alone."""
    columns = {"id": labeled.ids, "text": labeled.text, "label": labeled.label, "score": labeled.score}
    pq.write_table(pa.table({**columns, **labeled.columns}), path)


def main() -> None:
    """Print a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--formats", default=",".join(FORMATS.names()))
    chosen = parser.parse_args()
    labeled = labeled_records(chosen.records)
    warnings.simplefilter("ignore")  # formats of one line a text say that texts were changed
    print(f"{chosen.records:,} records; CPU seconds, smallest of three, taken in turn")
    print(f"{'format':14} {'weaklab':>8} {'pyarrow':>8} {'ratio':>6} {'MB':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen.formats.split(","):
            form, ours, theirs = format_of(name), [], []
            path = Path(folder) / f"out{form.endings[0] if form.endings else ''}"
            for _ in range(3):
                theirs.append(cpu_seconds(lambda: with_pyarrow(labeled, Path(folder) / "peer.parquet")))
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                ours.append(cpu_seconds(partial(form.write, labeled, path)))
            files = [path] if path.is_file() else list(path.iterdir())
            size = sum(file.stat().st_size for file in files) / 1e6
            ratio = min(theirs) / min(ours)
            print(f"{name:14} {min(ours):8.2f} {min(theirs):8.2f} {ratio:6.2f} {size:6.0f}", flush=True)


if __name__ == "__main__":
    main()
