"""Queries: what is asked, how far it is, and its result."""
