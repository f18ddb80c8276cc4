"""Sums: named arrays of integers that are only ever added."""
