"""Query strategies: pure functions of arrays, higher scores are asked sooner; put a module here and it is found.

A strategy names what it needs among :data:`ARGUMENTS` and returns one finite score a record.
"""

from weaklab.strategies.base import ARGUMENTS, STRATEGIES, Strategy, call_strategy, uniform
from weaklab.strategies.disagreement import kl_to_consensus, vote_entropy
from weaklab.strategies.uncertainty import entropy, least_confidence, margin, random

__all__ = [
    "ARGUMENTS",
    "STRATEGIES",
    "Strategy",
    "call_strategy",
    "entropy",
    "kl_to_consensus",
    "least_confidence",
    "margin",
    "random",
    "uniform",
    "vote_entropy",
]
