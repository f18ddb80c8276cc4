"""The stewards' web page: the desk as people see it, served by the node itself."""
