"""How well a model predicts: what `evaluate` asks the rows, one file per kind of question."""
