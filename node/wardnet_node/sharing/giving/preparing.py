"""The owner's side of a share before it is granted: show what would leave, and narrow it."""

from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member
from wardnet.sharing.grant import Grant
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.state import Share
from wardnet_node.desk.shares.terms import Terms, deidentification, narrowed
from wardnet_node.sharing.giving.consent import Consent
from wardnet_node.sharing.giving.extract import Selection, open_extract
from wardnet_node.sharing.giving.preview import Preview, preview
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.vault import Vault


class Preparing:
    """Draft grants and preview them; used from one thread only.

    Parameters
    ----------
    catalog : Catalog
        Of the node.
    vault, shares : Vault, Shares
        Over this very catalog.
    member : Member
        The node.
    """

    def __init__(self, catalog: Catalog, *, vault: Vault, shares: Shares, member: Member) -> None:
        self.shares = shares
        self._vault = vault
        self._consent = Consent(catalog, vault, member=member)

    def draft(self, prefix: str, terms: Terms) -> Grant:
        """Return the grant that terms make of a request, to be previewed and signed.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_NOT_FOR_US`, `DATASET_UNAVAILABLE`; what `terms` cannot be.
        """
        share = self.owned(prefix)
        dictionary = self._vault.adopted(share.request.dataset).dictionary
        rules = deidentification(share.request, terms, dictionary=dictionary)
        return narrowed(self.shares.draft(share.digest, rules), terms)

    def preview(self, prefix: str, grant: Grant) -> Preview:
        """Return exactly what would leave under a draft.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_NOT_FOR_US`, or as `open_extract` and `preview`.
        """
        selection = Selection.of(self.owned(prefix).request, grant)
        extract = open_extract(self._vault, self._consent, selection, snapshot=grant.snapshot)
        return preview(extract)

    def owned(self, prefix: str) -> Share:
        """Return a share of our records.

        Raises
        ------
        WardnetError
            `SHARE_UNKNOWN`, `SHARE_NOT_FOR_US`.
        """
        share = self.shares.show(prefix)
        if not share.owned:
            raise WardnetError(Reason.SHARE_NOT_FOR_US)
        return share
