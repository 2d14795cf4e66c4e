"""Query strategies: functions that score each record; the records with the highest scores are asked about first.

A strategy is a pure function of arrays. Its parameters are names from :data:`ARGUMENTS`, and it returns one finite
score per record. A new module in this package is found without further registration. :func:`as_strategy` turns a
query function of modAL into a strategy.
"""

from weaklab.strategies.base import (
    ARGUMENTS,
    STRATEGIES,
    Strategy,
    call_strategy,
    highest_rows,
    in_drawn_order,
    in_turn,
    lowest_drawn,
    of_few,
    picks_by_opinion,
    shortlist,
    uniform,
)
from weaklab.strategies.disagreement import kl_to_consensus, max_disagreement, vote_entropy
from weaklab.strategies.hybrids import badge, shortlist_spread, uncertainty_diversity
from weaklab.strategies.modal import as_strategy, from_modal, is_modal
from weaklab.strategies.model_change import expected_error_reduction, expected_gradient_length, variance_reduction
from weaklab.strategies.representative import (
    cluster_representatives,
    density_weighted,
    exploration,
    k_center,
    kmeans_plus_plus,
    typicality,
)
from weaklab.strategies.uncertainty import entropy, least_confidence, margin, random
from weaklab.strategies.vote_groups import error_mass

__all__ = [
    "ARGUMENTS",
    "STRATEGIES",
    "Strategy",
    "as_strategy",
    "badge",
    "call_strategy",
    "cluster_representatives",
    "density_weighted",
    "entropy",
    "error_mass",
    "expected_error_reduction",
    "expected_gradient_length",
    "exploration",
    "from_modal",
    "highest_rows",
    "in_drawn_order",
    "in_turn",
    "is_modal",
    "k_center",
    "kl_to_consensus",
    "kmeans_plus_plus",
    "least_confidence",
    "lowest_drawn",
    "margin",
    "max_disagreement",
    "of_few",
    "picks_by_opinion",
    "random",
    "shortlist",
    "shortlist_spread",
    "typicality",
    "uncertainty_diversity",
    "uniform",
    "variance_reduction",
    "vote_entropy",
]
