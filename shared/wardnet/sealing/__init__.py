"""Parcels: records sealed for one recipient."""
