# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Coming from modAL
#
# A modAL loop and a weaklab loop, on the same features with the same classifier and the same number of labels.
# Then modAL's query strategies inside weaklab, a committee beside a committee, and what modAL has no place for:
# labeling functions.

# %%
# # %pip install 'weaklab[plot]' modAL-python
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import modAL.models.learners
import numpy as np
import pandas as pd
import sklearn.utils
from modAL.disagreement import vote_entropy_sampling
from modAL.models import ActiveLearner, Committee
from modAL.uncertainty import margin_sampling
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import ComplementNB
from sklearn.neighbors import KNeighborsClassifier

import weaklab
from weaklab.core.metrics import accuracy
from weaklab.datasets import headline_functions, load_headlines

# %% [markdown]
# modAL 0.4.2 asks scikit-learn for a check with an old name of one argument. scikit-learn 1.8 has dropped it, and
# `teach` fails. Two lines put it back. Leave them out with an older scikit-learn.


# %%
def check(X, y, force_all_finite=True, **named):
    return sklearn.utils.check_X_y(X, y, ensure_all_finite=force_all_finite, **named)


modAL.models.learners.check_X_y = check

# %% [markdown]
# ## The records
#
# Headlines, clickbait or news. 730 are the pool, 200 are kept to measure on. `truth` answers the questions.

# %%
headlines = load_headlines().sample(frac=1, random_state=0, ignore_index=True)
pool, test = headlines[:730], headlines[730:]
names = ["clickbait", "news"]
truth, test_truth = (frame["gold"].map(names.index).to_numpy() for frame in (pool, test))

words = TfidfVectorizer(sublinear_tf=True)
X = words.fit_transform(pool["text"])
X_test = words.transform(test["text"])

# %% [markdown]
# ## modAL's way
#
# You begin with some labels. The learner picks ten records, you teach it, and you take them out of the pool, because
# it may ask about them again.


# %%
def classifier():
    return LogisticRegression(C=10, class_weight="balanced")


def modal_loop(seed, n_labels=60, batch=10):
    """Return the accuracy on the test records, by number of labels."""
    first = np.random.default_rng(seed).permutation(len(truth))[:batch]
    learner = ActiveLearner(classifier(), query_strategy=margin_sampling, X_training=X[first], y_training=truth[first])
    found = {batch: learner.score(X_test, test_truth)}
    free = np.setdiff1d(np.arange(len(truth)), first)
    for n in range(2 * batch, n_labels + 1, batch):
        places, _ = learner.query(X[free], n_instances=batch)
        learner.teach(X[free[places]], truth[free[places]])
        free = np.delete(free, places)
        found[n] = learner.score(X_test, test_truth)
    return found


# %% [markdown]
# ## weaklab's way
#
# `Loop` holds the pool, the labels and the classifiers. It needs no labels to begin with: the first questions are
# typical records. It never asks twice. It draws a fifth of each batch at random: these labels tell how good all labels
# are, without a test set.


# %%
def weaklab_loop(seed, n_labels=60, batch=10, strategy=None):
    loop = weaklab.Loop(X, names, classifiers=[classifier()], seed=seed)
    found = {}
    for n in range(batch, n_labels + 1, batch):
        rows = [pick.row for pick in loop.ask(batch, strategy=strategy)]
        loop.label(rows, truth[rows])
        labeled = loop.y >= 0
        found[n] = classifier().fit(X[labeled], loop.y[labeled]).score(X_test, test_truth)
    return found


# %% [markdown]
# Both are judged in the same way: the classifier, trained on the labels, on records that nobody asked about.
# A query function of modAL can be given to weaklab as it is. Here it picks in the place of weaklab's own.

# %%
ways = {
    "modAL": modal_loop,
    "weaklab": weaklab_loop,
    "weaklab with modAL's margin_sampling": lambda seed: weaklab_loop(seed, strategy=margin_sampling),
}
runs = {name: pd.DataFrame([way(seed) for seed in range(3)]) for name, way in ways.items()}
pd.DataFrame({name: run.mean() for name, run in runs.items()}).round(3)

# %%
axes = plt.figure(figsize=(7, 3.5)).gca()
for (name, run), line in zip(runs.items(), ("-", "--", ":"), strict=True):
    axes.plot(run.columns, run.mean(), line, marker="o", label=name)
axes.set(xlabel="labels", ylabel="accuracy on 200 test records", title="Mean of three runs")
axes.grid(alpha=0.3)
_ = axes.legend()
# %% [markdown]
# How far do single runs lie apart? At 50 labels:

# %%
pd.DataFrame({name: run[50] for name, run in runs.items()}).rename_axis("run").round(3)

# %% [markdown]
# Single runs differ by more than the curves do: with one small data set, neither way of asking is shown to be better.
# `docs/benchmarks.md` has more data sets and seeds.
#
# ## A committee beside a committee
#
# modAL's `Committee` asks where its learners disagree. In weaklab the classifiers are members of the committee, and
# `vote_entropy` is one of its strategies. The three classifiers are the same.

