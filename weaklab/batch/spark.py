"""Labels Spark DataFrames with a committee, in the Spark session of the user.

The committee is pickled once and broadcast; every Python worker unpickles it once. A task hands the Arrow batches of
its partition to the same code that labels on one machine, so labels, probabilities and faults are the same bit for bit,
however rows are partitioned.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import os
import pickle
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weaklab.batch.frozen import FrozenCommittee
from weaklab.core.errors import CorpusError, WeaklabError
from weaklab.core.faults import MAX_FAULT_RECORDS, Fault
from weaklab.corpus import Roles
from weaklab.corpus.source import check_columns
from weaklab.exchange import source_of
from weaklab.voting.committee import Committee

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from weaklab.heuristics import Ballot

NO_PYSPARK = 'the spark engine needs pyspark, which is not installed: pip install "weaklab[spark]"'
NO_JAVA = (
    "the spark engine needs a Java runtime, 17 or newer for Spark 4, and there is no `java` {where}; install one "
    "(Debian: apt-get install default-jre-headless; conda: conda install openjdk), or set JAVA_HOME to where it is"
)
_PROBLEM = re.compile(r"(.+?): (\w+)(?:: (.*))?", re.DOTALL)
_CAUSE = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Interrupt)): (.+)$", re.MULTILINE)
_WRITTEN = re.compile(r"\.?(part-[^/]*\.parquet|_SUCCESS|_temporary)(\.crc)?")


def label(
    df: DataFrame, committee: Any, *, votes: bool = False,
    id: str | None = None, text: str | Sequence[str] | None = None,
    include: Sequence[str] = (),
) -> DataFrame:  # fmt: skip
    """Label a Spark DataFrame; nothing runs before the result is written, counted or shown, as with every DataFrame.

    Parameters
    ----------
    df : one record a row
    committee : a project, as of its last training, a :class:`~weaklab.batch.frozen.FrozenCommittee`, or a committee,
        which takes the majority vote
    votes : whether to add what each heuristic voted, ``vote_<name>``
    id, text : columns; by default they are called as in the project, or ``id`` and ``text``. Without an id column, ids
        are made from the content
    include : columns of ``df`` to keep

    Returns
    -------
    DataFrame
        id, the columns to keep, and those of :meth:`FrozenCommittee.schema
        <weaklab.batch.frozen.FrozenCommittee.schema>`: label, one probability a class, confidence, manual, votes and
        faults. Rows come in the order of ``df``, partition by partition.

    Raises
    ------
    WeaklabError
        A column that the committee needs is not there. Where a record has no id, the job fails and says so.

    Examples
    --------
    Without a Spark session there is none to run here::

        from weaklab.batch import spark as on_spark

        labeled = on_spark.label(spark.read.parquet("hdfs:///mail"), project, include=["sender"])
        labeled.write.parquet("hdfs:///labels")
        on_spark.faults(labeled).show()
    """
    from pyspark.sql import types

    frozen = _frozen(committee)
    roles = _roles(frozen, df.columns, id, text)
    given = _checked(frozen, df, roles)
    kept = [name for name in include if name != roles.id]
    check_columns(df.columns, kept, "the DataFrame")
    simple = {"string": types.StringType(), "double": types.DoubleType(), "bool": types.BooleanType()}
    labels = [
        types.StructField(f.name, simple.get(str(f.type), types.ArrayType(types.StringType())))
        for f in frozen.schema(given, votes)
    ]
    twice = next((name for name in kept if name in {f.name for f in labels} or kept.count(name) > 1), None)
    if twice is not None:
        raise WeaklabError(f"the output would have two columns {twice!r}; leave it out of include, or rename it")
    schema = types.StructType([_id_field(df, roles), *(df.schema[name] for name in kept), *labels[1:]])
    return _Work.of(df, frozen, roles, votes=votes, include=tuple(kept)).over(df, schema)


def vote(df: DataFrame, committee: Any, *, id: str | None = None, text: str | Sequence[str] | None = None) -> DataFrame:
    """Let a committee vote on a Spark DataFrame: the id, and a tinyint column a heuristic, codes of the labels, -1
    abstains.

    Parameters are those of :func:`label`, columns those of :meth:`FrozenCommittee.vote_batch
    <weaklab.batch.frozen.FrozenCommittee.vote_batch>`.
    """
    from pyspark.sql import types

    frozen = _frozen(committee)
    roles = _roles(frozen, df.columns, id, text)
    _checked(frozen, df, roles)
    if roles.id in frozen.names:
        raise WeaklabError(f"the output would have two columns {roles.id!r}; rename the id column or the heuristic")
    schema = types.StructType(
        [_id_field(df, roles), *(types.StructField(name, types.ByteType()) for name in frozen.names)]
    )
    return _Work.of(df, frozen, roles).over(df, schema)


def faults(labeled: DataFrame) -> DataFrame:
    """Sum up the ``faults`` of a labeled DataFrame, most frequent first; this labels the records, if they were not
    written before.

    Parameters
    ----------
    labeled : made by :func:`label`, its first column the ids; or what was written of it

    Returns
    -------
    DataFrame
        heuristic, exception, message (one of them), count, and records, at most 20 ids
    """
    from pyspark.sql import functions as f

    check_columns(labeled.columns, ["faults"], "the DataFrame")
    schema = "heuristic string, exception string, message string, count bigint, records array<string>"
    parts = (
        _selected(labeled, [labeled.columns[0], "faults"])
        .toDF("id", "faults")
        .where("faults is not null")
        .mapInArrow(_count_faults, schema)
    )
    ids = f.slice(f.array_sort(f.flatten(f.collect_list("records"))), 1, MAX_FAULT_RECORDS)
    summed = parts.groupBy("heuristic", "exception").agg(
        f.min("message").alias("message"), f.sum("count").alias("count"), ids.alias("records")
    )
    return summed.orderBy(f.desc("count"), "heuristic", "exception")


def _count_faults(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sum up the faults of a partition; of messages and ids the smallest are kept, which are the same in every
    partitioning.
    """
    import pyarrow as pa

    found: dict[tuple[str, str], tuple[int, str, list[str]]] = {}
    for batch in batches:
        for record, problems in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            for problem in problems:
                parts = _PROBLEM.fullmatch(problem)
                name, kind, message = parts.groups("") if parts else (problem, "", "")
                count, first, records = found.get((name, kind), (0, message, []))
                records.append(str(record))
                if len(records) >= 2 * MAX_FAULT_RECORDS:
                    records = heapq.nsmallest(MAX_FAULT_RECORDS, records)
                found[name, kind] = count + 1, min(first, message), records
    if found:
        rows = [
            (*key, message, count, heapq.nsmallest(MAX_FAULT_RECORDS, ids))
            for key, (count, message, ids) in found.items()
        ]
        kinds = [pa.string(), pa.string(), pa.string(), pa.int64(), pa.list_(pa.string())]
        columns = [pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, names=["heuristic", "exception", "message", "count", "records"])


