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
# # Coming from Snorkel
#
# Your labeling functions run in weaklab as they are. Your label matrices fit, too.
# This notebook goes one way twice, on the same records: once with Snorkel, once with weaklab.
# Then it shows what comes after: which records to label, and what that brings.

# %%
# # %pip install weaklab  # Snorkel 0.10 comes with it
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from snorkel.labeling import (
    LabelingFunction,
    LFAnalysis,
    PandasLFApplier,
    filter_unlabeled_dataframe,
    labeling_function,
)
from snorkel.labeling.model import LabelModel
from snorkel.preprocess import preprocessor

import weaklab
from weaklab.core.metrics import accuracy
from weaklab.datasets import load_headlines

warnings.filterwarnings("ignore", category=FutureWarning)  # Snorkel 0.10 calls scipy in a way that is going to change

# %% [markdown]
# ## The records
#
# Headlines, clickbait or news: 730 to label, and 200 that are kept for the test at the end.

# %%
headlines = load_headlines().sample(frac=1, random_state=0, ignore_index=True)
train, test = headlines[:730], headlines[730:].reset_index(drop=True)
train[["id", "text"]].head()

# %% [markdown]
# The column `gold` is the truth. Nothing learns from it. It measures, and later it answers in the place of a person.

# %%
ABSTAIN, CLICKBAIT, NEWS = -1, 0, 1
names = ["clickbait", "news"]
truth, test_truth = (frame["gold"].map(names.index).to_numpy() for frame in (train, test))

# %% [markdown]
# ## Labeling functions, written for Snorkel
#
# With all that people use there: the decorator, a resource, functions made by a function, and a preprocessor.


# %%
@labeling_function()
def numbered_list(x):
    listed = r"(the )?\d+ (\w+ ){0,3}(things|ways|reasons|signs|facts|tips|people|times|photos|ideas|tricks)\b"
    return CLICKBAIT if re.match(listed, x.text, re.I) else ABSTAIN


@labeling_function()
def speaks_to_you(x):
    return CLICKBAIT if re.search(r"\b(you|your|you're)\b", x.text, re.I) else ABSTAIN


@labeling_function()
def teases(x):
    return CLICKBAIT if re.search(r"\b(until|and it|the reason|turns out|nobody|quiz)\b", x.text, re.I) else ABSTAIN


@labeling_function(resources={"first_words": {"i", "my", "we", "i'm", "i've"}})
def first_person(x, first_words):
    return CLICKBAIT if x.text.lower().split()[0] in first_words else ABSTAIN


# %%
def has_word(x, words, label):
    return label if words & set(re.findall(r"[a-z]+", x.text.lower())) else ABSTAIN


def word_list(name, label, words):
    return LabelingFunction(name, f=has_word, resources={"words": set(words.split()), "label": label})


daily_life = word_list(
    "daily_life", CLICKBAIT, "mom dog cat boyfriend girlfriend zodiac instagram makeup wedding dating"
)
state = word_list("state", NEWS, "minister parliament president government court judge mayor council election vote")
money = word_list("money", NEWS, "percent bank shares profit exports inflation strike union budget billion million")
incident = word_list("incident", NEWS, "killed dead dies injured arrested police attack crash fire flood storm jailed")
reported = word_list("reported", NEWS, "says said warns urges announces confirms denies reports study officials after")


# %%
@preprocessor(memoize=True)
def with_words(x):
    x.words = re.findall(r"[A-Za-z][A-Za-z'-]*", x.text)
    return x


@labeling_function(pre=[with_words])
def title_case(x):
    capitals = sum(word[0].isupper() for word in x.words)
    return CLICKBAIT if len(x.words) > 5 and capitals > 0.9 * len(x.words) else ABSTAIN


@labeling_function(pre=[with_words])
def many_words(x):
    return CLICKBAIT if len(x.words) >= 14 else ABSTAIN


# %%
functions = [numbered_list, speaks_to_you, teases, first_person, title_case, many_words]
functions += [daily_life, state, money, incident, reported]

# %% [markdown]
# ## Snorkel's way
#
# Apply the functions, look at them, fit the label model.

# %%
L_snorkel = PandasLFApplier(functions).apply(train, progress_bar=False)
LFAnalysis(L_snorkel, functions).lf_summary(Y=truth).round(3)

# %%
snorkel_model = LabelModel(cardinality=2, verbose=False)
snorkel_model.fit(L_snorkel, n_epochs=200, seed=0, progress_bar=False)
P_snorkel = snorkel_model.predict_proba(L_snorkel)

# %% [markdown]
# Then drop the records on which no function votes, and train a classifier on the rest.

# %%
labeled, P_labeled = filter_unlabeled_dataframe(train, P_snorkel, L_snorkel)
end_model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10))
end_model.fit(labeled["text"], P_labeled.argmax(axis=1))

print(len(labeled), "of", len(train), "records have a vote")
print("accuracy of the end model on the test records:", (end_model.predict(test["text"]) == test_truth).mean().round(3))

# %% [markdown]
# ## weaklab's way, with the same functions
#
# A project is a folder. It holds names of labels, not numbers. The numbers that your functions return are places in
# the list `labels`.

# %%
temporary = tempfile.TemporaryDirectory()
project = weaklab.Project(Path(temporary.name) / "headlines", labels=names, annotator="you")
project.add_records(train, text="text", id="id", gold="gold")
for function in functions:
    project.add(function)

project.run(progress=False)

# %% [markdown]
# One call for the applier, the analysis and the label model. The votes are the same:

# %%
votes = project.committee.vote(project.corpus, progress=False)
print(votes.names == [function.name for function in functions], np.array_equal(votes.L, L_snorkel))

# %% [markdown]
# The labels are a frame, with names. `label` is empty where the classes are equally probable.

