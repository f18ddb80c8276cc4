"""Models in use at a hospital: who installed them, and predictions of its own patients."""
