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
# # The active-learning loop, and what it saves
#
# A scheduler picks the records that you label. Does it save work? How many labels are enough?
# This notebook measures it on the bundled headlines, then goes through the loop step by step.


# %%
# # %pip install "weaklab[notebook,plot]"
import tempfile
from pathlib import Path

import pandas as pd

import weaklab
from weaklab.datasets import load_headlines
from weaklab.report.plots import plot_learning_curve

headlines = load_headlines()
rules = [
    weaklab.keywords(
        "news",
        ["police", "court", "minister", "government", "killed", "dead", "strike", "fire", "percent", "vote"],
        name="news_words",
    ),
    weaklab.pattern("clickbait", r"\b(you|your|yours|you're)\b", name="speaks_to_you"),
    weaklab.pattern("clickbait", r"^(this|these|watch|meet|why|how|what|i|my)\b", name="opening"),
]

# %% [markdown]
# ## Scheduled against random questions
#
# `simulate` plays the loop: ask for ten records, answer with their gold labels, train, measure, and so on up to
# 80 labels. Every way of asking has the same rules and the same Naive Bayes classifier:
#
# | name | asks about |
# |---|---|
# | `random` | any record |
# | `margin` | **uncertainty**: records whose two labels are almost equally probable |
# | `k_center` | **diversity**: records that are unlike all labeled ones |
# | `default` | **both**: typical records first, then uncertain ones from different clusters |
#
# One run proves little, so each is played with three seeds. In the plot, the bands are ± one standard deviation over
# the seeds. In the table, ± is the standard error of the mean.

# %%
simulation = weaklab.simulate(
    headlines,
    gold="gold",
    heuristics=rules,
    strategies=["default", "margin", "k_center", "random"],
    budgets=[10, 20, 30, 40, 60, 80],
    seeds=3,
    name="headlines",
    progress=False,
)
simulation

# %% [markdown]
# Both ways that ask about uncertain records are ahead of random questions, by about three points on average. Diversity
# alone is no better than random here. The bands show how much luck there is: where they overlap, one run could show any
# order, and with three seeds `margin` and `default` cannot be told apart.
#
# The useful question is how many labels you save. Here is the number of labels that each one needs for 91 %:

# %%
GOAL = 91


def labels_needed(curve):
    enough = curve.x[curve.mean >= GOAL]
    return str(int(enough[0])) if len(enough) else "more than 80"


pd.DataFrame(
    {
        name: {"accuracy at 80 labels": round(curve.mean[-1], 1), f"labels for {GOAL} %": labels_needed(curve)}
        for name, curve in simulation.curves().items()
    }
).T

# %% [markdown]
# These are the labels of the records that you have, and those that you labeled count as right. What a model does on
# new records is another question: `simulate(..., test=0.3)` keeps records aside to measure it, and the advantage is
# smaller there. Run it on data of your own that has labels, before you believe any figure of this page.
#
# `weaklab simulate messages.csv --gold label` does the same on the command line.
#
# ## One turn of the loop
#
# Now a project, as you would use it.

# %%
temporary = tempfile.TemporaryDirectory()
project = weaklab.Project(Path(temporary.name) / "headlines", labels=["clickbait", "news"], annotator="you")
project.add_records(headlines, gold="gold", quiet=True)
for rule in rules:
    project.add(rule)
project.weak_classifier("naive_bayes")
project.run(progress=False)

# %%
project.ask(5)

# %% [markdown]
# The first ten questions are about typical records, one of each group of similar ones.
# One question in five is drawn at random: these are the fair sample that says later how good the labels are.
#
# ## Suggestions: accept or correct
#
# Every question comes with a suggestion. In the terminal and on the page you accept it with Enter.
# A `session` is one person's work. Here is one, in which **the gold column plays the person**:

# %%
gold = dict(zip(headlines["id"], headlines["gold"], strict=True))


