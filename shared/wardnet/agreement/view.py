"""What a hospital knows when it decides: its agreements and their use, and what was taken back."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from wardnet.agreement.address_book import AddressBook
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.revocation import RevocationList
from wardnet.agreement.study import Study


@dataclass(frozen=True, slots=True)
class Held:
    """Hold one agreement that the hospital has signed.

    Parameters
    ----------
    agreement, study : Agreement, Study
        As they were verified.
    approved_by : frozenset of str
        Fingerprints of the keys that have signed the agreement.
    vouched_by : frozenset of str
        Fingerprints of the keys that have signed the study.
    """

    agreement: Agreement
    study: Study
    approved_by: frozenset[str]
    vouched_by: frozenset[str]


@dataclass(frozen=True)
class View:
    """Show what a hospital knows at one moment.

    Parameters
    ----------
    hospital : str
        Its id.
    book : AddressBook
        Whom it knows.
    agreements : tuple of Held
        All that it has signed, old revisions included; at least all revisions of those studies
        that requests name.
    used : Mapping of str to int
        By digest of the study: how many other queries were accepted under it. The query that is
        decided on does not count.
    revoked : frozenset of str
        What the hospital itself has taken back: digests of agreements, fingerprints of keys.
    lists : Mapping of str to RevocationList
        By id of the organisation: what others have taken back.
    """

    hospital: str
    book: AddressBook
    agreements: tuple[Held, ...]
    used: Mapping[str, int]
    revoked: frozenset[str]
    lists: Mapping[str, RevocationList]

    @cached_property
    def own(self) -> Mapping[str, Held]:
        """Return the hospital's own agreements by their digests."""
        return {
            held.agreement.digest: held
            for held in self.agreements
            if held.agreement.hospital == self.hospital
            and held.agreement.network == self.book.network
        }

    @cached_property
    def newest(self) -> Mapping[str, int]:
        """Return the highest revision of the hospital's agreements, by digest of the study."""
        newest: dict[str, int] = {}
        for held in self.own.values():
            agreement = held.agreement
            newest[agreement.study] = max(agreement.revision, newest.get(agreement.study, 0))
        return newest

    def revoked_by(self, organisation: str) -> frozenset[str]:
        """Return what the hospital or an organisation has taken back."""
        known = self.lists.get(organisation)
        return self.revoked if known is None else self.revoked | known.digests
