"""What every other room needs: labels, errors, faults, registries, events, tables, checked files; imports nothing of
the others.
"""