# ---- on the driver


def _frozen(committee: Any) -> FrozenCommittee:
    if isinstance(committee, FrozenCommittee):
        return committee
    if isinstance(committee, Committee):
        return FrozenCommittee.of(committee)
    if hasattr(committee, "freeze"):
        return committee.freeze()  # type: ignore[no-any-return]
    raise WeaklabError(
        f"wanted a project, a frozen committee or a committee to label with, got {type(committee).__name__}"
    )


def _roles(frozen: FrozenCommittee, names: list[str], id: str | None, text: str | Sequence[str] | None) -> Roles:
    """Return which columns mean what: as told, else as in the project, else ``id`` and ``text``."""
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise WeaklabError(f"the DataFrame has more than one column {repeated!r}; rename or drop the others")
    known = frozen.roles or Roles("id", ("text",) if "text" in names else ())
    if text is None:
        text = known.text if all(name in names for name in known.text) or "text" not in names else "text"
    texts = (text,) if isinstance(text, str) else tuple(text)
    check_columns(names, [*texts, *([] if id is None else [id])], "the DataFrame")
    ids = id or (known.id if known.id in names else "id")
    label, gold = (name if name in names else None for name in (known.label, known.gold))
    return Roles(ids, texts, label, gold, known.also_hidden)


def _checked(frozen: FrozenCommittee, df: DataFrame, roles: Roles) -> pa.Schema:
    """Raise a WeaklabError where the committee needs a column that is not there; return the names of the columns, with
    roles.
    """
    import pyarrow as pa

    for name in roles.text:
        kind = df.schema[name].dataType.typeName()
        if kind not in ("string", "varchar", "char"):
            raise WeaklabError(
                f"the text column {name!r} holds {kind}; make it text: df.withColumn({name!r}, "
                f'df[{name!r}].cast("string"))'
            )
    row = pa.RecordBatch.from_arrays([pa.nulls(1, pa.string()) for _ in df.columns], names=df.columns)
    row = row.replace_schema_metadata(roles.attach(row.schema).metadata)
    frozen.check(row)
    return row.schema


