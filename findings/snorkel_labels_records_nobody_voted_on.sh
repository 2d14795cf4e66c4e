#!/usr/bin/env bash
# snorkel 0.10.0
#
# Behaviour: a LabelModel that was given a class balance labels every record on which all labeling functions abstain, also with
# tie_break_policy="abstain", which stands for "say -1 where the model cannot decide". The label is the class with the largest
# share. Without a class balance (equal classes) the same records get -1, and MajorityLabelVoter never labels them.
#
# Why the guess is wrong: abstaining looks like a matter of votes, and giving the class balance like a correction of the
# probabilities. But the policy looks only at equal probabilities, and a record without votes has the class balance as its
# probabilities. So one argument of fit turns a coverage of 84 % into 100 %, and the largest class gets all that was not covered.
# One has to drop these records oneself (filter_unlabeled_dataframe) before predict is called.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check snorkel==0.10.0 torch==2.13.0 numpy==2.4.6 pandas==3.1.1 scikit-learn==1.9.1
cd "$work"
"$work/env/bin/python" -W ignore - <<'PY'
import numpy as np
from snorkel.labeling.model import LabelModel, MajorityLabelVoter

rng = np.random.default_rng(0)
rows, functions = 4000, 5
truth = (rng.random(rows) < 0.7).astype(int)
right = rng.random((rows, functions)) < 0.8
votes = np.where(right, truth[:, None], 1 - truth[:, None])
votes[rng.random((rows, functions)) < 0.7] = -1
silent = (votes == -1).all(axis=1)
print(f"{silent.mean():.1%} of the records have no vote")


def labels_of_silent(class_balance):
    model = LabelModel(cardinality=2, verbose=False)
    model.fit(votes, class_balance=class_balance, seed=0, progress_bar=False)
    return set(model.predict(votes[silent], tie_break_policy="abstain").tolist())


equal, given = labels_of_silent(None), labels_of_silent([0.3, 0.7])
majority = set(MajorityLabelVoter(cardinality=2).predict(votes[silent], tie_break_policy="abstain").tolist())
print("labels of these records: equal classes", equal, "- class balance given", given, "- majority vote", majority)
assert equal == {-1}, equal
assert given == {1}, given
assert majority == {-1}, majority
PY
