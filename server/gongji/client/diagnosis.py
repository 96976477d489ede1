"""Why a service did not answer: asked once more without gRPC, whose words vary."""

from __future__ import annotations

import socket
import ssl
from typing import Final

from gongji.client.credentials import Credentials

PATIENCE_S: Final = 3.0
"""Seconds for each step: connecting, the handshake, the first answer."""

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(
    [0, 0, 0, 4, 0, 0, 0, 0, 0]
)
"""How a client of HTTP/2 begins: the preface and empty SETTINGS (RFC 9113, 3.4)."""

_UNVERIFIED: Final = {
    9: "服务的证书尚未生效：请核对本机时间，或请运营方换发",
    10: "服务的证书已过期：请运营方换发（服务会自行读入新证书），并核对本机时间",
    18: "服务的证书不是 {ca} 所签：请向运营方索取根证书，以 --ca 指明",
    19: "服务的证书不是 {ca} 所签：请向运营方索取根证书，以 --ca 指明",
    20: "服务的证书不是 {ca} 所签：请向运营方索取根证书，以 --ca 指明",
    21: "服务的证书不是 {ca} 所签：请向运营方索取根证书，以 --ca 指明",
    62: "服务的证书上没有 {host}：请以证书上的名称连接，或以 --server-name 写明该名称",
    64: "服务的证书上没有 {host}：请以证书上的名称连接，或以 --server-name 写明该名称",
}
"""What OpenSSL's verify codes mean to whoever runs a command."""

_WANTS_CERTIFICATE: Final = (
    "服务要求客户端证书：请以 --cert 与 --key 出示；只有令牌的，请连它只凭令牌的地址"
)

_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": _WANTS_CERTIFICATE,
    "HANDSHAKE_FAILURE": _WANTS_CERTIFICATE,
    "UNKNOWN_CA": "服务不认签发本方证书 {cert} 的机构：请向运营方申领证书",
    "CERTIFICATE_EXPIRED": "本方证书 {cert} 已过期：请换发",
    "CERTIFICATE_REVOKED": "本方证书 {cert} 已被吊销：请联系运营方",
}
"""What the server's TLS alerts mean; by the end of their names in OpenSSL."""

_WANTS_TLS: Final = (
    "服务使用 TLS，而本方没有：请以 --ca 指明核对服务证书的根证书（PEM）"
)
_WANTS_PLAIN: Final = (
    "服务没有使用 TLS，而本方给出了 --ca：请核对地址；只有本机的服务可以不用 TLS"
)
_OTHER: Final = "该地址上的不是 gRPC 服务：请核对地址与端口"


def why_unreached(address: str, credentials: Credentials) -> str:
    """Return why `host:port` does not answer, and what to do; "" if it is not plain."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and port.isdecimal() and 0 < int(port) < 1 << 16):
        return f"地址须写作 主机:端口，得到 {address}"
    try:
        if credentials.ca is None:
            return _over_plain(host, int(port))
        return _over_tls(host, int(port), credentials)
    except socket.gaierror:
        return f"找不到主机 {host}：请核对地址"
    except ConnectionRefusedError:
        return f"{address} 上没有服务在监听：请确认服务已启动，地址以 --target 指明"
    except OSError:
        return ""


def _over_plain(host: str, port: int) -> str:
    with _connected(host, port) as plain:
        answer = _first_answer(plain)
    if _is_http2(answer):
        return ""
    if _speaks_tls(host, port):
        return _WANTS_TLS
    return _OTHER if answer else ""


def _over_tls(host: str, port: int, credentials: Credentials) -> str:
    context = _context(credentials)
    name = credentials.server_name or host
    try:
        with (
            _connected(host, port) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            answer = _first_answer(secure)
    except ssl.SSLCertVerificationError as fault:
        sentence = _UNVERIFIED.get(
            fault.verify_code,
            "服务的证书没有通过核对（{fault}）：请与运营方核对证书与 --ca {ca}",
        )
        return sentence.format(ca=credentials.ca, host=name, fault=fault.verify_message)
    except (ssl.SSLError, ConnectionResetError) as fault:
        return _refused_handshake(host, port, credentials, fault)
    # The server of gRPC closes without an alert if it has seen no certificate.
    if not answer and credentials.cert is None:
        return _ALERTS["CERTIFICATE_REQUIRED"]
    if not answer:
        return (
            f"服务没有接受本方证书 {credentials.cert}：请与运营方核对签发机构与有效期"
        )
    return "" if _is_http2(answer) else _OTHER


def _refused_handshake(
    host: str, port: int, credentials: Credentials, fault: OSError
) -> str:
    """Return why the server would not go on, by its alert or by what else it speaks."""
    reason = (isinstance(fault, ssl.SSLError) and fault.reason) or ""
    for alert, sentence in _ALERTS.items():
        if reason.endswith(alert) and (credentials.cert or "{cert}" not in sentence):
            return sentence.format(cert=credentials.cert)
    if not _speaks_tls(host, port):
        return _WANTS_PLAIN
    return ""


def _context(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=credentials.ca)
    context.set_alpn_protocols(["h2"])
    if credentials.cert and credentials.key:
        context.load_cert_chain(credentials.cert, credentials.key)
    return context


def _speaks_tls(host: str, port: int) -> bool:
    """Return whether a handshake of TLS begins, whoever's certificate it shows."""
    # Nothing is sent over it: only whether the server speaks TLS is asked.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with _connected(host, port) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as fault:
        return "ALERT" in (fault.reason or "")
    except OSError:
        return False


def _connected(host: str, port: int) -> socket.socket:
    # Its timeout holds for what follows, too.
    return socket.create_connection((host, port), PATIENCE_S)


def _first_answer(connection: socket.socket) -> bytes:
    """Return the first bytes of the answer to a client of HTTP/2; b"" if it is closed."""
    try:
        connection.sendall(_PREFACE)
        return connection.recv(9)
    except (ConnectionResetError, BrokenPipeError):
        return b""


def _is_http2(answer: bytes) -> bool:
    """Return whether an answer begins with SETTINGS, as every server of HTTP/2 does."""
    return answer[3:4] == b"\x04"
