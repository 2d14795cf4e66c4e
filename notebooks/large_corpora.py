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
# # Large corpora
#
# A project holds its records' ids, votes and probabilities in memory, and a person labels a few hundred of them.
# For ten million records, label a sample in a project, **freeze** its committee, and let it label the files.
#
# This notebook labels 60,000 records in five files. Millions work the same way; only the time grows.
# For records on a cluster see [weaklab on Spark](../docs/spark.md).

# %%
import os
import re
import tempfile
import time
import warnings
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

import weaklab
from weaklab import batch
from weaklab.core.errors import FaultWarning
from weaklab.datasets import load_headlines

warnings.simplefilter("ignore", FaultWarning)  # the faults are shown below

here = Path.cwd()
temporary = tempfile.TemporaryDirectory()
os.chdir(temporary.name)

# %% [markdown]
# ## Files in parts
#
# The sample has 930 headlines. Repeated with a number they are enough to show how it works; what they say about
# accuracy is of course nothing new. Five Parquet files of 12,000 rows:

# %%
headlines = load_headlines()
files = Path("headlines")
files.mkdir()
for part in range(5):
    rows = np.arange(part * 12_000, (part + 1) * 12_000)
    texts = headlines["text"].to_numpy()[rows % len(headlines)]
    table = pa.table(
        {
            "id": [f"r{row:05}" for row in rows],
            "text": [f"{text} ({row // len(headlines)})" for text, row in zip(texts, rows, strict=True)],
            "source": np.where(rows % 3 == 0, "site", "agency"),
        }
    )
    pq.write_table(table, files / f"{part}.parquet")

# %% [markdown]
# ## A committee from a sample
#
# In a project, as ever. Here the sample is the bundled headlines, and **their gold column plays the person**.

# %%
project = weaklab.Project("sample", labels=["clickbait", "news"], annotator="you")
project.add_records(headlines, gold="gold", quiet=True)
project.add(weaklab.keywords("news", ["police", "court", "minister", "killed", "percent", "bank"], name="news_words"))
project.add(weaklab.pattern("clickbait", r"\b(you|your|yours)\b", name="speaks_to_you"))


@project.labeling_function
def big_number(x):
    found = re.search(r"\d[\d,]*", x.text)
    return "news" if found and int(found.group()) > 1000 else None


project.weak_classifier("naive_bayes")
gold = dict(zip(headlines["id"], headlines["gold"], strict=True))
rounds = weaklab.replay(project, gold, n_labels=60)
project.summary()

# %% [markdown]
# ## Freeze it
#
# `freeze` returns the committee as of its last training. It no longer changes, needs no project folder, and judges
# every record by itself: functions, classifiers with their features, and the label model with its weights.

# %%
frozen = project.freeze()
print(frozen.predict(["You won't believe this carrot", "Minister resigns over bank rules"]))
frozen.predict_proba(["You won't believe this carrot", "Minister resigns over bank rules"]).round(3)

# %% [markdown]
# It is one object, which `cloudpickle` takes to other machines. Load only pickles of your own: loading one runs code.

# %%
pickled = cloudpickle.dumps(frozen)
print(f"{len(pickled) / 1e6:.1f} MB")

# %% [markdown]
# A frozen committee learns nothing from what it labels, and a record gets no help from its
# neighbours in the new files. Freeze again after more manual labels.
#
# ## Label files
#
# Parts of the output are written in the order of the input. On your machine all cores work (`workers=`), each on one
# part at a time, so memory does not grow with the corpus: about 120 MB for each worker beside what the committee takes.

# %%
out = Path("labels")
started = time.perf_counter()
done = batch.label_files(
    frozen, files / "*.parquet", out, include=["source"], votes=True, rows_per_part=12_000, workers=1
)
first_run = time.perf_counter() - started
done

# %% [markdown]
# The function `big_number` crashes on `1,200`, for the comma. It abstained there, and the output says so, record by
# record, in the column `faults`. The folder is a Parquet data set for any tool:

