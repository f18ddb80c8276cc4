"""Studies at a coordinator that believes everything, and hospitals that decide on them."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import grpc

from support.pki import TestNetwork
from support.told import SUBMITTED_MS, abort, signed
from wardnet import clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import study as studies
from wardnet.agreement.address_book import key_of
from wardnet.agreement.agreement import Agreement, accept_whole
from wardnet.agreement.purpose import VOCABULARY, Permission, Purpose
from wardnet.agreement.study import Data, Method, Output, Project, Researcher, Setting, Study
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Role
from wardnet.simulation import SimulatedNetwork
from wardnet.statistics.methods import METHODS
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.wire.v1 import study_pb2, study_pb2_grpc


@dataclass
class Proposal:
    """Hold a study as its researcher signed it, and what hospitals have decided."""

    study: Study
    envelope: Envelope
    decisions: dict[str, Envelope]


@dataclass
class StudyOffice(study_pb2_grpc.StudyServiceServicer):
    """Keep studies of one dataset of a simulated network, and what its hospitals decide."""

    pki: TestNetwork
    network: SimulatedNetwork
    proposals: dict[str, Proposal] = field(default_factory=dict)
    """By the study's id, oldest first."""

    def __post_init__(self) -> None:
        """Take the one dataset of the simulation."""
        (self.dataset,) = self.network.datasets()
        self.dictionary = self.network.dictionary(self.dataset.name).dictionary

    def propose(self, **changes: object) -> Proposal:
        """Let ada propose a study of all columns, by all methods, at all hospitals.

        Parameters
        ----------
        **changes
            Fields of the study.
        """
        ada = self.pki.researcher()
        proposed = Study(
            version=1,
            network=self.pki.name,
            project=Project(
                title="Who comes to us",
                summary="We count patients of every age.",
                purpose=Purpose(VOCABULARY, Permission.HMB, diseases=(), modifiers=()),
                ethics="",
            ),
            people=(
                Researcher(
                    "ada", organisation="university", key=key_of(ada.signer.certificates[0])
                ),
            ),
            data=Data(
                self.dataset.name,
                dictionary=self.dictionary.digest,
                columns=tuple(
                    sorted(column.name for column in self.network.dictionary(self.dataset.name))
                ),
            ),
            setting=Setting("clear", hospitals=self.dataset.hospitals, minimum_hospitals=1),
            output=Output(
                tuple(Method(name, METHODS[name].version) for name in sorted(METHODS)),
                minimum_patients=10,
                quota=100,
            ),
            not_after=clock.to_moment(self.pki.at + timedelta(days=365)),
        )
        study = replace(proposed, **changes)  # type: ignore[arg-type]
        envelope = signed(studies.PAYLOAD_TYPE, studies.to_bytes(study), [ada])
        proposal = Proposal(study, envelope, {})
        self.proposals[study.digest] = proposal
        return proposal

    def agree(self, proposal: Proposal, hospital: str, **narrowed: object) -> Agreement:
        """Let a hospital agree to a study, or to less.

        Parameters
        ----------
        **narrowed
            Fields of the agreement.
        """
        whole = accept_whole(proposal.study, hospital=hospital)
        agreement = replace(whole, **narrowed)  # type: ignore[arg-type]
        payload = agreements.to_bytes(agreement)
        self.decide(proposal, hospital, agreements.PAYLOAD_TYPE, payload)
        return agreement

    def decide(self, proposal: Proposal, hospital: str, payload_type: str, payload: bytes) -> None:
        """Let a hospital's steward and its node sign a decision."""
        steward = self.pki.credentials(Role.STEWARD, f"steward-{hospital}")
        signers = [steward, self.pki.node(hospital)]
        proposal.decisions[hospital] = signed(payload_type, payload, signers)

    def SubmitStudy(  # noqa: N802 - named by the wire
        self, request: study_pb2.SubmitStudyRequest, context: grpc.ServicerContext
    ) -> study_pb2.SubmitStudyResponse:
        """Keep a study."""
        envelope = envelope_from_wire(request.study)
        study = studies.from_bytes(envelope.payload)
        self.proposals.setdefault(study.digest, Proposal(study, envelope, {}))
        return study_pb2.SubmitStudyResponse(study=study.digest)

    def GetStudy(  # noqa: N802 - named by the wire
        self, request: study_pb2.GetStudyRequest, context: grpc.ServicerContext
    ) -> study_pb2.GetStudyResponse:
        """Return a study and its decisions."""
        found = [digest for digest in self.proposals if digest.startswith(request.study)]
        if len(found) != 1:
            abort(context, WardnetError(Reason.STUDY_UNKNOWN, study=request.study))
        return study_pb2.GetStudyResponse(record=self._study(found[0]))

    def ListStudies(  # noqa: N802 - named by the wire
        self, request: study_pb2.ListStudiesRequest, context: grpc.ServicerContext
    ) -> study_pb2.ListStudiesResponse:
        """Return all studies, newest first."""
        return study_pb2.ListStudiesResponse(records=map(self._study, reversed(self.proposals)))

    def _study(self, digest: str) -> study_pb2.StudyRecord:
        proposal = self.proposals[digest]
        return study_pb2.StudyRecord(
            study=digest,
            envelope=envelope_to_wire(proposal.envelope),
            submitted_ms=SUBMITTED_MS,
            decisions=[
                study_pb2.Decision(hospital=hospital, statement=envelope_to_wire(statement))
                for hospital, statement in sorted(proposal.decisions.items())
            ],
        )