# %%
members = [LogisticRegression(C=10, class_weight="balanced"), ComplementNB(), KNeighborsClassifier(7)]


def modal_committee(n_labels=100, batch=10):
    first = np.random.default_rng(0).permutation(len(truth))[:batch]
    committee = Committee(
        [ActiveLearner(clone(member), X_training=X[first], y_training=truth[first]) for member in members],
        query_strategy=vote_entropy_sampling,
    )
    free = np.setdiff1d(np.arange(len(truth)), first)
    while len(truth) - len(free) < n_labels:
        places, _ = committee.query(X[free], n_instances=batch)
        committee.teach(X[free[places]], truth[free[places]])
        free = np.delete(free, places)
    return committee.predict(X[free]), truth[free]


def weaklab_committee(n_labels=100, batch=10, **settings):
    loop = weaklab.Loop(X, names, classifiers=[clone(member) for member in members])
    for _ in range(0, n_labels, batch):
        rows = [pick.row for pick in loop.ask(batch, **settings)]
        loop.label(rows, truth[rows])
    free = loop.y < 0
    return loop.P[free].argmax(axis=1), truth[free]


qbc = {
    "modAL, vote_entropy_sampling": modal_committee(),
    "weaklab, vote_entropy": weaklab_committee(strategy="vote_entropy"),
    "weaklab, its own questions": weaklab_committee(),
}
pd.Series(
    {name: (found == right).mean() for name, (found, right) in qbc.items()},
    name="accuracy on the pool without the 100 labeled records",
).round(3).to_frame()

# %% [markdown]
# modAL takes the mean of the probabilities of its members. weaklab calibrates each of them out-of-fold, and a label
# model learns how much each one counts.
#
# ## What you know already
#
# A modAL learner knows labels and nothing else. In weaklab you can also write down what you know, as functions that
# vote. The sample has a file of them.

# %%
functions = weaklab.Committee(names)
names_of_functions = [function.name for function in functions.load(headline_functions())]
L = functions.vote(pool["text"].tolist(), progress=False).L
pd.Series((L >= 0).mean(axis=0), index=names_of_functions, name="coverage").round(3).to_frame()


# %%
def pool_accuracy(n_labels, batch=10, **settings):
    """Return the accuracy of the labels of the pool after each batch; labels that were given count as right."""
    loop = weaklab.Loop(X, names, classifiers=[classifier()], **settings)
    found = {0: accuracy(loop.P, truth)}
    for n in range(batch, n_labels + 1, batch):
        rows = [pick.row for pick in loop.ask(batch)]
        loop.label(rows, truth[rows])
        found[n] = accuracy(np.where((loop.y >= 0)[:, None], np.eye(2)[loop.y], loop.P), truth)
    return found


pd.DataFrame({"labels alone": pool_accuracy(60), "functions and labels": pool_accuracy(60, L=L)}).round(3)

# %% [markdown]
# ## The same as a project
#
# `Loop` is for arrays in memory. A project is for people: it keeps records and answers on disk, and shows them on a
# page. It takes modAL's functions as well.

# %%
temporary = tempfile.TemporaryDirectory()
project = weaklab.Project(Path(temporary.name) / "headlines", labels=names, annotator="you")
project.add_records(pool, text="text", id="id", gold="gold", quiet=True)
for function in functions.heuristics:
    project.add(function)
project.weak_classifier(classifier(), features="tfidf", name="logistic")
project.ask(5, strategy=vote_entropy_sampling)

# %% [markdown]
# ## From one to the other
#
# | modAL | weaklab |
# |---|---|
# | `ActiveLearner(estimator, X_training=..., y_training=...)` | `Loop(X, labels, classifiers=[estimator])` |
# | `learner.query(X_pool, n_instances=10)` | `loop.ask(10)`; rows of `X`, none that has a label |
# | `learner.teach(X_new, y_new)` | `loop.label(rows, y)` |
# | removing rows from the pool | not needed |
# | `learner.predict_proba(X)` | `loop.P` |
# | `query_strategy=margin_sampling` | `ask(strategy="margin")` or `ask(strategy=margin_sampling)` |
# | `uncertainty_batch_sampling` | the default spreads its batches; `"badge"` and others do, too |
# | `Committee([...])` | `classifiers=[...]`; labeling functions are members as well |
# | `expected_error_reduction` | `"expected_error_reduction"`, weaklab's own; functions that refit are refused |
# | `make_linear_combination` of utilities | `strategy={"margin": 1.0, "exploration": 0.5}` |
# | `BayesianOptimizer`, regression | not in weaklab |
# | `ActiveLearner` on a Keras or skorch model | `classifiers=[model]` where it follows scikit-learn |

# %%
project.close()
temporary.cleanup()
