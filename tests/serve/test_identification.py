"""Laws of who is admitted by a policy: by certificate, by token, through a front."""

from __future__ import annotations

import pickle
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from gongji.access.identity import SUBJECT_KEY, CallerIdentity
from gongji.audit.hashing import LABELS, default_hasher
from gongji.cli.devcerts.authority import IssuedPair
from gongji.model.refusals import (
    CallerUnknown,
    CredentialExpired,
    CredentialInvalid,
    CredentialRevoked,
    Refusal,
)
from gongji.serve.clock import HeldClock
from gongji.serve.identification import AccessFiles, PolicyAuthenticator

from tests.scaffold.credentials import AUDIENCE, DOMAIN, ISSUER, SPAN, DoorFiles

LABEL = LABELS[default_hasher()]

AUDITOR = 'kind = "auditor"\ncities = ["*"]'
FRONT = 'kind = "front"'

Metadata = dict[str, str | bytes]


@pytest.fixture
def files(tmp_path: Path) -> DoorFiles:
    files = DoorFiles.at(tmp_path)
    files.allow(auditor=AUDITOR, other=AUDITOR, front=FRONT)
    files.write("deny.toml", "")
    return files


class Admitting:
    """A policy's authenticator whose clock can be moved."""

    def __init__(self, files: DoorFiles, clock: HeldClock | None = None) -> None:
        self.now = time()
        self.authenticator = PolicyAuthenticator(
            AccessFiles(
                policy=files.folder / "policy.toml",
                deny=files.folder / "deny.toml",
                token_keys=files.folder / "keys.json",
                token_issuer=ISSUER,
                token_audience=AUDIENCE,
            ),
            clock=clock or (lambda: datetime.fromtimestamp(self.now, UTC)),
        )

    def __call__(self, pair: IssuedPair | None = None, /, **metadata: str) -> str:
        """Return the caller that certificate and metadata are, or why there is none."""
        peer = {"x509_pem_cert": [pair.certificate_pem()]} if pair else {}
        stated: Metadata = {
            key.replace("_", "-"): value for key, value in metadata.items()
        }
        try:
            return self.authenticator.identify(stated, peer).caller
        except Refusal as refusal:
            return type(refusal).__name__

    def read_again(self) -> None:
        for watched in self.authenticator.watched:
            watched.refresh()


@pytest.fixture
def admitting(files: DoorFiles) -> Admitting:
    return Admitting(files)


def bearer(token: str) -> str:
    return f"Bearer {token}"


def forwarded(pair: IssuedPair) -> str:
    der = pair.certificate.public_bytes(serialization.Encoding.DER)
    return b64encode(der).decode()


