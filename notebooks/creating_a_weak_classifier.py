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
# # Creating a weak classifier
#
# Some clues are easy to put into code: a word, a pattern, a number.
# Others are not. You hear that a headline teases, and cannot say which word does it.
#
# A **weak classifier** learns such things from the records that you label anyway, and votes beside your functions.
# It is called weak because it trains on a few dozen labels and need not be right always. The label model weighs it.

# %%
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import weaklab
from weaklab import ABSTAIN, WeakClassifier
from weaklab.datasets import load_headlines
from weaklab.evaluation import analysis

pd.set_option("display.max_colwidth", 90)

# %% [markdown]
# ## Where the rules end
#
# Headlines, clickbait or news, and four rules for them.

# %%
here = Path.cwd()
temporary = tempfile.TemporaryDirectory()
os.chdir(temporary.name)
headlines = load_headlines()
project = weaklab.Project("headlines", labels=["clickbait", "news"], annotator="you")
project.add_records(headlines, gold="gold", quiet=True)

# %%
news_words = (
    "police court minister government president killed dead jailed strike fire percent election vote council "
    "bank says said"
)
for rule in (
    weaklab.keywords("news", news_words.split(), name="news_words"),
    weaklab.pattern("clickbait", r"\b(you|your|yours|you're)\b", name="speaks_to_you"),
    weaklab.pattern("clickbait", r"^(this|these|here'?s|watch|meet|why|how|what|can|i|my|we)\b", name="teaser_opening"),
    weaklab.pattern(
        "clickbait", r"^\d+ (\w+ ){0,2}(things|ways|reasons|signs|facts|tricks|hacks)\b", name="numbered_list"
    ),
):
    project.add(rule)

project.run(progress=False)

# %% [markdown]
# The rules leave most records without a vote. You see at once which of these are clickbait, and no rule says it. The
# committee guesses from records that read alike, and is not sure: look at the confidence.

# %%
rules = project.committee.vote(project.corpus, progress=False)
silent = (rules.L == ABSTAIN).all(axis=1)
labels = project.labels().merge(headlines[["id", "text"]], on="id")
labels[silent][["id", "text", "label", "confidence"]].sample(8, random_state=4)

# %% [markdown]
# ## One line
#
# Naive Bayes on TF-IDF of words and pairs of words. It joins the committee, and waits: it has nothing to learn from
# yet.

# %%
project.weak_classifier("naive_bayes")
project.run(progress=False)

# %% [markdown]
# So label some records. The scheduler picks them.
#
# **The gold column answers here, in the place of a person**: `replay` asks for ten records, answers from it,
# trains again, and so on. The first row is before any answer.

# %%
gold = dict(zip(headlines["id"], headlines["gold"], strict=True))
rounds = weaklab.replay(project, gold, n_labels=60, batch=10)
pd.DataFrame(rounds).round(3)

# %% [markdown]
# The rules did not change. The classifier joined at ten labels, and votes on most of the records that had no vote.
#
# In the summary its accuracy stands beside that of the rules. It is measured on your answers, and most of these are
# on hard records.

# %%
project.summary()

# %% [markdown]
# What does it do, and where does it surprise you? The second table has the votes that differ most from what the rest of
# the committee, or you, would say. Each is a mistake of the classifier, of a rule, or of an answer.

# %%
project.preview("naive_bayes")

# %% [markdown]
# These records have its vote and no other. The number is its probability:

# %%
votes = project.committee.vote(project.corpus, progress=False)
column = votes.names.index("naive_bayes")
others = np.delete(votes.L, column, axis=1)
alone = (votes.L[:, column] != ABSTAIN) & (others == ABSTAIN).all(axis=1)
project.try_on("naive_bayes", headlines[alone].head(10))

# %% [markdown]
# ## Never ask a classifier about what it was taught
#
# A classifier remembers the records that it trained on. On these it looks perfect, whatever it is worth.
# So weaklab takes an **out-of-fold** vote there: it trains five more times, each time without a fifth of the labels,
# and each label is judged by a model that has not seen it.
#
# The same classifier, measured in three ways:

# %%
truth = np.array([project.label_names.code(name) for name in project.corpus.gold()])
answered = project.labels()["manual"].to_numpy()
y = np.where(answered, truth, ABSTAIN)
unseen = np.where(answered, ABSTAIN, truth)

# %%
classifier = project.committee["naive_bayes"]
out_of_fold = votes.scores[column]
in_sample = classifier.score(classifier.features.transform_corpus(project.corpus))

right = pd.Series(
    {
        "in-sample, on the answers": (in_sample.argmax(axis=1) == truth)[answered].mean(),
        "out-of-fold, on the answers": (out_of_fold.argmax(axis=1) == truth)[answered].mean(),
        "on all records without an answer": (in_sample.argmax(axis=1) == truth)[~answered].mean(),
    },
    name="accuracy",
)
right.round(3).to_frame()

