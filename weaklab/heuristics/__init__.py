"""Heuristics: labeling functions in every form, and the base class of all committee members."""

from weaklab.heuristics.amended import Amended, amend
from weaklab.heuristics.ballot import Ballot, Heuristic, Watch
from weaklab.heuristics.conditions import Condition, where
from weaklab.heuristics.declared import ColumnVotes, Keywords, Pattern, keywords, pattern
from weaklab.heuristics.expressions import Expression, col
from weaklab.heuristics.functions import LabelingFunction, check_examples, labeling_function
from weaklab.heuristics.loading import Loaded, as_heuristic, load
from weaklab.heuristics.registered import HEURISTICS
from weaklab.heuristics.snorkel import SnorkelFunction

__all__ = [
    "HEURISTICS",
    "Amended",
    "Ballot",
    "ColumnVotes",
    "Condition",
    "Expression",
    "Heuristic",
    "Keywords",
    "LabelingFunction",
    "Loaded",
    "Pattern",
    "SnorkelFunction",
    "Watch",
    "amend",
    "as_heuristic",
    "check_examples",
    "col",
    "keywords",
    "labeling_function",
    "load",
    "pattern",
    "where",
]
