"""Regression: linear and generalised linear models, exact, with and without a penalty."""
