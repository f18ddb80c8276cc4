"""Where the demonstration is told: every command before it runs, and what it says."""

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console

from support.member import CommandError, Member


class Stage:
    """Run commands before an audience.

    Parameters
    ----------
    folder : Path
        Of the network; its name is left out of what is told.
    console : Console
        Where it is told.
    """

    def __init__(self, folder: Path, console: Console) -> None:
        self.folder = folder
        self.console = console

    def show(self, member: Member, words: Sequence[str]) -> None:
        """Print a command before it runs."""
        text = shlex.join(words).replace(f"{self.folder}/", "").replace(str(self.folder), ".")
        if words[0] == "invite":
            text += f" > {words[-1]}.invitation"
        self.print(f"\n{member.name}$ {member.program} {text}", style="bold cyan")

    def tell(
        self,
        member: Member,
        *arguments: str | Path,
        first: int | None = None,
        last: int | None = None,
        until: str | None = None,
    ) -> None:
        """Run a command and print what it says.

        Parameters
        ----------
        first : int or None
            Only so many lines.
        last : int or None
            Only the heading and so many lines at the end.
        until : str or None
            Only what stands before this line.
        """
        done = member.run(*arguments)
        lines = done.stdout.replace(f"{self.folder}/", "").splitlines()
        if first is not None:
            lines = [*lines[:first], "..."]
        if last is not None:
            lines = [lines[0], "...", *lines[-last:]]
        if until is not None:
            lines = lines[: lines.index(until)]
        self.print_lines(lines)

    def refused(self, member: Member, *arguments: str | Path) -> str:
        """Run a command that must fail; print and return why it does."""
        done = member.run(*arguments, check=False)
        if done.returncode == 0:
            message = f"{member.name} was answered what should have been refused: {arguments}"
            raise CommandError(message)
        self.print(f"{done.stderr.rstrip()}\n(exit code {done.returncode})")
        return done.stderr

    def title(self, text: str) -> None:
        """Print the heading of a scene."""
        self.print(f"\n== {text}", style="bold")

    def print_lines(self, lines: Iterable[str]) -> None:
        """Print lines as a command has written them."""
        self.print("\n".join(line.rstrip() for line in lines))

    def print(self, text: str, style: str | None = None) -> None:
        """Print a text without breaking its lines."""
        self.console.print(text, style=style, soft_wrap=True)
