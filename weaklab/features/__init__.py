"""Features for weak classifiers: turn each record into a row of numbers; they are fitted on a corpus without labels."""

from weaklab.features.base import FEATURES, Features, sharing, transform_once
from weaklab.features.caching import fit_cached
from weaklab.features.combine import (
    Auto,
    Combined,
    Transformer,
    WithSentences,
    feature_spec,
    features,
    features_from_spec,
)
from weaklab.features.grams import WORDS
from weaklab.features.numbers import NumericColumns
from weaklab.features.sentence import Sentence
from weaklab.features.word_vectors import Doc2Vec, FastText, Word2Vec
from weaklab.features.words import Hashing, Tfidf

__all__ = [
    "FEATURES",
    "WORDS",
    "Auto",
    "Combined",
    "Doc2Vec",
    "FastText",
    "Features",
    "Hashing",
    "NumericColumns",
    "Sentence",
    "Tfidf",
    "Transformer",
    "WithSentences",
    "Word2Vec",
    "feature_spec",
    "features",
    "features_from_spec",
    "fit_cached",
    "sharing",
    "transform_once",
]