def named(name: x509.Name, *uris: str) -> IssuedPair:
    """Return a certificate with any names."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if uris:
        names = [x509.UniformResourceIdentifier(uri) for uri in uris]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)  # noqa: FBT003 - the method's own
    return IssuedPair(builder.sign(key, hashes.SHA256()), key)


def common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class TestCertificates:
    """The certificate of a connection."""

    def test_names_its_caller(self, files: DoorFiles, admitting: Admitting) -> None:
        """Its SAN URI is looked up in the policy."""
        assert "auditor" == admitting(files.certificate("auditor"))
        assert CallerUnknown.__name__ == admitting(files.certificate("stranger"))

    def test_by_its_subject(self, files: DoorFiles) -> None:
        """Without a URI the whole subject counts; with one the subject counts nothing."""
        path = files.folder / "policy.toml"
        text = path.read_text(encoding="utf-8").replace(f"{DOMAIN}auditor", "CN=a,O=b")
        files.write("policy.toml", text)
        admitting = Admitting(files)
        both = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "b"),
                x509.NameAttribute(NameOID.COMMON_NAME, "a"),
            ]
        )
        assert "auditor" == admitting(named(both))
        assert "CallerUnknown" == admitting(named(common_name("a")))
        assert "CallerUnknown" == admitting(named(both, f"{DOMAIN}x"))
        assert "CallerUnknown" == admitting(named(x509.Name([])))
        # A text of the other kind, where a URI should stand.
        assert "CallerUnknown" == admitting(named(common_name("x"), "CN=a,O=b"))

    def test_of_two_callers_is_nobodys(self, admitting: Admitting) -> None:
        """A certificate that names two callers admits neither; one that also names
        nobody admits the one."""
        name = common_name("a")
        both = named(name, f"{DOMAIN}auditor", f"{DOMAIN}other")
        assert "CredentialInvalid" == admitting(both)
        assert "auditor" == admitting(named(name, f"{DOMAIN}auditor", f"{DOMAIN}x"))

    def test_holds_for_its_time_only(
        self, files: DoorFiles, admitting: Admitting
    ) -> None:
        """A connection is no longer admitted once its certificate has run out, nor
        before its time."""
        pair = files.certificate("auditor", ends_in=timedelta(seconds=60))
        assert "auditor" == admitting(pair)
        admitting.now += 61
        assert "CredentialExpired" == admitting(pair)
        admitting.now -= SPAN.total_seconds() + 2 * 60 * 60
        assert "CredentialExpired" == admitting(pair)

    def test_nothing_is_nobody(self, admitting: Admitting) -> None:
        """Whoever shows nothing is told what to show, whatever name he states."""
        assert "CredentialMissing" == admitting()
        assert "CredentialMissing" == admitting(x_gongji_caller="auditor")


class TestTokens:
    """The token of a call."""

    def test_names_its_caller(self, files: DoorFiles, admitting: Admitting) -> None:
        """Its `sub` is looked up in the policy, the second time as well."""
        token = bearer(files.token("auditor"))
        assert "auditor" == admitting(authorization=token)
        assert "auditor" == admitting(authorization=token)
        stranger = bearer(files.token("stranger"))
        assert "CallerUnknown" == admitting(authorization=stranger)

    def test_beside_a_certificate(self, files: DoorFiles, admitting: Admitting) -> None:
        """Both must name one caller."""
        pair = files.certificate("auditor")
        own, others = files.token("auditor"), files.token("other")
        assert "auditor" == admitting(pair, authorization=bearer(own))
        assert "CredentialInvalid" == admitting(pair, authorization=bearer(others))
        assert "CredentialInvalid" == admitting(pair, authorization=bearer("x.y.z"))

    def test_holds_for_its_time_only(
        self, files: DoorFiles, admitting: Admitting
    ) -> None:
        """A token that was verified once is refused from its last second on."""
        token = bearer(files.token("auditor", ends_in=timedelta(seconds=60)))
        assert "auditor" == admitting(authorization=token)
        admitting.now += 61
        assert "CredentialExpired" == admitting(authorization=token)

    def test_without_keys(self, files: DoorFiles) -> None:
        """A server without keys admits no token."""
        policy = AccessFiles(policy=files.folder / "policy.toml")
        metadata: Metadata = {"authorization": bearer(files.token("auditor"))}
        with pytest.raises(CredentialInvalid, match="不收令牌"):
            PolicyAuthenticator(policy).identify(metadata, {})


class TestFronts:
    """What a front forwards of the caller behind it."""

    def test_is_believed(self, files: DoorFiles, admitting: Admitting) -> None:
        """The certificate that it has verified names the caller."""
        front = files.certificate("front")
        told = {"x_gongji_client_cert": forwarded(files.certificate("auditor"))}
        assert "auditor" == admitting(front, **told, x_gongji_client_verify="0")

    @pytest.mark.parametrize(
        ("code", "refusal"),
        [
            ("10", CredentialExpired),
            ("9", CredentialExpired),
            ("23", CredentialRevoked),
            ("18", CredentialInvalid),
            ("", CredentialInvalid),
            ("00", CredentialInvalid),
        ],
    )
    def test_tells_why_not(
        self,
        code: str,
        refusal: type[Refusal],
        files: DoorFiles,
        admitting: Admitting,
    ) -> None:
        """A certificate that it could not verify admits nobody, each reason by its name."""
        front = files.certificate("front")
        told = {"x_gongji_client_cert": forwarded(files.certificate("auditor"))}
        assert refusal.__name__ == admitting(front, **told, x_gongji_client_verify=code)

    def test_says_that_there_is_none(
        self, files: DoorFiles, admitting: Admitting
    ) -> None:
        """A caller without a certificate shows nothing, unless it sends a token."""
        front = files.certificate("front")
        none = {"x_gongji_client_cert": "", "x_gongji_client_verify": "0"}
        token = bearer(files.token("auditor"))
        assert "CredentialMissing" == admitting(front, **none)
        assert "auditor" == admitting(front, **none, authorization=token)

    def test_says_nothing_sound(self, files: DoorFiles, admitting: Admitting) -> None:
        """What is no certificate, or comes without its verification, admits nobody."""
        front = files.certificate("front")
        whole = forwarded(files.certificate("auditor"))
        for stated in ("x", whole[:-8], "AAAA", whole + "\n"):
            told = {"x_gongji_client_cert": stated, "x_gongji_client_verify": "0"}
            assert "CredentialInvalid" == admitting(front, **told)
        assert "CredentialInvalid" == admitting(front, x_gongji_client_cert=whole)

    def test_tells_the_address(self, files: DoorFiles, admitting: Admitting) -> None:
        """An address that it forwards is the caller's, written in one way; text is none."""
        peer = {"x509_pem_cert": [files.certificate("front").certificate_pem()]}
        told: Metadata = {
            "x-gongji-client-cert": forwarded(files.certificate("auditor")),
            "x-gongji-client-verify": "0",
        }
        for stated, address in (("::ffff:10.1.2.3", "10.1.2.3"), ("赵某某", "")):
            told["x-gongji-client-address"] = stated
            identity = admitting.authenticator.identify(told, peer)
            assert ("auditor", address) == (identity.caller, identity.address)
        own = files.certificate("auditor")
        assert "CredentialInvalid" == admitting(own, x_gongji_client_address="10.1.2.3")

    def test_is_the_only_one(self, files: DoorFiles, admitting: Admitting) -> None:
        """Nobody else may say whose certificate he has seen, not even with a token of
        the front's."""
        told = {
            "x_gongji_client_cert": forwarded(files.certificate("auditor")),
            "x_gongji_client_verify": "0",
        }
        other = files.certificate("other")
        token = bearer(files.token("front"))
        assert "CredentialInvalid" == admitting(other, **told)
        assert "CredentialInvalid" == admitting(**told)
        assert "CredentialInvalid" == admitting(**told, authorization=token)
        assert "CredentialInvalid" == admitting(other, x_gongji_client_verify="0")

    def test_is_a_caller_itself(self, files: DoorFiles, admitting: Admitting) -> None:
        """Without a word of another it calls in its own name."""
        assert "front" == admitting(files.certificate("front"))


