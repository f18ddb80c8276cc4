"""Files and feeds become clean typed batches."""
