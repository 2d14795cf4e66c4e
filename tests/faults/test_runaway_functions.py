"""Labeling functions that hang, die, lie or make a mess cost their own record and nothing else."""

import ctypes
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import weaklab
from weaklab import ABSTAIN, WeaklabWarning, labeling_function, pattern
from weaklab.core.faults import MAX_FAULT_RECORDS, Fault
from weaklab.core.labels import LabelNames
from weaklab.heuristics import as_heuristic
from weaklab.voting.committee import join
from weaklab.voting.workers import MAX_KILLS, ProcessVoting, settle

RECORDS = [
    {"id": "a", "text": "win a prize"},
    {"id": "b", "text": "lunch at noon"},
    {"id": "c", "text": "a prize at noon"},
    {"id": "d", "text": "hello"},
]
HAM, SPAM = 0, 1


NOON, PRIZE = pattern("ham", "noon", name="noon"), pattern("spam", "prize", name="prize")


def vote_between_neighbours(runaway, records=RECORDS, timeout=1.0):
    """Return the votes and faults of a heuristic that stands between two others, which must not notice it."""
    committee = weaklab.Committee(["ham", "spam"], timeout=timeout, workers=1)
    for heuristic in (NOON, runaway, PRIZE):
        committee.add(heuristic)
    votes = committee.vote(records, progress=False)
    assert votes.L[:, 0].tolist() == [HAM if "noon" in r["text"] else ABSTAIN for r in records]
    assert votes.L[:, 2].tolist() == [SPAM if "prize" in r["text"] else ABSTAIN for r in records]
    return votes.L[:, 1].tolist(), votes.faults


# ---- one bad record


def loops(x):
    while x.id == "b":
        pass
    return "spam"


def sleeps(x):
    time.sleep(3600 if x.id == "b" else 0)
    return "spam"


def waits_for_the_keyboard(x):
    return input() if x.id == "b" else "spam"


def leaves(x):
    if x.id == "b":
        os._exit(3)
    return "spam"


def reads_address_zero(x):
    if x.id == "b":
        ctypes.string_at(0)
    return "spam"


def kills_itself(x):
    if x.id == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    return "spam"


def exits(x):
    if x.id == "b":
        sys.exit(4)
    return "spam"


def interrupts(x):
    if x.id == "b":
        raise KeyboardInterrupt
    return "spam"


def wants_all_memory(x):
    if x.id == "b":
        bytearray(1 << 62)
    return "spam"


def calls_itself(x):
    return calls_itself(x) if x.id == "b" else "spam"


def raises_what_cannot_be_shown(x):
    class UnspeakableError(Exception):
        def __str__(self):
            raise ValueError

    if x.id == "b":
        raise UnspeakableError
    return "spam"


TIMEOUT = "no vote after 1 s, so its process was stopped"