def fingerprint_of(pair: IssuedPair) -> bytes:
    """A certificate's fingerprint, by another library's hand."""
    kinds = {"sha256": hashes.SHA256, "sm3": hashes.SM3}
    return pair.certificate.fingerprint(kinds[LABEL]())


class TestDenial:
    """What is taken out while the server runs."""

    def test_a_caller(self, files: DoorFiles, admitting: Admitting) -> None:
        """A caller that is denied, or no longer in the policy, is admitted no more."""
        pair, token = files.certificate("auditor"), bearer(files.token("auditor"))
        files.write("deny.toml", 'callers = ["auditor"]')
        admitting.read_again()
        assert "CredentialRevoked" == admitting(pair)
        assert "CredentialRevoked" == admitting(authorization=token)
        assert "other" == admitting(files.certificate("other"))
        files.write("deny.toml", "")
        files.allow(other=AUDITOR)
        admitting.read_again()
        assert "CallerUnknown" == admitting(pair)
        assert "CallerUnknown" == admitting(authorization=token)

    def test_a_certificate(self, files: DoorFiles, admitting: Admitting) -> None:
        """One certificate is denied by fingerprint or serial, its caller's others are
        not, also behind a front."""
        pair, next_one = files.certificate("auditor"), files.certificate("auditor")
        front = files.certificate("front")
        told = {
            "x_gongji_client_cert": forwarded(pair),
            "x_gongji_client_verify": "0",
        }
        fingerprint = fingerprint_of(pair).hex(":").upper()
        for number in (
            f"{LABEL.upper()}:{fingerprint}",
            f"{pair.certificate.serial_number:040X}",
        ):
            files.write("deny.toml", f'certificates = ["{number}"]')
            admitting.read_again()
            assert "CredentialRevoked" == admitting(pair)
            assert "CredentialRevoked" == admitting(front, **told)
            assert "auditor" == admitting(next_one)

    def test_a_front(self, files: DoorFiles, admitting: Admitting) -> None:
        """Whom a denied front forwards is admitted no more."""
        front = files.certificate("front")
        files.write("deny.toml", 'callers = ["front"]')
        admitting.read_again()
        told = forwarded(files.certificate("auditor"))
        assert "CredentialRevoked" == admitting(
            front, x_gongji_client_cert=told, x_gongji_client_verify="0"
        )

    def test_a_token(self, files: DoorFiles, admitting: Admitting) -> None:
        """One token is denied by its number, its caller's others are not."""
        token, next_one = files.token("auditor"), files.token("auditor", jti="2")
        files.write("deny.toml", 'tokens = ["auditor-1"]')
        admitting.read_again()
        assert "CredentialRevoked" == admitting(authorization=bearer(token))
        assert "auditor" == admitting(authorization=bearer(next_one))

    def test_a_key(self, files: DoorFiles, admitting: Admitting) -> None:
        """A token that was verified by a key is refused once the key is gone."""
        token = bearer(files.token("auditor"))
        assert "auditor" == admitting(authorization=token)
        files.publish(k2=ec.generate_private_key(ec.SECP256R1()))
        admitting.read_again()
        assert "CredentialInvalid" == admitting(authorization=token)

    @pytest.mark.parametrize("name", ["policy.toml", "deny.toml", "keys.json"])
    def test_a_bad_file_keeps_the_old(
        self, name: str, files: DoorFiles, admitting: Admitting
    ) -> None:
        """A file that cannot be read, or is gone, changes nothing."""
        pair, token = files.certificate("auditor"), files.token("auditor")
        files.write(name, "x =")
        admitting.read_again()
        assert "auditor" == admitting(pair, authorization=bearer(token))
        (files.folder / name).unlink()
        admitting.read_again()
        assert "auditor" == admitting(pair, authorization=bearer(token))