# %%
project.labels().head(3).round(3)

# %% [markdown]
# ## Whose labels are right?
#
# Snorkel's label model knows votes. weaklab's default, `committee`, also looks at the texts, so it has something to
# say where no function votes. The first two rows get votes alone. Ties count one half.

# %%
covered = (L_snorkel != ABSTAIN).any(axis=1)
votes_alone = weaklab.label_model("committee", n_classes=2).fit(L_snorkel)
P = project.labels()[["p_clickbait", "p_news"]].to_numpy()
found = {
    "Snorkel's LabelModel": P_snorkel,
    "weaklab, votes alone": votes_alone.predict_proba(L_snorkel),
    "weaklab, votes and texts": P,
}

pd.DataFrame(
    {
        name: {
            "records with a vote": accuracy(p[covered], truth[covered]),
            "records without": accuracy(p[~covered], truth[~covered]),
            "all": accuracy(p, truth),
        }
        for name, p in found.items()
    }
).T.round(3)

# %% [markdown]
# ## Matrices go both ways
#
# `L` of weaklab has the codes of Snorkel: -1 abstains. So you can keep Snorkel's applier, or Snorkel's label model.
# `compare_label_models` measures several on your votes; its `snorkel` is Snorkel's own `LabelModel`. Here it looks at
# the records with a vote, without manual labels and with 100 of them, drawn at random twice.

# %%
weaklab.compare_label_models(
    L_snorkel, truth, models=["committee", "snorkel", "majority_vote"], budgets=[0, 100], seeds=2, covered=True
)

# %% [markdown]
# All are close here. What differs most is how far the probabilities can be believed: the Brier score and the
# calibration error (ECE) are lower for `committee`.
#
# ## The end model
#
# `train_end_model` does what `filter_unlabeled_dataframe` and `fit` did above. By default it keeps all records,
# and each counts by its probabilities. `abstained=False` drops the records without a vote, as Snorkel's filter does.

# %%
estimator = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10))


def on_test(**settings):
    model = project.train_end_model(estimator, folds=0, progress=False, **settings)
    return accuracy(model.predict_proba(test["text"]), test_truth)


snorkel_end = accuracy(end_model.predict_proba(test["text"]), test_truth)
end_models = {
    "Snorkel: filtered, most probable label": snorkel_end,
    "weaklab: filtered, weighted by probability": on_test(abstained=False),
    "weaklab: all records, weighted by probability": on_test(),
}
pd.Series(end_models, name="accuracy on the test records").round(3).to_frame()

# %% [markdown]
# ## What comes after
#
# In Snorkel you would now write more functions. In weaklab you can also answer questions.
# `ask` picks the records that are worth a label, and says why:

# %%
project.ask(5)

# %% [markdown]
# A **weak classifier** learns from your answers, and votes beside the functions.
#
# **The gold column answers here, in the place of a person.** `replay` asks for ten records, answers from it, trains
# again, and so on.

# %%
project.weak_classifier("naive_bayes")
gold = dict(zip(train["id"], train["gold"], strict=True))
rounds = weaklab.replay(project, gold, n_labels=60, batch=10)
pd.DataFrame(rounds).round(3)

# %%
end_models["weaklab: the same, after 60 answers"] = on_test()
pd.Series(end_models, name="accuracy on the test records").round(3).to_frame()

# %% [markdown]
# How good is it without a gold column? A fifth of the questions are drawn at random. These tell, with an interval.
# Twelve random answers make a wide one.

# %%
project.evaluate()

# %% [markdown]
# ## When a function is wrong
#
# Snorkel stops at the first exception, unless you ask for a fault tolerant applier. In weaklab the function abstains on
# that record, and the fault is kept, with record, line and message. Try a function before you add it:


# %%
@labeling_function()
def starts_with_large_number(x):
    return NEWS if int(x.text.split()[0]) > 1000 else ABSTAIN


project.try_on(starts_with_large_number, 4)

# %% [markdown]
# ## From one to the other
#
# | Snorkel | weaklab |
# |---|---|
# | `@labeling_function()` | the same, as it is; or `@weaklab.labeling_function`, which may return names |
# | return `ABSTAIN` | return `None` or -1 |
# | codes 0, 1, ... | the places in `labels=[...]` |
# | `resources=`, `pre=[...]`, `@preprocessor` | as they are; in a function for weaklab, plain variables and calls |
# | a keyword function | `weaklab.keywords("news", [...])`, compiled |
# | `PandasLFApplier(functions).apply(frame)` | `project.add(function)`, `project.run()`; or `Committee.vote` |
# | `LFAnalysis(L, functions).lf_summary()` | `project.summary()`; `project.analysis()` for precision, gain and copies |
# | `LFAnalysis.lf_empirical_accuracies(Y)` | measured on the answers, with intervals; on the gold column, exactly |
# | `LabelModel().fit(L)`, `MajorityLabelVoter()` | `weaklab.label_model("committee")`, `"snorkel"`, `"majority_vote"` |
# | `fit(L, class_balance=...)` | `label_model(name, class_balance=...)`; a project learns it from manual labels |
# | `predict(L, tie_break_policy="abstain")` | `project.labels()`: `label` is empty on ties |
# | `filter_unlabeled_dataframe` | `train_end_model(abstained=False)`; `project.export(file, min_confidence=0.2)` |
# | a model trained on the labels | `project.train_end_model(estimator)` |
# | slicing functions | `project.label_quality(by="column")` measures in slices; it trains no model for them |
# | transformation functions | not in weaklab |
#
# Functions that were written for Snorkel get a pandas Series for each record, also in weaklab. Rewritten for weaklab
# they get a light record, and vote faster. See the guide for both.

# %%
project.close()
temporary.cleanup()