# %% [markdown]
# The first number says nothing. The second is the honest one for the records that were asked about, which are hard.
# The third is what you want to know. It takes gold labels for everything, so you will seldom have it.
#
# A label model that saw the first number would trust the classifier blindly. A project always gives it the out-of-fold
# votes; there is nothing to switch on.

# %% [markdown]
# ## An estimator of your own
#
# There are eleven classifiers by name, and any of scikit-learn will do. `features` says what it sees of a record:
# `tfidf` (words), `hashing` (pieces of words), `word2vec`, `fasttext`, `columns` (numbers), or several in a list.
# As the last line of a cell, the call shows what the new classifier would do:

# %%
project.weak_classifier(
    LogisticRegression(C=10, class_weight="balanced", max_iter=500),
    features=["tfidf", "hashing"],
    name="logistic_on_pieces",
)

# %% [markdown]
# ## Features of your own
#
# You notice that teasers look different: more capitals, question marks, no commas. Any object with a method
# `transform` that makes rows of numbers from a list of texts is a feature set:


# %%
class Shape:
    """What a headline looks like, whatever it says."""

    def transform(self, texts):
        return np.array([self.row(text, text.split() or [""]) for text in texts])

    def row(self, text, words):
        capitals = sum(word[:1].isupper() for word in words) / len(words)
        return [capitals, len(words) / 10, "?" in text, "!" in text, "," in text, any(map(str.isdigit, text))]


project.weak_classifier("logistic_regression", features=["tfidf", Shape()], name="words_and_shape")

# %% [markdown]
# Beside words, here. `features=Shape()` alone works, too, but six numbers tell little.
#
# ## What does it add?
#
# What counts is not how good a classifier is, but how much better the committee is with it. `analysis` fits the label
# model again without each member:

# %%
project.run(progress=False)
frame = project.analysis(progress=False).to_pandas()
frame[["coverage", "labels_changed", "gold_gain", "nearest", "nearest_overlap"]].round(3)

# %% [markdown]
# - `labels_changed`: the share of the labels that would be different without the member
# - `gold_gain`: by how much it raises the accuracy, by the gold column. Without gold, `gain` is the same, estimated
#   from the random answers, with an interval
# - `nearest`: the member that votes most like it, and how often they say the same
#
# A classifier that repeats another one adds little, however good it is alone. `naive_bayes` and `logistic_on_pieces`
# say the same on most records, so one of them can go. The first is faster:

# %%
project.remove("logistic_on_pieces")
project.run(progress=False)

# %% [markdown]
# ## Keep it
#
# Classifiers with a name in weaklab, such as `"naive_bayes"`, and scikit-learn's own are remembered by the project:
# other sessions and processes have them at once. A class of your own is code, and a project keeps no code of a
# notebook.
# Put it into a file of the folder `labeling_functions` in the project, where functions live as well.
# An object `WeakClassifier` there joins the committee under the name of its variable:

# %%
code = '''
import numpy as np

from weaklab import WeakClassifier


class Shape:
    """What a headline looks like, whatever it says."""

    def transform(self, texts):
        return np.array([self.row(text, text.split() or [""]) for text in texts])

    def row(self, text, words):
        capitals = sum(word[:1].isupper() for word in words) / len(words)
        return [capitals, len(words) / 10, "?" in text, "!" in text, "," in text, any(map(str.isdigit, text))]


words_and_shape = WeakClassifier("logistic_regression", features=["tfidf", Shape()])
'''
project.remove("words_and_shape")
functions = project.path / "labeling_functions"
functions.mkdir(exist_ok=True)
_ = (functions / "shape.py").write_text(code.lstrip())
project.reload()
project.run(progress=False)

# %% [markdown]
# Whoever opens the folder has it, in another notebook or on the command line:

# %%
with weaklab.Project(project.path, annotator="somebody else") as elsewhere:
    print(elsewhere.committee.names)
    print("the same labels:", elsewhere.labels().equals(project.labels()))

# %% [markdown]
# ## How sure must it be?
#
# A weak classifier abstains where its best class has less than `min_probability`.
# The higher that is, the fewer its votes, and, up to a point, the more of them are right:

# %%
rows = []
for least in (0.5, 0.55, 0.6, 0.65, 0.7, 0.75):
    strict = WeakClassifier("naive_bayes", min_probability=least).fit(project.corpus, y, project.label_names)
    column_votes = [strict.vote(batch, project.label_names) for batch in project.corpus.batches()]
    row = analysis.summary(np.concatenate(column_votes)[:, None], unseen).iloc[0]
    rows.append([least, row.coverage, row.n_labels, row.accuracy])

pd.DataFrame(rows, columns=["min_probability", "coverage", "votes judged", "accuracy"]).round(3)

# %% [markdown]
# The last rows rest on few votes.
#
# By default it is a fifth of the way from guessing to certainty: 0.6 for two classes.

# %% [markdown]
# More: [weak classifiers](../docs/how_to/weak_classifiers.md), and [features](../docs/features.md) with a sentence
# encoder.
#
# Next: *The active-learning loop*, for what the scheduler saves, and *Debugging a committee*.

# %%
project.close()
os.chdir(here)
temporary.cleanup()