# %%
labels = ds.dataset(out, format="parquet", exclude_invalid_files=True)
pd.DataFrame({"type": {field.name: str(field.type) for field in labels.schema}})

# %%
labels.head(5).to_pandas()[["id", "source", "label", "p_news", "confidence", "vote_naive_bayes"]].round(3)

# %% [markdown]
# Read what you need and no more: pyarrow reads one column of the sure labels only.

# %%
sure = labels.to_table(columns=["source", "label"], filter=ds.field("confidence") > 0.5).to_pandas()
pd.crosstab(sure["source"], sure["label"])

# %% [markdown]
# ## A stopped run goes on
#
# Give the same call again. Finished parts are kept, by digests of their bytes. Let us lose one of them, as a full disk
# or a killed process would:

# %%
parts = sorted(out.glob("*.parquet"))
lost = parts[2].read_bytes()
parts[2].unlink()

started = time.perf_counter()
batch.label_files(frozen, files / "*.parquet", out, include=["source"], votes=True, rows_per_part=12_000, workers=1)
second_run = time.perf_counter() - started

print("the same bytes as before:", parts[2].read_bytes() == lost)
print("faster than the first run:", second_run < first_run)

# %% [markdown]
# Another committee, other files or other settings are not mixed into the folder:

# %%
try:
    batch.label_files(frozen, files / "*.parquet", out, rows_per_part=12_000, workers=1)
except weaklab.WeaklabError as error:
    print(error)

# %% [markdown]
# On the command line: `weaklab batch sample 'headlines/*.parquet' labels --include source --votes`.
#
# ## A stream of your own
#
# `label_batches` takes Arrow batches from anywhere, a database or a queue, and gives labels back, one batch at a time:

# %%
stream = pq.ParquetFile(files / "0.parquet").iter_batches(batch_size=4_000, columns=["id", "text"])
for labeled in frozen.label_batches(stream):
    counts = labeled["label"].value_counts().to_pylist()
    print(labeled.num_rows, {count["values"]: count["counts"] for count in counts})

# %% [markdown]
# ## Without a project
#
# `batch.fit` fits a label model to the votes on a random sample of files that need not fit in memory:

# %%
committee = weaklab.Committee(["clickbait", "news"], timeout=None)
committee.add(weaklab.keywords("news", ["police", "court", "minister", "killed", "percent", "bank"]))
committee.add(weaklab.pattern("clickbait", r"\b(you|your|yours)\b"))
batch.fit(committee, files / "*.parquet").predict(["You won't believe this carrot", "A walk in the park"])

# %% [markdown]
# ## Large label matrices
#
# If you have votes already, pass them as int8; they are not copied. Here a million rows of eight functions, each right
# four times in five where it votes. The first large matrix on a machine compiles the loops, which takes some seconds.

# %%
rng = np.random.default_rng(0)
truth = rng.integers(0, 2, 1_000_000, dtype=np.int8)
L = np.full((len(truth), 8), weaklab.ABSTAIN, np.int8)
for column in L.T:
    votes = rng.random(len(truth)) < 0.3
    right = rng.random(len(truth)) < 0.8
    column[votes] = np.where(right, truth, 1 - truth)[votes]

model = weaklab.label_model("committee", n_classes=2).fit(L)
P = model.predict_proba(L)
print(f"{L.nbytes / 1e6:.0f} MB of votes, {P.nbytes / 1e6:.0f} MB of probabilities")
print(f"fitted on {model.fit_rows_:,} rows, standard error of a probability {model.sample_error_:.4f}")
print(f"accuracy {(P.argmax(axis=1) == truth).mean():.3f}")

# %% [markdown]
# Such functions, which vote both classes, are treated as annotators: how often each is right is learned from about
# 4,000 of its votes, always the same ones. The error that this makes is above. `partial_fit(L)` goes on with the next
# batch where the matrix itself is too large.
#
# More: [large corpora](../docs/large.md), with what is kept in memory and what is compiled.

# %%
project.close()
os.chdir(here)
temporary.cleanup()