def test_who_is_recorded(files: DoorFiles, admitting: Admitting) -> None:
    """The record names the certificate by its fingerprint and the token by its number,
    never the token; the subject travels along."""
    pair, token = files.certificate("auditor"), files.token("auditor")
    fingerprint = fingerprint_of(pair).hex()
    metadata: Metadata = {"authorization": bearer(token), SUBJECT_KEY: b"s"}
    identity = admitting.authenticator.identify(
        metadata, {"x509_pem_cert": [pair.certificate_pem()]}
    )
    credential = f"{LABEL}:{fingerprint} jwt:auditor-1"
    assert CallerIdentity("auditor", credential, b"s") == identity


def test_another_process_begins_with_what_was_sound(files: DoorFiles) -> None:
    """A gateway that is started later knows what the files said last while they were
    sound, and then what they say."""
    authenticator = PolicyAuthenticator(AccessFiles(policy=files.allow(other=AUDITOR)))
    peer = {"x509_pem_cert": [files.certificate("other").certificate_pem()]}
    files.write("policy.toml", "x =")
    there = pickle.loads(pickle.dumps(authenticator))  # noqa: S301 - our own
    assert "other" == there.identify({}, peer).caller
    files.allow(auditor=AUDITOR)
    there = pickle.loads(pickle.dumps(there))  # noqa: S301 - our own
    there.policy.refresh()
    with pytest.raises(CallerUnknown):
        there.identify({}, peer)
