"""Trains a committee on manual labels, applies it to new records, explains its labels, and works in the background."""
