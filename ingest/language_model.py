"""A client for any OpenAI-compatible chat endpoint: one request, one text."""

from dataclasses import dataclass, field
from types import TracebackType

import httpx2 as httpx

from retriever.errors import LanguageModelFailed


@dataclass(frozen=True)
class LanguageModel:
    """`base_url` as OpenAI's clients take it, up to and with /v1. Use it in a `with` block."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = 60.0
    _client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        object.__setattr__(self, "_client", httpx.Client(headers=headers, timeout=self.timeout_s))

    def __enter__(self) -> "LanguageModel":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def complete(self, system: str, user: str) -> str:
        """The reply's text. Raises `LanguageModelFailed`, naming the endpoint and what it said."""
        url = f"{self.base_url.rstrip('/')}/chat/completions"
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        try:
            response = self._client.post(url, json={"model": self.model, "messages": messages, "temperature": 0})
            response.raise_for_status()
            content = response.json()["choices"][0]["message"]["content"]
        except httpx.HTTPStatusError as error:
            raise LanguageModelFailed(
                f"{url} answered {error.response.status_code}: {error.response.text[:200]}"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LanguageModelFailed(f"{url} can't be reached ({type(error).__name__}: {error}).") from error
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise LanguageModelFailed(
                f"{url} didn't answer as a chat endpoint does: {response.text[:200]!r}."
            ) from error
        if not isinstance(content, str):
            raise LanguageModelFailed(f"{url} answered without a text: {response.text[:200]!r}.")
        return content
