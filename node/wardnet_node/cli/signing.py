"""Who signs a decision: the options by which a command names stewards and their passwords."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import read_passphrase
from wardnet_node.desk.stewards import Stewards

F = TypeVar("F", bound=Callable[..., object])

password_option = click.option(
    "--password-file",
    "password_files",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="File whose first line is the steward's password; otherwise it is asked for.",
)


def signing_options(name: str) -> Callable[[F], F]:
    """Add `name` (repeatable) and `--password-file`: parameters `signers`, `password_files`."""

    def decorate(function: F) -> F:
        signer = click.option(
            name,
            "signers",
            multiple=True,
            metavar="ID",
            help="Steward who signs; twice where two are needed. Left out: the only one.",
        )
        return signer(password_option(function))

    return decorate


def unlocked(
    stewards: Stewards, signers: Sequence[str], *, password_files: Sequence[Path]
) -> list[Credentials]:
    """Return the credentials of those who sign, each by her own password.

    Parameters
    ----------
    signers : Sequence of str
        Ids; empty for the only steward that there is.
    password_files : Sequence of Path
        One for each signer, in their order; who has none is asked.

    Raises
    ------
    WardnetError
        `APPROVAL_MISSING` when nobody is named and there is not exactly one, `LOGIN_REFUSED`, or
        as `read_passphrase`.
    """
    names = list(signers) or [steward.id for steward in stewards.list()]
    if not signers and len(names) != 1:
        rule = "a steward of this hospital: name her"
        raise WardnetError(Reason.APPROVAL_MISSING, rule=rule)
    if len(password_files) > len(names):
        message = "there are more password files than stewards"
        raise click.UsageError(message)
    files = [*password_files, *([None] * (len(names) - len(password_files)))]
    return [
        stewards.unlock(name, password=read_passphrase(Path(f"the key of steward {name}"), file))
        for name, file in zip(names, files, strict=True)
    ]
