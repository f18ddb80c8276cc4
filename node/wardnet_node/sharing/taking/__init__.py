"""The recipient's side of a share: open it, use it under its grant, destroy it in time."""
