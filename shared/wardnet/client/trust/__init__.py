"""What the client believes: signatures, receipts, logs and pinned keys; never anybody's word."""
