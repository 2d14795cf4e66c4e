"""Where batches are labeled: on all cores of this machine, or elsewhere; each runs a :class:`~weaklab.frozen.FrozenCommittee`."""
