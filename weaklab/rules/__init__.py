"""Rules proposed from records and labels: labeling functions that a person can read, with what each would bring."""

from weaklab.rules.mining import Evidence, mine
from weaklab.rules.repair import Repair, Repairs
from weaklab.rules.repairing import repairs_of
from weaklab.rules.rule import Rule, Rules

__all__ = ["Evidence", "Repair", "Repairs", "Rule", "Rules", "mine", "repairs_of"]
