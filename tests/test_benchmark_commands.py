"""The benchmark of commands on a small project."""

from benchmarks import commands
from benchmarks.checkouts import ROOT


def test_a_command_is_measured_in_two_checkouts(capsys):
    commands.main([str(ROOT), "status", "--turns", "1"])
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["command", "old", "new", "old", "/", "new"]
    name, old, new, ratio = line.split()
    assert name == "status"
    assert 0.2 < float(ratio) < 5
    assert min(float(old), float(new)) > 0