@pytest.mark.parametrize(
    ("function", "exception", "message"),
    [
        (loops, "TimeoutError", TIMEOUT),
        (sleeps, "TimeoutError", TIMEOUT),
        (waits_for_the_keyboard, "TimeoutError", TIMEOUT),
        (leaves, "ProcessDied", "it ended its process (exit code 3)"),
        (reads_address_zero, "ProcessDied", "it ended its process (killed by SIGSEGV)"),
        (kills_itself, "ProcessDied", "it ended its process (killed by SIGKILL)"),
        (exits, "ProcessDied", "it ended its process (exit code 4)"),
        (interrupts, "ProcessDied", "it ended its process (killed by SIGINT)"),
        (wants_all_memory, "MemoryError", ""),
        (calls_itself, "RecursionError", "maximum recursion depth exceeded"),
        (raises_what_cannot_be_shown, "UnspeakableError", "(its message cannot be shown)"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_one_bad_record_costs_that_record(function, exception, message):
    with pytest.warns(
        WeaklabWarning, match=rf"^{function.__name__} \(.*test_runaway_functions.py:\d+\) on record 'b': {exception}"
    ):
        votes, faults = vote_between_neighbours(function)
    assert votes == [SPAM, ABSTAIN, SPAM, SPAM]
    assert [(f.heuristic, f.exception, f.records, f.count) for f in faults] == [
        (function.__name__, exception, ("b",), 1)
    ]
    assert faults[0].message.startswith(message)


@pytest.mark.filterwarnings("ignore::weaklab.WeaklabWarning")
def test_a_regular_expression_stuck_in_c_is_stopped():
    records = [*RECORDS[:1], {"id": "b", "text": "a" * 60 + "!"}, *RECORDS[2:]]
    votes, faults = vote_between_neighbours(pattern("spam", r"^(a+)+$|prize", name="stuck"), records)
    assert votes == [SPAM, ABSTAIN, SPAM, ABSTAIN]
    assert faults == [Fault("stuck", "TimeoutError", TIMEOUT, "", ("b",), 1)]


class Unspeakable:
    def __repr__(self):
        raise ValueError


class NoNumber:
    def __index__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("nonsense", "message"),
    [
        ({"spam"}, "{'spam'} is not a label; the labels are 'ham', 'spam' (or their codes 0 to 1), and None abstains"),
        (0.5, "0.5 is not a label;"),
        (True, "True is not a label; a yes or no is no label"),
        ("spma", "'spma' is not a label; did you mean 'spam'?"),
        (2, "2 is not a label;"),
        (("spam", 7), "confidence 7 of vote 'spam' is out of range"),
        (("spam", 10**400), ""),
        (("spam", 0.5, "why"), "('spam', 0.5, 'why') is no vote; wanted a label or a (label, confidence) pair"),
        (np.array([0, 1]), ""),
        (Unspeakable(), ""),
        (NoNumber(), ""),
    ],
    ids=["set", "half", "true", "typo", "2", "sure7", "sure_huge", "triple", "array", "unspeakable", "no_number"],
)
@pytest.mark.parametrize("timeout", [1.0, None], ids=["in_a_child", "in_this_process"])
def test_nonsense_is_a_fault_of_its_record(nonsense, message, timeout):
    def talks_nonsense(x):
        return nonsense if x.id == "b" else "spam"

    with pytest.warns(WeaklabWarning, match="talks_nonsense .* on record 'b': "):
        votes, faults = vote_between_neighbours(talks_nonsense, timeout=timeout)
    assert votes == [SPAM, ABSTAIN, SPAM, SPAM]
    assert [(f.heuristic, f.records, f.count) for f in faults] == [("talks_nonsense", ("b",), 1)]
    assert faults[0].message.startswith(message)


# ---- every record is bad


@pytest.mark.filterwarnings("ignore::weaklab.WeaklabWarning")
def test_a_function_that_always_hangs_is_given_up():
    def hangs(x):
        while True:
            pass

    records = [{"id": str(i), "text": "a prize"} for i in range(10)]
    votes, faults = vote_between_neighbours(hangs, records)
    assert votes == [ABSTAIN] * 10
    assert [(f.exception, f.message, f.records, f.count) for f in faults] == [
        ("TimeoutError", TIMEOUT, ("0", "1", "2"), MAX_KILLS),
        ("GivenUp", "not tried after 3 stopped processes in this run", ("3", "4", "5", "6", "7", "8", "9"), 7),
    ]


@pytest.mark.filterwarnings("ignore::weaklab.WeaklabWarning")
def test_two_names_for_one_function_are_given_up_each_on_its_own():
    committee = weaklab.Committee(["ham", "spam"], timeout=1.0)
    committee.labeling_function(name="first")(leaves)
    committee.labeling_function(name="second")(leaves)
    votes = committee.vote(
        [{"id": "b", "text": ""}, {"id": "c", "text": ""}, *({"id": i, "text": ""} for i in "defg")], progress=False
    )
    assert votes.L.tolist() == [[ABSTAIN, ABSTAIN]] + [[SPAM, SPAM]] * 5
    assert [(f.heuristic, f.exception, f.count) for f in votes.faults] == [
        ("first", "ProcessDied", 1),
        ("second", "ProcessDied", 1),
    ]


@pytest.mark.filterwarnings("ignore::weaklab.WeaklabWarning")
def test_a_batch_function_that_hangs_costs_its_batch():
    def hangs(frame):
        while True:
            pass

    committee = weaklab.Committee(["ham", "spam"], timeout=1.0)
    committee.add(NOON)
    committee.labeling_function(batch=True)(hangs)
    votes = committee.vote(RECORDS, progress=False)
    assert votes.L.tolist() == [[ABSTAIN, ABSTAIN], [HAM, ABSTAIN], [HAM, ABSTAIN], [ABSTAIN, ABSTAIN]]
    assert [(f.heuristic, f.exception, f.records, f.count) for f in votes.faults] == [
        ("hangs", "TimeoutError", ("a", "b", "c", "d"), 4)
    ]


@pytest.mark.filterwarnings("ignore::weaklab.WeaklabWarning")
def test_a_fault_is_kept_with_the_votes_of_a_project(tmp_path):
    with weaklab.Project(tmp_path, labels=["ham", "spam"], timeout=1.0) as project:
        project.add_records(RECORDS)
        project.add(loops)
        project.run(progress=False)
    with weaklab.Project(tmp_path) as project:
        assert [(f.heuristic, f.exception, f.records, f.count) for f in project.faults] == [
            ("loops", "TimeoutError", ("b",), 1)
        ]
        assert project.labels()["label"].tolist() == ["spam", None, "spam", "spam"]


# ---- side effects


def test_what_a_function_prints_does_no_harm():
    def talks(x):
        print("to say it at length: " * 10_000)
        os.write(1, b"and past Python\n" * 10_000)
        sys.stderr.write("and on standard error\n" * 1000)
        return "spam"

    assert vote_between_neighbours(talks) == ([SPAM] * 4, [])


def test_a_closed_standard_output_does_no_harm():
    def closes(x):
        sys.stdout.close()
        return "spam"

    assert vote_between_neighbours(closes) == ([SPAM] * 4, [])


COUNTER = {"calls": 0}


def test_a_function_changes_no_state_of_this_process():
    def meddles(x):
        COUNTER["calls"] += 1
        os.environ["WEAKLAB_MEDDLED"] = "yes"
        os.chdir("/")
        random.seed(0)
        np.random.seed(0)
        sys.setrecursionlimit(500)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return "spam"

    before = (Path.cwd(), sys.getrecursionlimit(), random.getstate(), signal.getsignal(signal.SIGTERM))
    assert vote_between_neighbours(meddles) == ([SPAM] * 4, [])
    assert (Path.cwd(), sys.getrecursionlimit(), random.getstate(), signal.getsignal(signal.SIGTERM)) == before
    assert COUNTER == {"calls": 0}
    assert "WEAKLAB_MEDDLED" not in os.environ


def test_function_that_cannot_be_pickled_runs_here_with_one_warning():
    lock = threading.Lock()

    def guarded(x):
        with lock:
            return "spam"

    committee = weaklab.Committee(["ham", "spam"], timeout=1.0)
    committee.add(NOON)
    committee.add(guarded)
    with pytest.warns(
        WeaklabWarning, match=r"^guarded cannot be sent to a child process \(TypeError: cannot pickle '_thread.lock'"
    ):
        votes = committee.vote(RECORDS, progress=False)
    assert votes.L.tolist() == [[ABSTAIN, SPAM], [HAM, SPAM], [HAM, SPAM], [ABSTAIN, SPAM]]
    assert votes.faults == []
    assert committee.vote(RECORDS[1:], progress=False).L.tolist() == votes.L[1:].tolist()


def _unloadable():
    raise ImportError("only in the first process")


class OnlyHere:
    """Travels as a call that fails wherever it arrives."""

    def __reduce__(self):
        return _unloadable, ()


def test_function_that_cannot_be_loaded_in_a_child_votes_in_this_process():
    only_here = OnlyHere()
    committee = weaklab.Committee(["ham", "spam"], timeout=1.0)
    committee.add(NOON)

    @committee.labeling_function()
    def first(x):
        return "spam" if only_here else None

    @committee.labeling_function()
    def second(x):
        return "ham" if only_here else None

    with pytest.warns(
        WeaklabWarning, match=r"cannot be loaded in a child process \(ImportError: only in the first"
    ) as caught:
        votes = committee.vote(RECORDS, progress=False)
    assert sorted(str(warning.message).split()[0] for warning in caught) == ["first", "second"]
    assert votes.L[:, 1:].tolist() == [[SPAM, HAM]] * 4
    assert votes.faults == []
    assert "in this process" in str(committee.explain_plan())


def test_a_function_of_a_module_whose_file_is_gone_votes_in_a_child(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def absent(x):\n    return 'spam'\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    (tmp_path / "only_here.py").unlink()
    committee = weaklab.Committee(["ham", "spam"], timeout=1.0)
    committee.add(only_here.absent)
    assert committee.vote(RECORDS, progress=False).L.tolist() == [[SPAM]] * 4


# ---- the same votes, however the work is cut up

MANY = [{"id": str(i), "text": f"{'prize' if i % 3 == 0 else 'noon' if i % 3 == 1 else ''} {i}"} for i in range(10_000)]


def dies_on(*ids):
    def dies(x):
        if x.id in ids:
            os._exit(1)
        return "spam"

    return dies


@pytest.mark.filterwarnings("ignore::weaklab.WeaklabWarning")
@pytest.mark.parametrize(
    ("ids", "given_up_from"),
    [
        ((), 10_000),
        (("0", "9999"), 10_000),
        (("4096", "4097", "8192"), 8193),
        (("4090", "4097", "5000", "5001", "9000"), 5001),
        (("0", "1", "2000", "2001", "9000"), 2001),
        (tuple(str(i) for i in range(10_000)), 0),
    ],
    ids=["never", "twice", "at_a_border", "in_two_batches", "in_one_batch", "always"],
)
def test_votes_and_faults_do_not_depend_on_the_number_of_workers(ids, given_up_from):
    found = []
    for workers in (1, 2):
        committee = weaklab.Committee(["ham", "spam"], timeout=10.0, workers=workers)
        committee.add(NOON)
        committee.add(dies_on(*ids))
        committee.add(PRIZE)
        found.append(committee.vote(MANY, progress=False))
    votes = [SPAM if i < given_up_from and str(i) not in ids else ABSTAIN for i in range(10_000)]
    assert found[0].L[:, 1].tolist() == votes
    assert np.array_equal(found[0].L, found[1].L)
    assert found[0].faults == found[1].faults
    assert sum(fault.count for fault in found[0].faults) == votes.count(ABSTAIN)


def corpus_of(n, size=None):
    batch = pa.record_batch({"id": [str(i) for i in range(n)], "n": range(n)})
    return [batch.slice(start, size or n) for start in range(0, n, size or n)]


def dies_or_raises(x):
    if x.n in (3, 17, 18, 40):
        os._exit(1)
    return 1 // (x.n % 4)


LABELS = LabelNames(["ham", "spam"])
DIES = as_heuristic(dies_or_raises)


def test_kills_cost_the_same_records_wherever_batches_end_and_whoever_runs_them():
    found = []
    for size, workers in ((50, 1), (4, 2), (9, 1)):
        ballots = [ballots[0] for _, ballots in ProcessVoting([DIES], LABELS, 10.0, workers).over(corpus_of(50, size))]
        fault_rows = [
            (size * i + row, kind, why) for i, ballot in enumerate(ballots) for row, kind, why in ballot.fault_rows
        ]
        kills = [size * i + row for i, ballot in enumerate(ballots) for row in ballot.kills]
        found.append((join(ballots).votes.tolist(), join(ballots).faults, fault_rows, kills))
    assert found[0] == found[1] == found[2]
    votes, faults, fault_rows, kills = found[0]
    assert kills == [3, 17, 18]
    assert (
        votes
        == [SPAM if i % 4 == 1 and i != 17 else HAM if i % 4 and i not in kills else ABSTAIN for i in range(19)]
        + [ABSTAIN] * 31
    )
    assert [(fault.exception, fault.count) for fault in faults] == [
        ("ZeroDivisionError", 5),
        ("ProcessDied", 3),
        ("GivenUp", 31),
    ]
    assert faults[2].records == tuple(str(i) for i in range(19, 19 + MAX_FAULT_RECORDS))
    assert [row for row, _, _ in fault_rows] == sorted({*range(0, 19, 4), *kills, *range(19, 50)})


def test_process_voting_remembers_kills_from_batch_to_batch():
    (batch,) = corpus_of(50)
    (whole,) = next(ProcessVoting([DIES], LABELS, 10.0, 1).over([batch]))[1]
    voting = ProcessVoting([DIES], LABELS, 10.0, 1)
    first = [voting.vote(part)[0] for part in corpus_of(50, 10)[:2]]
    assert voting.killed == [MAX_KILLS]
    later = ProcessVoting([DIES], LABELS, 10.0, 1, killed=voting.killed)
    rest = later.vote(batch.slice(20))[0]
    assert np.concatenate([*(ballot.votes for ballot in first), rest.votes]).tolist() == whole.votes.tolist()
    assert {kind for _, kind, _ in rest.fault_rows} == {"GivenUp"}


def test_ballots_voted_apart_settle_to_those_of_one_run():
    (batch,) = corpus_of(50)
    (whole,) = next(ProcessVoting([DIES], LABELS, 10.0, 1).over([batch]))[1]
    first, second = batch.slice(0, 10), batch.slice(10)
    apart = [ProcessVoting([DIES], LABELS, 10.0, 1).vote(part)[0] for part in (first, second)]
    assert apart[1].votes.tolist() != whole.votes[10:].tolist()
    settled = settle(DIES, apart[1], second, killed=len(apart[0].kills))
    assert settled.votes.tolist() == whole.votes[10:].tolist()
    assert [(10 + row, kind, why) for row, kind, why in settled.fault_rows] == whole.fault_rows[
        len(apart[0].fault_rows) :
    ]


def test_a_heuristic_may_vote_on_some_rows_of_each_batch():
    @labeling_function
    def sure(x):
        return ("spam", 0.5) if x.n % 10 == 2 else dies_or_raises(x)

    def select(batch):
        chosen = {1, 2, 3, 4, 5, 17, 18, 22, 45}
        return [[row for row, n in enumerate(batch["n"].to_pylist()) if n in chosen], [], None]

    plain = labeling_function(name="plain")(lambda x: "ham")
    for size in (50, 6):
        batches = corpus_of(50, size)
        found = list(
            zip(
                *(ballots for _, ballots in ProcessVoting([sure, NOON, plain], LABELS, 10.0, 2).over(batches, select)),
                strict=True,
            )
        )
        some, none, every = map(join, found)
        assert {i: vote for i, vote in enumerate(some.votes.tolist()) if vote != ABSTAIN} == {1: SPAM, 2: SPAM, 5: SPAM}
        assert some.confidence.tolist() == [0.5 if i == 2 else 1 for i in range(50)]
        assert [(fault.exception, fault.records) for fault in some.faults] == [
            ("ProcessDied", ("3", "17", "18")),
            ("ZeroDivisionError", ("4",)),
            ("GivenUp", ("22", "45")),
        ]
        assert none.votes.tolist() == [ABSTAIN] * 50
        assert every.votes.tolist() == [HAM] * 50


class Fatal:
    """Ends the process that loads it."""

    def __reduce__(self):
        return os._exit, (5,)


def test_a_function_that_cannot_be_loaded_alive_costs_the_first_records_and_is_given_up():
    fatal = Fatal()
    function = as_heuristic(lambda x: fatal and "spam")
    for size in (10, 2):
        ballots = [ballots[0] for _, ballots in ProcessVoting([function], LABELS, 10.0, 1).over(corpus_of(10, size))]
        assert join(ballots).votes.tolist() == [ABSTAIN] * 10
        assert [(fault.exception, fault.records) for fault in join(ballots).faults] == [
            ("ProcessDied", ("0", "1", "2")),
            ("GivenUp", ("3", "4", "5", "6", "7", "8", "9")),
        ]


def test_function_that_dies_at_random_leaves_a_fault_on_every_lost_record():
    calls = []

    def tires(x):
        calls.append(1)
        if len(calls) == 5:
            os._exit(1)
        return "spam"

    (ballot,) = ProcessVoting([as_heuristic(tires)], LABELS, 10.0, 1).vote(corpus_of(20)[0])
    assert {row for row, _, _ in ballot.fault_rows} == set(range(20)) - set(
        np.flatnonzero(ballot.votes == SPAM).tolist()
    )
    assert {kind for _, kind, _ in ballot.fault_rows} == {"ProcessDied", "GivenUp"}


def test_a_run_reads_few_batches_ahead():
    read = []

    def endless():
        for i in itertools.count():
            read.append(i)
            yield from corpus_of(5)

    run = ProcessVoting([NOON], LABELS, 10.0, 2).over(endless())
    for _ in range(3):
        next(run)
    run.close()
    assert len(read) <= 3 + 2 * 2


def test_votes_do_not_depend_on_where_batches_end():
    committee = weaklab.Committee(["ham", "spam"], timeout=10.0)
    committee.add(NOON)
    committee.add(PRIZE)
    committee.labeling_function(name="long", batch=True)(
        lambda frame: frame.text.str.len().gt(9).map({True: "ham", False: None})
    )
    whole = committee.vote(MANY, progress=False).L
    cuts = [0, 1, 4097, 9999, 10_000]
    parts = [committee.vote(MANY[a:b], progress=False).L for a, b in itertools.pairwise(cuts)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert whole[:3].tolist() == [[ABSTAIN, SPAM, ABSTAIN], [HAM, ABSTAIN, ABSTAIN], [ABSTAIN, ABSTAIN, ABSTAIN]]
    assert whole[9999].tolist() == [ABSTAIN, SPAM, HAM]


HASHED = """
import sys
from weaklab import Project, keywords, pattern

project = Project(sys.argv[1], labels=["ham", "spam"])
project.add_records([{"id": str(i), "text": ("prize", "noon", "win lunch")[i % 3] + f" {i % 7}"} for i in range(300)])
words = {"prize", "win", "jackpot", "lottery"}

@project.labeling_function()
def lucky(x):
    return "spam" if words & set(x.text.split()) else None

project.add(keywords("ham", {"noon", "lunch", "breakfast"}, name="meal"))
project.add(pattern("spam", "win|prize", name="win"))
project.weak_classifier("naive_bayes")
project.label_many({str(i): ("spam", "ham")[i % 3 == 1] for i in range(30)})
project.run(progress=False)
print(*((h.name, h.fingerprint) for h in project.committee.heuristics))
print(*(ask.id for ask in project.ask(10)))
print(project.labels().to_csv())
"""


def test_nothing_depends_on_the_hash_seed(tmp_path):
    (tmp_path / "program.py").write_text(HASHED)
    processes = [
        subprocess.Popen(
            [sys.executable, tmp_path / "program.py", tmp_path / seed],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
        )
        for seed in ("0", "4294967295")
    ]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0].count(b"\n") > 300
    assert outputs[0] == outputs[1]


# ---- nothing stays behind

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads the process table of Linux")


def processes_of_session(leader):
    """Return the processes, other than dead ones nobody waited for, of the session that ``leader`` began."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session) == leader and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


RUNAWAY = """
import os, re, sys, time
from pathlib import Path
import weaklab

stuck, reached = sys.argv[1], Path(sys.argv[2])

def runaway(x):
    if x.text == "bad":
        reached.touch()
        {bad}
    return "ham"

committee = weaklab.Committee(["ham", "spam"], timeout={timeout}, workers=2)
committee.add(runaway)
committee.vote(["good", "bad", "good"], progress=False)
{end}
"""


def start_runaway(tmp_path, bad="pass", timeout=600, end="pass"):
    program, reached = tmp_path / "program.py", tmp_path / "reached"
    program.write_text(RUNAWAY.format(bad=bad, timeout=timeout, end=end))
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", program, bad, reached], stderr=subprocess.DEVNULL, start_new_session=True
    )
    return process, reached


@linux
@pytest.mark.parametrize(
    ("bad", "end", "code"),
    [
        ("pass", "pass", 0),
        ("while True: pass", "pass", 0),
        ("os._exit(3)", "pass", 0),
        ("pass", "sys.exit(5)", 5),
        ("pass", "raise ValueError", 1),
        ("pass", "os._exit(6)", 6),
        ("__import__('threading').Thread(target=time.sleep, args=(3600,)).start()", "os._exit(7)", 7),
    ],
)
def test_no_child_outlives_its_interpreter(tmp_path, bad, end, code):
    process, _ = start_runaway(tmp_path, bad, timeout=1, end=end)
    assert process.wait(timeout=120) == code
    assert wait_until(lambda: not processes_of_session(process.pid)), processes_of_session(process.pid)


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize(
    "bad",
    ["while True: pass", "re.match('(a+)+$', 'a' * 60 + '!')", "time.sleep(3600)"],
    ids=["loop", "regex", "sleep"],
)
def test_a_stuck_child_goes_with_its_parent_at_once(tmp_path, bad, number):
    """The timeout is 600 s: who waits for it, or starts the function once more, fails here."""
    process, reached = start_runaway(tmp_path, bad)
    assert wait_until(reached.exists)
    assert len(processes_of_session(process.pid)) > 1
    process.send_signal(number)
    assert process.wait(timeout=120) == -number
    assert wait_until(lambda: not processes_of_session(process.pid)), processes_of_session(process.pid)


def test_an_interrupt_in_this_process_is_the_users_own():
    committee = weaklab.Committee(["ham", "spam"], timeout=None)
    committee.add(interrupts)
    with pytest.raises(KeyboardInterrupt):
        committee.vote(RECORDS, progress=False)
