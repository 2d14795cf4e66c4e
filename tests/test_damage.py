"""Damaged, missing, foreign and read-only files of a project: noticed or made again, never read as other labels."""

import contextlib
import io
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from old_projects import to_format_1

import weaklab
from weaklab import Project
from weaklab.core.checksums import Seal
from weaklab.core.errors import ProjectError, WeaklabWarning
from weaklab.core.events import Event
from weaklab.project.sqlite_journal import SqliteJournal
from weaklab.simulation.finished_runs import RunFile

ROWS = [
    {"id": f"r{i}", "text": f"{'free prize' if i % 3 == 0 else 'lunch at noon'} number {i} of many"} for i in range(60)
]
MORE = [{"id": f"s{i}", "text": f"prize {i} and lunch later", "answer": "spam" if i % 2 else None} for i in range(20)]


def build(path):
    with Project(path, labels=["ham", "spam"], timeout=0, weak_classifiers=["naive_bayes"], seed=3) as project:
        project.add_records(ROWS)
        project.add(weaklab.keywords("spam", ["prize"], name="prizes"))
        project.add(weaklab.pattern("ham", r"lunch|noon", name="meals"))
        project.label_many({f"r{i}": "spam" if i % 3 == 0 else "ham" for i in range(12)})
        project.run(progress=False)
        project.ask(3)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return build(tmp_path_factory.mktemp("made") / "p")


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "p"))


def parts(folder):
    return sorted((folder / "corpus").glob("*/part-*.parquet"))


def flip(path, place, bit=0):
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def command(*arguments):
    """Run a command in this process; return its exit code, what it printed and what it said on stderr."""
    from weaklab.cli.app import main

    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["weaklab", *map(str, arguments)]
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as left:
        code = left.code or 0
    finally:
        sys.argv = before
    return code, out.getvalue(), err.getvalue()


# ---- parts of the corpus


@pytest.mark.parametrize("damage", ["flip", "footer", "short", "empty", "missing", "longer", "foreign"])
def test_a_damaged_part_is_one_error_with_file_import_records_and_advice(folder, tmp_path, damage):
    part = parts(folder)[0]
    size = part.stat().st_size
    if damage == "flip":
        flip(part, size // 4)
    elif damage == "footer":
        flip(part, size - 40)
    elif damage in ("short", "empty", "longer"):
        part.write_bytes(
            {"short": part.read_bytes()[: size // 2], "empty": b"", "longer": part.read_bytes() + b"x"}[damage]
        )
    elif damage == "missing":
        part.unlink()
    else:
        with Project(tmp_path / "q", labels=["ham", "spam"], timeout=0) as other:
            other.add_records(MORE, label="answer", text="text")
        shutil.copy(parts(tmp_path / "q")[0], part)
    project = Project(folder)
    with pytest.raises(ProjectError) as caught:
        project.labels()
    said = str(caught.value)
    name = part.parent.name
    assert str(part) in said
    assert "belongs to the import of the list at 20" in said
    assert f"instead_of={name!r}" in said
    assert "Put a backup of this file in its place" in said
    if damage in ("flip", "footer", "short"):
        assert "60 records are concerned" in said or "records 1 to 60 of its 60 are concerned" in said
    project.close()


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["status"],
            ["lfs"],
            ["run", "-q"],
            ["ask"],
            ["export", "{out}"],
            ["evaluate"],
            ["explain", "r1"],
            ["reliability"],
        ),
        *(["batch", "{data}", "{dir}"], ["import", "{data}"], ["label", "-n", "1"]),
    ],
    ids=lambda a: a[0],
)
def test_every_command_reports_a_damaged_part_in_one_line(folder, tmp_path, arguments):
    flip(parts(folder)[0], 300)
    pd.DataFrame(MORE).to_parquet(tmp_path / "d.parquet")
    places = {"out": tmp_path / "l.csv", "data": tmp_path / "d.parquet", "dir": tmp_path / "b"}
    code, out, err = command(arguments[0], folder, *(a.format(**places) for a in arguments[1:]))
    assert code == 1
    assert out in ("", "Enter accepts   s skip   b back in the queue   u undo   q quit\n")
    assert [line[:6] for line in err.splitlines()] == ["error:"]
    assert "the file is damaged or missing" in err
    assert not places["out"].exists()


