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
# # Tables and images
#
# Records need no text. First a table of numbers: heuristics are conditions on columns, and a weak classifier learns
# from the columns. Then images in ten classes: an embedding is a column, too.

# %%
# # %pip install 'weaklab[plot]'
import io
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA

import weaklab
from weaklab import col, where

# %% [markdown]
# ## A table
#
# 178 wines of three growers' varieties, with 13 measurements each. They come with scikit-learn.

# %%
wine = load_wine(as_frame=True)
wines = wine.data.assign(gold=wine.target.map(lambda code: f"class_{code}"))
wines.head(3)

# %% [markdown]
# `text=[]` says that there is no text. All columns of numbers can be read by heuristics. The column `gold` cannot: it
# measures, and answers here in the place of a person.

# %%
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
project = weaklab.Project(folder / "wines", labels=["class_0", "class_1", "class_2"], annotator="you")
receipt = project.add_records(wines, text=[], gold="gold")

# %% [markdown]
# `where` votes for a label where a condition holds. `col` is a column; conditions are joined with `&`, `|` and `~`,
# each comparison in parentheses. They are compiled, and run over whole columns.

# %%
for rule in (
    where("class_0", col("proline") > 900, name="much_proline"),
    where("class_2", col("flavanoids") < 0.5 * col("total_phenols"), name="few_flavanoids"),
):
    project.add(rule)


# %% [markdown]
# What a condition cannot say, Python can. A function reads columns as attributes.


# %%
@project.labeling_function
def dark_and_weak(x):
    """Color that is not from phenols."""
    return ("class_2", 0.8) if x.color_intensity > 3 * x.total_phenols else None


project.run(progress=False)

# %% [markdown]
# Now thirty answers, and a weak classifier. It learns from all columns of numbers.

# %%
project.weak_classifier("logistic_regression")
ids = project.labels()["id"]
rounds = weaklab.replay(project, dict(zip(ids, wines["gold"], strict=True)), n_labels=30, batch=10)
pd.DataFrame(rounds).round(3)

# %% [markdown]
# Nothing votes for `class_1` but the classifier. From the answers, weaklab proposes thresholds, each with its precision
# and what it would bring:

# %%
rules = project.propose_rules(label="class_1", most=3)
rules

# %%
project.close()

# %% [markdown]
# ## Images
#
# 1,797 handwritten digits of scikit-learn, 8 x 8 pixels. An image is a column of bytes (PNG, JPEG, GIF or WebP), or
# of paths of files. The labeling page shows it.

# %%
digits = load_digits()


def png(pixels):
    """Return an image as PNG, each pixel as a square of 8 x 8."""
    file = io.BytesIO()
    plt.imsave(file, np.kron(pixels, np.ones((8, 8))), cmap="gray_r", vmin=0, vmax=16, format="png")
    return file.getvalue()


# %% [markdown]
# **An embedding** is a column of lists of numbers. Here it is a PCA of the pixels, to need no network. For photographs
# you would take the vectors of a pretrained model, one list for each image.

# %%
vectors = PCA(24, random_state=0).fit_transform(digits.data)

# %% [markdown]
# **Features for heuristics** are columns that you compute once. What can be said about digits in code: how many holes
# they have and where, how wide they are, and where the ink is.


# %%
def measure(pixels):
    paper = np.pad(pixels, 1) < 6
    regions, n_regions = ndimage.label(paper)
    holes = [region for region in range(1, n_regions + 1) if region != regions[0, 0]]
    return {
        "holes": len(holes),
        "hole_row": ndimage.center_of_mass(regions == holes[0])[0] - 1 if holes else None,
        "width": int(np.ptp(np.flatnonzero(pixels.max(axis=0) > 4)) + 1),
        "middle": float(pixels[3:5, 3:5].mean()),
        "bottom": float(pixels[5:].sum() / pixels.sum()),
    }


images = pd.DataFrame([measure(pixels) for pixels in digits.images])
images["image"] = [png(pixels) for pixels in digits.images]
images["vector"] = vectors.round(3).tolist()
images["gold"] = digits.target.astype(str)
images.insert(0, "id", [f"d{number}" for number in range(len(images))])

# %%
project = weaklab.Project(folder / "digits", labels=list("0123456789"), annotator="you")
receipt = project.add_records(images, text=[], id="id", gold="gold")

# %% [markdown]
# Six ideas. There is none for 2, 3, 4 and 5. That is usual with ten classes: the answers will teach these.

# %%
one_hole = col("holes") == 1
for rule in (
    where("0", one_hole & (col("middle") < 3), name="empty_middle"),
    where("1", (col("holes") == 0) & (col("width") <= 5) & (col("middle") > 13), name="narrow_stroke"),
    where("6", one_hole & (col("hole_row") > 4.5), name="hole_at_the_bottom"),
    where("7", (col("holes") == 0) & (col("bottom") < 0.25), name="light_foot"),
    where("8", col("holes") >= 2, name="two_holes"),
    where("9", one_hole & (col("hole_row") < 2.5), name="hole_at_the_top"),
):
    project.add(rule)

project.run(progress=False)

# %% [markdown]
# ## A person sees images
#
# `ask` picks them. On the labeling page each is shown as an image, with its columns; in a notebook that is
# `project.widget()`, on the command line `weaklab serve`. These are the first twelve questions:

# %%
asks = project.ask(12)


def show(ids, titles):
    _, places = plt.subplots(2, 6, figsize=(8, 3.2))
    for place, record, title in zip(places.flat, ids, titles, strict=True):
        place.imshow(digits.images[int(record[1:])], cmap="gray_r")
        place.set_title(title, fontsize=9)
        place.axis("off")


show([ask.id for ask in asks], [f"suggestion: {ask.suggestion}" for ask in asks])

# %% [markdown]
# Now a weak classifier on the vectors, and 150 answers from the gold column.

# %%
project.weak_classifier("kernel_svm", features={"name": "columns", "columns": ["vector"]})
truth = dict(zip(images["id"], images["gold"], strict=True))
rounds = pd.DataFrame(weaklab.replay(project, truth, n_labels=150, batch=30))
rounds.round(3)

# %% [markdown]
# Where is it least sure now? These are the labels with the lowest confidence:

# %%
labels = project.labels()
unsure = labels[~labels["manual"]].nsmallest(12, "confidence")
show(unsure["id"], [f"{label}?" for label in unsure["label"]])

# %% [markdown]
# Precision and recall of each label. The column "by gold" is exact. The others show what you know without a gold
# column: 30 random answers are too few for ten classes, so no figure is shown.

# %%
project.label_quality()

# %% [markdown]
# ## Take the labels with you
#
# Labels below a confidence of 0.2 stay empty.

# %%
project.export(folder / "digits.csv", min_confidence=0.2)
pd.read_csv(folder / "digits.csv", dtype={"label": str})[["id", "label", "confidence"]].head(4).round(3)

# %%
project.close()
temporary.cleanup()
