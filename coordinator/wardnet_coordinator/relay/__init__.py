"""The relay: it keeps sealed parcels for a while and hands each to the hospital that it is for.

A process of its own, so that no query waits for a parcel.
"""
