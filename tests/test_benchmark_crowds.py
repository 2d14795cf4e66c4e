"""``benchmarks.crowds`` on a crowd that is made here, whose workers are right in four of five labels."""

import random

import pandas as pd

from benchmarks.crowds import as_table, coverage, read, run


def test_a_project_is_as_good_as_the_consensus(tmp_path):
    chance = random.Random(0)
    truth = {f"q{i}": chance.choice("01") for i in range(120)}
    rows = [
        {"item": item, "worker": f"w{worker}", "label": right if chance.random() < 0.8 else "10"[int(right)]}
        for item, right in truth.items()
        for worker in chance.sample(range(12), 5)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "label.csv", index=False)
    pd.DataFrame({"item": list(truth)[:-20], "truth": list(truth.values())[:-20]}).to_csv(tmp_path / "truth.csv")
    judgements, known = read(tmp_path)
    assert len(known) == judgements["item"].nunique() == 100
    found = run(judgements, known, 20, None, 0)
    assert found["project"][0] >= found["consensus"][0] - 2
    assert found["project"][1] <= found["consensus"][1] + 1
    assert found["project"][0] > 85
    assert coverage(judgements, known) > 80
    shown = as_table({"made": {"workers": 90.0, "20 scheduled": {name: [value] for name, value in found.items()}}})
    assert "made" in str(shown)
    assert "90 % of the intervals" in str(shown)
