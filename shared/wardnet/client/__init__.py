"""The researcher's and auditor's side: Python API and the command `wardnet`."""
