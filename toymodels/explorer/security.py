"""Who may speak to the explorer, and what its pages may do.

A page of another site must not be able to steer or read it: the `Host` has to be one of
ours (else a name that another site points to this machine would be let in), the
`Origin`, where a browser sends one, has to be that host, no CORS header is ever sent,
and the content security policy lets nothing in from elsewhere. Bodies are limited
before they are read. On other addresses than loopback a token is asked for, which the
first visit turns into a cookie that scripts cannot read.
"""

import dataclasses
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY_BYTES = 16_384
LOOPBACK = ("localhost", "127.0.0.1", "::1")

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclasses.dataclass(frozen=True)
class Guard:
    """Lets through what may be, answers the rest in one line.

    Attributes:
        app: what is guarded.
        host: the address that is served; names of loopback are always let in. For
            "0.0.0.0" and "::" so are all addresses in figures and the machine's name.
        token: asked of everybody, unless None.
    """

    app: App
    host: str = "127.0.0.1"
    token: str | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        if self.token is not None and not self._knows_token(headers, scope):
            location = self._welcome(scope)
            if location is None:
                text = "open the address that was printed, with its token"
                await _answer(send, 401, text)
            else:
                cookie = (
                    f"{cookie_name(scope)}={self.token}; HttpOnly; SameSite=Strict; "
                    "Path=/"
                )
                extra = {"location": location, "set-cookie": cookie}
                await _answer(send, 303, "welcome", extra)
            return
        body = _Limited(receive, _announced(headers))
        if body.is_too_large:
            await _answer(send, 413, f"at most {MOST_BODY_BYTES} bytes")
            return
        await self.app(scope, body, _with_headers(send))

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(host_name(host)):
            return 421, "this host is not served here"
        origin = headers.get("origin")
        if origin is not None and origin != f"{scope['scheme']}://{host}":
            return 403, "not from this page"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            # A link to the page itself is fine, a request by another page is not.
            if headers.get("sec-fetch-mode") != "navigate" or scope["method"] != "GET":
                return 403, "not from this page"
        if scope["method"] == "POST":
            kind = headers.get("content-type", "").partition(";")[0].strip()
            # A form of another site cannot send this kind.
            if kind != "application/json":
                return 415, "send application/json"
        return None

    def _is_ours(self, name: str) -> bool:
        if name in (*LOOPBACK, self.host.lower()):
            return True
        if self.host not in ("0.0.0.0", "::"):
            return False
        if name in (socket.gethostname().lower(), socket.getfqdn().lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _knows_token(self, headers: dict[str, str], scope: Scope) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        found = cookies.get(cookie_name(scope))
        return found is not None and _same(found.value, self.token)

    def _welcome(self, scope: Scope) -> str | None:
        """Where to go with the cookie, if the address has the token."""
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        if scope["method"] != "GET" or not any(
            name == "token" and _same(value, self.token) for name, value in query
        ):
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        # Not as it came: "//elsewhere" would lead to another machine.
        return "/?" + rest if rest else "/"


def cookie_name(scope: Scope) -> str:
    """The token's cookie; ports of one machine share cookies, so it has the port."""
    return f"toymodels-{(scope.get('server') or ('', 0))[1]}"


def host_name(host: str) -> str:
    """The name in a `Host` header, without port and brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _same(given: str, token: str | None) -> bool:
    return hmac.compare_digest(given.encode(), (token or "").encode())


def _headers(scope: Scope) -> dict[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
    }


def _announced(headers: dict[str, str]) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdigit() and len(length) < 12 else 10**12


class _Limited:
    """Receives a body, and ends the request when it grows too large."""

    def __init__(self, receive: Receive, announced: int):
        self._receive, self._seen = receive, 0
        self.is_too_large = announced > MOST_BODY_BYTES

    async def __call__(self) -> dict[str, Any]:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self._seen > MOST_BODY_BYTES:
            # Chunked bodies announce nothing: to the app the client has gone.
            return {"type": "http.disconnect"}
        return message


def _with_headers(send: Send) -> Send:
    async def sending(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message.get("headers", [])}
            added = [
                (name.encode(), value.encode())
                for name, value in HEADERS.items()
                if name.encode() not in own
            ]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return sending


async def _answer(
    send: Send, status: int, text: str, extra: dict[str, str] | None = None
) -> None:
    body = (text + "\n").encode()
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(body)),
        **HEADERS,
        **(extra or {}),
    }
    coded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": coded})
    await send({"type": "http.response.body", "body": body})
