from typing import Any, Optional

from tasks_api import AuthenticatedClient
from tasks_api.api.tasks import create_task, get_task, list_tasks, patch_task
from tasks_api.models import (
    RateLimitExceededProblem,
    Task,
    TaskCreate,
    TaskUpdate,
    ValidationProblem,
)
from tasks_api.types import UNSET, Response
from scenario import Answer, use


def answer(response: Response[Any]) -> Answer:
    parsed = response.parsed
    result = Answer(int(response.status_code), response.headers)
    if isinstance(parsed, (Task, list)):
        result.task = parsed
        return result
    if parsed is None:
        raise SystemExit(f"a status that the document does not have: {response.status_code}")
    result.type = parsed.type_
    if isinstance(parsed, ValidationProblem):
        result.code = parsed.errors[0].code
    if isinstance(parsed, RateLimitExceededProblem):
        result.retry_after = parsed.retry_after
    return result


class Client:
    def __init__(self, url: str, token: str) -> None:
        self.client = AuthenticatedClient(base_url=url, token=token)

    def list(self, limit: Optional[int] = None, cursor: Optional[str] = None) -> Answer:
        page = list_tasks.sync_detailed(client=self.client, limit=limit or 1000, cursor=cursor or UNSET)
        return answer(page)

    def create(self, title: str, key: Optional[str] = None) -> Answer:
        body = TaskCreate(title=title)
        return answer(create_task.sync_detailed(client=self.client, body=body, idempotency_key=key or UNSET))

    def get(self, id: int) -> Answer:
        return answer(get_task.sync_detailed(id, client=self.client))

    def complete(self, id: int, etag: str) -> Answer:
        body = TaskUpdate(completed=True)
        return answer(patch_task.sync_detailed(id, client=self.client, body=body, if_match=etag))


use(Client)
