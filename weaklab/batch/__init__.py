"""Labels a corpus larger than memory: reads files, writes Parquet parts, each completely or not at all.

The same call resumes a run that was stopped, even with ``kill -9``, and ends with the same bytes as an undisturbed run.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from weaklab.batch.folder import (
    SUMMARY,
    BatchSummary,
    claim,
    finished,
    is_complete,
    manifest_of,
    opened_folder,
    summed,
    write_json,
)
from weaklab.batch.frozen import FrozenCommittee
from weaklab.batch.inputs import Input, Tasks, with_roles
from weaklab.batch.parts import PartJob, part_schema
from weaklab.core.errors import WeaklabError, did_you_mean, warn
from weaklab.core.files import replacing
from weaklab.core.progress import ProgressBar
from weaklab.corpus import BATCH_ROWS, Corpus
from weaklab.exchange import source_of
from weaklab.exchange.file_options import FileKeywords, FileOptions
from weaklab.heuristics.pickling import pickling_error
from weaklab.voting.committee import assemble, join
from weaklab.voting.workers import cores, run_tasks

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from weaklab.heuristics import Ballot
    from weaklab.label_models import LabelModel
    from weaklab.voting.committee import Committee

__all__ = ["BatchSummary", "fit", "label_files"]

ROWS_PER_PART = 100_000
"""Rows of the input in one part; a stopped run loses at most one part a worker."""
ENGINES = ("local", "spark")
FIT_ROWS = 100_000
"""A label model is fitted to the votes on at most this many records; with more, fewer than 1 in 1,000 labels change."""


def label_files(
    frozen: FrozenCommittee,
    source: Any,
    out: str | Path,
    *,
    votes: bool = False,
    include: Sequence[str] = (),
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    rows_per_part: int = ROWS_PER_PART,
    workers: int | None = None,
    overwrite: bool = False,
    engine: str = "local",
    progress: bool = False,
    **options: Unpack[FileKeywords],
) -> BatchSummary:
    r"""Label the records of files and write the labels to a folder of Parquet parts, in the order of the input.

    Columns are ``row``, the number of the record from 0, and those of :meth:`FrozenCommittee.schema`. The folder also
    holds ``_manifest.json``, what the parts were made of, and in the end ``_summary.json``.

    The same call goes on with a run that was stopped: parts that are finished are kept. A folder whose parts were made
    by another committee, of other input or with other settings is left alone. Input is known by a digest of all its
    bytes, row group by row group, or 64 MB by 64 MB of a text file; an error names the rows or lines that changed. A
    part of the output is known by a digest of its bytes.

    Ids are taken as they are, so that memory does not grow with their number: whether one appears twice is not checked.
    Without an id column they are made from the content, and records that are equal have equal ids; ``row`` tells them
    apart.

    Parameters
    ----------
    frozen : see :meth:`weaklab.Project.freeze`
    source : a Parquet, CSV, TSV, JSONL or text file, a folder or glob of one type, or a list of paths
    out : folder; made if it is not there
    votes : whether to write what each heuristic voted
    include : columns of the input to write, too
    text, id : as of :func:`weaklab.read`; by default the columns are called as in the project
    rows_per_part : fixed number of input rows in a part
    workers : processes, by default one a core; the result is the same for any number
    overwrite : begin anew where the folder holds another run; of the same run, make parts again that were edited or
        damaged
    engine : ``local``, or ``spark``
    progress : whether to show progress on standard error
    options : how files are to be read: ``encoding``, ``sep`` and so on, as of :func:`weaklab.read`

    Raises
    ------
    CorpusError
        A file cannot be read or changed meanwhile, a record has no id, or a column is missing; finished parts stay.
    WeaklabError
        Another process writes to the folder, it holds something else or another run, or parts of this run were edited.

    Examples
    --------
    >>> import tempfile, weaklab
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "mail.jsonl").write_text('{"id": "a", "text": "win a prize"}\n{"id": "b", "text": "lunch"}\n')
    >>> committee = weaklab.Committee(["ham", "spam"], timeout=None)
    >>> _ = committee.add(weaklab.keywords("spam", ["prize"]))
    >>> label_files(FrozenCommittee.of(committee), folder / "mail.jsonl", folder / "out").labels
    {'ham': 0, 'spam': 1}
    """
    if engine not in ENGINES:
        raise WeaklabError(f"no engine {engine!r};{did_you_mean(engine, ENGINES)} available: {', '.join(ENGINES)}")
    if rows_per_part < 1 or (workers is not None and workers < 1):
        raise WeaklabError(f"rows_per_part and workers must be 1 or more, got {rows_per_part!r} and {workers!r}")
    if engine != "local":
        settings = {
            "votes": votes,
            "include": include,
            "text": text,
            "id": id,
            "rows_per_part": rows_per_part,
            **options,
        }
        label: Callable[..., dict[str, Any]] = import_module(f"weaklab.batch.{engine}").label_files
        return BatchSummary(
            **label(frozen, source, out, **settings, workers=workers, overwrite=overwrite, progress=progress)
        )
    started = time.monotonic()
    inside = next(
        (path for path in source_of(source, **options).paths if Path(out).resolve() in path.resolve().parents), None
    )
    if inside is not None:
        raise WeaklabError(
            f"{inside} is input and lies in {out}, where the labels go; name a folder outside of the input"
        )
    with ProgressBar(progress, None, "checking the input", "B", unit_scale=True) as bar:
        records = Input(source, frozen, text, id, FileOptions(**options), bar.update)
    schema = part_schema(frozen, records, include, votes)
    frozen.check(records.first)
    with opened_folder(Path(out)) as (folder, lock):
        run = claim(folder, manifest_of(frozen, records, votes, include, rows_per_part), overwrite)
        done = finished(folder, run, overwrite)
        if is_complete(folder, run, found := summed(folder, done)):
            return found
        (folder / SUMMARY).unlink(missing_ok=True)
        job = PartJob(frozen, records.reader(), schema, folder, run, votes, tuple(include))
        wanted = workers or cores()
        tasks = records.tasks(rows_per_part, done, wanted)
        if wanted > 1 and (reason := pickling_error(job, frozen.heuristics)) is not None:
            warn(f"the committee cannot be sent to other processes ({reason}), so this one does all the work")
            wanted = 1
        with tasks, _bar(progress, records, tasks) as bar:
            wanted = min(wanted, tasks.most)
            run_tasks(
                job,
                tasks.next,
                lambda part: done.update({part["part"]: part}),
                bar.update,
                wanted,
                inherited=(lock,),
                heuristics=frozen.heuristics,
                advice="take fewer workers or fewer rows a part, and run the same again: what is finished is kept",
            )
        records.contents.check()
        found = summed(folder, done)
        with replacing(folder / SUMMARY) as temporary:
            write_json(temporary, {"run": run, **found.to_json()})
        found.fresh, found.seconds = found.rows - tasks.skipped, time.monotonic() - started
        return found


def fit(
    committee: Committee,
    source: Any,
    *,
    label_model: str | LabelModel = "committee",
    max_rows: int | None = FIT_ROWS,
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    seed: int = 0,
    **options: Unpack[FileKeywords],
) -> FrozenCommittee:
    """Fit a label model to what a committee votes on a corpus that need not fit in memory, and return both, frozen.

    No record is looked at beside the votes on it. Of a larger corpus a random sample is voted on, drawn by row number:
    between half of ``max_rows`` and all of them, the same for the same number of records and seed.

    Parameters
    ----------
    committee : its weak classifiers are trained already, or abstain
    source : anything that :func:`weaklab.read` takes, or what it returned
    label_model : name, or a label model that is not fitted
    max_rows : fit on so many records at most; None votes on all, and holds a byte for each vote where the model does
        not add up what it learns (see :meth:`~weaklab.label_models.LabelModel.partial_fit`)
    text, id : as of :func:`weaklab.read`
    seed : of the sample
    options : how files are to be read: ``encoding``, ``sep`` and so on, as of :func:`weaklab.read`

    Examples
    --------
    >>> import weaklab
    >>> committee = weaklab.Committee(["ham", "spam"], timeout=None)
    >>> _ = committee.add(weaklab.keywords("spam", ["prize"])), committee.add(weaklab.keywords("ham", ["lunch"]))
    >>> frozen = fit(committee, ["win a prize", "lunch at noon"] * 50)
    >>> frozen.label_batch(next(weaklab.read(["a prize", "hello"]).batches()))["label"].to_pylist()
    ['spam', None]
    """
    from weaklab.label_models import label_model as make

    if max_rows is not None and max_rows < 1:
        raise WeaklabError(f"max_rows must be 1 or more, or None for all, got {max_rows!r}")
    corpus = source if isinstance(source, Corpus) else Corpus(source_of(source, **options), text=text, id=id)
    voters = FrozenCommittee.of(committee)
    rows = (with_roles(batch, corpus.roles) for batch in corpus._source)
    model = make(label_model) if isinstance(label_model, str) else copy.deepcopy(label_model)
    model.set_params(n_classes=len(voters.labels))
    kept: list[list[Ballot]] = []
    for batch, ballots in voters.ballots(rows if max_rows is None else _sampled(rows, max_rows, seed)):
        if max_rows is None and model.adds_up:
            votes = assemble(voters.heuristics, ballots, voters.labels, batch.num_rows)
            model.partial_fit(votes)
        else:
            kept.append(ballots)
    if kept:
        joined = [join(column) for column in zip(*kept, strict=True)]
        votes = assemble(voters.heuristics, joined, voters.labels, sum(len(ballots[0].votes) for ballots in kept))
        model.fit(votes)
    return FrozenCommittee.of(committee, model)


def _sampled(batches: Iterable[pa.RecordBatch], most: int, seed: int) -> Iterator[pa.RecordBatch]:
    """Yield a random sample of at most ``most`` rows: those whose random number is below a threshold, halved until they
    fit.
    """
    import numpy as np
    import pyarrow as pa

    from weaklab.strategies import uniform

    kept: list[tuple[pa.RecordBatch, NDArray[np.float64]]] = []
    row, count, threshold = 0, 0, 1.0
    for batch in batches:
        lots = uniform(np.arange(row, row + batch.num_rows, dtype=np.uint64), seed)
        row += batch.num_rows
        kept.append(_below(batch, lots, threshold))
        count += len(kept[-1][1])
        while count > most:
            threshold /= 2
            kept = [_below(*part, threshold) for part in kept]
            count = sum(len(part) for _, part in kept)
    table = pa.Table.from_batches([batch for batch, _ in kept]).combine_chunks()
    yield from table.to_batches(max_chunksize=BATCH_ROWS)


def _below(
    batch: pa.RecordBatch, lots: NDArray[np.float64], threshold: float
) -> tuple[pa.RecordBatch, NDArray[np.float64]]:
    import pyarrow as pa

    keep = lots < threshold
    return (batch, lots) if keep.all() else (batch.filter(pa.array(keep)), lots[keep])


def _bar(shown: bool, records: Input, tasks: Tasks) -> ProgressBar:
    """Show how many records are done, how many a second, and the time left."""
    bar = ProgressBar(
        shown,
        records.estimate() if shown else None,
        "labeling",
        "records",
        initial=tasks.skipped,
        leave=True,
        mininterval=0.5,
    )
    tasks.on_skip = bar.skip
    return bar
