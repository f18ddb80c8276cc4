"""The researcher's and auditor's face: Python API and the command `wardnet`."""

from wardnet.client.home import connect
from wardnet.client.network import Network
from wardnet.client.queries.ask import Ask
from wardnet.client.queries.result import Result
from wardnet.client.remote import RemoteNetwork
from wardnet.question.cohort import col, fold

__all__ = ["Ask", "Network", "RemoteNetwork", "Result", "col", "connect", "fold"]
