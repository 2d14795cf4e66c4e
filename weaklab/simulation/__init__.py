"""The labeling loop on arrays in memory, and simulations of labeling on data with known labels."""
