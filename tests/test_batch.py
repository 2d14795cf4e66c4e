"""Files in, Parquet parts out."""

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import weaklab as wl
from weaklab.batch import file_digests as contents
from weaklab.batch import label_files
from weaklab.batch.file_digests import Contents, FileContent
from weaklab.batch.frozen import FrozenCommittee
from weaklab.batch.parts import SEAL, is_sealed
from weaklab.core.errors import CorpusError, WeaklabError
from weaklab.exchange.parquet_files import parquet_rows
from weaklab.label_models import LABEL_MODELS

RECORDS = [
    {"id": f"r{i}", "text": text}
    for i, text in enumerate(["a prize", 'lunch, "at" noon\nor later', "", "free lunch", "see you"] * 50)
]
SETTINGS = {"rows_per_part": 60, "workers": 1}


def frozen(*more):
    members = wl.Committee(["ham", "spam"], timeout=None)
    members.add(wl.keywords("spam", ["prize", "free"]))
    members.add(wl.keywords("ham", ["noon"]))

    @members.labeling_function()
    def polite(x):
        if not x.text:
            raise ValueError("nothing to read")
        return "ham" if x.text.startswith("see") else None

    for member in more:
        members.add(member)
    return FrozenCommittee.of(members)


@pytest.fixture
def mail(tmp_path):
    path = tmp_path / "mail.parquet"
    pq.write_table(pa.Table.from_pylist(RECORDS), path, row_group_size=70)
    return path


def content(folder):
    """Return the bytes of all files that a run leaves."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != ".lock"}


def rows_of(folder):
    return pq.read_table(folder).to_pylist()


def test_parts_hold_the_labels_in_the_order_of_the_input(mail, tmp_path):
    found = label_files(frozen(), mail, tmp_path / "out", **SETTINGS)
    assert sorted(content(tmp_path / "out")) == [
        "_manifest.json",
        "_summary.json",
        *(f"part-{part:06}.parquet" for part in range(5)),
    ]
    assert [pq.read_metadata(tmp_path / "out" / f"part-{part:06}.parquet").num_rows for part in range(5)] == [
        60,
        60,
        60,
        60,
        10,
    ]
    rows = rows_of(tmp_path / "out")
    assert [row["row"] for row in rows] == list(range(250))
    assert [row["id"] for row in rows] == [record["id"] for record in RECORDS]
    assert [row["label"] for row in rows[:5]] == ["spam", "ham", None, "spam", "ham"]
    assert [row["faults"] for row in rows[1:3]] == [None, ["polite: ValueError: nothing to read"]]
    assert (found.rows, found.parts, found.labels, found.undecided) == (250, 5, {"ham": 100, "spam": 100}, 50)
    assert found.votes["polite"] == {"ham": 50, "spam": 0}
    (fault,) = found.faults
    assert (fault.heuristic, fault.exception, fault.count, fault.records[:2]) == (
        "polite",
        "ValueError",
        50,
        ("r2", "r7"),
    )
    summary = json.loads((tmp_path / "out" / "_summary.json").read_text())
    assert found.empty_texts == summary["empty_texts"] == 50
    assert "50 records with an empty text" in str(found)
    assert {name: summary[name] for name in ("rows", "labels")} == {"rows": 250, "labels": {"ham": 100, "spam": 100}}
    assert "100  40.0%" in str(found)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "jsonl.gz", "folder"])
def test_the_labels_are_the_same_from_any_kind_of_file(kind, mail, tmp_path):
    table = pa.Table.from_pylist(RECORDS)
    source = tmp_path / f"input.{kind}"
    lines = "".join(json.dumps(record) + "\n" for record in RECORDS)
    if kind == "jsonl":
        source.write_text(lines)
    elif kind == "jsonl.gz":
        source.write_bytes(gzip.compress(lines.encode()))
    elif kind == "csv":
        pa.csv.write_csv(table, source)
    else:
        source.mkdir()
        for number, start in enumerate((0, 33, 33, 100)):
            pq.write_table(table.slice(start, (33, 0, 67, 150)[number]), source / f"{number}.parquet")
    label_files(frozen(), mail, tmp_path / "one", **SETTINGS)
    label_files(frozen(), source, tmp_path / "two", **SETTINGS)
    assert rows_of(tmp_path / "two") == rows_of(tmp_path / "one")


def test_any_number_of_workers_writes_the_same_bytes(mail, tmp_path):
    for workers in (1, 2):
        label_files(frozen(), mail, tmp_path / str(workers), rows_per_part=20, workers=workers, votes=True)
    assert content(tmp_path / "1") == content(tmp_path / "2")
    lines = tmp_path / "mail.jsonl"
    lines.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    for workers in (1, 2):
        label_files(frozen(), lines, tmp_path / f"lines {workers}", rows_per_part=20, workers=workers)
    assert content(tmp_path / "lines 1") == content(tmp_path / "lines 2")


def test_the_size_of_parts_and_row_groups_does_not_matter_to_the_labels(mail, tmp_path):
    other = tmp_path / "other.parquet"
    pq.write_table(pa.Table.from_pylist(RECORDS), other, row_group_size=7)
    label_files(frozen(), mail, tmp_path / "one", rows_per_part=7, workers=1)
    label_files(frozen(), other, tmp_path / "two", rows_per_part=1000, workers=1)
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "two")


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_run_goes_on_where_it_was_stopped(kind, mail, tmp_path):
    if kind == "jsonl":
        mail = tmp_path / "mail.jsonl"
        mail.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    label_files(frozen(), mail, tmp_path / "whole", **SETTINGS)
    shutil.copytree(tmp_path / "whole", tmp_path / "out")
    part = [tmp_path / "out" / f"part-{number:06}.parquet" for number in range(5)]
    kept = part[0].stat()
    part[1].unlink()
    part[3].write_bytes(part[3].read_bytes()[:-10])
    (tmp_path / "out" / ".part-000001.parquet.0123abcd").write_bytes(b"half")
    (tmp_path / "out" / "_summary.json").unlink()
    with pytest.warns(
        wl.WeaklabWarning, match=r"part-000003\.parquet cannot be read any more, so these records are labeled again"
    ):
        found = label_files(frozen(), mail, tmp_path / "out", **SETTINGS)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert part[0].stat().st_mtime_ns == kept.st_mtime_ns
    assert found.fresh == 120
    assert label_files(frozen(), mail, tmp_path / "out", **SETTINGS).fresh == 0


PROGRAM = """
import sys
import weaklab as wl
from weaklab.batch import label_files
from weaklab.batch.frozen import FrozenCommittee
from weaklab.label_models import LABEL_MODELS
members = wl.Committee(["ham", "spam"], timeout=None)
members.add(wl.keywords("spam", ["prize", "free"]))
@members.labeling_function()
def slow(x):
    import time
    time.sleep(0.0002)
    return "ham" if "noon" in x.text else None
