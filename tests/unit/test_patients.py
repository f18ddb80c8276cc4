"""Patients get keyed pseudonyms and dense numbers."""

import hmac

import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wardnet.audit import tags
from wardnet_node.vault import patients
from wardnet_node.vault.patients import PatientIndex, pseudonyms

KEY = bytes(range(64))


def index() -> PatientIndex:
    """Return an index without patients."""
    return PatientIndex(KEY, np.zeros((0, 2), np.uint64))


def test_numbers_are_dense_and_in_order_of_appearance() -> None:
    """The same id has the same number in every batch; new ones follow on."""
    one = index()
    assert one.numbers(pa.array(["b", "a", "b"])).tolist() == [0, 1, 0]
    assert one.numbers(pa.array(["c", "a"])).tolist() == [2, 1]
    assert one.numbers(pa.array([], type=pa.string())).tolist() == []
    assert one.seen == 3


@pytest.mark.parametrize("length", [1, 15, 16, 17, 40])
def test_ids_of_every_length_are_told_apart(length: int) -> None:
    """Ids that differ in their last byte, or are one a prefix of the other, are two patients."""
    ids = ["x" * length, "x" * (length - 1) + "y", "x" * (length + 1), "é" * length]
    assert index().numbers(pa.array([*ids, *ids])).tolist() == [0, 1, 2, 3] * 2


def test_an_id_is_one_block_of_aes_and_a_long_one_is_cut_by_an_hmac_before() -> None:
    """The pseudonyms are what the standard constructions give, computed one by one."""
    short, long = "R-1", "a record number of more than 16 bytes"
    found = pseudonyms(pa.array([short, long]), KEY)
    info = b"wardnet pseudonym v1 short"
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(KEY[:32])
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    assert found[0].tobytes() == encryptor.update(short.ljust(16).encode())
    cut = hmac.digest(KEY[32:], long.encode(), "sha256")[:16]
    assert found[1].tobytes() == encryptor.update(cut)
    assert pseudonyms(pa.array([long, short]), KEY).tolist() == found[::-1].tolist()


def test_a_long_id_needs_the_key_that_shortens_it() -> None:
    """Without it nothing is computed: an HMAC without a key would be found by trying."""
    with pytest.raises(ValueError, match="more than 16 bytes"):
        pseudonyms(pa.array(["R-1", "a record number of more than 16 bytes"]), KEY[:32])


def test_a_patient_has_one_tag_whatever_dataset_she_is_in() -> None:
    """Her pseudonyms differ, her tag is that of her number, however long that is."""
    tag_key, ids = bytes(32), ["R-1", "é", "a record number of more than 16 bytes", "ü" * 9]
    shortening = tags.shortening_key(tag_key)
    for dataset in (bytes(range(32)), bytes(range(1, 33))):
        key = dataset + shortening
        found = patients.tags_of(pseudonyms(pa.array(ids), key), key, tag_key=tag_key)
        assert sorted(found) == sorted(tags.tag(tag_key, each) for each in ids)


def test_the_order_of_tags_tells_nothing() -> None:
    """It is that of the pseudonyms, not that in which the hospital has admitted its patients."""
    ids = pa.array([f"R-{number}" for number in range(100)])
    halves = pseudonyms(ids, KEY)
    found = list(patients.tags_of(halves, KEY, tag_key=KEY))
    assert found == list(patients.tags_of(halves[::-1], KEY, tag_key=KEY))
    assert found != [tags.tag(KEY, each) for each in ids.to_pylist()]
    assert list(patients.tags_of(halves[:0], KEY, tag_key=KEY)) == []


def test_pseudonyms_depend_on_the_key() -> None:
    """Another dataset's key gives the same patient another pseudonym."""
    ids = pa.array(["R-1", "a record number of more than 16 bytes"])
    assert not np.any(pseudonyms(ids, KEY) == pseudonyms(ids, bytes(64)))


def test_a_slice_of_ids_is_read_where_it_lies() -> None:
    """Arrow slices share memory; the pseudonyms are those of the slice."""
    ids = pa.array(["a", "b", "c", "d"])
    assert np.array_equal(pseudonyms(ids[2:], KEY), pseudonyms(ids, KEY)[2:])


def test_two_patients_that_share_half_a_pseudonym_stay_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Equal first halves do not make equal patients: not in a batch, nor in the next one."""
    halves = np.array([[7, 1], [7, 2], [8, 1], [7, 1], [7, 2]], dtype=np.uint64)
    monkeypatch.setattr(patients, "pseudonyms", lambda ids, _: halves[ids.to_numpy()])
    one = index()
    assert one.numbers(pa.array([0, 1, 2, 3, 4])).tolist() == [0, 1, 2, 0, 1]
    two = index()
    for row, number in enumerate([0, 1, 2, 0, 1]):
        assert two.numbers(pa.array([row])).tolist() == [number]
    three = PatientIndex(KEY, np.column_stack(list(two.added.values())))
    assert three.numbers(pa.array([4, 3, 2])).tolist() == [1, 0, 2]
    assert (one.seen, two.seen, three.added) == (3, 3, {})


def test_only_new_patients_are_stored_again() -> None:
    """What an index adds is what it did not load."""
    one = index()
    one.numbers(pa.array(["a", "b"]))
    known = np.column_stack([one.added[half] for half in one.added])
    two = PatientIndex(KEY, known)
    assert two.numbers(pa.array(["b"])).tolist() == [1]
    assert two.added == {}
    assert two.numbers(pa.array(["c", "b"])).tolist() == [2, 1]
    assert [len(values) for values in two.added.values()] == [1, 1]
    assert two.seen == 2


def test_short_ids_come_back_and_long_ones_do_not() -> None:
    """A short one stands in its block, of a long one only a cut HMAC."""
    ids = ["R-1", "é", "sixteen bytes!!!", "inner space", "more than sixteen bytes"]
    found = patients.short_ids(pseudonyms(pa.array(ids), KEY), KEY)
    assert found == [*ids[:4], None]
    assert patients.short_ids(np.zeros((0, 2), np.uint64), KEY) == []


def test_ids_of_another_key_do_not_come_back() -> None:
    """What was not made with the key decrypts to bytes that are no id."""
    ids = [f"R-{number}" for number in range(200)]
    assert set(patients.short_ids(pseudonyms(pa.array(ids), KEY), bytes(32))) == {None}
