"""The `openai` client, opened so that the settings alone say where it asks, with what key, and for how long.

The library reads an organisation, a project, headers and addresses from `OPENAI_*`, and its transport reads proxies
and certificates from the environment. Here every address is given, the headers of each request are written anew, no
proxy is used and no redirect followed: a prompt goes where the settings say, or nowhere.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast
from urllib.parse import urlsplit

import httpx2
import openai

from tacit.errors import LlmKeyRefused, LlmUnreachable
from tacit.llm.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPENAI_URL = "https://api.openai.com/v1"
MAX_ANSWER_BYTES = 32 << 20
"""The longest answer that is read."""

CONNECT_SECONDS = 10.0

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",  # so that an answer is no longer than what was counted of it
    "Connection": "keep-alive",
    "Content-Type": "application/json",
    "User-Agent": "tacit",
}


class AnswerTooLong(openai.OpenAIError):
    """An answer has more than `MAX_ANSWER_BYTES`; the library passes an error of its own kind on as it is."""


class SettingNames(NamedTuple):
    """What the settings of an endpoint are called: its address, its key."""

    address: str
    key: str


SETTINGS = {
    "openai": SettingNames("TACIT_OPENAI_BASE_URL", "TACIT_OPENAI_API_KEY"),
    "azure": SettingNames("TACIT_AZURE_ENDPOINT", "TACIT_AZURE_API_KEY"),
}


def open_client(
    kind: Literal["openai", "azure"],
    base_url: str | None,
    api_key: str,
    api_version: str = "",
    *,
    seconds: float,
    retries: int = 0,
) -> openai.OpenAI:
    """Return a client of OpenAI's API or Azure's; close it after use.

    `seconds` bound one exchange whole; `retries` are the library's own. Raises `LlmUnreachable` where the address is
    none, and `LlmKeyRefused` where the key holds what no header may; neither repeats the key.
    """
    # It would write the headers of answers into a debugging log: cookies, and keys that an endpoint repeats.
    logging.getLogger("httpcore2.http11").setLevel(logging.INFO)
    names = SETTINGS[kind]
    address = checked_address(base_url or OPENAI_URL, names.address)
    key = _checked_key(api_key, names.key)
    timeout = openai.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    http = openai.DefaultHttpxClient(
        transport=Connections(seconds),
        trust_env=False,
        follow_redirects=False,
        timeout=timeout,
        event_hooks={"request": [_only_ours(_credentials(kind, key))], "response": [_bound]},
    )
    if kind == "azure":
        return openai.AzureOpenAI(
            azure_endpoint=address,
            api_version=api_version,
            api_key=key or "none",
            timeout=timeout,
            max_retries=retries,
            http_client=http,
        )
    return openai.OpenAI(
        base_url=address, api_key=key or "none", timeout=timeout, max_retries=retries, http_client=http
    )


def post_chat(client: openai.OpenAI, request: dict[str, Any]) -> bytes:
    """Return the body that chat completions answer with status 200; raises `openai.OpenAIError`."""
    return client.post("/chat/completions", body=request, cast_to=httpx2.Response).content


def checked_address(url: str, setting: str) -> str:
    """Return the address without blanks around it; raises `LlmUnreachable`, naming the setting, where it is none."""
    address = url.strip()
    if _holds_password(address):
        raise LlmUnreachable(f"{setting} holds a user or password, which belongs into {_key_beside(setting)}.")
    if not _is_address(address):
        raise LlmUnreachable(f"{setting} is no address such as http://localhost:8000/v1: {address[:200]!r}.")
    return address


def _is_address(address: str) -> bool:
    if not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        # The resolver encodes the name like this, and its error is none of the transport's.
        httpx2.URL(address).raw_host.decode("ascii").encode("idna")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (ValueError, httpx2.InvalidURL):
        return False


def _holds_password(address: str) -> bool:
    return "@" in address.partition("://")[2].partition("/")[0]


def _key_beside(setting: str) -> str:
    return next(names.key for names in SETTINGS.values() if names.address == setting)


def _checked_key(key: str, setting: str) -> str:
    stripped = key.strip()
    if stripped.isascii() and stripped.isprintable():
        return stripped
    raise LlmKeyRefused(f"{setting} holds characters that no key has: copy the key again.")


def _credentials(kind: str, key: str) -> dict[str, str]:
    if not key:
        return {}
    return {"api-key": key} if kind == "azure" else {"Authorization": f"Bearer {key}"}


def _only_ours(credentials: dict[str, str]) -> Callable[[httpx2.Request], None]:
    """Return a hook that writes a request's headers, whatever the library and the environment put there."""

    def write_headers(request: httpx2.Request) -> None:
        request.headers.clear()
        request.headers.update(
            {
                "Host": request.url.netloc.decode("ascii"),
                "Content-Length": str(len(request.content)),
                **_HEADERS,
                **credentials,
            }
        )

    return write_headers


def _bound(response: httpx2.Response) -> None:
    """Let an answer be read as far as it may be."""
    response.stream = _Bounded(cast("httpx2.SyncByteStream", response.stream))


class _Bounded(httpx2.SyncByteStream):
    """The bytes of an answer, at most `MAX_ANSWER_BYTES`."""

    def __init__(self, inner: httpx2.SyncByteStream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for piece in self._inner:
            taken += len(piece)
            if taken > MAX_ANSWER_BYTES:
                raise AnswerTooLong
            yield piece

    def close(self) -> None:
        """Let the connection go."""
        self._inner.close()
