"""Trees: boosting and random forests, with common bins and exact sums."""
