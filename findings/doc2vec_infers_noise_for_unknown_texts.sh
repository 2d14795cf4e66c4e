#!/usr/bin/env bash
# gensim 4.4.0
#
# Behaviour: Doc2Vec.infer_vector of a text that has no word of the vocabulary, also of an empty text, is a random vector and
# not zeros. It is as long as the vectors of real texts of a few words and another one for every such text and every call.
#
# Why the guess is wrong: no word means no information, and FastText and get_mean_vector of the same library give zeros or an
# error there. infer_vector begins with random numbers and moves them with every known word; with none it returns them as they
# are. Scaled to length 1, as for cosine similarity, empty records lie far from each other, and each is the neighbour of
# some real text. Nothing is warned of.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --disable-pip-version-check gensim==4.4.0 numpy==2.4.6 scipy==1.17.1
cd "$work"
"$work/env/bin/python" - <<'PY'
import numpy as np
from gensim.models.doc2vec import Doc2Vec, TaggedDocument

texts = ["win a prize now", "see you at home", "free prize call now", "lunch at noon at home"] * 50
documents = [TaggedDocument(text.split(), [row]) for row, text in enumerate(texts)]
model = Doc2Vec(documents, vector_size=50, min_count=1, epochs=20, seed=1, workers=1)


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


real = np.median([np.linalg.norm(model.infer_vector(text.split())) for text in texts[:4]])
unknown = [model.infer_vector(words) for words in ([], [], ["bonjour"], ["guten", "tag"])]
lengths = [float(np.linalg.norm(vector)) for vector in unknown]
twice, others = cosine(unknown[0], unknown[1]), cosine(unknown[2], unknown[3])
print(f"length of a real text {real:.3f}; without a known word", [round(length, 3) for length in lengths])
print(f"cosine of the empty text with itself {twice:.2f}, of two unknown texts {others:.2f}")
assert min(lengths) > 0.5 * real, lengths
assert max(abs(twice), abs(others)) < 0.8, (twice, others)
same = [model.infer_vector(texts[0].split()) for _ in range(2)]
print(f"cosine of a real text with itself {cosine(*same):.3f}")
assert cosine(*same) > 0.9
PY
