"""Sharing records: what two hospitals sign before any leaves, and what is said of it after."""
