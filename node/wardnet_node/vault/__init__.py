"""The encrypted columnar store, its keys and its catalog."""
