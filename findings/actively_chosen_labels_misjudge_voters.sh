#!/usr/bin/env bash
# modAL-python 0.4.2.1, scikit-learn 1.7.2, numpy 2.3.5: what labels that were chosen by uncertainty say about a voter.
#
# Behaviour: records have features and one noisy vote, right in 75 % of all cases by chance and independent of the features given
# the class. A classifier of features and vote chooses 750 records with modAL's uncertainty_sampling, and 250 come at random. On
# these the vote is right in 57 %, and a logistic regression of the class on the vote alone gives it a weight of 0.6, where 1,000
# random labels give 2 log(.75 / .25) = 2.2. With the features beside the vote, the same chosen labels give 2.2, too.
#
# Why the guess is wrong: the choice looks at no label, so one expects that labels remain fair judges of a voter whose accuracy
# is the same everywhere. But records are uncertain where features and vote contradict each other, and there the vote is wrong
# far more often. Labels judge fairly only what stands beside all that the choice saw (Rubin 1976). Accuracies of annotators or
# rules that are estimated on actively chosen labels, or their weights in a label model, are wrong in the same way.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check modAL-python==0.4.2.1 scikit-learn==1.7.2 numpy==2.3.5 scipy==1.16.3 pandas==2.3.3
"$folder/env/bin/python" - <<'PY'
import numpy as np
from modAL.uncertainty import uncertainty_sampling
from sklearn.linear_model import LogisticRegression

found = []
for seed in range(10):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 40_000)
    X = rng.normal(size=(len(y), 5)) + 0.45 * (2 * y[:, None] - 1)
    vote = np.where(rng.random(len(y)) < 0.75, y, 1 - y)
    both = np.column_stack([X, vote])
    first = rng.choice(len(y), 500, replace=False)
    model = LogisticRegression().fit(both[first], y[first])  # knows well how the two go together
    rest = np.setdiff1d(np.arange(len(y)), first)
    chosen = uncertainty_sampling(model, both[rest], n_instances=750)
    chosen = chosen[0] if isinstance(chosen, tuple) else chosen  # with or without the rows themselves
    picked = np.concatenate([rest[chosen], rng.choice(rest, 250, replace=False)])
    drawn = rng.choice(rest, 1000, replace=False)
    alone = [LogisticRegression(C=1e6).fit(vote[rows, None], y[rows]).coef_[0, 0] for rows in (picked, drawn)]
    beside = [LogisticRegression(C=1e6).fit(both[rows], y[rows]).coef_[0, -1] for rows in (picked, drawn)]
    found.append([np.mean((vote == y)[rows]) for rows in (picked, drawn)] + alone + beside)
right, fair, alone, alone_fair, beside, beside_fair = np.mean(found, axis=0)
print(f"vote right: picked {right:.2f}, random {fair:.2f}; weight alone: picked {alone:.2f}, random {alone_fair:.2f}; "
      f"weight beside features: picked {beside:.2f}, random {beside_fair:.2f}")
assert right < 0.65 < 0.7 < fair and alone < 1 < 2 < alone_fair and abs(beside - beside_fair) < 0.3, found
PY
