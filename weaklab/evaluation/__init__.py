"""How good labels are: accuracy with intervals, reliability, precision, comparisons, plots."""
