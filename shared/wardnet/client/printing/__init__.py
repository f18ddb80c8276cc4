"""What a person sees: lists and tables as text and as HTML."""
