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
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import weaklab
from weaklab import ABSTAIN, WeakClassifier, label_model
from weaklab.datasets import load_headlines
from weaklab.evaluation import analysis

pd.set_option("display.max_colwidth", 90)

# %% [markdown]
# ## Where the rules end
#
# Headlines, clickbait or news, and four rules for them.

# %%
temporary = tempfile.TemporaryDirectory()
headlines = load_headlines()
project = weaklab.Project(Path(temporary.name) / "headlines", labels=["clickbait", "news"], annotator="you")
project.add_records(headlines, text="text", id="id", gold="gold")

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
# The rules leave most records without a vote. You know which of these are clickbait. Which rule says so? The committee
# carries over what the rules say to records that read alike, and is not sure of it.

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
# The rules did not change. The classifier joined at ten labels, and it votes on more records the more it learns.
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
# Who believes the first number pays for it. Here is the label model, once with each kind of scores,
# measured on the records without an answer:

# %%
unseen = np.where(answered, ABSTAIN, truth)
found = {}
for kind, scores in {"in-sample": in_sample, "out-of-fold": out_of_fold}.items():
    L = votes.L.copy()
    L[:, column] = classifier.ballot(scores).votes
    these = weaklab.Votes(L, {column: scores})
    model = label_model("committee", n_classes=2).fit(these, y)
    found[kind] = analysis.expected_accuracy(model.predict_proba(these), unseen)

pd.Series(found, name="accuracy of the labels").round(3).to_frame()

# %% [markdown]
# The votes on these records are the same in both rows. What differs is how the model learned to weigh them.
# A project always uses the out-of-fold votes; there is nothing to switch on.

# %% [markdown]
# ## A classifier of your own
#
# There are eleven by name, and any scikit-learn classifier will do. `features` says what it sees of a record:
# `tfidf` (words), `hashing` (pieces of words), `word2vec`, `fasttext`, `columns` (numbers), or several in a list.
# As the last line of a cell, the call shows what the new classifier does:

# %%
project.weak_classifier(
    LogisticRegression(C=10, class_weight="balanced", max_iter=500),
    features=["tfidf", "hashing"],
    name="logistic_on_pieces",
)

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
    rows.append(
        {"min_probability": least, "coverage": row.coverage, "votes judged": row.n_labels, "accuracy": row.accuracy}
    )

pd.DataFrame(rows).round(3)

# %% [markdown]
# The last rows rest on few votes.
#
# By default it is a fifth of the way from guessing to certainty: 0.6 for two classes.

# %% [markdown]
# ## One set of votes, four label models
#
# `majority_vote` counts. `coverage_vote` gives more weight to those that speak rarely.
# `dawid_skene` estimates how often each one is wrong, from how they agree.
# `committee`, the default, learns from the answers whom to trust, and reads the probabilities of the classifiers.

# %%
votes = project.committee.vote(project.corpus, progress=False)
nobody = np.full(len(y), ABSTAIN)
ways = {"votes alone": nobody, "votes and 60 answers": y}


def accuracy(name, codes):
    model = label_model(name, n_classes=2).fit(votes, codes)
    return analysis.expected_accuracy(model.predict_proba(votes), unseen)


names = ("majority_vote", "coverage_vote", "dawid_skene", "committee")
pd.DataFrame({way: {name: accuracy(name, codes) for name in names} for way, codes in ways.items()}).round(3)

# %% [markdown]
# Again only the records without an answer count. The classifiers learned from the answers in both columns;
# what differs is whether the label model sees them, too.
#
# The label model of a project is a setting: `Project(folder, label_model="coverage_vote")`.
#
# A classifier that is named, like `"naive_bayes"`, and one of scikit-learn's own are remembered when you open the
# project again.
# Register a class of your own again each time.

# %%
project.close()
temporary.cleanup()
