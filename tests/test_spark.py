"""A committee on Spark says what it says on one machine."""

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import weaklab as wl
from weaklab.batch import spark as on_spark
from weaklab.batch.frozen import FrozenCommittee
from weaklab.core.errors import WeaklabError
from weaklab.corpus import Roles
from weaklab.heuristics import col

# what pyspark says of the versions of others, and its sockets, which it leaves to the garbage collector
pytestmark = [
    pytest.mark.xdist_group("spark"),
    pytest.mark.filterwarnings("ignore:.*does not yet fully support pandas:FutureWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
WORDS = ["win", "a", "prize", "lunch", "at", "noon", "free", "entry", "Angry", "see", "you"]
RECORDS = [
    {"id": f"r{i:03}", "text": " ".join(WORDS[(i * 7 + j * j) % len(WORDS)] for j in range(i % 6)), "length": i % 6}
    for i in range(300)
]


def skip(reason):
    if os.environ.get("WEAKLAB_REQUIRE_SPARK"):
        pytest.fail(f"WEAKLAB_REQUIRE_SPARK is set, but {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        skip('pyspark is missing: pip install "weaklab[spark]"')
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        skip("a Java runtime is missing: apt-get install default-jre-headless, or set JAVA_HOME")
    folder = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.local.dir": str(folder),
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    before = dict(os.environ)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("weaklab-tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def mail(tmp_path_factory):
    path = tmp_path_factory.mktemp("mail") / "the mail.parquet"
    pq.write_table(pa.Table.from_pylist(RECORDS), path, row_group_size=100)
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    held = wl.Project(tmp_path_factory.mktemp("project"), labels=["ham", "spam"], timeout=None, share_answers=0)
    held.add_records(RECORDS[:60])
    held.add(wl.keywords("spam", ["prize", "free"]))
    held.add(wl.where("ham", col("length") < 2))

    @held.labeling_function()
    def unsure(x):
        return ("ham", 0.6) if x.text.startswith("see") else None

    @held.labeling_function()
    def angry(x):
        if x.text.startswith("Angry"):
            raise ValueError(f"in {x.text[:9]!r}")

    held.weak_classifier("naive_bayes", features="tfidf")
    with pytest.warns(wl.WeaklabWarning, match="angry"):
        held.run(progress=False)
    held.label_many(
        [(r["id"], "spam" if "prize" in r["text"] or "free" in r["text"] else "ham") for r in RECORDS[6:30]]
    )
    held.run(progress=False)
    return held


def members(timeout=None):
    found = wl.Committee(["ham", "spam"], timeout=timeout, workers=1)
    found.add(wl.keywords("spam", ["prize"]))
    return found


def here(frozen, records=RECORDS, **settings):
    batch = pa.RecordBatch.from_pylist(records)
    return frozen.label_batch(batch, **settings).to_pylist()


def rows(df, key="id"):
    return sorted((row.asDict() for row in df.collect()), key=lambda row: row[key])


def ended(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize(("partitions", "batch"), [(1, 10_000), (5, 7)])
def test_labels_are_those_of_one_machine_bit_for_bit(spark, mail, project, partitions, batch):
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", batch)
    labeled = on_spark.label(spark.read.parquet(str(mail)).repartition(partitions), project, votes=True)
    found, wanted = rows(labeled), here(project.freeze(), votes=True)
    assert found == wanted
    assert list(found[0]) == list(wanted[0])
    assert {row["label"] for row in found} >= {"ham", "spam"}
    assert sum(row["manual"] for row in found) == 24
    assert sum(row["faults"] is not None for row in found) == sum(r["text"].startswith("Angry") for r in RECORDS) > 0


def test_votes_are_those_of_one_machine(spark, mail, project):
    found = on_spark.vote(spark.read.parquet(str(mail)).repartition(3), project)
    assert [dtype for _, dtype in found.dtypes] == ["string"] + ["tinyint"] * 5
    assert rows(found) == project.freeze().vote_batch(pa.RecordBatch.from_pylist(RECORDS)).to_pylist()


def test_columns_are_kept_on_request_and_ids_made_of_the_content(spark, mail):
    frozen, df = FrozenCommittee.of(members()), spark.read.parquet(str(mail)).where("length > 0").limit(5)
    found = on_spark.label(df, members(), include=["length"])
    assert found.columns == ["id", "length", "label", "p_ham", "p_spam", "confidence", "manual", "faults"]
    assert [row["length"] for row in rows(found)] == [1, 2, 3, 4, 5]
    made = on_spark.label(df.drop("id", "length"), frozen)
    assert rows(made) == sorted(here(frozen, [{"text": r["text"]} for r in RECORDS[1:6]]), key=lambda row: row["id"])


ODD = {
    "a.b": 1,
    "`ticked`": "x",
    "two words": 2.5,
    "Text": "prize",
    "ID": "other",
    "a,b;{c}(d)=e": None,
    "über.x": [1, 2],
    "": 7,
}


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "a function that may read anything"])
def test_any_name_of_a_column_will_do(spark, tmp_path, declared):
    from weaklab.batch import label_files

    committee = members()
    committee.add(wl.keywords("ham", ["x"], column="`ticked`", name="ticked"))
    committee.add(wl.where("ham", col("a.b") > 5))
    if not declared:

        @committee.labeling_function()
        def reads(x):
            assert (x["a.b"], x["ID"], x["two words"], x["Text"]) == (1, "other", 2.5, "prize")
            return "ham"

    table = pa.Table.from_pylist([{**record, **ODD} for record in RECORDS[:20]])
    pq.write_table(table, tmp_path / "odd.parquet")
    frozen, kept = FrozenCommittee.of(committee), ["a.b", "two words", "Text", "über.x"]
    label_files(frozen, tmp_path / "odd.parquet", tmp_path / "out", include=kept, votes=True, engine="spark")
    label_files(frozen, tmp_path / "odd.parquet", tmp_path / "local", include=kept, votes=True, workers=1)
    found, wanted = (pq.ParquetDataset(tmp_path / name).read().sort_by("id").to_pylist() for name in ("out", "local"))
    assert found == [{name: value for name, value in row.items() if name != "row"} for row in wanted]
    assert {(row["vote_ticked"], row["a.b"], tuple(row["über.x"])) for row in found} == {("ham", 1, (1, 2))}
    assert all(row["faults"] is None for row in found)
    assert spark.conf.get("spark.sql.caseSensitive") == "false"


def test_only_what_is_read_is_selected(spark):
    df = spark.createDataFrame([(1, "a prize", 2, 3)], "id long, text string, length long, `a.b` long")
    declared = members()
    declared.add(wl.where("ham", col("a.b") < 2))
    assert on_spark._columns_wanted(df, FrozenCommittee.of(declared), Roles("id", ("text",)), ()) == (
        "id",
        "text",
        "a.b",
    )
    assert on_spark._columns_wanted(df, FrozenCommittee.of(members()), Roles("id", ("text",)), ["length"]) == (
        "id",
        "text",
        "length",
    )
    assert on_spark._columns_wanted(df, FrozenCommittee.of(members()), Roles("key"), ()) == (
        "id",
        "text",
        "length",
        "a.b",
    )
    assert [row.label for row in on_spark.label(df, declared).collect()] == ["spam"]


def test_an_id_column_with_a_dot_is_fine_and_types_that_arrow_cannot_hold_are_left_out(spark):
    committee = members()

    @committee.labeling_function()
    def raises(x):
        raise ValueError(f"no {x.text}")

    df = spark.sql("select 'r1' as `mail.id`, 'a prize' as text, parse_json('{}') as v, make_interval(1) as `i.v`")
    labeled = on_spark.label(df, committee, id="mail.id").cache()
    assert [(row["mail.id"], row["label"]) for row in labeled.collect()] == [("r1", "spam")]
    assert [row.records for row in on_spark.faults(labeled).collect()] == [["r1"]]


def test_faults_come_back_and_are_summed_up(spark, mail):
    committee = members()

    @committee.labeling_function()
    def raises(x):
        return {"": None}.get(x.text, "ham") if x.length < 3 else x.nothing

    @committee.labeling_function()
    def unknown(x):
        return "eggs" if x["id"] == "r003" else None

    labeled = on_spark.label(spark.read.parquet(str(mail)).repartition(4), committee).cache()
    assert rows(labeled) == here(FrozenCommittee.of(committee))
    first, second = (row.asDict() for row in on_spark.faults(labeled).collect())
    assert (first["heuristic"], first["exception"], first["count"]) == ("raises", "AttributeError", 150)
    assert first["message"].startswith("no column 'nothing'")
    assert first["records"] == [r["id"] for r in RECORDS if r["length"] >= 3][:20]
    assert (second["heuristic"], second["exception"], second["records"]) == ("unknown", "UnknownLabelError", ["r003"])


def test_hang_crash_or_print_costs_one_record_and_no_child_survives(spark, tmp_path):
    committee, folder = members(timeout=1), str(tmp_path)

    @committee.labeling_function()
    def stuck(x):
        print("a line on standard output")
        with open(os.path.join(folder, str(os.getpid())), "w") as stream:
            stream.write(str(os.getppid()))
        while x.text == "hang":
            pass
        if x.text == "crash":
            os._exit(3)
        return "ham"

    texts = ["lunch", "hang", "noon", "crash", "prize"]
    df = spark.createDataFrame([(i, text) for i, text in enumerate(texts)], "id long, text string").repartition(1)
    found = rows(on_spark.label(df, committee, votes=True))
    assert [row["vote_stuck"] for row in found] == ["ham", None, "ham", None, "ham"]
    assert [row["faults"] for row in found] == [
        None,
        ["stuck: TimeoutError: no vote after 1 s, so its process was stopped"],
        None,
        ["stuck: ProcessDied: it ended its process (exit code 3)"],
        None,
    ]
    children = {int(path.name): int(path.read_text()) for path in tmp_path.iterdir()}
    assert len(children) == 3
    for worker in set(children.values()) - {os.getpid()}:
        os.kill(worker, signal.SIGKILL)
    until = time.monotonic() + 20
    while not all(map(ended, children)) and time.monotonic() < until:
        time.sleep(0.05)
    assert all(map(ended, children))
    assert len(rows(on_spark.label(df, members()))) == 5


def test_columns_are_checked_before_anything_runs(spark, mail, project):
    df = spark.read.parquet(str(mail))
    subject = members()
    subject.add(wl.keywords("ham", ["re:"], column="subject", name="reply"))
    with pytest.raises(WeaklabError, match="keywords 'reply' cannot read the records to label: no column 'subject'"):
        on_spark.label(df, subject)
    with pytest.raises(
        WeaklabError, match=r"condition '.*' cannot read the records to label: no column 'length'; there are id, text"
    ):
        on_spark.label(df.drop("length"), project)
    with pytest.raises(WeaklabError, match="no column 'text'; the columns are id, length"):
        on_spark.label(df.drop("text"), project)
    with pytest.raises(WeaklabError, match=r"no column 'txt'; did you mean 'text'\?"):
        on_spark.vote(df, members(), text="txt")
    with pytest.raises(WeaklabError, match="text column 'length' holds long"):
        on_spark.vote(df, members(), text="length")
    with pytest.raises(WeaklabError, match="two columns 'label'"):
        on_spark.label(df.withColumnRenamed("length", "label"), members(), include=["label"])
    with pytest.raises(WeaklabError, match="more than one column 'id'"):
        on_spark.label(df.select("id", "id", "text"), members())
    with pytest.raises(
        WeaklabError, match="wanted a project, a frozen committee or a committee to label with, got str"
    ):
        on_spark.label(df, "project")


def test_a_committee_that_cannot_be_sent_is_refused(spark, mail):
    committee, lock = members(), threading.Lock()

    @committee.labeling_function()
    def locked(x):
        return "ham" if lock.locked() else None

    with pytest.raises(WeaklabError, match=r"cannot be sent to Spark: TypeError: cannot pickle '_thread\.lock'"):
        on_spark.label(spark.read.parquet(str(mail)), committee)


def test_labels_known_before_are_hidden_from_functions(spark, mail):
    committee = members()

    @committee.labeling_function()
    def copies(x):
        return "ham" if x.length else None

    frozen = FrozenCommittee.of(committee)
    frozen.roles = Roles("id", ("text",), gold="length")
    found = rows(on_spark.label(spark.read.parquet(str(mail)).limit(2), frozen, votes=True))
    assert [row["vote_copies"] for row in found] == [None, None]
    assert found[0]["faults"] == [
        "copies: AttributeError: column 'length' holds labels, and a heuristic must not read them"
    ]


def test_a_record_without_an_id_stops_the_job(spark):
    df = spark.createDataFrame([("a", "a prize"), ("", "lunch")], "id string, text string")
    with pytest.raises(Exception, match="a record of the DataFrame has no id in column 'id'"):
        on_spark.label(df, members()).collect()


def test_no_records_are_no_labels(spark, mail):
    labeled = on_spark.label(spark.read.parquet(str(mail)).where("length > 10"), members())
    assert labeled.collect() == []


def test_files_get_the_rows_of_the_local_engine_and_the_session_stays(spark, mail, project, tmp_path):
    from weaklab.batch import label_files

    local = label_files(project.freeze(), mail, tmp_path / "local", votes=True, include=["length"], workers=1)
    found = label_files(
        project.freeze(), mail, tmp_path / "s p", votes=True, include=["length"], engine="spark", rows_per_part=50
    )
    assert (
        pq.read_table(tmp_path / "s p").sort_by("id").to_pylist()
        == pq.read_table(tmp_path / "local").drop_columns("row").to_pylist()
    )
    for name in ("rows", "labels", "undecided", "manual", "votes"):
        assert getattr(found, name) == getattr(local, name)
    assert [(f.heuristic, f.exception, f.count, f.records) for f in found.faults] == [
        (f.heuristic, f.exception, f.count, f.records) for f in local.faults
    ]
    assert found.parts == len(list((tmp_path / "s p").glob("*.parquet"))) >= 6
    with pytest.raises(WeaklabError, match="holds labels already"):
        label_files(project.freeze(), mail, tmp_path / "s p", engine="spark")
    (tmp_path / "s p" / "_temporary").mkdir()
    again = label_files(project.freeze(), mail, tmp_path / "s p", engine="spark", overwrite=True)
    assert (again.rows, again.votes) == (300, {})
    pq.write_table(pa.table({"id": ["a", None], "text": ["a prize", "lunch"]}), tmp_path / "no-id.parquet")
    with pytest.raises(WeaklabError, match="Spark stopped: a record of the DataFrame has no id in column 'id'"):
        label_files(FrozenCommittee.of(members()), tmp_path / "no-id.parquet", tmp_path / "stopped", engine="spark")
    assert spark.range(3).count() == 3


def test_files_that_spark_must_not_touch_are_refused(mail, tmp_path):
    frozen = FrozenCommittee.of(members())
    table = tmp_path / "mail.csv"
    table.write_text("id,text\n1,prize\n")
    with pytest.raises(WeaklabError, match=r"the spark engine reads Parquet, got .*mail\.csv"):
        on_spark.label_files(frozen, table, tmp_path / "out")
    with pytest.raises(WeaklabError, match="got s3://bucket/mail; for other storage"):
        on_spark.label_files(frozen, "s3://bucket/mail", tmp_path / "out")
    with pytest.raises(WeaklabError, match=r"holds mail\.csv, which Spark did not write"):
        on_spark.label_files(frozen, mail, tmp_path, overwrite=True)
    assert table.exists()


def test_missing_requirements_are_reported(mail, tmp_path, monkeypatch):
    frozen = FrozenCommittee.of(members())
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyspark.sql", None)
        with pytest.raises(WeaklabError, match=r'pip install "weaklab\[spark\]"'):
            on_spark.label_files(frozen, mail, tmp_path / "out")
    sql = pytest.importorskip("pyspark.sql", reason='pip install "weaklab[spark]"')
    monkeypatch.setattr(sql.SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(
        WeaklabError, match=r"needs a Java runtime, 17 or newer for Spark 4, and there is no `java` in .*/bin"
    ):
        on_spark.label_files(frozen, mail, tmp_path / "out")
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WeaklabError, match="no `java` on the PATH; install one"):
        on_spark.label_files(frozen, mail, tmp_path / "out")
