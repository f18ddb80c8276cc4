"""The owner's side of a share: what would leave, what does, and in which form."""