if __name__ == "__main__":
    label_files(FrozenCommittee.of(members), sys.argv[1], sys.argv[2], rows_per_part=100, workers=int(sys.argv[3]))
"""


def test_killed_runs_end_with_the_same_bytes(tmp_path):
    source, program = tmp_path / "mail.parquet", tmp_path / "program.py"
    pq.write_table(pa.Table.from_pylist(RECORDS * 12), source, row_group_size=500)
    program.write_text(PROGRAM)
    begin = [sys.executable, str(program), str(source)]
    subprocess.run([*begin, str(tmp_path / "whole"), "1"], check=True)
    rng, killed, folder = random.Random(0), 0, tmp_path / "out"
    for workers in ("2", "1"):
        run = subprocess.Popen([*begin, str(folder), workers])
        while run.poll() is None and not (folder / "_manifest.json").exists():
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.6))
        run.send_signal(signal.SIGKILL)
        killed += run.wait() == -signal.SIGKILL
    assert killed
    subprocess.run([*begin, str(folder), "2"], check=True)
    assert content(folder) == content(tmp_path / "whole")


def test_changed_committee_input_or_setting_is_detected(mail, tmp_path):
    out = tmp_path / "out"
    label_files(frozen(), mail, out, **SETTINGS)
    before = content(out)
    with pytest.raises(
        WeaklabError,
        match=r"made otherwise: the committee differs \(label model, heuristic more\)\. Name another folder",
    ):
        label_files(frozen(wl.keywords("spam", ["winner"], name="more")), mail, out, **SETTINGS)
    with pytest.raises(WeaklabError, match=r"rows_per_part was 60 and is 50; votes was False and is True"):
        label_files(frozen(), mail, out, rows_per_part=50, votes=True)
    pq.write_table(pa.Table.from_pylist(RECORDS[1:]), mail)
    with pytest.raises(WeaklabError, match=r"the input differs \(mail.parquet: rows 0 to 249 \(counted from 0\)\)"):
        label_files(frozen(), mail, out, **SETTINGS)
    assert content(out) == before
    assert label_files(frozen(), mail, out, overwrite=True, rows_per_part=100, workers=1).rows == 249
    assert len(rows_of(out)) == 249


def texts(count):
    return [f"prize draw {i:05}" if i % 2 else f"bank rates {i:05}" for i in range(count)]


def written(path, lines):
    """Write texts, to Parquet such that other texts of the same length make a file of the same size."""
    if path.suffix == ".parquet":
        table = pa.table({"id": [f"m{i}" for i in range(len(lines))], "text": lines})
        plain = {"compression": "none", "use_dictionary": False, "write_statistics": False}
        pq.write_table(table, path, row_group_size=100, **plain)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress("\n".join(["text", *lines]).encode(), 0, mtime=0))
    else:
        path.write_text("\n".join(["text", *lines]) + "\n")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("mail.parquet", r"rows 600 to 699 \(counted from 0\)"),
        ("mail.csv", "lines 1 to 1,001"),
        ("mail.csv.gz", r"bytes 0 to [\d,]+ \(counted from 0\)"),
    ],
)
def test_swapped_texts_are_detected_as_changed_input(name, place, tmp_path):
    source, out, lines = tmp_path / name, tmp_path / "out", texts(1000)
    written(source, lines)
    size = source.stat().st_size
    label_files(frozen(), source, out, rows_per_part=300, workers=1)
    lines[650], lines[651] = lines[651], lines[650]
    written(source, lines)
    assert source.stat().st_size == size
    before = content(out)
    for unfinished in (False, True):
        if unfinished:
            (out / "part-000003.parquet").unlink()
            before = content(out)
        with pytest.raises(
            WeaklabError, match=rf"made otherwise: the input differs \({name}: {place}\)\. Name .* \(--overwrite\)"
        ):
            label_files(frozen(), source, out, rows_per_part=300, workers=1)
        assert content(out) == before
    label_files(frozen(), source, out, rows_per_part=300, workers=1, overwrite=True)
    assert [row["label"] for row in rows_of(out)][649:653] == ["spam", "spam", None, None]


def test_any_changed_byte_is_detected(tmp_path):
    source = tmp_path / "mail.parquet"
    pq.write_table(pa.table({"id": range(300), "text": texts(300)}), source, row_group_size=100)
    whole, before = source.read_bytes(), Contents([source], parquet_rows([source])).to_json()
    rng = random.Random(1)
    for place in [0, 4, len(whole) - 9, *(rng.randrange(4, len(whole) - 8) for _ in range(60))]:
        source.write_bytes(bytes([*whole[:place], whole[place] ^ 1 << rng.randrange(8), *whole[place + 1 :]]))
        groups = [FileContent(source, [(100, 200, 100), (200, 10_000, 200)]).to_json()]
        source.write_bytes(whole)
        assert groups != [FileContent(source, [(100, 200, 100), (200, 10_000, 200)]).to_json()], place
    assert Contents([source], parquet_rows([source])).to_json() == before


def test_added_removed_and_swapped_files_are_named(tmp_path):
    folder, out = tmp_path / "mail", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.csv").write_text(f"text\nprize {name}\n")
    label_files(frozen(), folder, out, workers=1)
    (folder / "c.csv").write_text("text\nlunch\n")
    with pytest.raises(WeaklabError, match=r"the input differs \(c\.csv is new\)"):
        label_files(frozen(), folder, out, workers=1)
    (folder / "c.csv").unlink()
    (folder / "a.csv").write_text("text\nprize b\n")
    (folder / "b.csv").write_text("text\nprize a\n")
    with pytest.raises(WeaklabError, match=r"the input differs \(a\.csv: lines 1 to 2, b\.csv: lines 1 to 2\)"):
        label_files(frozen(), folder, out, workers=1)
    (folder / "b.csv").unlink()
    with pytest.raises(WeaklabError, match=r"b\.csv is gone, a\.csv: lines 1 to 2"):
        label_files(frozen(), folder, out, workers=1)


def test_the_lines_that_changed_are_named_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "PIECE_BYTES", 100)
    monkeypatch.setattr(contents, "_BLOCK", 40)
    source, out = tmp_path / "mail.jsonl", tmp_path / "out"
    lines = [json.dumps({"id": i, "text": "prize"}) for i in range(40)]
    source.write_text("\n".join(lines))
    assert Contents([source], None).lines == 40
    label_files(frozen(), source, out, workers=1)
    for number in (10, 30):
        lines[number] = lines[number].replace("prize", "lunch")
    source.write_text("\n".join(lines))
    with pytest.raises(WeaklabError, match=r"mail\.jsonl: lines 9 to 14, lines 31 to 35\)"):
        label_files(frozen(), source, out, workers=1)


def test_touched_file_is_the_same_input(mail, tmp_path):
    label_files(frozen(), mail, tmp_path / "out", **SETTINGS)
    shutil.copy(mail, tmp_path / "copy")
    os.replace(tmp_path / "copy", mail)
    os.utime(mail, (1, 1))
    assert label_files(frozen(), mail, tmp_path / "out", **SETTINGS).fresh == 0


@pytest.mark.parametrize("damage", ["bit", "edit", "swap"])
def test_edited_or_damaged_parts_do_not_count_as_finished(damage, mail, tmp_path):
    out = tmp_path / "out"
    label_files(frozen(), mail, out, **SETTINGS)
    before, path = content(out), out / "part-000001.parquet"
    if damage == "bit":
        data = bytearray(path.read_bytes())
        data[data.index(b"spam")] ^= 1
        path.write_bytes(data)
    elif damage == "edit":
        table = pq.read_table(path)
        pq.write_table(table.set_column(2, "label", pa.array(["spam"] * len(table))), path)
    else:
        path.write_bytes(path.read_bytes().replace(b'"ham": 24', b'"ham": 25'))
    kept = content(out)
    assert kept != before
    with pytest.raises(
        WeaklabError, match=r"out: part-000001\.parquet changed after weaklab wrote it: edited or damaged\. To keep"
    ):
        label_files(frozen(), mail, out, **SETTINGS)
    assert content(out) == kept
    assert label_files(frozen(), mail, out, overwrite=True, **SETTINGS).fresh == 60
    assert content(out) == before


def test_every_changed_bit_of_a_part_is_detected(mail, tmp_path):
    label_files(frozen(), mail, tmp_path / "out", **SETTINGS)
    path = tmp_path / "out" / "part-000000.parquet"
    told, whole, rng = pq.read_metadata(path).metadata[SEAL.encode()].decode(), path.read_bytes(), random.Random(2)
    assert is_sealed(path, told)
    for place in {0, len(whole) - 9, *(rng.randrange(len(whole) - 8) for _ in range(100))}:
        path.write_bytes(bytes([*whole[:place], whole[place] ^ 1 << rng.randrange(8), *whole[place + 1 :]]))
        assert not is_sealed(path, told), place


def test_a_summary_that_was_edited_is_written_again(mail, tmp_path):
    out = tmp_path / "out"
    label_files(frozen(), mail, out, **SETTINGS)
    before = content(out)
    (out / "_summary.json").write_text((out / "_summary.json").read_text().replace('"spam": 100', '"spam": 250'))
    assert label_files(frozen(), mail, out, **SETTINGS).fresh == 0
    assert content(out) == before


def test_two_runs_at_once_exclude_each_other(mail, tmp_path, monkeypatch):
    from weaklab.batch import folder

    monkeypatch.setattr(folder, "LOCK_SECONDS", 0.1)
    out = tmp_path / "out"
    with (
        folder.opened_folder(out),
        pytest.raises(WeaklabError, match=r"another process writes to .*out; wait until it is done"),
    ):
        label_files(frozen(), mail, out, **SETTINGS)
    assert label_files(frozen(), mail, out, **SETTINGS).rows == 250


def test_folder_with_other_files_is_not_changed(mail, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(WeaklabError, match=r"out holds thesis.txt, which is no batch of weaklab"):
            label_files(frozen(), mail, tmp_path / "out", overwrite=overwrite)
    with pytest.raises(WeaklabError, match="is a file; wanted a folder"):
        label_files(frozen(), mail, mail)


def test_votes_and_columns_of_the_input_on_request(mail, tmp_path):
    label_files(frozen(), mail, tmp_path / "out", votes=True, include=["text"], **SETTINGS)
    row = rows_of(tmp_path / "out")[0]
    assert list(row)[:4] == ["row", "id", "text", "label"]
    assert [row[f"vote_{name}"] for name in frozen().names] == ["spam", None, None]
    with pytest.raises(CorpusError, match="no column 'body'"):
        label_files(frozen(), mail, tmp_path / "more", include=["body"])
    with pytest.raises(WeaklabError, match="column 'id' is among those of the labels already"):
        label_files(frozen(), mail, tmp_path / "more", include=["id"])


def test_records_without_an_id_column_get_ids_from_their_content(tmp_path):
    source = tmp_path / "mail.csv"
    source.write_text('text\n"a prize"\nlunch\n"a prize"\n')
    label_files(frozen(), source, tmp_path / "out", workers=1)
    rows = rows_of(tmp_path / "out")
    assert [row["id"] for row in rows][:2] == wl.read(["a prize", "lunch"]).ids.to_pylist()
    assert rows[0]["id"] == rows[2]["id"]
    assert [row["row"] for row in rows] == [0, 1, 2]


def test_one_record_is_enough_and_none_is_an_error(tmp_path):
    source = tmp_path / "mail.jsonl"
    source.write_text('{"id": 1, "text": "prize"}')
    assert label_files(frozen(), source, tmp_path / "out").labels == {"ham": 0, "spam": 1}
    source.write_text("")
    with pytest.raises(CorpusError, match="the file is empty"):
        label_files(frozen(), source, tmp_path / "other")
    pq.write_table(
        pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())}), tmp_path / "no.parquet"
    )
    with pytest.raises(CorpusError, match="holds no record"):
        label_files(frozen(), tmp_path / "no.parquet", tmp_path / "other")


def test_input_errors_name_their_place(tmp_path):
    lines = [json.dumps(record) for record in RECORDS * 20]
    source = tmp_path / "mail.jsonl"
    source.write_text("\n".join([*lines, "{oh no", *lines]))
    with pytest.raises(CorpusError, match=r"mail.jsonl:5001: not JSON"):
        label_files(frozen(), source, tmp_path / "out", rows_per_part=2000, workers=1)
    assert sorted(content(tmp_path / "out")) == ["_manifest.json", "part-000000.parquet", "part-000001.parquet"]
    table = pa.Table.from_pylist([*RECORDS[:90], {"id": None, "text": "x"}, *RECORDS[91:]])
    pq.write_table(table, tmp_path / "mail.parquet")
    with pytest.raises(CorpusError, match=r"mail.parquet: record 90 \(counted from 0\) has no id in column 'id'"):
        label_files(frozen(), tmp_path / "mail.parquet", tmp_path / "other", rows_per_part=50, workers=2)


def test_errors_are_raised_before_anything_is_written(mail, tmp_path):
    out = tmp_path / "out"
    looks = wl.keywords("spam", ["x"], column="subject", name="looks")
    for problem, error in [
        (
            lambda: label_files(frozen(looks), mail, out),
            "keywords 'looks' cannot read the records to label: no column 'subject'",
        ),
        (lambda: label_files(frozen(), mail, out, text="body"), "no column 'body'"),
        (lambda: label_files(frozen(), mail, out, engine="sprak"), "no engine 'sprak'; did you mean 'spark'"),
        (lambda: label_files(frozen(), mail, out, rows_per_part=0), "must be 1 or more, got 0"),
        (lambda: label_files(frozen(), ["a prize"], out), "batches are read from files, got the list"),
    ]:
        with pytest.raises(WeaklabError, match=error):
            problem()
    assert not out.exists()


def test_function_that_cannot_be_pickled_runs_in_this_process(mail, tmp_path):
    import threading

    lock = threading.Lock()

    def locked(x):
        with lock:
            return "spam" if "prize" in x.text else None

    with pytest.warns(wl.WeaklabWarning, match="cannot be sent to other processes"):
        found = label_files(frozen(wl.labeling_function(locked)), mail, tmp_path / "out", rows_per_part=60, workers=2)
    assert found.votes["locked"]["spam"] == 50


def test_killed_worker_is_reported(mail, tmp_path):
    def deadly(x):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(WeaklabError, match=r"a worker process ended \(killed by SIGKILL\)"):
        label_files(frozen(wl.labeling_function(deadly)), mail, tmp_path / "out", rows_per_part=20, workers=2)


@pytest.fixture
def project(tmp_path):
    with wl.Project(tmp_path / "project", labels=["ham", "spam"]) as held:
        held.add_records(
            [{"number": i, "body": text} for i, text in enumerate(["a prize", "lunch", "noon"])],
            id="number",
            text="body",
        )
        held.add(wl.keywords("spam", ["prize"], name="offers", column="body"))
        held.label("1", "ham")
    return tmp_path / "project"


def run(capsys, monkeypatch, *arguments):
    from weaklab.cli.app import main

    monkeypatch.setattr(sys, "argv", ["weaklab", "batch", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    return left.value.code, *capsys.readouterr()


def test_the_command_labels_files_with_a_project(project, tmp_path, capsys, monkeypatch):
    (project / "labeling_functions" / "f.py").write_text(
        "import weaklab\n@weaklab.labeling_function()\ndef odd(x):\n    return 'eggs' if x.body == 'odd' else None\n"
    )
    source, out = tmp_path / "mail.csv", tmp_path / "out"
    source.write_text("number,title,body\n1,x,lunch\n7,y,the prize\n8,z,odd\n")
    settings = ("--include", "title", "--rows-per-part", "2", "--workers", "1")
    code, shown, told = run(capsys, monkeypatch, project, source, out, *settings, "--progress")
    assert code == 3
    assert "labeled 3 records in" in told
    assert "fault: odd on record '8': UnknownLabelError: 'eggs' is not a label" in told
    assert "3 records in 2 parts" in shown
    assert "1 of them labeled by a person" in shown
    rows = rows_of(out)
    assert [(row["number"], row["label"], row["manual"]) for row in rows[:2]] == [
        ("1", "ham", True),
        ("7", "spam", False),
    ]
    assert [row["title"] for row in rows] == ["x", "y", "z"]
    code, shown, told = run(capsys, monkeypatch, project, source, out, *settings, "--quiet")
    assert (code, shown) == (3, "")
    assert "labeled 0 records; 3 were labeled before" in told
    code, shown, told = run(capsys, monkeypatch, project, source, out)
    assert code == 1
    assert "include was ['title'] and is []" in told


def test_file_changed_during_a_run_is_reported(tmp_path):
    path = tmp_path / "mail.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))

    members = wl.Committee(["ham", "spam"], timeout=None)
    members.add(wl.keywords("spam", ["prize"]))
    held = FrozenCommittee.of(members)
    judged = held.ballots
    held.ballots = lambda batches: (path.write_text(path.read_text() + "\n"), judged(batches))[1]
    with pytest.raises(
        CorpusError, match=r"mail\.jsonl changed \(lines 1 to 251\) while its records were labeled; run .* --overwrite"
    ):
        label_files(held, path, tmp_path / "out", **SETTINGS)
    assert not list((tmp_path / "out").glob("part-*"))


def test_foreign_files_are_neither_used_nor_removed(mail, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    pq.write_table(pa.table({"mine": [1]}), out / "part-000000.parquet")
    for overwrite in (False, True):
        with pytest.raises(WeaklabError, match=r"part-000000\.parquet"):
            label_files(frozen(), mail, out, overwrite=overwrite, **SETTINGS)
    assert pq.read_table(out / "part-000000.parquet").to_pydict() == {"mine": [1]}


def test_output_among_the_input_is_refused(mail, tmp_path):
    label_files(frozen(), mail, tmp_path / "out", **SETTINGS)
    with pytest.raises(WeaklabError, match="name a folder outside of the input"):
        label_files(frozen(), str(tmp_path / "**" / "*.parquet"), tmp_path / "out", overwrite=True, **SETTINGS)


def test_heuristic_with_the_name_of_the_id_column_is_reported(mail):
    with pytest.raises(WeaklabError, match="a heuristic is called 'id', as the column of ids is; rename"):
        frozen(wl.keywords("spam", ["win"], name="id")).vote_batch(pa.RecordBatch.from_pylist(RECORDS[:2]))


@pytest.mark.parametrize("name", LABEL_MODELS.names())
def test_a_project_labels_files_with_every_label_model_before_anything_is_labeled(name, tmp_path):
    source = tmp_path / "mail.jsonl"
    source.write_text('{"text": "a prize"}\n{"text": "at noon"}\n{"text": "hello"}\n')
    with wl.Project(tmp_path / "project", labels=["ham", "spam"], timeout=None, label_model=name) as project:
        project.add_records(["prize", "noon"])
        (
            project.add(wl.keywords("spam", ["prize"], name="prize")),
            project.add(wl.keywords("ham", ["noon"], name="noon")),
        )
        label_files(project.freeze(), source, tmp_path / "out", workers=1)
        assert [row["label"] for row in rows_of(tmp_path / "out")][:2] == ["spam", "ham"]
        project.weak_classifier(), project.weak_classifier("logistic_regression", features=["tfidf", "characters"])
        label_files(project.freeze(), source, tmp_path / "with classifiers", workers=1)
        project.label(project.corpus.ids[0].as_py(), "spam")
        found = label_files(project.freeze(), source, tmp_path / "with one label", workers=1)
        assert [row["label"] for row in rows_of(tmp_path / "with one label")][:2] == ["spam", "ham"]
        assert found.rows == 3


@pytest.mark.parametrize("damage", ["header of a page", "one bit of a text"])
def test_a_damaged_row_group_is_named_and_the_parts_before_it_stay(damage, tmp_path):
    source, out = tmp_path / "mail.parquet", tmp_path / "out"
    plain = {"compression": "none", "use_dictionary": False, "write_statistics": False, "write_page_checksum": True}
    pq.write_table(pa.table({"id": range(400), "text": texts(400)}), source, row_group_size=100, **plain)
    data = bytearray(source.read_bytes())
    if damage == "one bit of a text":
        data[data.index(b"00250")] ^= 1
    else:
        start = pq.read_metadata(source).row_group(2).column(1).data_page_offset
        data[start : start + 10] = bytes(10)
    source.write_bytes(data)
    with pytest.raises(
        CorpusError, match=r"mail\.parquet, row group 2 \(rows 200 to 299, counted from 0\): cannot be read: .*damaged"
    ):
        label_files(frozen(), source, out, rows_per_part=100, workers=1)
    assert sorted(content(out)) == ["_manifest.json", "part-000000.parquet", "part-000001.parquet"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_broken_line_is_named_and_the_parts_before_it_stay(kind, tmp_path):
    source, out = tmp_path / f"mail.{kind}", tmp_path / "out"
    lines = ["text,id", *(f"lunch,{i}" for i in range(9000)), "one,2,3,4"]
    if kind == "jsonl":
        lines = [*('{"text": "lunch"}' for _ in range(9001)), '{"text": "lunch", ']
    source.write_text("\n".join(lines) + "\n")
    with pytest.raises(CorpusError, match=r"mail\..*9,?002.*"):
        label_files(frozen(), source, out, rows_per_part=2000, workers=1)
    assert not (out / "_summary.json").exists()
    if kind == "jsonl":
        assert "part-000001.parquet" in content(out)


def test_files_without_rows_hidden_files_and_columns_in_another_order(tmp_path):
    folder = tmp_path / "mail"
    folder.mkdir()
    kind = pa.schema([("id", pa.string()), ("text", pa.string())])
    pq.write_table(kind.empty_table(), folder / "a.parquet")
    pq.write_table(pa.table({"text": ["a prize"], "id": ["x"]}), folder / "b.parquet")
    pq.write_table(kind.empty_table(), folder / "c.parquet")
    pq.write_table(pa.table({"id": ["y"], "text": ["noon"]}), folder / "d.parquet")
    (folder / ".hidden.parquet").write_bytes(b"half of a file")
    found = label_files(frozen(), folder, folder / "out", rows_per_part=1, workers=1)
    assert (found.rows, found.parts, found.labels) == (2, 2, {"ham": 1, "spam": 1})
    assert [row["id"] for row in rows_of(folder / "out")] == ["x", "y"]
    assert label_files(frozen(), folder, folder / "out", rows_per_part=1, workers=1).fresh == 0
    pq.write_table(pa.table({"id": ["z"]}), folder / "e.parquet")
    with pytest.raises(CorpusError, match=r"e\.parquet: its columns"):
        label_files(frozen(), folder, tmp_path / "other", workers=1)
    with pytest.raises(WeaklabError, match=r"a\.parquet is input and lies in .*mail, where the labels go"):
        label_files(frozen(), folder, folder, workers=1)
