"""Rules proposed from records and labels: labeling functions that a person can read, with what each would bring."""

from weaklab.rules.mining import Evidence, mine
from weaklab.rules.rule import Rule, Rules

__all__ = ["Evidence", "Rule", "Rules", "mine"]
