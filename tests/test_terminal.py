"""What reaches a terminal: no control characters, no markup, no line that is too long."""

import io
import json
import os
import re
import sys
import warnings
from pathlib import Path

import pytest

import weaklab
from weaklab.cli.app import main
from weaklab.cli.terminal import label_in_terminal
from weaklab.core.errors import HeuristicError, WeaklabError
from weaklab.core.record_lines import record_lines
from weaklab.core.tables import Table, clean, json_text, width, wrapped

ESC = "\x1b[31m\x1b]0;title\x07"
BIDI = "\u202eabc\u2066"
NASTY = f"[/] [bold]{ESC}\x9b2J\x85{BIDI}\x7f\r\u2028\udc80".encode("utf-8", "surrogatepass").decode("utf-8", "replace")
RAW = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
LABELS = ["[/]", "[bold]ham[/bold]", "日本語" + "\u202e"]


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a command in this process; return its exit code, standard output and standard error."""

    def call(*arguments, answers=""):
        monkeypatch.setattr(sys, "argv", ["weaklab", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    """Return a project whose every name and text holds what a terminal would obey."""
    place = tmp_path_factory.mktemp("nasty")
    folder = place / f"p [/]{ESC}{BIDI}"
    records = [{"id": f"{n}{NASTY}", "text": f"prize {n} {NASTY}\nlunch", f"column {NASTY}": NASTY} for n in range(16)]
    with weaklab.Project(folder, labels=LABELS, timeout=None, weak_classifiers=[], retrain_every=0) as project:
        (folder / "labeling_functions" / f"lfs {ESC}[bold].py").write_text(
            f"raise ValueError({NASTY!r})", encoding="utf-8"
        )
        project.add_records(records, text="text", id="id", quiet=True)
        project.add(weaklab.keywords(LABELS[0], ["prize"], name=f"[red]{BIDI}"))
        project.add(weaklab.pattern(LABELS[1], "lunch", name="[/]"))
        with warnings.catch_warnings(
            action="ignore"
        ):  # the file was written while the project was open, and does not load
            for ask in project.ask(11, strategy="random"):
                project.label(ask, LABELS[0], annotator=NASTY)
    (place / f"more {ESC}.jsonl").write_text(json.dumps({"id": f"new{NASTY}", "text": NASTY}) + "\n", encoding="utf-8")
    return folder


@pytest.mark.filterwarnings("default")
def test_no_command_prints_terminal_control_characters(nasty, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    more = nasty.parent / f"more {ESC}.jsonl"
    commands = [
        ["status", nasty], ["status", nasty, "--json"], ["lfs", nasty], ["lfs", nasty, "--csv"], ["run", nasty],
        ["ask", nasty, "-n", "2"],
        ["ask", nasty, "--json", "--again"], ["evaluate", nasty], ["reliability", nasty],
        ["explain", nasty, f"3{NASTY}"],
        ["explain", nasty, f"no such{NASTY}"], ["label", nasty, "-n", "1"],
        ["export", nasty, nasty.parent / f"out{ESC}.csv"],
        ["export", nasty, nasty.parent / f"out{ESC}"], ["export", nasty, nasty.parent / "o.csv", "--include",
        f"no{NASTY}"],
        ["import", nasty, more], ["import", nasty, more], ["import", nasty, more, "--text", f"x{NASTY}"],
        ["import", nasty, f"no{ESC}"],
        ["batch", nasty, more, nasty.parent / f"out{ESC}"], ["adopt", nasty], ["salvage", nasty],
        ["status", f"no{NASTY}"], ["list", NASTY], [f"a{NASTY}"],
        ["status", nasty, f"--x{NASTY}"], ["ask", nasty, "-n", NASTY], ["ask", nasty, "--strategy", NASTY],
        ["init", nasty.parent / f"q{ESC}", "--labels", f"a{ESC},b"], ["init", nasty, "--labels", "a,b"],
        ["simulate", nasty, "--gold", NASTY], ["simulate", more, "--gold", f"x{ESC}", "--labels", "a,b"],
    ]  # fmt: skip
    for command in commands:
        code, out, err = run(*command, answers=f"?\n{NASTY.replace(chr(13), '')}\n[\nu\nb\ns\nq\n")
        assert not RAW.search(out), command
        assert not RAW.search(err), command
        assert "Traceback" not in err
        assert code in (0, 1, 2, 3), command
        if "--json" not in command and "--csv" not in command:
            assert max(map(width, out.splitlines()), default=0) <= 80 or command[0] in (
                "label",
                "import",
                "export",
                "salvage",
            ), command


def test_json_is_what_the_record_holds(nasty, run):
    _, out, _ = run("ask", nasty, "--json", "-n", "1", "--again")
    row = json.loads(out)
    assert NASTY in row["id"]
    assert NASTY in row["text"]


@pytest.mark.parametrize("value", ["\x1b[0m", "\x9b", "\u202e", "\x7f", "\U000e0041", "\u2028", "plain ü 日本 👍🏽"])
def test_json_text_escapes_and_reads_back(value):
    made = json_text({value: [value]})
    assert json.loads(made) == {value: [value]}
    assert not RAW.search(made)


@pytest.mark.filterwarnings("default")
def test_a_notebook_and_a_prompt_of_python_get_no_direction_marks(nasty):
    with weaklab.Project(nasty, run_code=False) as project:
        why = project.explain(f"3{NASTY}")
        for shown in (
            why._repr_html_(),
            repr(why),
            project._repr_html_(),
            repr(project),
            repr(project.ask(1)),
            project.ask(1)[0]._repr_html_(),
        ):
            assert not RAW.search(shown)
            assert "[bold]" in shown or "[/]" in shown


def test_errors_warnings_and_faults_are_safe_in_python_too():
    assert str(WeaklabError(f"a\n{NASTY}")).count("\n") == 1
    assert not RAW.search(str(WeaklabError(NASTY)).replace("\n", ""))
    assert not RAW.search(str(weaklab.core.faults.Fault(NASTY, "E", NASTY, NASTY, (NASTY,))))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        weaklab.core.errors.warn(NASTY)
    assert not RAW.search(str(caught[0].message))


@pytest.mark.parametrize("name", ["a\x1b[0m", "a\nb", "\x9b", "a\x00", "\ud800"])
def test_names_with_control_characters_are_refused(name):
    with pytest.raises(WeaklabError, match="control character"):
        weaklab.Committee(["ham", name])
    with pytest.raises(HeuristicError, match="control character"):
        weaklab.Committee(["ham", "spam"]).add(weaklab.keywords("spam", ["a"], name=name))


def test_a_notebook_gets_no_html_of_the_records():
    made = Table(f"<b>{NASTY}", [f"<i>{NASTY}"], [[f"<script>{NASTY}"]], [f"<u>{NASTY}"])._repr_html_()
    assert not RAW.search(made)
    assert not re.search("<(script|i|u)>", made)


# ---- tables that fit

WIDE = Table(
    "summary",
    ["heuristic", "votes", "coverage", "overlaps", "conflicts", "right on labels", "right on all", "faults", "where"],
    [
        ["prize_and_other_words", "spam", "12.5%", "3.1%", "0.0%", "0.95 (0.85-0.99, n=20)", "0.90 (0.80-0.97, n=30)",
        0, "a/b/c.py:12"],
        ["日本語の名前" * 4, "ham, spam, 日本語", "100.0%", "99.9%", "1.1%", "", "0.50 (0.10-0.90, n=10)", 12345678,
         "x" * 90],
    ],
    ["a note that is rather long, and goes on and on, until it is longer than any terminal is wide, as notes are; "
     "" * 2],
)  # fmt: skip


@pytest.mark.parametrize("to", [40, 60, 80, 100, 132, 300])
def test_tables_fit_and_no_number_is_broken(to):
    shown = WIDE.fitted(to)
    assert max(map(width, shown.splitlines())) <= to
    for figure in ("12.5%", "100.0%", "0.95 (0.85-0.99, n=20)", "0.50 (0.10-0.90, n=10)", "12,345,678"):
        assert figure in shown
    letters = re.sub(r"\s+", "", shown)
    assert letters.count("x") >= 90
    assert "日本語の名前" in letters


def test_a_table_that_fits_is_as_it_was():
    table = Table("two", ["name", "n"], [["a", 1], ["b", 20]], ["note"])
    assert table.fitted(80) == str(table)
    assert Table("none", [], [], ["note"]).fitted(80) == "none\nnote"


@pytest.mark.parametrize(
    ("text", "to", "wanted"),
    [
        ("", 5, [""]), ("a b", 5, ["a b"]), ("aaaa bbbb", 5, ["aaaa", "bbbb"]), ("aaaaaaa b", 5, ["aaaaa", "aa b"]),
        ("日本語", 5, ["日本", "語"]),
        ("card_payment_fee", 13, ["card_payment_", "fee"]), ("a card_fee", 8, ["a", "card_fee"]),
        ("e\u0301" * 4, 4, ["e\u0301" * 4]), ("a 日本語", 3, ["a", "日", "本", "語"]),
    ],
)  # fmt: skip
def test_texts_are_wrapped_by_the_cells_that_they_take(text, to, wanted):
    assert wrapped(text, to) == wanted


def test_lists_of_names_fit_where_the_width_is_not_known(run, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    for what in ("strategies", "label-models", "classifiers", "features"):
        _, out, _ = run("list", what)
        assert max(map(width, out.splitlines())) <= 80


@pytest.mark.parametrize("to", [40, 80, 200])
def test_a_record_of_columns_is_shown_as_names_and_values_that_fit(to):
    record = {f"mean value {i}": i / 7 for i in range(30)} | {"clinic": "South; West", "visit": None}
    lines = record_lines(record, to)
    assert len(lines) == {40: 32, 80: 16, 200: 6}[to]
    assert max(map(width, lines)) <= to
    assert all(name in "\n".join(lines) for name in [*record, "0.142857", "South; West", "(empty)"])
    long = {**record, "note": "several words " * 30, "x" * 90: 1, "\x1b[31m": "a" * 300}
    assert max(map(width, record_lines(long, to))) <= to
    assert "several words" in "\n".join(record_lines(long, to))
    assert record_lines({}, to) == []


@pytest.mark.parametrize(("labels", "shown"), [(2, "one line"), (12, "in columns"), (77, "by ?")])
def test_the_labels_of_a_prompt_fit_the_terminal(labels, shown, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    names = [f"kind_{i}_of_answer" for i in range(labels)]
    project = weaklab.Project(tmp_path / "p", labels=names, weak_classifiers=[], timeout=None)
    project.add_records([{"id": "a", "size": 1.5, "place": "North"}], text=[], quiet=True)
    out, prompts = io.StringIO(), []
    typed = iter([*(["?"] if shown == "by ?" else []), "q"])
    label_in_terminal(project, read=lambda prompt: prompts.append(prompt) or next(typed), out=out)
    lines = out.getvalue().splitlines()
    assert "size   1.5" in out.getvalue()
    assert max(map(width, [*lines[:-1], *prompts])) <= 80
    assert (f"[{labels}] {names[-1]}" in prompts[0]) == (shown == "one line")
    assert (f"[{labels}] {names[-1]}" in out.getvalue()) == (shown != "one line")


# ---- small things


def test_the_version_and_the_module(run):
    import subprocess

    assert run("--version")[:2] == (0, f"weaklab {weaklab.__version__}\n")
    here = {**os.environ, "PYTHONPATH": str(Path(weaklab.__file__).parents[1])}
    made = subprocess.run(
        [sys.executable, "-m", "weaklab", "--version"], capture_output=True, text=True, check=False, env=here
    )
    assert (made.stdout, made.stderr) == (f"weaklab {weaklab.__version__}\n", "")


def test_wrong_usage_is_reported_in_plain_lines(run):
    code, out, err = run("stauts")
    assert (code, out) == (2, "")
    assert "Usage: weaklab" in err
    assert "error: No such command 'stauts'" in err
    assert run("status")[0] == 2


@pytest.mark.parametrize("labels", ["ham,spam", "ham", b"ham,spam", {"ham", "spam"}, "ham; spam"])
def test_labels_that_are_no_list_are_never_taken_letter_by_letter(labels, tmp_path):
    import numpy as np

    for make in (
        lambda: weaklab.Project(tmp_path / "p", labels=labels),
        lambda: weaklab.Committee(labels),
        lambda: weaklab.Loop(np.zeros((4, 2)), labels=labels),
        lambda: weaklab.simulate([{"text": "a", "gold": "ham"}] * 4, gold="gold", labels=labels, progress=False),
    ):
        with pytest.raises(WeaklabError, match="labels must be a list of names") as caught:
            make()
        assert "'h', 'a'" not in str(caught.value)
    assert not (tmp_path / "p").exists()


def test_clean_leaves_what_is_harmless():
    text = "Grüße, 日本語, e\u0301, 👩\u200d💻, नमस्ते"
    assert clean(text) == text
