"""Shares: records that this hospital asks others for, and that others ask of it."""
