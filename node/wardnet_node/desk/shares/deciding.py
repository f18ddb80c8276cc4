"""The owner: what its stewards decide on requests."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from wardnet import canonical, clock
from wardnet.agreement.permission import is_told
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.question.cohort import check
from wardnet.question.dictionary import Dictionary
from wardnet.sharing import grant as grants
from wardnet.sharing.deidentification import Deidentification
from wardnet.sharing.grant import Grant, check_within, grant_whole
from wardnet.sharing.notice import Declined, Revoked
from wardnet.sharing.request import ShareRequest, check_asked
from wardnet.sharing.result import result
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.shares.handing import Handing, check_node
from wardnet_node.desk.shares.known import find
from wardnet_node.desk.shares.office import Scene
from wardnet_node.desk.shares.state import Share, State, check_whole
from wardnet_node.desk.steward_events import by_steward
from wardnet_node.vault import tables

if TYPE_CHECKING:
    import sqlite3


class Deciding(Handing):
    """Grant, decline and revoke."""

    def inbox(self) -> tuple[Share, ...]:
        """Return the requests that wait for a decision here, newest first."""
        return tuple(share for share in self.list() if share.owned and share.state is State.ASKED)

    def concerns(self, prefix: str) -> tuple[WardnetError, ...]:
        """Return why a request cannot be granted as things are.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `STATE_DAMAGED`.
        """
        with self._scene(prefix, reading=True) as scene:
            share = find(scene.shares, prefix)
            return tuple(self._concerns(scene, share.request))

    def draft(self, prefix: str, deidentification: Deidentification) -> Grant:
        """Return the grant of all that was asked for from the present snapshot, to be narrowed.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, or `DATASET_UNAVAILABLE` when nothing is loaded.
        """
        with self._scene(prefix, reading=True) as scene:
            request = find(scene.shares, prefix).request
            return grant_whole(
                request,
                deidentification=deidentification,
                snapshot=_snapshots(scene, request)[-1],
                made=clock.to_moment(scene.at),
            )

    def grant(self, prefix: str, grant: Grant, *, stewards: Sequence[Credentials]) -> Share:
        """Grant a request, whole or narrower.

        Parameters
        ----------
        prefix : str
            Beginning of the request's digest, at least 6 characters.
        grant : Grant
            From `draft`, perhaps narrowed; it is signed with the present moment.
        stewards : Sequence of Credentials
            Who signs, one or more of this hospital.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_DECIDED`, `SHARE_ENDED`, `SHARE_TOO_WIDE`, `SHARE_IDENTIFIERS`,
            `APPROVAL_MISSING`, `REVOCATIONS_STALE`, `NODE_LOCKED`, what `concerns` returns, or what
            the dictionary does not allow; logged.
        """
        event = by_steward(self._member, EventType.SHARE_GRANTED, stewards)
        with self._owned(prefix, event) as (scene, share):
            self._check_open(scene)
            check_whole(share.state)
            if share.state is not State.ASKED:
                raise self._decided(rule=f"it is {share.state}")
            signed = replace(grant, made=clock.to_moment(scene.at))
            self._check_grant(scene, signed, share.request)
            data = grants.to_bytes(signed)
            envelope = sign_all(grants.PAYLOAD_TYPE, data, [*stewards, self._credentials])
            self._put(scene, share, envelope, event=event)
        return self.show(share.digest)

    def decline(self, prefix: str, *, reason: str, stewards: Sequence[Credentials]) -> Share:
        """Turn a request down, with a reason that the asking steward reads.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_DECIDED`, `APPROVAL_MISSING` or `MALFORMED`; logged.
        """
        event = by_steward(self._member, EventType.SHARE_DECLINED, stewards)
        with self._owned(prefix, event) as (scene, share):
            said = canonical.validated(lambda: Declined(reason))
            self._say(scene, share, said, event=event, stewards=stewards)
        return self.show(share.digest)

    def revoke(self, prefix: str, *, reason: str, stewards: Sequence[Credentials]) -> Share:
        """Take a grant back, at once: a fetch under way ends, and the recipient destroys its keys.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_DECIDED`, `APPROVAL_MISSING` or `MALFORMED`; logged.
        """
        event = by_steward(self._member, EventType.SHARE_REVOKED, stewards)
        with self._owned(prefix, event) as (scene, share):
            if share.grant is None:
                raise self._decided(rule="nothing was granted")
            granted = share.grant.digest
            said = canonical.validated(lambda: Revoked(granted, reason=reason))
            self._say(scene, share, said, event=event, stewards=stewards)
        return self.show(share.digest)

    def _check_grant(self, scene: Scene, grant: Grant, request: ShareRequest) -> None:
        # 1. It gives no more than was asked for.
        for error in check_within(grant, request):
            raise error
        # 2. What was asked for can be given, and from that snapshot.
        for error in self._concerns(scene, request):
            raise error
        if grant.snapshot not in _snapshots(scene, request):
            raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=request.dataset)
        # 3. The dictionary gives every rule and condition a meaning.
        dictionary = _dictionary(scene, request)
        if dictionary is not None:
            check(grant.cohort, dictionary)
            result(dictionary, grant.deidentification)
        # 4. Nobody's key was taken back, as far as can be known.
        check_node(scene.view, request.recipient)
        if not is_told(request.recipient, scene.view, scene.at):
            raise WardnetError(
                Reason.REVOCATIONS_STALE, hospital=self._member.id, identity=request.recipient
            )

    def _concerns(self, scene: Scene, request: ShareRequest) -> Iterator[WardnetError]:
        yield from self._unavailable(scene, request)
        if request.study is not None:
            yield from _under_study(request, request.study, scene)

    def _unavailable(self, scene: Scene, request: ShareRequest) -> Iterator[WardnetError]:
        dictionary = _dictionary(scene, request)
        if dictionary is None:
            yield WardnetError(Reason.DATASET_UNAVAILABLE, dataset=request.dataset)
        else:
            yield from check_asked(request, dictionary)


def _under_study(request: ShareRequest, study: str, scene: Scene) -> Iterator[WardnetError]:
    """Yield why a study does not allow what is asked for on its basis."""
    view = scene.view
    held = next(
        (
            one
            for one in view.own.values()
            if one.agreement.study == study and one.agreement.revision == view.newest[study]
        ),
        None,
    )
    if held is None:
        yield WardnetError(Reason.AGREEMENT_MISSING, hospital=view.hospital)
        return
    if held.agreement.digest in view.revoked:
        yield WardnetError(Reason.AGREEMENT_REVOKED, hospital=view.hospital)
    if clock.to_moment(scene.at) >= held.agreement.until:
        yield WardnetError(Reason.AGREEMENT_ENDED, hospital=view.hospital)
    for field, fits, rule in (
        ("dataset", request.dataset == held.study.data.dataset, "it is about another one"),
        (
            "columns",
            set(request.columns) <= set(held.agreement.columns),
            "not all of them were agreed on",
        ),
        (
            "hospitals",
            request.recipient in held.study.setting.hospitals,
            f"{request.recipient} takes no part",
        ),
    ):
        if not fits:
            yield WardnetError(
                Reason.OUTSIDE_AGREEMENT, hospital=view.hospital, field=field, rule=rule
            )


def _dictionary(scene: Scene, request: ShareRequest) -> Dictionary | None:
    found = tables.dataset(cast("sqlite3.Connection", scene.connection), request.dataset)
    return found.dictionary if found else None


def _snapshots(scene: Scene, request: ShareRequest) -> tuple[str, ...]:
    """Return the ids of the dataset's snapshots that can be read, oldest first, at least one."""
    connection = cast("sqlite3.Connection", scene.connection)
    record = tables.dataset(connection, request.dataset)
    found = tables.snapshots(connection, record.id) if record else ()
    if not found:
        raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=request.dataset)
    return tuple(one.id for one in found)
