"""How fast weaklab is, beside its peers: see ``python -m benchmarks.speed --help``."""
