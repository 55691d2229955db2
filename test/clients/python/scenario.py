"""The same calls for every client, and what has to come of them: typescript/scenario.ts in Python."""

import os
import uuid
from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Protocol


@dataclass
class Answer:
    status: int
    # By their names in lower case.
    headers: Mapping[str, str]
    task: Any = None
    # `type` of the problem, `errors[0].code` of a 400, `retry_after` of a 429: each read through the client's types.
    type: Optional[str] = None
    code: Optional[str] = None
    retry_after: Optional[int] = None


class Client(Protocol):
    def list(self, limit: Optional[int] = None, cursor: Optional[str] = None) -> Answer: ...
    def create(self, title: str, key: Optional[str] = None) -> Answer: ...
    def get(self, id: int) -> Answer: ...
    def complete(self, id: int, etag: str) -> Answer: ...


def equal(actual: object, expected: object, what: str) -> None:
    if actual != expected:
        raise SystemExit(f"{what}: {actual!r}, not {expected!r}")


def use(connect: Callable[[str, str], Client]) -> None:
    url, token, code = os.environ["API_URL"], os.environ["TOKEN"], os.environ["CODE"]
    client = connect(url, token)

    key = str(uuid.uuid4())
    created = client.create("Buy milk", key)
    equal(created.status, 201, "a task")
    equal(created.task.title, "Buy milk", "its title")
    replayed = client.create("Buy milk", key)
    equal(replayed.task.id, created.task.id, "the task of a key that is sent again")
    equal(replayed.headers.get("idempotency-replayed"), "true", "Idempotency-Replayed")

    client.create("Water the plants")
    client.create("Call home")
    first = client.list(limit=2)
    equal([task.title for task in first.task], ["Call home", "Water the plants"], "the first page")
    second = client.list(limit=2, cursor=first.headers["x-next-cursor"])
    equal([task.title for task in second.task], ["Buy milk"], "the second page")

    etag = created.headers["etag"]
    equal(client.complete(created.task.id, etag).task.completed, True, "a change of what the ETag names")
    late = client.complete(created.task.id, etag)
    equal((late.status, late.type), (412, "precondition_failed"), "a change of what is no longer so")

    # Some clients refuse by themselves what the document does not allow; a cursor is opaque to them.
    wrong = client.list(cursor="made up")
    equal((wrong.status, wrong.code), (400, code), "a cursor that is none")
    missing = client.get(2**53 - 1)
    equal((missing.status, missing.type), (404, "not_found"), "a task that is not there")
    stranger = connect(url, "nobody" + token).list()
    equal((stranger.status, stranger.type), (401, "authentication_error"), "an unknown token")

    for _ in range(60):
        more = client.create("One more")
        if more.status != 201:
            equal((more.status, more.type), (429, "rate_limit_exceeded"), "one more than the budget")
            equal(str(more.retry_after), more.headers["retry-after"], "retry_after")
            return
    raise SystemExit("the budget has no end")
