"""Parcels on their way: stored bytes sent as they are, gone on with after a cut, paced, counted."""
