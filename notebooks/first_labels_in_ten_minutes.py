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
# # First labels in ten minutes
#
# You have many records, no labels, and a few ideas of what gives a class away.
# Each idea becomes a **labeling function**: a few lines that vote for a label, or abstain.
# A **label model** turns the votes into one probability a class for every record.
# Then you label the few records that the functions argue about most.

# %%
import re
import tempfile
from pathlib import Path

import pandas as pd

import weaklab
from weaklab.datasets import load_headlines

pd.set_option("display.max_colwidth", 80)

# %% [markdown]
# ## The records
#
# 930 headlines come with weaklab: each is clickbait or plain news.

# %%
headlines = load_headlines()
for text in headlines["text"].sample(8, random_state=1):
    print("-", text)

# %% [markdown]
# The column `gold` holds the truth. Nothing learns from it here: it plays the person who answers, and it measures.
# With records of your own there is no such column, and all else stays the same.

# %%
gold = dict(zip(headlines["id"], headlines["gold"], strict=True))

# %% [markdown]
# ## A project is a folder
#
# It keeps the records, the votes and every answer. Here it is a temporary one; give it a place of its own for real
# work.

# %%
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name) / "headlines"

# %%
project = weaklab.Project(folder, labels=["clickbait", "news"], annotator="you")
receipt = project.add_records(headlines, text="text", id="id", gold="gold")

# %% [markdown]
# ## Five ideas
#
# **1. A plain function.** It gets one record, `x.text` is its text. It returns a label, or `None` to abstain.
# The examples say what it must do. They are checked when the function joins.


# %%
@project.labeling_function(examples={"7 Reasons To Nap": "clickbait", "7 held after port raid": None})
def numbered_list(x):
    """A number, then a plural that lists are made of."""
    listed = r"\d+ (\w+ ){0,2}(things|ways|reasons|signs|facts|tricks|hacks)\b"
    return "clickbait" if re.match(listed, x.text, re.IGNORECASE) else None


# %% [markdown]
# Try it at once, on texts that you make up:

# %%
project.try_on("numbered_list", ["9 Ways to Fold", "The 9 Ways to Fold", "9 dead in ferry fire"])

# %% [markdown]
# The second one slipped through: `re.match` wants the number first. That is good enough. A function need not be
# complete, and other functions have a vote as well.
#
# A function that breaks one of its own examples does not join:

# %%
try:

    @project.labeling_function(examples={"What happened next": "clickbait"})
    def question(x):
        return "clickbait" if "?" in x.text else None

except weaklab.WeaklabError as error:
    print(error)

# %% [markdown]
# **2. Keywords.** A label and a list of whole words. No code to write.

# %%
news_words = weaklab.keywords(
    "news",
    ["police", "court", "minister", "government", "president", "killed", "dead", "jailed", "strike", "fire", "percent",
     "election", "vote", "council", "bank", "million", "billion", "says", "say", "said"],
    name="news_words",
)  # fmt: skip
project.add(news_words)

# %% [markdown]
# It takes records, too. Here is a random sample:

# %%
project.try_on("news_words", headlines.sample(8, random_state=8))

# %% [markdown]
# **3. A pattern.** A label and a regular expression.

# %%
project.add(
    weaklab.pattern(
        "clickbait", r"^(this|these|here'?s|here are|watch|meet|why|how|what|can|i|my|we)\b", name="teaser_opening"
    )
)
project.try_on("teaser_opening", headlines.head(8))

# %% [markdown]
# **4. A pair.** Where a clue is not sure, return `(label, confidence)`.


# %%
@project.labeling_function
def speaks_to_you(x):
    """News does it, too, but only in quotes."""
    return ("clickbait", 0.8) if re.search(r"\b(you|your|yours|you're)\b", x.text, re.IGNORECASE) else None


project.try_on("speaks_to_you", headlines.head(10))

# %% [markdown]
# **5. A batch function.** It gets a DataFrame and returns one vote a row: for code that works on whole columns.


# %%
@project.labeling_function(batch=True)
def capitals(frame):
    """Agencies write in lower case, teasers Like This."""
    words = frame.text.str.findall(r"[A-Za-z][a-z']+")
    share = words.map(lambda ws: sum(w[0].isupper() for w in ws) / max(len(ws), 1))
    return ["news" if s < 0.4 else "clickbait" if s > 0.9 else None for s in share]


project.try_on("capitals", headlines.head(10))

# %% [markdown]
# A function may crash on a record. Then it abstains there, and says so, with the record and the reason:


# %%
def big_number(x):
    return "news" if int(re.search(r"\d+", x.text).group()) > 1000 else None


project.try_on(big_number, 6)

# %% [markdown]
# With a number, as here, `try_on` tries up to a thousand records of the project and shows so many, half of them with
# votes.
# Without a name it tries all functions that have joined:

# %%
project.try_on(sample=10)

