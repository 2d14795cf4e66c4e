"""The labeling loop over arrays, and replays of it on data whose labels are known."""
