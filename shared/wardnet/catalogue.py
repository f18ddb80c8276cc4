"""What every reason means: status, sentence, and whether trying again can help.

A sentence says what to do next. `tests/unit/test_errors.py` holds the table complete.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wardnet.reasons import Reason, Row, Status

_S = Status

CATALOGUE: Final[Mapping[Reason, Row]] = MappingProxyType(
    {
        Reason.MALFORMED: Row(
            _S.INVALID_ARGUMENT,
            "The message is malformed at {field}: {rule}. Update both sides to the same version.",
        ),
        Reason.WRONG_SETTING: Row(
            _S.INVALID_ARGUMENT,
            "The setting {setting} in {path} is not valid: {rule}. Correct it and start again.",
        ),
        Reason.COHORT_SYNTAX: Row(
            _S.INVALID_ARGUMENT,
            "The cohort cannot be read at character {position}: {rule}.",
        ),
        Reason.DICTIONARY_INVALID: Row(
            _S.INVALID_ARGUMENT,
            "The dictionary {path} is not valid at {field}: {rule}. Edit the file and try again.",
        ),
        Reason.STUDY_INVALID: Row(
            _S.INVALID_ARGUMENT,
            "The study {path} is not valid at {field}: {rule}. Edit the file and try again.",
        ),
        Reason.PARAMETER_INVALID: Row(
            _S.INVALID_ARGUMENT, "{method} cannot be asked this way: {parameter} {rule}."
        ),
        Reason.MESSAGE_TOO_LARGE: Row(
            _S.INVALID_ARGUMENT, "The message is larger than {rule}. Ask for fewer cells at once."
        ),
        Reason.FORM_OUTDATED: Row(
            _S.FAILED_PRECONDITION,
            "This form is no longer valid. Open its page again and fill it in once more; nothing "
            "was done.",
        ),
        Reason.LINK_MALFORMED: Row(
            _S.INVALID_ARGUMENT,
            "This is not a share link: {rule}. Copy it again, from the first character to the "
            "last, or ask the other hospital for it.",
        ),
        Reason.DEADLINE_MISSING: Row(
            _S.INVALID_ARGUMENT, "The call carries no deadline. Set one and call again."
        ),
        Reason.FILE_UNREADABLE: Row(
            _S.INVALID_ARGUMENT, "{file} cannot be read: {rule}. Check the path and its rights."
        ),
        Reason.FILE_EMPTY: Row(
            _S.INVALID_ARGUMENT, "{file} holds no {rule}. Export it again; nothing was stored."
        ),
        Reason.FILE_TRUNCATED: Row(
            _S.INVALID_ARGUMENT,
            "{file} ends inside the record of line {line}: {rule}. Export it again; "
            "nothing was stored.",
        ),
        Reason.FILE_ENCODING: Row(
            _S.INVALID_ARGUMENT,
            "{file}, line {line}: the bytes are not {rule}. Declare the file's encoding in the "
            "local part and load again; nothing was stored.",
        ),
        Reason.FILE_IS_UTF_8: Row(
            _S.INVALID_ARGUMENT,
            "{file} is written in UTF-8 but declared as {rule}: letters would be read wrongly. "
            'Declare encoding = "utf-8" in the local part, adopt it and load again, or convert '
            "the file; nothing was stored.",
        ),
        Reason.FILE_QUOTES: Row(
            _S.INVALID_ARGUMENT,
            "{file}, line {line}: a quote stands inside a cell. Declare the file's quote, or "
            "none, in the local part and load again; nothing was stored.",
        ),
        Reason.FILE_HEADER: Row(
            _S.INVALID_ARGUMENT,
            "{file}, line 1, column {column}: {rule}. Correct the header or the local part; "
            "nothing was stored.",
        ),
        Reason.ROWS_REJECTED: Row(
            _S.INVALID_ARGUMENT,
            "{file}, line {line}, column {column}: {rule}. All rejected rows are in {report}; "
            "nothing was stored. Correct the file, or accept the loss with --max-rejects.",
        ),
        Reason.ROWS_LOST: Row(
            _S.FAILED_PRECONDITION,
            "{file} holds fewer than half as many rows as {dataset} has now; nothing was stored. "
            "Check that the export is whole; when it is, load it with --accept-fewer-rows.",
        ),
        Reason.DICTIONARY_MISMATCH: Row(
            _S.FAILED_PRECONDITION,
            "{path} does not fit the dictionary at {field}: {rule}. Correct the local part or "
            "adopt the current dictionary.",
        ),
        Reason.LOCAL_PART_LOST: Row(
            _S.FAILED_PRECONDITION,
            "{dataset} was adopted with a local part of its own, which would be lost. Name a file "
            "with --local, keep the one that is there with --keep-local, or give it up for plain "
            "CSV with --plain.",
        ),
        Reason.NOT_ADOPTED: Row(
            _S.NOT_FOUND,
            "{dataset} has not been adopted here. `wardnet-node dataset list` shows what has; "
            "`wardnet-node dataset adopt {dataset} --local FILE` takes it up from the network.",
        ),
        Reason.COLUMN_UNAVAILABLE: Row(
            _S.NOT_FOUND,
            "The column {column} is not available to you in {dataset}. `wardnet dictionary "
            "{dataset}` lists those that are.",
        ),
        Reason.DATASET_UNAVAILABLE: Row(
            _S.NOT_FOUND,
            "The dataset {dataset} is not available to you. `wardnet datasets` lists "
            "those that are.",
        ),
        Reason.DATASET_RECEIVED: Row(
            _S.FAILED_PRECONDITION,
            "{dataset} was received from another hospital and stays out of every question and of "
            "every other share: its patients would count twice. `wardnet-node share read` reads it "
            "under its grant, `wardnet-node share destroy` gives it back.",
        ),
        Reason.PAGE_UNKNOWN: Row(_S.NOT_FOUND, "There is no such page. Go back to the inbox."),
        Reason.QUERY_UNKNOWN: Row(
            _S.NOT_FOUND, "No query of yours has the id {query}. `wardnet query list` shows them."
        ),
        Reason.STUDY_UNKNOWN: Row(
            _S.NOT_FOUND,
            "No study here has the id {study}. `wardnet study list` shows a researcher's, "
            "`wardnet-node study list` those that a hospital was asked about.",
        ),
        Reason.STUDY_NEEDED: Row(
            _S.FAILED_PRECONDITION,
            "A question about {dataset} needs a study that a hospital has agreed to: {rule}.",
        ),
        Reason.NOT_INITIALISED: Row(
            _S.FAILED_PRECONDITION, "There is nothing at {path} yet. Run {rule} first."
        ),
        Reason.PASSPHRASE_WRONG: Row(
            _S.UNAUTHENTICATED,
            "The passphrase does not open {path}. {rule}.",
        ),
        Reason.PASSPHRASE_MISSING: Row(
            _S.UNAUTHENTICATED,
            "A passphrase is needed to open {path}. Name a file that holds it with {setting}, or "
            "run the command on a terminal.",
        ),
        Reason.PASSPHRASE_WEAK: Row(
            _S.INVALID_ARGUMENT, "The passphrase is too short: {rule}. Choose a longer one."
        ),
        Reason.PASSPHRASES_DIFFER: Row(
            _S.INVALID_ARGUMENT,
            "The passphrase was not the same both times. Nothing was done; try again.",
        ),
        Reason.RECOVERY_KEY_WRONG: Row(
            _S.UNAUTHENTICATED,
            "The recovery key does not open {path}: {rule}. Copy it again from your notes.",
        ),
        Reason.LOGIN_REFUSED: Row(
            _S.UNAUTHENTICATED,
            "The login was refused: name, password or code is wrong, or there were ten wrong "
            "attempts. Try again with the next code; after ten wrong attempts wait 15 minutes.",
        ),
        Reason.FILE_MODE: Row(
            _S.FAILED_PRECONDITION,
            "{path} can be read by other users. Run `chmod 600 {path}` and try again.",
        ),
        Reason.INVITATION_MALFORMED: Row(
            _S.INVALID_ARGUMENT,
            "This is not a whole invitation: {rule}. Copy it again, from the first "
            "character to the last.",
        ),
        Reason.INVITATION_REFUSED: Row(
            _S.UNAUTHENTICATED,
            "The invitation was used, has expired, or is for somebody else. Ask the coordinator's "
            "operator for a new one.",
        ),
        Reason.INVITATION_ROLE: Row(
            _S.INVALID_ARGUMENT,
            "The invitation is for a {role}. It is redeemed with {rule}.",
        ),
        Reason.INVITATION_NETWORK: Row(
            _S.INVALID_ARGUMENT,
            "The invitation is for another network than {identity}. Ask the operator of that one "
            "for an invitation.",
        ),
        Reason.FINGERPRINT_NEEDED: Row(
            _S.UNAUTHENTICATED,
            "Nobody has compared the network's fingerprint. Get it from the coordinator's operator "
            "on another way than the invitation, and pass it with --fingerprint.",
        ),
        Reason.FINGERPRINT_MISMATCH: Row(
            _S.UNAUTHENTICATED,
            "The network's fingerprint is {fingerprint}, not the one you gave. Do not go on; call "
            "the coordinator's operator.",
        ),
        Reason.CERTIFICATE_REFUSED: Row(
            _S.UNAUTHENTICATED,
            "The certificate is not accepted: {rule}. Check that both sides belong to the same "
            "network and that the clock is right.",
        ),
        Reason.IDENTITY_MISMATCH: Row(
            _S.UNAUTHENTICATED,
            "The peer claims to be {identity}, and its certificate says otherwise. The "
            "call was refused.",
        ),
        Reason.ROLE_REFUSED: Row(
            _S.PERMISSION_DENIED, "A {role} may not do this. Ask with the right identity."
        ),
        Reason.TLS_TOO_OLD: Row(
            _S.UNAUTHENTICATED, "Only TLS 1.3 is accepted. Update the client or the proxy between."
        ),
        Reason.SIGNATURE_INVALID: Row(
            _S.UNAUTHENTICATED, "The signature does not hold: {rule}. Nothing was done."
        ),
        Reason.ANSWER_SEALED: Row(
            _S.UNAUTHENTICATED,
            "The answer is sealed for the home that the query was asked from, and this is another "
            "one. Open it there, or ask again.",
        ),
        Reason.QUERY_EXPIRED: Row(
            _S.FAILED_PRECONDITION,
            "The query is outside its time of validity. Check the clock and ask again.",
        ),
        Reason.QUERY_REPLAYED: Row(
            _S.UNAUTHENTICATED, "This query's nonce was used before. Ask again with a new query."
        ),
        Reason.QUERY_BEFORE_UNLOCK: Row(
            _S.FAILED_PRECONDITION,
            "The query was signed before the hospital's node was unlocked, which cannot tell "
            "whether it was answered before. Ask again with a new query.",
        ),
        Reason.QUERY_NOT_FOR_US: Row(
            _S.UNAUTHENTICATED, "The query is addressed to others. Nothing was done."
        ),
        Reason.ALREADY_EXISTS: Row(
            _S.ALREADY_EXISTS, "{path} exists already. Choose another place or name."
        ),
        Reason.KEY_REVOKED: Row(
            _S.UNAUTHENTICATED,
            "The signing key of {identity} was revoked. Ask your organisation for a new one.",
        ),
        Reason.STUDY_DECIDED: Row(
            _S.FAILED_PRECONDITION, "{hospital} cannot decide so on this study: {rule}."
        ),
        Reason.AGREEMENT_MISSING: Row(
            _S.PERMISSION_DENIED,
            "{hospital} has not agreed to this study. Ask its steward.",
        ),
        Reason.AGREEMENT_TOO_WIDE: Row(
            _S.FAILED_PRECONDITION,
            "The agreement goes beyond its study at {field}: {rule}. Narrow it and sign it again.",
        ),
        Reason.AGREEMENT_SUPERSEDED: Row(
            _S.FAILED_PRECONDITION,
            "{hospital} has a newer agreement to this study. Ask again under that one.",
        ),
        Reason.AGREEMENT_ENDED: Row(
            _S.FAILED_PRECONDITION,
            "{hospital}'s agreement has ended. Ask its steward for a new one.",
        ),
        Reason.AGREEMENT_REVOKED: Row(
            _S.PERMISSION_DENIED, "{hospital} has revoked its agreement. Ask its steward."
        ),
        Reason.APPROVAL_MISSING: Row(
            _S.PERMISSION_DENIED, "This needs the signatures of {rule}. Nothing was done."
        ),
        Reason.RESEARCHER_NOT_NAMED: Row(
            _S.PERMISSION_DENIED,
            "The study does not name {identity} with this signing key. Ask with the key that it "
            "names, or propose a new study.",
        ),
        Reason.RESEARCHER_NOT_VOUCHED: Row(
            _S.PERMISSION_DENIED,
            "Nobody whom {hospital} knows has vouched for {identity}. Read your key's "
            "fingerprint (`wardnet whoami`) to its steward, who adds it: `wardnet-node book add "
            "ORGANISATION --researcher {identity} --fingerprint HEX`.",
        ),
        Reason.OUTSIDE_AGREEMENT: Row(
            _S.PERMISSION_DENIED,
            "{hospital}'s agreement does not cover the query at {field}: {rule}. Ask for less.",
        ),
        Reason.QUOTA_USED_UP: Row(
            _S.RESOURCE_EXHAUSTED,
            "All queries that {hospital} agreed to have been asked. Ask its steward for more.",
        ),
        Reason.REVOCATIONS_STALE: Row(
            _S.FAILED_PRECONDITION,
            "{hospital} has no list of what {identity} revoked that is younger than a day. Try "
            "again once the node of {identity} is connected.",
            retry=True,
        ),
        Reason.REVOCATIONS_ROLLED_BACK: Row(
            _S.UNAUTHENTICATED,
            "A list of what {identity} revoked would take something back: {rule}. The one before "
            "it stays in force.",
        ),
        Reason.AUDIT_NOT_GRANTED: Row(
            _S.PERMISSION_DENIED,
            "{hospital} has not granted you its access log with this signing key, or has taken it "
            "back. Ask its steward.",
        ),
        Reason.AUDIT_OUTSIDE_GRANT: Row(
            _S.PERMISSION_DENIED,
            "{hospital}'s grant does not cover the request at {field}: {rule}. Ask for less, or "
            "ask its steward for more.",
        ),
        Reason.ANSWER_NOT_KEPT: Row(
            _S.NOT_FOUND,
            "{hospital} keeps no answer to the query {query}. `wardnet audit search {hospital} "
            "--type query_answer` shows which it has released.",
        ),
        Reason.SHARE_UNKNOWN: Row(
            _S.NOT_FOUND,
            "No share here has the id {share}. `wardnet-node share list` shows them all.",
        ),
        Reason.SHARE_DECIDED: Row(
            _S.FAILED_PRECONDITION,
            "{hospital} cannot do so with this share: {rule}. `wardnet-node share list` shows how "
            "it stands.",
        ),
        Reason.SHARE_NOT_FOR_US: Row(
            _S.UNAUTHENTICATED,
            "What was said about a share is meant for another hospital. Nothing was done.",
        ),
        Reason.SHARE_IDENTIFIERS: Row(
            _S.PERMISSION_DENIED,
            "Patients' numbers are handed over for treatment only, and only when the stewards of "
            "both hospitals have signed so. Ask for pseudonyms, or for treatment.",
        ),
        Reason.SHARE_TOO_WIDE: Row(
            _S.FAILED_PRECONDITION,
            "The grant goes beyond its request at {field}: {rule}. Narrow it and sign it again.",
        ),
        Reason.SHARE_REPLAYED: Row(
            _S.UNAUTHENTICATED,
            "A request for records came that was made before, or too long ago: {rule}. Make a new "
            "one with `wardnet-node share request`.",
        ),
        Reason.SHARE_ENDED: Row(
            _S.FAILED_PRECONDITION,
            "The time of this share is over, and its keys are destroyed. Ask {hospital} again with "
            "`wardnet-node share request`.",
        ),
        Reason.SHARE_REVOKED: Row(
            _S.FAILED_PRECONDITION,
            "{hospital} has taken the grant of this share back. Ask its steward why.",
        ),
        Reason.SHARE_USED_UP: Row(
            _S.RESOURCE_EXHAUSTED,
            "The parcel was fetched as often as {hospital} has granted. Ask its steward for a new "
            "grant.",
        ),
        Reason.ATTACHMENT_UNKNOWN: Row(
            _S.NOT_FOUND,
            "The share {share} has no such attachment. `wardnet-node share read {share} "
            "--attachments` lists those that it has.",
        ),
        Reason.GRANT_INVALID: Row(
            _S.INVALID_ARGUMENT,
            "{path} holds no terms of a grant, at {field}: {rule}. `wardnet-node share preview "
            "--draft` writes such a file.",
        ),
        Reason.METHOD_UNKNOWN: Row(
            _S.FAILED_PRECONDITION,
            "{method} version {version} is not known here. Update the older side.",
        ),
        Reason.DICTIONARY_OUTDATED: Row(
            _S.FAILED_PRECONDITION,
            "This is for another version of the dictionary of {dataset}. Fetch the current "
            "one with `wardnet dictionary {dataset}` and ask again.",
        ),
        Reason.DEIDENTIFICATION_INVALID: Row(
            _S.INVALID_ARGUMENT,
            "{column} cannot be de-identified this way: {rule}.",
        ),
        Reason.PATIENT_ID_TOO_LONG: Row(
            _S.FAILED_PRECONDITION,
            "A patient's number has more than 16 bytes: the vault keeps no way back to it. Grant "
            "pseudonyms, or no numbers.",
        ),
        Reason.PATIENTS_NOT_NAMED: Row(
            _S.FAILED_PRECONDITION,
            "{dataset} does not name its patients: a list of patients means nothing in it. Select "
            "them by a cohort.",
        ),
        Reason.SNAPSHOT_GONE: Row(
            _S.FAILED_PRECONDITION,
            "The rows of {dataset} that were granted are no longer kept: it was loaded anew. Look "
            "at a new preview and grant once more.",
        ),
        Reason.NOTHING_TO_SHARE: Row(
            _S.FAILED_PRECONDITION,
            "No row of {dataset} may leave under these conditions. Look at the preview, then widen "
            "the cohort or generalise the columns.",
        ),
        Reason.CONSENT_MISSING: Row(
            _S.NOT_FOUND, "{dataset} has no consent list. Nothing was removed."
        ),
        Reason.LIST_ENCODING: Row(
            _S.INVALID_ARGUMENT,
            "{file}, line {line}: the list is not text in UTF-8. Save it as such, one number per "
            "line, and load it again; nothing was changed.",
        ),
        Reason.COHORT_TOO_SMALL: Row(
            _S.FAILED_PRECONDITION,
            "The cohort holds fewer patients than may be described. Widen it.",
        ),
        Reason.COMPLEMENT_TOO_SMALL: Row(
            _S.FAILED_PRECONDITION,
            "The cohort leaves out fewer patients than may be described. Ask without the filter, "
            "or leave out more.",
        ),
        Reason.IMPLAUSIBLE_TOTAL: Row(
            _S.ABORTED, "The total of a round cannot be right: {rule}. The query was ended."
        ),
        Reason.HOSPITALS_LOST: Row(
            _S.ABORTED,
            "No answer in time from {hospitals}, and too few hospitals are left. Ask again when "
            "they are back, or allow fewer with --min-hospitals.",
            retry=True,
        ),
        Reason.HOSPITAL_REFUSED: Row(_S.PERMISSION_DENIED, "{hospital} refused the query: {rule}"),
        Reason.ROUNDS_DIVERGED: Row(
            _S.ABORTED, "The hospitals did not reach the same state: {rule}. The query was ended."
        ),
        Reason.QUERY_CANCELLED: Row(_S.CANCELLED, "The query was cancelled by its researcher."),
        Reason.SUPERSEDED: Row(
            _S.ABORTED, "A newer process of {identity} has taken over. This one stops."
        ),
        Reason.LEASE_ENDED: Row(
            _S.UNAVAILABLE,
            "Nothing was heard from {hospital} for {seconds} seconds. Its node connects again.",
            retry=True,
        ),
        Reason.WORK_LIMIT: Row(
            _S.RESOURCE_EXHAUSTED, "Too much is open at once: {rule}. Try again later.", retry=True
        ),
        Reason.COORDINATOR_AWAY: Row(
            _S.UNAVAILABLE,
            "The coordinator at {address} cannot be reached: {rule}. Check the address, the "
            "network and the proxy, then try again.",
            retry=True,
        ),
        Reason.HOSPITAL_AWAY: Row(
            _S.UNAVAILABLE,
            "{hospital} is not connected, or did not answer in time. `wardnet hospitals` shows who "
            "is there; try again later.",
            retry=True,
        ),
        Reason.SYSLOG_AWAY: Row(
            _S.UNAVAILABLE,
            "The syslog receiver {address} cannot be used: {rule}. Check its address, that it "
            "listens, and for TLS the authority that vouches for it; then send again.",
            retry=True,
        ),
        Reason.NOTIFICATION_AWAY: Row(
            _S.UNAVAILABLE,
            "Nobody can be notified through {address}: {rule}. Check {setting}, that the service "
            "runs, and that a firewall lets the node out to it; then `wardnet-node notify test`.",
            retry=True,
        ),
        Reason.NOTIFICATION_UNTRUSTED: Row(
            _S.UNAUTHENTICATED,
            "Nobody is notified through {address}, for there is no trusted TLS: {rule}. Name the "
            "file of the authority that vouches for it in notify_authority, or correct {setting}; "
            "then `wardnet-node notify test`.",
        ),
        Reason.NOTIFICATION_LOGIN: Row(
            _S.UNAUTHENTICATED,
            "The mail server {address} does not let the node in: {rule}. Correct notify_mail_user "
            "and the file that notify_mail_password_file names, then `wardnet-node notify test`.",
        ),
        Reason.NOTIFICATION_REFUSED: Row(
            _S.FAILED_PRECONDITION,
            "{address} was reached and does not take the notification: {rule}. Correct {setting}, "
            "then `wardnet-node notify test`.",
            retry=True,
        ),
        Reason.NOTIFICATION_OFF: Row(
            _S.FAILED_PRECONDITION,
            "Notifications are off. Set notify_mail_server or notify_webhook, as "
            "docs/hospital.md shows, and try again.",
        ),
        Reason.WAIT_TOO_LONG: Row(
            _S.DEADLINE_EXCEEDED,
            "No answer within {seconds} seconds. The query goes on; `wardnet query wait {query}` "
            "takes it up again.",
            retry=True,
        ),
        Reason.IN_USE: Row(
            _S.FAILED_PRECONDITION,
            "{path} is in use by another process ({rule}). Stop it first.",
            retry=True,
        ),
        Reason.DISK_FULL: Row(
            _S.RESOURCE_EXHAUSTED,
            "The disk of {path} is full. Nothing was stored; free some space and try again.",
            retry=True,
        ),
        Reason.VAULT_DAMAGED: Row(
            _S.DATA_LOSS,
            "{path} does not hold what was stored there: {rule}. Stop the daemon and restore the "
            "home folder from a backup.",
        ),
        Reason.NODE_UNABLE: Row(
            _S.UNAVAILABLE,
            "The hospital cannot use its data at present; its log tells its operator why. Ask "
            "again later, or ask the other hospitals.",
            retry=True,
        ),
        Reason.LOG_DAMAGED: Row(
            _S.DATA_LOSS,
            "The access log is broken at entry {line}: {rule}. Keep the file as evidence and call "
            "your auditor.",
        ),
        Reason.NODE_LOCKED: Row(
            _S.DATA_LOSS,
            "The access log has lost its end: {rule}. Put the newest catalog back; where it is "
            "lost, two stewards unlock the node: `wardnet-node unlock --reason TEXT --steward A "
            "--steward B`.",
        ),
        Reason.NODE_NOT_LOCKED: Row(
            _S.FAILED_PRECONDITION,
            "The node is not locked: its access log is whole. Start it with `wardnet-node serve`.",
        ),
        Reason.CHECKPOINT_MALFORMED: Row(
            _S.INVALID_ARGUMENT,
            "The checkpoint cannot be read: {rule}. Ask for it again where you got it.",
        ),
        Reason.CHECKPOINT_UNSIGNED: Row(
            _S.UNAUTHENTICATED,
            "The checkpoint does not come from {identity}: {rule}. Keep it as evidence, believe "
            "nothing that rests on it, and call the log's owner.",
        ),
        Reason.COSIGNATURE_INVALID: Row(
            _S.UNAUTHENTICATED,
            "The cosignature of {identity} does not belong to the checkpoint: {rule}. Keep it as "
            "evidence and call that witness.",
        ),
        Reason.LOG_KEY_MISMATCH: Row(
            _S.UNAUTHENTICATED,
            "The key given for {identity} has the fingerprint {fingerprint}, not the one that you "
            "have compared. Do not go on; call its owner.",
        ),
        Reason.ENTRY_UNCOVERED: Row(
            _S.FAILED_PRECONDITION,
            "No checkpoint covers entry {line} yet. Try again in a minute.",
            retry=True,
        ),
        Reason.PROOF_REFUSED: Row(
            _S.DATA_LOSS,
            "Entry {line} is not proven: {rule}. Keep it as evidence, and ask for it again.",
        ),
        Reason.CONSISTENCY_REFUSED: Row(
            _S.DATA_LOSS,
            "The later log is not proven to continue the earlier one: {rule}. Keep both "
            "checkpoints as evidence and call the log's owner.",
        ),
        Reason.LOG_UNKNOWN: Row(
            _S.NOT_FOUND,
            "The log {identity} is not witnessed here. Ask the witness's stewards to add its key.",
        ),
        Reason.CHECKPOINT_OUTDATED: Row(
            _S.ABORTED,
            "The witness holds the log of {identity} at size {size}. Prove that the log continues "
            "from there.",
            retry=True,
        ),
        Reason.LOG_FORKED: Row(
            _S.DATA_LOSS,
            "The log of {identity} has shown two histories of the same size. Both checkpoints are "
            "kept as evidence; call its owner and your auditor.",
        ),
        Reason.LOG_ROLLED_BACK: Row(
            _S.DATA_LOSS,
            "A witness has seen {size} entries of this log, and it holds fewer: an older copy was "
            "put back, or its end is gone. Keep the file as evidence; two stewards decide.",
        ),
        Reason.LOG_UNPROVEN: Row(
            _S.UNAVAILABLE,
            "The hospital {hospital} has started again, and no other hospital has confirmed yet "
            "that its access log is whole. Ask again in a minute.",
            retry=True,
        ),
        Reason.LOG_STALE: Row(
            _S.FAILED_PRECONDITION,
            "The hospital {hospital} answers no question: for more than a day too few other "
            "hospitals have confirmed its access log. Its operator finds them with `wardnet-node "
            "log witnesses`; two of its stewards may extend the time: `wardnet-node log extend "
            "--reason TEXT --steward A --steward B`.",
        ),
        Reason.LOG_COVERED: Row(
            _S.FAILED_PRECONDITION,
            "There is nothing to extend: enough other hospitals have confirmed the whole access "
            "log, or none could.",
        ),
        Reason.RECOVERY_UNPROVEN: Row(
            _S.DATA_LOSS,
            "The log {identity} has begun anew without telling what was lost: {rule}. Believe "
            "nothing that rests on it, and call its owner.",
        ),
        Reason.PROMISE_MISSING: Row(
            _S.DATA_LOSS,
            "The answer of {hospital} came without its promise that the answer stands in its "
            "access log. Call the hospital: it, or the coordinator on the way, left it out.",
        ),
        Reason.DETAIL_ERASED: Row(
            _S.NOT_FOUND,
            "What entry {line} said of its patient was erased, or its time was over. The entry "
            "itself and its proof stand.",
        ),
        Reason.BUNDLE_MALFORMED: Row(
            _S.INVALID_ARGUMENT,
            "The bundle cannot be read at line {line}: {rule}. Ask for it again.",
        ),
        Reason.BUNDLE_REWRITTEN: Row(
            _S.DATA_LOSS,
            "The entries are not those of the checkpoint at size {line}: one or more were changed, "
            "moved or taken out. Keep the bundle as evidence and ask for it again.",
        ),
        Reason.PARCEL_DAMAGED: Row(
            _S.DATA_LOSS,
            "The parcel {path} is not as it was sealed: {rule}. Nothing was taken from it; delete "
            "it and fetch it again.",
        ),
        Reason.PARCEL_REFUSED: Row(
            _S.UNAUTHENTICATED,
            "The parcel is refused: {rule}. Nothing was opened; call the hospital {hospital}.",
        ),
        Reason.PARCEL_TOO_LARGE: Row(
            _S.INVALID_ARGUMENT,
            "A parcel cannot hold {rule}. Send the rest under a second request; nothing was "
            "sealed.",
        ),
        Reason.ATTACHMENT_NAME: Row(
            _S.INVALID_ARGUMENT,
            "The name of attachment {position} cannot be used: {rule}. Rename the file and try "
            "again; nothing was stored.",
        ),
        Reason.RELAY_AWAY: Row(
            _S.UNAVAILABLE,
            "The relay at {address} cannot be reached: {rule}. Check the address, the network and "
            "the proxy, then try again; the transfer goes on where it stopped.",
            retry=True,
        ),
        Reason.NODE_AWAY: Row(
            _S.UNAVAILABLE,
            "The hospital's node at {address} cannot be reached: {rule}. Try again, the transfer "
            "goes on where it stopped; or ask the hospital to send it by way of the relay.",
            retry=True,
        ),
        Reason.PARCEL_UNKNOWN: Row(
            _S.NOT_FOUND,
            "There is no parcel for this hospital under that grant: not yet, or no longer. Try "
            "again in a while, then ask the hospital that granted it to send it again.",
            retry=True,
        ),
        Reason.PARCEL_INCOMPLETE: Row(
            _S.UNAVAILABLE,
            "{hospital} has not sent the whole parcel yet. Try again later; the transfer goes on "
            "where it stopped.",
            retry=True,
        ),
        Reason.PARCEL_OVERSIZE: Row(
            _S.INVALID_ARGUMENT,
            "The relay takes no parcel larger than {rule}. Share fewer records at once, or let the "
            "other hospital fetch them from this one directly.",
        ),
        Reason.TRANSFER_ALTERED: Row(
            _S.DATA_LOSS,
            "What arrived of the parcel is not what was sent: {rule}. It was deleted; try again, "
            "and when that happens twice, call who runs the other side.",
        ),
        Reason.RELAY_FULL: Row(
            _S.RESOURCE_EXHAUSTED,
            "The relay has no room for the parcel: {rule}. Wait until other parcels are fetched, "
            "or take some back; then try again.",
            retry=True,
        ),
        Reason.STATE_DAMAGED: Row(
            _S.DATA_LOSS, "{path} is damaged: {rule}. Restore it from a backup."
        ),
        Reason.INTERNAL: Row(
            _S.INTERNAL,
            "Something went wrong inside. Tell the operator the incident id {incident}.",
        ),
    }
)
"""One row per reason, in the order of `Reason`."""
