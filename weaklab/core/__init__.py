"""Basic parts that all other packages of weaklab use: labels, errors, faults, registries, events, tables, files.

It imports none of the other packages.
"""
