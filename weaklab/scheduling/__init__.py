"""Which records a person is asked about next: pools, streams, and records made near the decision boundary."""
