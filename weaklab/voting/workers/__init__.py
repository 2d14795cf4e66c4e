"""Child processes that can be killed: for heuristics, which may hang or crash, and for work spread over all cores."""

from weaklab.voting.workers.isolated_voting import ProcessVoting, RowChoice
from weaklab.voting.workers.kills import MAX_KILLS, failed_ballot, settle
from weaklab.voting.workers.process import ChildEndedError, ChildProcess
from weaklab.voting.workers.tasks import Job, cores, run_tasks

__all__ = [
    "MAX_KILLS",
    "ChildEndedError",
    "ChildProcess",
    "Job",
    "ProcessVoting",
    "RowChoice",
    "cores",
    "failed_ballot",
    "run_tasks",
    "settle",
]
