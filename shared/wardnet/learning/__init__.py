"""Iterated learning: methods whose hospitals train locally and add up their updates."""
