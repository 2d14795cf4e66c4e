"""Evaluation of labels: accuracy with intervals, reliability, precision thresholds, comparison of models, plots."""
