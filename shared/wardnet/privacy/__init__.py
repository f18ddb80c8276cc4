"""What may leave: disclosure rules now; query memory, budget, noise and secure summation later."""
