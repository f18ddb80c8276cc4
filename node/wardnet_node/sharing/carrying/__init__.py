"""Sealed parcels on their way: kept, served to the recipient, left at the relay, fetched."""