# %% [markdown]
# ## All votes at once
#
# `run` lets every function vote on every record, fits the label model, and returns the summary.
#
# - **coverage**: the share of records that it votes on
# - **overlaps**: where another one votes, too
# - **conflicts**: where another one votes otherwise

# %%
project.run(progress=False)

# %% [markdown]
# No label so far, and most records have a vote. Here are the first of them, with their label and why. Every record has
# probabilities as well, in `project.labels()`:

# %%
labels = project.labels()
project.records[:8]

# %% [markdown]
# `confidence` is 0 where the classes are equally probable, and 1 where one is certain.
# `label` would be empty where nothing tells the classes apart. Here every record has one: where no function votes, the
# committee goes by records that read alike, and is not sure of it.

# %%
labels["label"].value_counts(dropna=False)


# %% [markdown]
# The project in numbers. `accuracy` is there because the records have a gold column.


# %%
def numbers():
    status = project.status()
    return {name: status[name] for name in ("manual_labels", "accuracy", "mean_confidence", "conflicts")}


history = [numbers()]
pd.Series(history[0]).round(3)

# %% [markdown]
# ## What to label first
#
# `ask` picks the records that are worth a person's time, and says why.
# The first ten are typical of groups of similar headlines. After that they are those on which the committee cannot
# decide: functions disagree, or no heuristic votes. A few are always drawn at random, as a fair sample.

# %%
asks = project.ask(10)
asks

# %% [markdown]
# Each one holds what a person, or a page, needs to know:

# %%
first = asks[0]
print(first.text)
print("votes:", first.votes)
print("suggestion:", first.suggestion, first.probabilities)

# %% [markdown]
# Now somebody answers: `project.label(ask, "news")` for one record, `label_many` for several.
#
# **Here the gold column answers, in the place of a person.** It has not seen the suggestions, hence `shown=False`.

# %%
answers = [(ask, gold[ask.id]) for ask in asks]
project.label_many(answers, shown=False)
for ask, answer in answers:
    right = "accepted" if answer == ask.suggestion else "corrected"
    print(f"{right:9}  {answer:9}  {ask.text}")

# %% [markdown]
# After every ten answers the committee is trained again. Five batches more, and all the numbers:

# %%
history.append(numbers())
for _ in range(5):
    project.label_many([(ask, gold[ask.id]) for ask in project.ask(10)], shown=False)
    history.append(numbers())

pd.DataFrame(history).round(3)

# %% [markdown]
# The summary now says how often each function agrees with the answers, with a 95% interval and the number of answers.
# Most answers are on hard records, so this accuracy is not that on all records.

# %%
project.summary()

# %% [markdown]
# ## How good are the labels?
#
# The records that were drawn at random tell, those that were picked for being hard do not. So far twelve answers are
# random. That is too few, so ask about 30 more, all random:

# %%
project.label_many([(ask, gold[ask.id]) for ask in project.ask(30, strategy="random")], shown=False)
project.evaluate(progress=False)

# %% [markdown]
# The first row is the answer, with a 95 % interval; about one interval in twenty misses the truth. Below the table: a
# forecast for more labels, whether to stop, and whether people agree more often with a suggestion that they see (nobody
# has seen one here).

# %% [markdown]
# ## A slip of the finger
#
# `undo` takes back the last answer. The record may be asked again.

# %%
taken_back = project.undo()
print(taken_back.record, taken_back.label)
print(project.status()["manual_labels"], "manual labels")

# %% [markdown]
# Nothing is ever deleted. The answer and its undoing are both in the history:

# %%
project.history().tail(3)[["id", "kind", "record", "label", "annotator", "undoes"]]

# %% [markdown]
# ## Take the labels with you
#
# One row a record, to Parquet, CSV or JSONL. Below `min_confidence` the label stays empty.

# %%
file = folder.parent / "labels.csv"
project.export(file, include=["text"], min_confidence=0.1)

# %%
exported = pd.read_csv(file)
print(exported["label"].notna().sum(), "of", len(exported), "have a label")
exported.sample(6, random_state=0).round(3)

# %% [markdown]
# ## Tomorrow
#
# Close the project, and open the folder again. It continues where it stopped:
# the same records, votes and answers, and the labels are the same, too.

# %%
labels_today = project.labels()
project.close()

# %%
project = weaklab.Project(folder, annotator="you")
print(project.labels().equals(labels_today))
project.summary()

# %% [markdown]
# The next questions are ready:

# %%
project.ask(3)

# %% [markdown]
# Of functions that were written in a notebook, the project keeps the votes and not the code.
# Put them into a file in the folder `labeling_functions` of the project, and new records get their votes, too.
#
# Next: *Creating a weak classifier*, a voter that learns from your answers; then *The active-learning loop* and
# *Debugging a committee*.

# %%
project.close()
temporary.cleanup()
