"""Three processes that label, update, remove, add, change the labels and undo in one project are killed one after
another."""

from benchmarks.kills import Kills


def test_nothing_acknowledged_is_lost_when_writers_are_killed(tmp_path):
    kills = Kills(tmp_path, seed=1)
    kills.run(10)
    assert kills.killed == 10
    assert sum(kills.acknowledged.values()) > 20
