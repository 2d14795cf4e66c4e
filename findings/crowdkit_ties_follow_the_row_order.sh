#!/usr/bin/env bash
# crowd-kit 1.4.2, pandas 3.1.1
#
# Behaviour: MajorityVote gives every tied task to one and the same label: the one that comes first in the table of answers.
# The same answers in another order of rows give other labels for up to all tied tasks. Ties are exact and nothing tells of them.
#
# Why the guess is wrong: a majority vote counts, so the order of rows should not matter; one expects ties to be broken at
# random, or by a fixed rule such as the order of the labels, task by task. Here the columns of the table of votes stand in the
# order in which labels are first seen, for all tasks at once, and the first largest column wins. With two answers a task, a
# usual budget, each disagreement is a tie: a table sorted by label turns them all to one class, and the class balance with it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check crowd-kit==1.4.2 pandas==3.1.1 numpy==2.4.6 scikit-learn==1.9.1 scipy==1.17.1
cd "$work"
"$work/env/bin/python" -W ignore - <<'PY'
import numpy as np
import pandas as pd
from crowdkit.aggregation import MajorityVote

rng = np.random.default_rng(1)
answers = [
    (f"t{task}", f"w{worker}", rng.choice(["no", "yes"])) for task in range(400) for worker in rng.choice(9, 2, replace=False)
]
answers = pd.DataFrame(answers, columns=["task", "worker", "label"])
tied = answers.groupby("task").label.nunique() == 2


def majority(table):
    return MajorityVote().fit_predict(table).reindex(tied.index)


ascending = majority(answers.sort_values("label"))
descending = majority(answers.sort_values("label", ascending=False))
print(f"{tied.sum()} of {len(tied)} tasks are tied")
print("rows sorted by label:", ascending[tied].value_counts().to_dict(), "of the tied tasks")
print("sorted the other way:", descending[tied].value_counts().to_dict())
print("tasks whose label changed:", int((ascending != descending).sum()))
assert (ascending[tied] == "no").all() and (descending[tied] == "yes").all()
assert (ascending[~tied] == descending[~tied]).all()
PY
