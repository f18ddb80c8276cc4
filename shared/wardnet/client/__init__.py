"""The researcher's and auditor's face: Python API and the command `wardnet`."""