def test_the_message_names_the_records_of_the_broken_row_groups(tmp_path):
    with Project(tmp_path / "p", labels=["a", "b"], timeout=0) as project:
        project.add_records([f"text number {i}" for i in range(9000)])
    part = parts(tmp_path / "p")[0]
    seal = Seal.of(part)
    assert seal.rows == (4096, 4096, 808)
    flip(part, seal.ends[0] + 50, 5)
    with (
        Project(tmp_path / "p") as project,
        pytest.raises(ProjectError, match="records 4,097 to 8,192 of its 9,000 are concerned"),
    ):
        len(project)


def test_every_byte_of_a_part_is_covered(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = tmp_path / "part-0.parquet"
    pq.write_table(pa.table({"id": ["a", "b"], "text": ["x", "y"]}), part)
    seal = Seal.of(part)
    whole = part.read_bytes()
    for place in range(len(whole)):
        part.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert seal.damage(part), place
    part.write_bytes(whole)
    assert seal.damage(part) is None


def test_damage_while_the_project_is_open_is_noticed_too(folder):
    with Project(folder) as project:
        project.labels()
        flip(parts(folder)[0], 200)
        with pytest.raises(ProjectError, match="damaged or missing"):
            project.ask(2)


def test_the_source_is_imported_again_in_the_place_of_a_damaged_part(folder):
    with Project(folder) as project:
        before = project.labels()
    part = parts(folder)[0]
    flip(part, 200)
    with Project(folder) as project:
        assert project.add_records(ROWS, instead_of=part.parent.name) == 60
        pd.testing.assert_frame_equal(project.labels(), before)
        assert len(project.manual_labels()) == 12
    with Project(folder) as project:
        pd.testing.assert_frame_equal(project.labels(), before)
        with pytest.raises(ProjectError, match="has no import 'nowhere'"):
            project.add_records(ROWS, instead_of="nowhere")


def test_a_backup_of_the_part_is_enough(folder):
    part = parts(folder)[0]
    whole = part.read_bytes()
    with Project(folder) as project:
        before = project.labels()
    flip(part, 77)
    with Project(folder) as project:
        with pytest.raises(ProjectError):
            project.labels()
        part.write_bytes(whole)
        pd.testing.assert_frame_equal(project.labels(), before)


# ---- projects of before


def test_project_without_checksums_gets_them_silently(folder):
    with Project(folder) as project:
        before = project.labels()
    to_format_1(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Project(folder) as project:
            pd.testing.assert_frame_equal(project.labels(), before)
    flip(parts(folder)[0], 500)
    with Project(folder) as project, pytest.raises(ProjectError, match="damaged or missing"):
        project.labels()


def test_a_part_that_an_old_project_has_lost_is_noticed(folder):
    to_format_1(folder)
    parts(folder)[0].unlink()
    with (
        Project(folder) as project,
        pytest.raises(ProjectError, match="it has 0 records in 0 parts, and 60 were written"),
    ):
        project.labels()


# ---- votes and cache


@pytest.mark.parametrize("damage", ["flip", "short", "empty", "missing", "garbage", "longer"])
@pytest.mark.parametrize("what", ["votes", "cache"])
def test_a_damaged_votes_or_cache_file_is_made_again_with_a_warning(folder, what, damage):
    with Project(folder) as project:
        before = project.labels()
    if what == "votes":
        (folder / "cache" / "trained.npz").unlink()  # else no votes are read
    files = sorted(path for path in (folder / what).rglob("*") if path.suffix in (".parquet", ".npy", ".npz"))
    assert files
    contents = {path: path.read_bytes() for path in files}
    for path, whole in contents.items():
        middle = len(whole) // 2 - 7
        if damage == "missing":
            path.unlink()
            continue
        flipped = whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :]
        path.write_bytes(
            {"flip": flipped, "short": whole[:-9], "empty": b"", "garbage": b"no" * 99, "longer": whole + b"abc"}[
                damage
            ]
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Project(folder) as project:
            pd.testing.assert_frame_equal(project.labels(), before)
    said = [str(w.message) for w in caught if issubclass(w.category, WeaklabWarning)]
    assert said
    assert all("made again" in message for message in said)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Project(folder) as project:
            pd.testing.assert_frame_equal(project.labels(), before)


def test_votes_of_another_heuristic_or_project_are_not_taken(folder, tmp_path):
    with Project(folder) as project:
        before = project.labels()
    (folder / "cache" / "trained.npz").unlink()  # else no votes are read
    files = sorted((folder / "votes").rglob("*.parquet"))
    one, other = (path.read_bytes() for path in files)
    files[0].write_bytes(other)
    files[1].write_bytes(one)
    with pytest.warns(WeaklabWarning, match="its checksum does not fit"), Project(folder) as project:
        pd.testing.assert_frame_equal(project.labels(), before)


def test_votes_without_a_checksum_count_if_they_are_as_many_as_the_records(folder):
    import pyarrow.parquet as pq

    with Project(folder) as project:
        before = project.labels()
    (folder / "cache" / "trained.npz").unlink()  # else no votes are read
    files = sorted((folder / "votes").rglob("*.parquet"))
    for path in files:
        pq.write_table(pq.read_table(path).replace_schema_metadata({b"faults": b"[]"}), path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Project(folder) as project:
            pd.testing.assert_frame_equal(project.labels(), before)
    assert all(b"sum" in pq.read_schema(path).metadata for path in files)
    (folder / "cache" / "trained.npz").unlink()
    pq.write_table(pq.read_table(files[0]).slice(3), files[0])
    with pytest.warns(WeaklabWarning, match="it has 57 votes, and there are 60 records"), Project(folder) as project:
        pd.testing.assert_frame_equal(project.labels(), before)


def test_a_damaged_run_of_a_simulation_is_done_again(tmp_path):
    file = RunFile(tmp_path, {"data": "1"})
    file.append("a", [{"n_labels": 10, "accuracy": 0.5}])
    file.append("b", [{"n_labels": 10, "accuracy": 0.5}])
    text = file.path.read_text()
    file.path.write_text(
        text.replace(
            '"run": "a", "rounds": [{"n_labels": 10, "accuracy": 0.5',
            '"run": "a", "rounds": [{"n_labels": 10, "accuracy": 0.7',
        )
    )
    with pytest.warns(WeaklabWarning, match="the run 'a' is damaged; it is done again"):
        assert list(file.read()) == ["b"]


# ---- the database


def written(folder, statement, *values):
    """Change the database as damage does, behind the back of its triggers."""
    db = sqlite3.connect(folder / "weaklab.db")
    db.execute("DROP TRIGGER IF EXISTS events_stay")
    db.execute("DROP TRIGGER IF EXISTS events_remain")
    assert db.execute(statement, values).rowcount
    db.commit()
    db.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = replace(data, 'spam', 'news') WHERE id = 1",
        "UPDATE events SET record = 'r40' WHERE id = 3",
        "UPDATE events SET data = replace(data, 'annotator', 'session') WHERE id = 12",
        "UPDATE events SET sum = NULL WHERE id = 2",
        "DELETE FROM events WHERE id = 5",
        "DELETE FROM events WHERE id = 12",
        "DELETE FROM sqlite_sequence WHERE name = 'events'",
        "UPDATE meta SET value = '3' WHERE key = 'trained_through'",
        "UPDATE members SET spec = replace(spec, 'prize', 'price')",
        "DELETE FROM imports",
        "UPDATE imports SET records = 61",
        "UPDATE imports SET parts = replace(parts, '1', '2')",
    ],
)
def test_a_damaged_database_is_one_error_with_advice(folder, statement):
    written(folder, statement)
    with (
        pytest.raises(ProjectError, match=r"the database is damaged .*Put a backup of this file in its place"),
        Project(folder) as project,
    ):
        project.labels()
    code, _, err = command("status", folder)
    assert code == 1
    assert err.count("\n") == 1


@pytest.mark.parametrize("table", ["meta", "members", "events", "imports", "outside", "asks"])
def test_missing_table_is_not_created_again(folder, table):
    db = sqlite3.connect(folder / "weaklab.db")
    db.execute(f"ALTER TABLE {table} RENAME TO other")
    db.commit()
    db.close()
    with pytest.raises(ProjectError, match=f"the database is damaged .it has no table {table}"):
        Project(folder)


def test_missing_settings_are_not_created_again(folder):
    (folder / "weaklab.toml").unlink()
    with pytest.raises(ProjectError, match=r'weaklab.toml: is not there, and .*labels = \["ham", "spam"\]'):
        Project(folder, labels=["ham", "spam"])


def test_a_closed_project_says_that_it_is_closed(folder):
    project = Project(folder)
    project.close()
    project.close()
    for call in (
        project.labels,
        project.status,
        lambda: project.label("r1", "ham"),
        lambda: project.add_records(["x"]),
        project.ask,
    ):
        with pytest.raises(ProjectError, match="this project was closed; open it again with Project"):
            call()


@pytest.mark.parametrize("broken", ["one row", "a page", "many bytes"])
def test_without_a_backup_intact_rows_are_salvaged(folder, broken):
    with Project(folder) as project:
        before = project.manual_labels()
    if broken == "one row":
        written(folder, "UPDATE events SET data = replace(data, 'spam', 'news') WHERE id = 1")
    else:
        database = bytearray((folder / "weaklab.db").read_bytes())
        place = database.find(b'"record":"r7"')
        if broken == "a page":
            start = place // 4096 * 4096
            database[start : start + 8] = b"\xff" * 8
        else:
            database[place : place + 40] = b"\x07" * 40
        (folder / "weaklab.db").write_bytes(database)
    assert command("status", folder)[0] == 1
    code, out, _ = command("salvage", folder)
    assert code == 0
    assert "the damaged file is kept as weaklab.db.damaged-" in out
    assert len(list(folder.glob("weaklab.db.damaged-*"))) == 1
    with Project(folder) as project:
        after = project.manual_labels()
        lost = len(before) - len(after)
        assert after.items() <= before.items()
        assert f"events: {12 - lost} rows kept, {lost} lost" in out
        assert lost >= 1
        assert lost == 1 or broken != "one row"
        assert set(project.committee.names) >= {"prizes", "meals"}
        project.label("r0", "spam")
    assert "is whole; nothing was done" in command("salvage", folder)[1]


def test_a_part_that_stands_in_an_import_without_belonging_to_it_is_named(folder):
    part = parts(folder)[0]
    shutil.copy(part, part.with_name("part-000000099999.parquet"))
    with Project(folder) as project:
        with pytest.warns(WeaklabWarning, match=r"part-000000099999.parquet: does not belong to this import"):
            assert len(project) == 60
        assert len(project) == 60


# ---- an older database


def test_imports_that_an_older_database_does_not_know_are_kept_named_and_taken_in(folder, tmp_path):
    old = (folder / "weaklab.db").read_bytes()
    more = pd.DataFrame(MORE)
    with Project(folder) as project:
        project.add_records(more.assign(answer=None)[["id", "text"]])
        before = project.labels()
    (folder / "weaklab.db").write_bytes(old)
    names = {path.name for path in (folder / "corpus").iterdir()}
    for path in (folder / "corpus").rglob("*"):
        os.utime(path, (1, 1))
    with pytest.warns(WeaklabWarning, match=r"does not know the import .*20 records of .*project.adopt\('"):
        project = Project(folder)
    with project:
        assert len(project) == 60
        project.add_records(["one more text"])
        assert names < {path.name for path in (folder / "corpus").iterdir()}
    code, out, err = command("adopt", folder)
    assert (code, out.splitlines()) == (0, ["took in 20 records; the project has 81"])
    assert "does not know the import" in err
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Project(folder) as project:
            assert set(before["id"]) < set(project.labels()["id"])
            assert project.adopt() == 0


def test_labels_that_came_with_an_import_come_back_with_it(tmp_path):
    with Project(tmp_path / "p", labels=["ham", "spam"], timeout=0) as project:
        shutil.copy(tmp_path / "p" / "weaklab.db", tmp_path / "old.db")
        project.add_records(MORE, label="answer", text="text")
        before = project.manual_labels()
    shutil.copy(tmp_path / "old.db", tmp_path / "p" / "weaklab.db")
    with pytest.warns(WeaklabWarning, match="does not know"):
        project = Project(tmp_path / "p")
    with project:
        assert project.adopt() == 20
        assert project.manual_labels() == before
        assert len(before) == 10


def test_what_is_there_twice_or_damaged_is_not_taken_in(folder):
    held = parts(folder)[0].parent
    shutil.copytree(held, held.with_name("20250101T000000-copy"))
    with pytest.warns(WeaklabWarning, match="does not know"):
        project = Project(folder)
    with project:
        with pytest.raises(ProjectError, match="record 'r0' is in the project already"):
            project.adopt()
        assert len(project) == 60
    shutil.rmtree(held.with_name("20250101T000000-copy"))
    with Project(folder) as project:
        with pytest.raises(ProjectError, match="there is no such folder with records"):
            project.adopt("20250101T000000-copy")
        with pytest.raises(ProjectError, match="the database knows it already"):
            project.adopt(held.name)


def test_half_written_imports_of_processes_that_are_gone_are_removed(folder):
    half = folder / "corpus" / ".unfinished-1"
    half.mkdir()
    (half / "part-0.parquet").write_bytes(b"half")
    with Project(folder) as project:
        project.add_records(["a text"])
        assert half.exists()
        for path in (half / "part-0.parquet", half):
            os.utime(path, (1, 1))
        project.add_records(["another text"])
        assert not half.exists()


# ---- read-only folders


@contextlib.contextmanager
def as_somebody_else(folder):
    """Allow nobody to write in a folder, and be somebody other than root meanwhile."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def places(made):
    """A project, and a folder that everybody may write to; outside of pytest's own, into which only its owner may
    look."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        shutil.copytree(made, Path(place) / "p")
        (Path(place) / "out").mkdir(mode=0o777)
        (Path(place) / "out").chmod(0o777)
        yield Path(place) / "p", Path(place) / "out"


needs_users = pytest.mark.skipif(
    not hasattr(os, "seteuid"), reason="a read-only folder is made with the rights of Unix"
)


@needs_users
@pytest.mark.parametrize("kept", [True, False], ids=["votes are there", "votes are not there"])
def test_a_read_only_project_can_be_read(places, kept):
    folder, out = places
    with Project(folder) as project:
        before = project.labels()
    if not kept:
        for what in ("votes", "cache"):
            shutil.rmtree(folder / what)
    names = sorted(path for path in folder.rglob("*"))
    pd.DataFrame(MORE).drop(columns="answer").to_parquet(out / "d.parquet")
    (out / "d.parquet").chmod(0o644)
    with as_somebody_else(folder):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Project(folder) as project:
                assert project.read_only
                pd.testing.assert_frame_equal(project.labels(), before)
                assert len(project.ask(3)) == 3
        commands = (["status"], ["lfs"], ["run"], ["evaluate"], ["explain", "r1"], ["ask"], ["export", out / "l.csv"])
        for name, *rest in (*commands, ["batch", out / "d.parquet", out / "b", "-q", "--workers", "1"]):
            code, _, err = command(name, folder, *rest)
            assert (code, "error" in err, "warning" in err) == (0, False, False), (name, err)
    assert sorted(path for path in folder.rglob("*")) == names
    assert len(pd.read_csv(out / "l.csv")) == 60


@needs_users
def test_what_must_write_says_that_the_folder_is_read_only(places):
    folder, _ = places
    with as_somebody_else(folder):
        project = Project(folder)
        calls = (
            lambda: project.label("r30", "ham"),
            lambda: project.skip("r30"),
            lambda: project.undo(),
            lambda: project.add_records(["a text"]),
            lambda: project.add(weaklab.keywords("spam", ["free"], name="new")),
            lambda: project.remove("prizes"),
            lambda: project.export(folder / "labels.csv"),
        )
        for call in calls[:2] + calls[3:6]:
            with pytest.raises(ProjectError, match="is read-only, and this has to be written there; nothing was done"):
                call()
        with pytest.raises(ProjectError, match=r"labels.csv: cannot be written: it may not be written there"):
            calls[6]()
        assert project.undo() is None
        assert {"prizes", "meals"} < set(project.committee.names)
        project.close()
        code, _, err = command("label", folder, "-n", "1")
        assert (code, err.count("\n")) == (1, 1)
        assert "is read-only" in err
        with pytest.raises(ProjectError, match="cannot be written: it may not be written there"):
            Project(folder / "new", labels=["a", "b"])


@needs_users
def test_a_read_only_project_without_checksums_can_be_read(places):
    folder, _ = places
    with Project(folder) as project:
        before = project.labels()
    to_format_1(folder)
    with as_somebody_else(folder), Project(folder) as project:
        pd.testing.assert_frame_equal(project.labels(), before)


@needs_users
def test_a_read_only_project_whose_writer_was_stopped_says_so(places):
    folder, _ = places
    (folder / "weaklab.db-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(8) + b"x" * 4096)
    with as_somebody_else(folder), contextlib.suppress(ProjectError), Project(folder) as project:
        assert len(project.labels()) == 60  # SQLite saw that nothing is to be taken back


# ---- a full disk


@contextlib.contextmanager
def full(size):
    """Let no file grow beyond a size, which the system tells like a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("arguments", "least"), [(["import", "{data}"], 2000), (["export", "{out}"], 10)], ids=lambda a: str(a)[:8]
)
def test_a_command_on_a_full_disk_is_one_error_with_the_path(folder, tmp_path, arguments, least):
    rng = np.random.default_rng(0)
    texts = [" ".join(map(str, rng.integers(0, 10**9, 30))) for _ in range(2000)]
    pd.DataFrame({"id": [f"n{i}" for i in range(2000)], "text": texts}).to_parquet(tmp_path / "d.parquet")
    with Project(folder) as project:
        before = project.labels()
    filled = [a.format(data=tmp_path / "d.parquet", out=tmp_path / "l.jsonl") for a in arguments]
    with full(least):
        code, _, err = command(filled[0], folder, *filled[1:])
    errors = [line for line in err.splitlines() if line.startswith("error:")]
    assert (code, len(errors)) == (1, 1), err
    assert "cannot be written" in errors[0]
    assert str(folder if arguments[0] == "import" else tmp_path / "l.jsonl") in errors[0]
    assert not (tmp_path / "l.jsonl").exists()
    assert len(parts(folder)) == 1
    with Project(folder) as project:
        pd.testing.assert_frame_equal(project.labels(), before)


def test_votes_and_cache_that_cannot_be_kept_are_a_warning(folder):
    with Project(folder) as project:
        before = project.labels()
    for what in ("votes", "cache"):
        shutil.rmtree(folder / what)
    with Project(folder) as project:
        with (
            full(10),
            pytest.warns(
                WeaklabWarning, match=r"p: votes and features cannot be kept: .*; they are computed again next time"
            ) as told,
        ):
            labels = project.labels()
        assert len({str(w.message) for w in told}) == 1
        pd.testing.assert_frame_equal(labels, before)


# ---- several sessions


def test_a_session_sees_labels_and_heuristics_of_another_at_its_next_question(folder):
    with Project(folder) as one, Project(folder) as other:
        one.ask(2, lease=False)
        other.add(weaklab.keywords("ham", ["number"], name="numbers"))
        one.ask(2, lease=False)
        assert one.committee.names == other.committee.names
        assert "numbers" in one.votes().names
        other.add(weaklab.keywords("spam", ["lunch"], name="meals"))
        other.label("r50", "spam")
        asked = {ask.id for ask in one.ask(60, lease=False)}
        assert "r50" not in asked
        pd.testing.assert_frame_equal(one.labels(), other.labels())
        other.remove("prizes")
        one.ask(1, lease=False)
        assert "prizes" not in one.votes().names

        @one.labeling_function()
        def lengths(x):
            return "ham" if len(x.text) > 27 else None

        one.votes()
        assert "lengths" in other.votes().names
        np.testing.assert_array_equal(one.votes().L, other.votes().L)


@pytest.mark.parametrize(
    ("ahead", "free"),
    [(-60.0, False), (0.0, False), (120.0, True), (3600.0, True), (10.0 * 86400, True), (-7200.0, True)],
)
def test_a_lease_of_a_clock_that_was_set_back_is_void(folder, ahead, free):
    with Project(folder) as one, Project(folder) as other:
        asked = one.ask(5)
        one.workspace.journal._db.connection.execute(
            "UPDATE asks SET at = ? WHERE session = ?", (time.time() + ahead, one.session_id)
        )
        assert ({a.id for a in asked} <= {a.id for a in other.ask(60, lease=False)}) == free
        assert (len(other.lease(asked, asked[0].asked_after)) == 5) == free


# ---- the benchmark


def test_the_benchmark_counts_what_was_silent_and_finds_nothing(monkeypatch, capsys):
    from benchmarks import damage

    table, bad = damage.run(flips=10, whole=10, seed=7)
    assert bad == 0, table.notes
    assert table.rows[-1][2] == 20
    assert sum(table.rows[-1][3:]) == 20
    assert table.rows[-1][3] >= 4
    assert table.rows[-1][4] >= 4
    monkeypatch.setattr(damage, "flip", lambda file, other, rng: "nothing")
    monkeypatch.setattr(damage, "outcome", lambda folder, expected: (damage.SILENT, ""))
    with pytest.raises(SystemExit, match="1"):
        damage.main(["--flips", "10", "--whole", "0"])


def test_concurrent_event_is_not_reported_as_damage(tmp_path):
    weaklab.Project(tmp_path / "p", labels=["ham", "spam"], timeout=None).close()
    reader, writer = SqliteJournal(tmp_path / "p"), SqliteJournal(tmp_path / "p")
    threads = []

    def write_between(statement):
        if (
            "FROM events" in statement and not threads
        ):  # the number of the last event has been read, the events have not
            first = Event("label", "r1", "ham", annotator="Ann", session="s")
            threads.append(threading.Thread(target=writer.append, args=([first],)))
            threads[0].start()
            threads[0].join(0.3)

    reader._db.connection.set_trace_callback(write_between)
    assert len(reader.events()) in (0, 1)
    threads[0].join()
    assert [event.record for event in reader.events()] == ["r1"]
    reader.close(), writer.close()