def _id_field(df: DataFrame, roles: Roles) -> Any:
    from pyspark.sql import types

    return df.schema[roles.id] if roles.id in df.columns else types.StructField(roles.id, types.StringType())


def _columns_wanted(df: DataFrame, frozen: FrozenCommittee, roles: Roles, include: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that workers need: those that are read or kept, and where nobody knows what is read, all that
    Arrow can hold.
    """
    read, asked = frozen.reads(), {roles.id, *roles.text, *include}
    by_content = not roles.text and roles.id not in df.columns
    if read is not None and not by_content:
        return tuple(name for name in df.columns if name in asked | read)
    return tuple(
        field.name for field in df.schema if field.name in asked | (read or set()) or _fits_arrow(field.dataType)
    )


def _fits_arrow(kind: Any) -> bool:
    from pyspark.errors import PySparkException
    from pyspark.sql.pandas.types import to_arrow_type

    try:
        to_arrow_type(kind)
    except PySparkException:
        return False
    return True


def _selected(df: DataFrame, names: Sequence[str]) -> DataFrame:
    """Return some columns, called c0, c1, ...: a name with a dot, or with a twin in other case, cannot be asked for by
    name.
    """
    by_name = {name: f"c{number}" for number, name in enumerate(df.columns)}
    return df.toDF(*by_name.values()).select(*(by_name[name] for name in names))


# ---- in the workers


@dataclass(frozen=True)
class _Enclosed:
    """Stands for a broadcast where there is none, as in Spark Connect: the pickle goes with every task."""

    value: bytes


@dataclass(frozen=True)
class _Work:
    """Everything that a Spark task needs to label its partition.

    Attributes
    ----------
    committee : broadcast of the pickled committee
    key : hash of the pickle
    roles : which columns of the batches mean what
    has_ids : whether the ids are in a column; else they are made
    votes : whether labels come with votes; None where votes alone are wanted
    include : columns to keep
    path : where the driver finds modules; folders that a worker sees, too, are looked through last
    names : of the columns that come; Spark knows them by their position, since a name may hold a dot or differ in case
        alone
    """

    committee: Any
    key: str
    roles: Roles
    has_ids: bool
    votes: bool | None
    include: tuple[str, ...]
    path: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        df: DataFrame,
        frozen: FrozenCommittee,
        roles: Roles,
        votes: bool | None = None,
        include: tuple[str, ...] = (),
    ) -> _Work:
        from weaklab.heuristics.pickling import packed

        try:
            payload = packed(frozen, frozen.heuristics)
        except Exception as error:  # what a closure holds may refuse in any way
            raise WeaklabError(
                f"the committee cannot be sent to Spark: {type(error).__name__}: {error}; a function must not hold "
                "open files, locks or "
                "connections: let it open what it needs when it runs"
            ) from error
        key = hashlib.blake2b(payload, digest_size=16).hexdigest()
        context = getattr(df.sparkSession, "sparkContext", None)
        sent = _Enclosed(payload) if context is None else context.broadcast(payload)
        path, names = tuple(path for path in sys.path if path), _columns_wanted(df, frozen, roles, include)
        return cls(sent, key, roles, roles.id in df.columns, votes, include, path, names)

    def over(self, df: DataFrame, schema: StructType) -> DataFrame:
        def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            return self.run(batches)

        return _selected(df, self.names).mapInArrow(run, schema)

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Be a task: label the batches of one partition."""
        frozen = _unpickled(self)
        for batch, ballots in frozen.ballots(map(self._with_roles, filter(len, batches))):
            yield self._votes(frozen, batch, ballots) if self.votes is None else self._labels(frozen, batch, ballots)

    def _with_roles(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow.compute as pc

        batch = batch.rename_columns(list(self.names))
        if self.roles.id in batch.schema.names:
            ids = batch.column(self.roles.id)
            if ids.null_count or (_is_text(ids) and pc.any(pc.equal(ids, "")).as_py()):
                raise CorpusError(
                    f"a record of the DataFrame has no id in column {self.roles.id!r}; every record needs one"
                )
        return batch.replace_schema_metadata(self.roles.attach(batch.schema).metadata)

    def _ids(self, batch: pa.RecordBatch) -> pa.Array:
        import pyarrow as pa

        ids = batch.column(self.roles.id)
        return ids if self.has_ids else ids.cast(pa.string())

    def _votes(self, frozen: FrozenCommittee, batch: pa.RecordBatch, ballots: list[Ballot]) -> pa.RecordBatch:
        import pyarrow as pa

        columns = [pa.array(ballot.votes, pa.int8()) for ballot in ballots]
        return pa.RecordBatch.from_arrays([self._ids(batch), *columns], names=[self.roles.id, *frozen.names])

    def _labels(self, frozen: FrozenCommittee, batch: pa.RecordBatch, ballots: list[Ballot]) -> pa.RecordBatch:
        import pyarrow as pa

        labeled, _ = frozen.labeled(batch, ballots, bool(self.votes))
        columns = [self._ids(batch), *(batch.column(name) for name in self.include), *labeled.columns[1:]]
        return pa.RecordBatch.from_arrays(columns, names=[self.roles.id, *self.include, *labeled.schema.names[1:]])


def _is_text(column: pa.Array) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


_held: dict[str, FrozenCommittee] = {}
"""The committee that this worker used last; Spark gives a worker one task after the other."""


def _unpickled(work: _Work) -> FrozenCommittee:
    if work.key not in _held:
        from pyspark import TaskContext

        sys.path += [path for path in work.path if path not in sys.path and os.path.exists(path)]
        _held.clear()
        frozen = _held[work.key] = pickle.loads(work.committee.value)
        context = TaskContext.get()
        frozen.workers = 1 if context is None else context.cpus()  # the other cores are for other tasks
    return _held[work.key]


# ---- files, for the command line


def label_files(
    frozen: FrozenCommittee,
    source: Any,
    out: str | Path,
    *,
    votes: bool = False,
    include: Sequence[str] = (),
    text: str | Sequence[str] | None = None,
    id: str | None = None,
    rows_per_part: int = 100_000,
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool = False,
    **_: Any,
) -> dict[str, Any]:
    """Label Parquet files with Spark, for :func:`weaklab.batch.label_files`; return what its summary holds.

    The rows are those of the local engine without their numbers. Spark cuts and names the parts; of a run that was
    stopped it keeps nothing. Files must be where all machines see them under the same path; for other storage there is
    :func:`label`.

    Parameters
    ----------
    rows_per_part : a part has at most so many rows
    workers : run on this machine with so many cores; by default as Spark is configured, on all cores of this machine if
        it is not
    overwrite : replace what Spark wrote to the folder before
    """
    started = time.monotonic()
    paths, folder = _parquet_paths(source), _out_folder(out, overwrite)
    with _session(workers, progress) as session, _names_as_written(session):
        try:
            df = session.read.parquet(*paths)
            labeled = label(df, frozen, votes=votes, id=id, text=text, include=include)
            kept = "overwrite" if overwrite else "errorifexists"
            labeled.write.option("maxRecordsPerFile", rows_per_part).mode(kept).parquet(_uri(folder))
            found = _summed(session.read.schema(labeled.schema).parquet(_uri(folder)), frozen, votes)
        except Exception as error:
            if isinstance(error, WeaklabError) or not type(error).__module__.startswith(("pyspark", "py4j")):
                raise
            raise WeaklabError(f"Spark stopped: {_cause(error)}") from error
    parts = len(list(folder.glob("part-*.parquet")))
    return {**found, "parts": parts, "out": Path(out), "fresh": found["rows"], "seconds": time.monotonic() - started}


def _parquet_paths(source: Any) -> list[str]:
    told = [str(item) for item in ([source] if isinstance(source, (str, os.PathLike)) else source)]
    url = next((item for item in told if "://" in item), None)
    if url is not None:
        raise WeaklabError(
            f"the command line reads files that every machine sees under the same path, got {url}; for other storage: "
            "weaklab.batch.spark.label(spark.read.parquet(...), project).write.parquet(...)"
        )
    found = source_of(source)
    if found.kind != "parquet":
        raise WeaklabError(
            f"the spark engine reads Parquet, got {found.name}; write it as Parquet first, or take the local engine"
        )
    return [_uri(Path(path).resolve()) for path in found.paths]


def _uri(path: Path) -> str:
    """Name a file as Spark wants it: of the file system whatever the cluster's own is, and nothing quoted."""
    return f"file:///{path.as_posix().lstrip('/')}"


def _out_folder(out: str | Path, overwrite: bool) -> Path:
    """Return a folder that is new or empty, or holds only what Spark wrote, if that is to be replaced."""
    folder = Path(out).resolve()
    if folder.exists() and not folder.is_dir():
        raise WeaklabError(f"{out} is a file; wanted a folder for the parts")
    held = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    foreign = [name for name in held if not _WRITTEN.fullmatch(name)]
    if held and (foreign or not overwrite):
        what = (
            f"{foreign[0]}, which Spark did not write"
            if foreign
            else "labels already, or a stopped run, with which Spark does not go on"
        )
        raise WeaklabError(
            f"{out} holds {what}; name a new "
            f"folder{'' if foreign else ', or replace them with overwrite=True (--overwrite)'}"
        )
    if folder.exists() and not held:
        folder.rmdir()  # which Spark would take for a finished run
    return folder


@contextlib.contextmanager
def _session(workers: int | None, progress: bool) -> Iterator[SparkSession]:
    """Give the session that is active, or one that ends afterwards."""
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise WeaklabError(NO_PYSPARK) from None
    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=os.path.join(home, "bin") if home else None) is None:
        raise WeaklabError(
            NO_JAVA.format(where=f"in {home}/bin, where JAVA_HOME says it is" if home else "on the PATH")
        )
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("weaklab").config("spark.ui.showConsoleProgress", str(progress).lower())
    try:
        session = (builder if workers is None else builder.master(f"local[{workers}]")).getOrCreate()
    except PySparkException as error:
        raise WeaklabError(
            f"Spark did not start: {_cause(error)}; it needs Java 17 or newer, see what it said above"
        ) from error
    try:
        session.sparkContext.setLogLevel("OFF")  # what stops a job is told once, by us
        yield session
    finally:
        session.stop()


@contextlib.contextmanager
def _names_as_written(session: SparkSession) -> Iterator[None]:
    """Let columns differ in case alone, as they may in Parquet."""
    name = "spark.sql.caseSensitive"
    before = session.conf.get(name)
    session.conf.set(name, "true")
    try:
        yield
    finally:
        if before is not None:
            session.conf.set(name, before)


def _cause(error: Exception) -> str:
    """Return the last exception of Python in what Spark says, else its first line."""
    said = _CAUSE.findall(str(error))
    return said[-1][1] if said else str(error).strip().partition("\n")[0]


def _summed(labeled: DataFrame, frozen: FrozenCommittee, votes: bool) -> dict[str, Any]:
    from pyspark.sql import functions as f

    def having(column: str, value: str) -> Any:
        return f.count(f.when(f.col(f"`{column.replace('`', '``')}`") == value, 1))

    columns = ["label", *(f"vote_{name}" for name in frozen.names if votes)]
    totals = [f.count("*"), f.count("label"), f.count(f.when(f.col("manual"), 1))]
    rows, decided, manual, *counts = labeled.agg(
        *totals, *(having(column, name) for column in columns for name in frozen.labels)
    ).first()
    k = len(frozen.labels)
    by_label = [dict(zip(frozen.labels, counts[at : at + k], strict=True)) for at in range(0, len(counts), k)]
    told = [
        Fault(r.heuristic, r.exception, r.message, "", tuple(r.records), r["count"]) for r in faults(labeled).collect()
    ]
    return {
        "rows": rows,
        "labels": by_label[0],
        "undecided": rows - decided,
        "manual": manual,
        "votes": dict(zip(frozen.names, by_label[1:], strict=False)),
        "faults": told,
    }
