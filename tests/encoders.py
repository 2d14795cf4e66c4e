"""What tests of sentence encoders share: whether one is installed, and a small static model made from it."""

import importlib.util
import os

import pytest

from weaklab.features.encoders import PACKAGED, MissingEncoderError, find_encoder


def _why_not():
    if importlib.util.find_spec("sentence_transformers") is None:
        return "sentence-transformers is not installed (pip install 'weaklab[sentence]')"
    try:
        find_encoder(PACKAGED)
    except MissingEncoderError:
        return f"there is no sentence encoder (pip install {PACKAGED})"
    return None


WHY_NOT = _why_not()
if WHY_NOT is not None and os.environ.get("WEAKLAB_REQUIRE_ENCODER"):
    raise RuntimeError(f"WEAKLAB_REQUIRE_ENCODER is set, but {WHY_NOT}")
needs_encoder = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


def static_model(folder, scale=1.0, size=64):
    """Save a static model whose vectors are means of word vectors of the packaged model; return its folder."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding

    packaged = SentenceTransformer(str(find_encoder(PACKAGED)), local_files_only=True)
    words = packaged[0].auto_model.get_input_embeddings().weight.detach()[:, :size] * scale
    words = words + (scale - 1)  # else only the length of a vector would differ
    SentenceTransformer(modules=[StaticEmbedding(packaged.tokenizer, embedding_weights=words)]).save(str(folder))
    return folder
