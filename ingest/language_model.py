"""A language model behind any OpenAI-compatible endpoint, through OpenAI's own client."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from retriever.errors import LanguageModelFailed

NONSENSE = "didn't answer as a chat endpoint does"


@dataclass(frozen=True)
class LanguageModel:
    """`base_url` as OpenAI's clients take it, up to and with /v1; `timeout_s` until something comes."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)
    timeout_s: float = 60.0

    def complete(self, system: str, user: str) -> str:
        """The whole reply. Raises `LanguageModelFailed`, naming the endpoint and what it said."""
        from openai import OpenAI  # takes a second to load, and few have an endpoint

        with self._failures(), OpenAI(**self._options()) as client:
            reply = client.chat.completions.create(model=self.model, messages=_messages(system, user), temperature=0)
            content = getattr(reply, "choices", None) and reply.choices[0].message.content
        if not isinstance(content, str):
            raise LanguageModelFailed(self.base_url, NONSENSE, repr(str(reply)[:200]))
        return content

    async def stream(self, system: str, user: str) -> AsyncIterator[str]:
        """The reply piece by piece. Raises `LanguageModelFailed`, also where it ends before it is complete."""
        from openai import AsyncOpenAI

        finished: str | None = None
        with self._failures():
            async with AsyncOpenAI(**self._options()) as client:
                chunks = await client.chat.completions.create(
                    model=self.model, messages=_messages(system, user), temperature=0, stream=True
                )
                async for choice in (choice async for chunk in chunks for choice in (chunk.choices or [])[:1]):
                    finished = choice.finish_reason or finished
                    if choice.delta.content:
                        yield choice.delta.content
        if finished != "stop":
            raise LanguageModelFailed(self.base_url, "broke off before the end of its reply", finished)

    def _options(self) -> dict[str, Any]:
        """Without a key the client would take one from the environment, meant for somebody else."""
        return {
            "base_url": self.base_url,
            "api_key": self.api_key or "none",
            "timeout": self.timeout_s,
            "max_retries": 0,
        }

    @contextmanager
    def _failures(self) -> Iterator[None]:
        import httpx2
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            reason = f"answered {error.status_code}"
            raise LanguageModelFailed(self.base_url, reason, error.response.text[:200]) from error
        except openai.APITimeoutError as error:
            raise LanguageModelFailed(self.base_url, f"said nothing for {self.timeout_s:g} s") from error
        except (openai.APIConnectionError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise LanguageModelFailed(self.base_url, "can't be reached", error.__cause__ or error) from error
        except (openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            raise LanguageModelFailed(self.base_url, NONSENSE, error) from error


def _messages(system: str, user: str) -> Any:
    return [{"role": "system", "content": system}, {"role": "user", "content": user}]
