from typing import Any, Callable, Mapping, Optional

from scenario import Answer, use
from tasks_api import (
    ApiClient,
    ApiException,
    Configuration,
    RateLimitExceededProblem,
    TaskCreate,
    TasksApi,
    TaskUpdate,
    ValidationProblem,
)


def lower(headers: Optional[Mapping[str, str]]) -> Mapping[str, str]:
    """This client has them in a plain dict, as the server wrote them."""
    return {name.lower(): value for name, value in (headers or {}).items()}


def answer(call: Callable[[], Any]) -> Answer:
    try:
        response = call()
        return Answer(response.status_code, lower(response.headers), response.data)
    except ApiException as error:
        problem = error.data
        if problem is None:
            raise
        result = Answer(error.status or 0, lower(error.headers), type=problem.type)
        if isinstance(problem, ValidationProblem):
            result.code = problem.errors[0].code
        if isinstance(problem, RateLimitExceededProblem):
            result.retry_after = problem.retry_after
        return result


class Client:
    def __init__(self, url: str, token: str) -> None:
        self.tasks = TasksApi(ApiClient(Configuration(host=url, access_token=token)))

    def list(self, limit: Optional[int] = None, cursor: Optional[str] = None) -> Answer:
        return answer(lambda: self.tasks.list_tasks_with_http_info(limit=limit, cursor=cursor))

    def create(self, title: str, key: Optional[str] = None) -> Answer:
        task = TaskCreate(title=title)
        return answer(lambda: self.tasks.create_task_with_http_info(task, idempotency_key=key))

    def get(self, id: int) -> Answer:
        return answer(lambda: self.tasks.get_task_with_http_info(id))

    def complete(self, id: int, etag: str) -> Answer:
        changes = TaskUpdate(completed=True)
        return answer(lambda: self.tasks.patch_task_with_http_info(id, changes, if_match=etag))


use(Client)
