"""What an auditor takes along: entries in the forms that other programs read.

None of these forms is evidence; the bundle is.
"""
