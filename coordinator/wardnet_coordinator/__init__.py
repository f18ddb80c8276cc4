"""The coordinator: a post office that adds."""
