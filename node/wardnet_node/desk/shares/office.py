"""What the rooms of the shares rest on: the catalog, what is known in it, log and letters."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from wardnet import canonical, clock
from wardnet.agreement.address_book import check_approved, signing_keys
from wardnet.agreement.view import View
from wardnet.audit import cosigned, log, tags
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member, Role
from wardnet.sharing import notice as notices
from wardnet.sharing.letters import LONGEST_STATEMENT
from wardnet.sharing.notice import Notice, Said
from wardnet.sharing.request import ShareRequest
from wardnet.transport.convert import envelope_to_bytes
from wardnet_node.desk.anchor import Anchor
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.knowledge import Knowledge
from wardnet_node.desk.shares import store
from wardnet_node.desk.shares.known import ShareKnowledge, after, find
from wardnet_node.desk.shares.state import Share
from wardnet_node.desk.shares.statements import Signed, about, check_signers, read
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.keys import Keyring


@dataclass(frozen=True, slots=True)
class Scene:
    """Hold one transaction about shares.

    Parameters
    ----------
    connection : Connection
        In the transaction.
    shares : Mapping of str to Share
        By digest of the request.
    view : View
        What the hospital knows.
    at : datetime
        The present moment.
    """

    connection: Connection
    shares: Mapping[str, Share]
    view: View
    at: datetime


class Office:
    """Keep shares; any process and thread may use its own.

    Parameters
    ----------
    catalog : Catalog
        Keeps what was signed, the letters, and the log.
    keyring : Keyring
        Keeps what a request's key is wrapped with, outside the catalog.
    credentials : Credentials
        The hospital's; its node signs along.
    """

    def __init__(self, catalog: Catalog, *, keyring: Keyring, credentials: Credentials) -> None:
        self._catalog = catalog
        self._keyring = keyring
        self._credentials = credentials
        self._member = credentials.member
        self._knowledge = Knowledge(credentials)
        self._known = ShareKnowledge(credentials)

    def list(self) -> tuple[Share, ...]:
        """Return all shares, newest first."""
        with self._catalog.reading() as connection:
            return tuple(self._known.look(connection, at=clock.now()).values())[::-1]

    def show(self, prefix: str) -> Share:
        """Return the share whose request's or grant's digest begins so.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN` when none does, or several, or fewer than 6 characters are given.
        """
        with self._catalog.reading() as connection:
            return find(self._known.look(connection, at=clock.now(), prefix=prefix), prefix)

    def statements(self, prefix: str) -> tuple[Signed, ...]:
        """Return all that was signed about a share, in order, as it was signed.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`.
        """
        with self._catalog.reading() as connection:
            share = find(self._known.look(connection, at=clock.now(), prefix=prefix), prefix)
            return self._known.signed(connection, share.digest)

    @contextmanager
    def _scene(self, prefix: str = "", *, reading: bool = False) -> Iterator[Scene]:
        """Run a transaction.

        Parameters
        ----------
        prefix : str
            Only of shares of which a statement's digest begins so.
        reading : bool
            Whether it only reads, and keeps nobody waiting.

        Raises
        ------
        WardnetError
            `STATE_DAMAGED` when the address book does not hold.
        """
        begun = self._catalog.reading() if reading else self._catalog.transaction()
        with begun as connection:
            at, known = clock.now(), self._knowledge.look(connection)
            if known.book_error is not None:
                raise known.book_error
            shares = self._known.look(connection, at=at, prefix=prefix)
            yield Scene(connection, shares, known.view, at)

    def _say(
        self,
        scene: Scene,
        share: Share,
        said: Said,
        *,
        event: Event,
        stewards: Sequence[Credentials] = (),
        patients: Iterable[str] = (),
    ) -> None:
        """Sign a notice about a share, keep it, log it, and let it go out.

        Parameters
        ----------
        patients : iterable of str
            Tags of those whom the entry names.
        """
        envelope = self._notice(
            scene, said, to=share.other, request=share.digest, stewards=stewards
        )
        self._put(scene, share, envelope, event=event, patients=patients)

    def _notice(
        self,
        scene: Scene,
        said: Said,
        *,
        to: str,
        request: str,
        stewards: Sequence[Credentials] = (),
    ) -> Envelope:
        notice = canonical.validated(
            lambda: Notice(
                version=1,
                network=self._member.network,
                sender=self._member.id,
                recipient=to,
                request=request,
                said=said,
                made=clock.to_moment(scene.at),
            )
        )
        data = notices.to_bytes(notice)
        return sign_all(notices.PAYLOAD_TYPE, data, [*stewards, self._credentials])

    def _put(
        self,
        scene: Scene,
        share: Share,
        envelope: Envelope,
        *,
        event: Event,
        patients: Iterable[str] = (),
    ) -> None:
        """Keep what this hospital has signed about a share, log it, and let it go out.

        Raises
        ------
        WardnetError
            `SHARE_DECIDED`, or why the signatures do not do.
        """
        signed = read(envelope, member=self._member, trust=self._credentials.trust, at=scene.at)
        check_signers(signed, scene.view)
        after(share, signed, hospital=self._member.id)
        self._keep(scene, share.request, signed, event=event, patients=patients)
        self._send(scene, envelope, to=share.other, request=share.digest)

    def _send(self, scene: Scene, envelope: Envelope, *, to: str, request: str) -> None:
        """Let a statement go out in a letter."""
        if len(envelope_to_bytes(envelope)) > LONGEST_STATEMENT:
            raise WardnetError(Reason.MESSAGE_TOO_LARGE, rule=f"{LONGEST_STATEMENT >> 10} KiB")
        member = Member(self._member.network, Role.NODE, to).uri
        store.put_letter(scene.connection, member, envelope, request=request)

    def _keep(
        self,
        scene: Scene,
        request: ShareRequest,
        signed: Signed,
        *,
        event: Event,
        patients: Iterable[str] = (),
    ) -> None:
        """Keep a statement that has passed every check, together with its entries.

        Once its notice is signed, a parcel may lie at the relay: from then on it counts as
        released.
        """
        ours = signed.author == self._member.id
        releases = ours and signed.kind is EventType.SHARE_READY
        outcome = Outcome.RELEASED if releases else Outcome.DONE
        store.put(scene.connection, signed.envelope, request=request.digest, at=signed.at)
        done = replace(about(event, request, signed), type=signed.kind, outcome=outcome)
        for named in tags.in_batches(done, patients):
            log.append(scene.connection, named, at=scene.at)

    def _check_open(self, scene: Scene) -> None:
        """Refuse to hand anything over while nobody can tell whether the log is whole.

        Raises
        ------
        WardnetError
            `NODE_LOCKED` or `LOG_STALE`.
        """
        gap = Anchor(self._catalog.path).gap(scene.connection)
        if gap is not None:
            raise gap.error
        if cosigned.coverage(scene.connection).is_stale(scene.at):
            raise WardnetError(Reason.LOG_STALE, hospital=self._member.id)

    def _check_still_granted(self, scene: Scene, signed: Signed) -> None:
        """Refuse under a grant that no steward of today's address book has signed.

        Raises
        ------
        WardnetError
            `APPROVAL_MISSING`.
        """
        check_approved(
            scene.view.book,
            organisation=self._member.id,
            signers=signing_keys(signed.envelope) - scene.view.revoked,
            requesters=frozenset(),
            needed=1,
        )

    def _decided(self, *, rule: str) -> WardnetError:
        return WardnetError(Reason.SHARE_DECIDED, hospital=self._member.id, rule=rule)
