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
# # Labels on Spark
#
# Spark is for records that already lie on a cluster, or do not fit on one machine. On one machine the local engine of
# the notebook *Large corpora* is faster: Spark takes seconds to start, and copies every record between Java and Python.
#
# It needs pyspark and a Java runtime, 17 or newer (Debian: `apt-get install default-jre-headless`).

# %%
# # %pip install "weaklab[notebook,spark]"
import os
import sys
import tempfile
import warnings
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql import functions as fn

import weaklab
from weaklab import batch
from weaklab.batch import spark as on_spark
from weaklab.core.errors import FaultWarning
from weaklab.datasets import load_headlines

warnings.simplefilter("ignore", FaultWarning)  # the faults are shown below
warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas")
here = Path.cwd()
temporary = tempfile.TemporaryDirectory()
os.chdir(temporary.name)

# %% [markdown]
# ## A committee
#
# It comes from a project, as ever. **The gold column of the bundled headlines plays the person.**
# `big_number` has a bug: it cannot read `1,200`.

# %%
headlines = load_headlines()
project = weaklab.Project("sample", labels=["clickbait", "news"], annotator="you")
project.add_records(headlines, gold="gold", quiet=True)
project.add(weaklab.keywords("news", ["police", "court", "minister", "killed", "percent", "bank"], name="news_words"))
project.add(weaklab.pattern("clickbait", r"\b(you|your|yours)\b", name="speaks_to_you"))


@project.labeling_function
def big_number(x):
    import re

    found = re.search(r"\d[\d,]*", x.text)
    return "news" if found and int(found.group()) > 1000 else None


project.weak_classifier("naive_bayes")
gold = dict(zip(headlines["id"], headlines["gold"], strict=True))
weaklab.replay(project, gold, n_labels=60)
project.summary()

# %% [markdown]
# ## A session
#
# Your own, as ever. This one runs on two cores of this machine, and its workers take the Python of this notebook.

# %%
os.environ["PYSPARK_PYTHON"] = sys.executable
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.extraJavaOptions", f"-XX:TieredStopAtLevel=1 -Djava.io.tmpdir={Path.cwd()}")
    .config("spark.local.dir", str(Path.cwd()))
    .config("spark.sql.warehouse.dir", str(Path("warehouse").resolve()))
    .config("spark.sql.shuffle.partitions", 1)
    .config("spark.ui.enabled", False)
    .config("spark.ui.showConsoleProgress", False)
    .getOrCreate()
)

# %% [markdown]
# ## Label a DataFrame
#
# 2,790 headlines, from two sources. `label` takes the project as of its last training, and is lazy like every
# DataFrame.

# %%
records = (
    spark.createDataFrame(headlines[["id", "text"]])
    .crossJoin(spark.range(3).withColumnRenamed("id", "copy"))
    .select(
        fn.concat_ws("-", "id", "copy").alias("id"),
        "text",
        fn.when(fn.col("copy") < 1, "site").otherwise("agency").alias("source"),
    )
)
labeled = on_spark.label(records, project, include=["source"])
labeled.printSchema()

# %% [markdown]
# Write it, and read it back: a DataFrame that was not written is labeled again by every action.

# %%
records.write.parquet("records")
labeled.write.parquet("labels")
labels = spark.read.parquet("labels")
labels.groupBy("source", "label").count().orderBy("source", "label").toPandas()

# %%
labels.orderBy("id").limit(5).toPandas().drop(columns=["faults"]).round(3)

# %% [markdown]
# ## What went wrong
#
# A function that raises abstains on that record. `faults` counts them, with ids:

# %%
on_spark.faults(labels).select("heuristic", "exception", "message", "count").toPandas()

# %% [markdown]
# ## The same on one machine
#
# Labels depend neither on partitions nor on the engine. The local engine says the same of the same files, bit for bit:

# %%
batch.label_files(project.freeze(), "records", "local", include=["source"], workers=1)
local = pd.concat([pd.read_parquet(part) for part in sorted(Path("local").glob("*.parquet"))])
columns = ["id", "source", "label", "p_clickbait", "p_news", "confidence"]
on_this_machine, on_spark_too = (
    frame[columns].sort_values("id", ignore_index=True) for frame in (local, labels.toPandas())
)
print("equal:", on_this_machine.equals(on_spark_too))

# %% [markdown]
# On the command line: `weaklab batch sample 'records/*.parquet' labels --engine spark --workers 2`.
#
# A cluster needs the same Python environment on every machine, and memory outside the Java heap:
# [weaklab on Spark](../docs/spark.md) says how, and what was run and what was not.

# %%
spark.stop()
project.close()
os.chdir(here)
temporary.cleanup()
