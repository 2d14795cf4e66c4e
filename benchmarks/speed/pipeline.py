"""The row of the whole way: a Parquet file, twenty labeling functions, the label model, a Parquet file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed import functions
from benchmarks.speed.label_models import fit_snorkel
from benchmarks.speed.measure import (
    REPEATS,
    SLOW_SECONDS,
    CheckError,
    Time,
    check_accuracy,
    check_votes,
    noted,
    right,
    summary,
    timed,
)
from benchmarks.speed.rows import row
from benchmarks.speed.texts import texts
from benchmarks.speed.votes import SNORKEL, committee_of, snorkel

SHARE, FIXED = 20, 500
"""The peer gets a twentieth of the records; what it costs with so few is taken for what does not grow with them."""


def write_texts(n: int, path: Path) -> np.ndarray:
    """Write n texts with ids to a Parquet file, and return their classes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    made, truth = texts(n)
    ids = pa.array([f"r{row}" for row in range(n)])
    pq.write_table(pa.table({"id": ids, "text": made}), path, row_group_size=100_000)
    return truth


def label_with_weaklab(source: Path, out: Path, votes: bool = False) -> None:
    """Fit a label model to the votes on a file's records, and write ids, labels and probabilities of all to a
    folder.
    """
    from weaklab import batch

    frozen = batch.fit(committee_of(functions.declared()), source)
    batch.label_files(frozen, source, out, votes=votes, workers=1, overwrite=True)


def label_with_snorkel(source: Path, out: Path) -> np.ndarray:
    """Do the same with Snorkel and pandas; strings become Python's, which halves what a row costs Snorkel."""
    import pandas as pd

    data = pd.read_parquet(source)
    data["text"] = data["text"].astype(object)
    L = snorkel(data, functions.snorkel_functions(functions.quick()))()
    P = fit_snorkel(L, len(functions.LABELS))
    names = np.array(functions.LABELS)[P.argmax(axis=1)]
    columns = {"id": data["id"], "label": names, **{name: P[:, code] for code, name in enumerate(functions.LABELS)}}
    pd.DataFrame(columns).to_parquet(out)
    return L


def _votes_of(source: Path, folder: Path) -> np.ndarray:
    """Return the votes that weaklab writes for the records of a file, int8 (n, 20)."""
    import pandas as pd

    label_with_weaklab(source, folder, votes=True)
    written = pd.read_parquet(folder)
    codes = {label: code for code, label in enumerate(functions.LABELS)}
    columns = [written[f"vote_{name}"].map(codes).fillna(functions.ABSTAIN) for name, _, _ in functions.plain()]
    return np.column_stack([column.to_numpy(np.int8) for column in columns])


def _check(files: Mapping[str, Path], peer_votes: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    import pandas as pd

    n, few = len(truth), len(peer_votes)
    wanted = functions.reference(list(pd.read_parquet(files["some"])["text"]))
    check_votes(_votes_of(files["some"], files["scrap"]), wanted, "weaklab")
    check_votes(peer_votes, wanted, SNORKEL)
    ours, theirs = pd.read_parquet(files["ours"]), pd.read_parquet(files["theirs"])
    if (len(ours), len(theirs)) != (n, few):
        raise CheckError(f"{n:,} and {few:,} records went in, {len(ours):,} and {len(theirs):,} came out")
    if list(ours["id"]) != [f"r{row}" for row in range(n)] or list(theirs["id"]) != list(ours["id"][:few]):
        raise CheckError("the ids that came out are not those that went in")
    mine = right(ours[[f"p_{name}" for name in functions.LABELS]].to_numpy()[:few], truth[:few])
    peers = right(theirs[list(functions.LABELS)].to_numpy(), truth[:few])
    check_accuracy(mine, peers, SNORKEL)
    return {"weaklab": float(mine.mean()), "peer": float(peers.mean())}


@row("end_to_end_1e6", n=1_000_000, quick=20_000, goal=100)
def end_to_end_1e6(n: int) -> dict[str, Any]:
    """From file to file; the peer with a twentieth of the records, scaled."""
    few = max(n // SHARE, 2)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in ("all", "some", "few", "ours", "theirs", "scrap", "peer_scrap")}
        files = {
            name: path if name in ("ours", "scrap") else path.with_suffix(".parquet") for name, path in files.items()
        }
        truth = write_texts(n, files["all"])
        write_texts(few, files["some"])
        write_texts(min(FIXED, few // 2), files["few"])
        label_with_snorkel(files["few"], files["peer_scrap"])
        fixed = timed(lambda: label_with_snorkel(files["few"], files["peer_scrap"]))[0]
        first = timed(lambda: label_with_weaklab(files["some"], files["scrap"]))[0]
        ours: list[Time] = []
        theirs: list[Time] = []
        while len(ours) < REPEATS and sum(one.cpu for one in ours) < 3 * SLOW_SECONDS:
            shutil.rmtree(files["ours"], ignore_errors=True)  # or a finished run would be taken as it is
            ours.append(timed(lambda: label_with_weaklab(files["all"], files["ours"]))[0])
            peers, peer_votes = timed(lambda: label_with_snorkel(files["some"], files["theirs"]))
            theirs.append(
                Time(*(each + max(whole - each, 0.0) * n / few for each, whole in zip(fixed, peers, strict=True)))
            )
        accuracy = _check(files, peer_votes, truth)
    found = summary(ours, theirs, "Snorkel + pandas")
    note = f"peer measured on {few:,} records and scaled, what {min(FIXED, few // 2)} cost taken for fixed"
    return noted({**found, "first": first.cpu, "accuracy": accuracy, "rate": n / found["weaklab"]}, note)
