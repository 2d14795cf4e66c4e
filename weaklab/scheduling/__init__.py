"""Choice of the records to ask a person about: from a pool, from a stream, or made near the decision boundary."""
