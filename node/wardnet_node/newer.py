"""Which datasets the network has in a newer version than this hospital, in words for its operator.

A question pins the network's present version. Whoever holds another one is not asked, and would
not notice: so the node says it, where people look.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

import grpc.aio

from wardnet import logs
from wardnet.jobs import Jobs
from wardnet.question.dictionary import Dictionary
from wardnet_node import published
from wardnet_node.desk.desk import Desk
from wardnet_node.published import Listed
from wardnet_node.vault.summary import DatasetSummary

LOOK_SECONDS: Final = 60.0
"""How often the daemon looks."""


def behind(datasets: Iterable[DatasetSummary], versions: Mapping[str, int]) -> Mapping[str, str]:
    """Return what to do for every dataset that is behind the network, as a sentence by its name.

    Parameters
    ----------
    datasets : Iterable of DatasetSummary
        Those of this hospital.
    versions : Mapping of str to int
        Those of the network.
    """
    told = ((item.name, _sentence(item, versions.get(item.name, 0))) for item in datasets)
    return {name: sentence for name, sentence in told if sentence}


def _sentence(held: DatasetSummary, version: int) -> str:
    if held.adopted < version:
        return (
            f"The network has version {version} of {held.name}; adopt it with `wardnet-node "
            f"dataset adopt {held.name} --local FILE` and load the file again. Until then this "
            "hospital is not asked about it."
        )
    if held.snapshot and held.version < held.adopted:
        return (
            f"{held.name} was adopted in version {held.adopted}, but its rows were loaded under "
            f"version {held.version}; load the file again with `wardnet-node dataset load "
            f"{held.name} FILE`. Until then this hospital is not asked about it."
        )
    return ""


def consequence(dictionary: Dictionary, present: Listed) -> str:
    """Return the question to answer before a version takes the place of the present one."""
    held = ", ".join(present.hospitals) or "no hospital yet"
    return (
        f"The network has {dictionary.name} in version {present.version}, held by {held}.\n"
        f"Once version {dictionary.version} is published, only hospitals that have adopted it and "
        "loaded their file again are asked about it, this one included; studies and agreements "
        f"made for version {present.version} allow no question any more.\n"
        f"Publish version {dictionary.version}?"
    )


async def watch(channel: grpc.aio.Channel, desk: Jobs[Desk]) -> None:
    """Log what is behind, each sentence once, for as long as the channel is open."""
    told = set[str]()
    while True:
        versions = await published.versions_over(channel)
        if versions is not None:
            for name, sentence in behind(await desk.do(Desk.datasets), versions).items():
                if sentence not in told:
                    logs.logger().warning("dictionary_outdated", dataset=name, error=sentence)
                told.add(sentence)
        await asyncio.sleep(LOOK_SECONDS)
