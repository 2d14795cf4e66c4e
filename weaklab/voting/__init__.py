"""How declared heuristics vote on whole batches: all keyword lists in one pass, regular expressions on the rows that
may match.
"""

from weaklab.voting.plan import Member, Plan

__all__ = ["Member", "Plan"]
