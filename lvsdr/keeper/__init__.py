"""The residents: a host kept as its profile says, real servers taken out that do not serve."""
