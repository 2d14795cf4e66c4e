"""The committee, and how its heuristics vote: keyword lists and regular expressions together in one pass over the text,
functions of the user in child processes that can be killed.
"""

from weaklab.voting.plan import Member, Plan

__all__ = ["Member", "Plan"]
