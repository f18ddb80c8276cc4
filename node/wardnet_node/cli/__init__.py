"""The command `wardnet-node`: thin, every decision is made elsewhere."""

from wardnet_node.cli.main import main

__all__ = ["main"]
