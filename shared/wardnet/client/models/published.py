"""Models that are handed on: made from my answers, published, fetched and verified."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from wardnet import canonical, clock
from wardnet.client.catalog import Catalog
from wardnet.client.connection import Connection
from wardnet.client.models.fitted import Fitted
from wardnet.client.printing.listing import Listing
from wardnet.client.queries.asked import Asked
from wardnet.client.queries.record import moment_from_wire
from wardnet.client.studies.proposals import Proposals
from wardnet.errors import Reason, WardnetError
from wardnet.model import file as files
from wardnet.model import package as packages
from wardnet.model import statement as statements
from wardnet.model.file import Answered, Parts, is_path, read_bytes
from wardnet.model.package import Package, check_called
from wardnet.model.statement import Statement
from wardnet.transport.models import ListedModel, Models


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Hold what a researcher says about a model.

    Parameters
    ----------
    name : str
        What it is called in the network: lower case, digits, dots and dashes.
    intended_use, limits : str
        What it is for, and where it must not be used: 1 to 4000 characters each.
    """

    name: str
    intended_use: str
    limits: str


class ModelShelf:
    """Make, publish, fetch and verify models; of a `RemoteNetwork` it is `network.models`.

    Parameters
    ----------
    connection : Connection
        To the coordinator.
    catalog, asked, proposals : Catalog, Asked, Proposals
        Of the same connection.
    """

    def __init__(
        self, connection: Connection, *, catalog: Catalog, asked: Asked, proposals: Proposals
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._asked = asked
        self._proposals = proposals
        self._remote = Models(connection.channel, connection.address)

    def make(self, query: str, words: Words, *, evaluations: Iterable[str] = ()) -> bytes:
        """Return the file of the model that answers one of my queries.

        Parameters
        ----------
        query : str
            Its id, or an unambiguous beginning of at least 6 characters.
        words : Words
            What I say about it; signed with my key.
        evaluations : iterable of str
            My queries that asked how well this model predicts.

        Raises
        ------
        WardnetError
            Why there is no answer; `NO_MODEL`, `DICTIONARY_OUTDATED` where its dictionary is no
            longer the network's, `MODEL_ALTERED` for an evaluation of another model, or
            `PARAMETER_INVALID` for words that do not fit.
        """
        record = self._asked.get(query)
        self._catalog.of(record.question)  # its dictionary is still the present one
        model, attached = self._answered(query), tuple(map(self._answered, evaluations))
        statement = self._statement(words, model, attached, study=record.question.study)
        payload = statements.to_bytes(statement)
        data = files.write(
            Parts(
                statement=self._connection.sign(statements.PAYLOAD_TYPE, payload),
                dictionary=self._catalog.signed(record.question.dataset),
                model=model,
                evaluations=attached,
            )
        )
        self.read(data).model()  # what nobody could use is not handed on
        return data

    def publish(self, data: bytes) -> Package:
        """Hand a model of mine to the network; return what the file holds.

        Raises
        ------
        WardnetError
            `MODEL_NAME_TAKEN` or `MODEL_QUOTA`, besides those of `read`.
        """
        package = self.read(data)
        self._remote.publish(data)
        return package

    def published(self) -> Listing[ListedModel]:
        """Return the network's models, as the coordinator lists them."""
        return Listing("models", self._remote.listed(), record=asdict, shown=_shown)

    def fetch(self, name: str) -> tuple[bytes, Package]:
        """Return a published model: its file, and what it holds, verified.

        Raises
        ------
        WardnetError
            `MODEL_UNKNOWN`, besides those of `read`.
        """
        data = self._remote.fetch(name)
        return data, check_called(self.read(data), name)

    def read(self, data: bytes) -> Package:
        """Return what a model's file holds, verified.

        Raises
        ------
        WardnetError
            `MODEL_UNREADABLE`, `MODEL_FOREIGN` or `MODEL_ALTERED`.
        """
        connection = self._connection
        return packages.read(data, trust=connection.trust, at=clock.now(), pins=connection.pins)

    def find(self, named: str) -> Package:
        """Return a model by the path of its file or by its name in the network, verified.

        Raises
        ------
        WardnetError
            `FILE_UNREADABLE` besides those of `fetch`.
        """
        if is_path(named):
            return self.read(read_bytes(Path(named)))
        return self.fetch(named)[1]

    def use(self, named: str) -> Fitted:
        """Return a model that predicts from tables, by its file or its name in the network.

        Raises
        ------
        WardnetError
            As `find` and `Package.model`.
        """
        package = self.find(named)
        asked = package.asked
        return Fitted(package.model(), package.dictionary, asked.table, asked.answer.method)

    def _answered(self, query: str) -> Answered:
        record = self._asked.get(query)
        envelope = self._asked.result(record).envelope
        if envelope is None:
            raise AssertionError  # only a simulation's answer has none
        return Answered(record.envelope, envelope)

    def _statement(
        self, words: Words, model: Answered, evaluations: Sequence[Answered], *, study: str
    ) -> Statement:
        return worded(
            words,
            {
                "version": 1,
                "title": self._proposals.get(study).study.project.title,
                "query": canonical.digest(model.query.payload),
                "answer": canonical.digest(model.answer.payload),
                "evaluations": tuple(canonical.digest(each.answer.payload) for each in evaluations),
                "made": clock.to_moment(clock.now()),
            },
        )


def worded(words: Words, facts: Mapping[str, object]) -> Statement:
    """Return a statement in somebody's words.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID`, naming the words that do not fit.
    """
    try:
        return canonical.validated(lambda: Statement(**asdict(words), **facts))  # type: ignore[arg-type]
    except WardnetError as error:
        field = error.details["field"].replace("_", " ")
        rule = (
            "must be 1 to 63 lower case letters, digits, dots and dashes"
            if field == "name"
            else "must be 1 to 4000 characters"
        )
        raise WardnetError(
            Reason.PARAMETER_INVALID, method="A model", parameter=f"its {field}", rule=rule
        ) from error


def _shown(model: ListedModel) -> Mapping[str, str]:
    published = moment_from_wire(model.published_ms).astimezone()
    return {
        "name": model.name,
        "researcher": model.researcher,
        "dataset": model.dataset,
        "method": model.method,
        "published": published.strftime("%Y-%m-%d %H:%M:%S"),
        "digest": model.digest[:12],
    }