def answer(n):
    """Answer n questions, and return how many suggestions were right."""
    right = 0
    with project.session("you", background=False) as session:
        for _ in range(n):
            ask = session.next()
            right += ask.suggestion == gold[ask.id]
            session.answer(ask, gold[ask.id])
    return right


accepted = pd.DataFrame(
    [{"questions": f"{first} to {first + 9}", "accepted": answer(10)} for first in range(1, 60, 10)]
)
accepted

# %% [markdown]
# The share does not rise as the committee gets better, because the scheduler always asks about what is unclear.
# Look at the random questions alone: they tell how often a suggestion is right on the whole corpus.

# %%
with project.session("you", background=False) as session:
    suggestions = session.state()["suggestions"]
suggestions  # low and high: the 95 % interval of the share

# %% [markdown]
# ## When does it train?
#
# After every ten labels. `retrain_every` in `weaklab.toml` sets the number; 0 trains only when you
# say so. An answer counts at once in both cases: what changes is how fresh the suggestions and the next questions are.

# %%
by_hand = weaklab.Project(
    Path(temporary.name) / "by hand", labels=["clickbait", "news"], annotator="you", retrain_every=0
)
by_hand.add_records(headlines, gold="gold", quiet=True)
for rule in rules:
    by_hand.add(rule)
by_hand.weak_classifier("naive_bayes")
by_hand.run(progress=False)

by_hand.label_many([(ask, gold[ask.id]) for ask in by_hand.ask(30)], shown=False)
waiting = by_hand.status()
by_hand.run(progress=False)
trained = by_hand.status()
pd.DataFrame({"30 labels, not trained": waiting, "after run()": trained}).loc[["manual_labels", "accuracy"]]

# %% [markdown]
# ## How good are the labels, without gold?
#
# Only the answers to random questions tell. `evaluate` judges every one of them by a committee that has not seen it.
# Below, the interval after each 40 labels; the column `gold` is what you would not have.

# %%
rounds = []
for _ in range(3):
    found = project.evaluate(progress=False)
    accuracy = found.accuracy
    rounds.append(
        {
            "labels": found.n_labels,
            "random answers": accuracy.n_audit,
            "value": accuracy.value,
            "low": accuracy.low,
            "high": accuracy.high,
            "gold": project.status()["accuracy"],
        }
    )
    answer(40)

rounds = pd.DataFrame(rounds)
rounds.round(3)

# %%
plot_learning_curve(rounds)

# %% [markdown]
# The interval is wide as long as few answers are random: twelve at 60 labels. If you must know the accuracy better,
# ask for random records: `project.ask(30, strategy="random")`, or raise `random_share` in `weaklab.toml`.
#
# ## When to stop
#
# The last evaluation, as a whole. Below the table are a forecast for more labels, and whether to stop, and why:

# %%
found

# %% [markdown]
# The rule has two parts. Predictions must hold still for three rounds (Cohen's kappa between one training and the next
# of at least 0.99), and the forecast for the next 50 labels must be less than half a point. It is a rule of thumb: it
# knows nothing of what a label costs you. Stop earlier if the interval above is good enough for your purpose.
#
# ## Other ways of asking
#
# There are more than twenty strategies (`weaklab list strategies`), and they can be mixed, by rank:

# %%
project.ask(3, strategy={"margin": 1.0, "density_weighted": 0.5})

# %% [markdown]
# Your own is a function of what it needs: `P` are the probabilities, `L` the votes. This one asks about records on
# which no heuristic votes, the least sure first:


# %%
def nobody_votes(P, L):
    return (L < 0).all(axis=1) + (1 - P.max(axis=1)) / 2


project.ask(3, strategy=nobody_votes)

# %% [markdown]
# Before you use one for real, give it to `simulate(..., strategies=["default", nobody_votes, "random"])` on data
# whose labels you know.
#
# Next: *Debugging a committee*, for what to do when it is wrong.

# %%
project.close()
by_hand.close()
temporary.cleanup()
