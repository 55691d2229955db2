"""The stack of the first design, with the settings its decisions name: asyncpg, slowapi on Redis, HMAC, pool with pre-ping."""

import hashlib
import hmac
import os
from datetime import datetime
from typing import Annotated, AsyncIterator
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel, ConfigDict, Field
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address
from sqlalchemy import DateTime, FetchedValue, String, Text, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

READS = f"{os.environ['RATE_LIMIT_READS']}/minute"
WRITES = f"{os.environ['RATE_LIMIT_WRITES']}/minute"
SECRET = os.environ["SESSION_HASH_SECRET"].encode()

engine = create_async_engine(
    os.environ["DATABASE_URL"].replace("postgres://", "postgresql+asyncpg://"),
    pool_size=10,
    max_overflow=20,
    pool_timeout=30,
    pool_recycle=3600,
    pool_pre_ping=os.environ["POOL_PRE_PING"] == "on",
    connect_args={"server_settings": {"application_name": "todo-app-fastapi"}, "command_timeout": 10},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True)


class UserSession(Base):
    __tablename__ = "user_sessions"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    token_hash: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    revoked: Mapped[bool]


class Task(Base):
    __tablename__ = "tasks"
    __mapper_args__ = {"eager_defaults": True}
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    completed: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=FetchedValue())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=FetchedValue(), onupdate=func.now()
    )
    version: Mapped[int] = mapped_column(default=1, onupdate=text("version + 1"))


class TaskOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    user_id: UUID
    title: str
    description: str | None
    completed: bool
    created_at: datetime
    updated_at: datetime


class TaskCreate(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    description: str | None = Field(None, max_length=1000)
    completed: bool = False


class TaskUpdate(BaseModel):
    title: str | None = Field(None, min_length=1, max_length=200)
    description: str | None = Field(None, max_length=1000)
    completed: bool | None = None


def request_key(request: Request) -> str:
    user_id = getattr(request.state, "user_id", None)
    return f"user:{user_id}" if user_id else f"ip:{get_remote_address(request)}"


limiter = Limiter(key_func=request_key, storage_uri=os.environ["REDIS_URL"])
app = FastAPI()
app.state.limiter = limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
app.add_middleware(
    CORSMiddleware,
    allow_origins=["http://localhost:3000", "http://localhost", "http://127.0.0.1:3000"],
    allow_credentials=True,
    allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    allow_headers=["Accept", "Content-Type", "Authorization"],
    expose_headers=["Content-Type", "Retry-After"],
    max_age=600,
)


async def database() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


Database = Annotated[AsyncSession, Depends(database)]


async def current_user(request: Request, db: Database) -> UUID:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(401)
    token_hash = hmac.new(SECRET, token.encode(), hashlib.sha256).hexdigest()
    alive = (
        select(UserSession.user_id)
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_hash == token_hash,
            UserSession.revoked.is_(False),
            UserSession.expires_at > func.now(),
        )
    )
    user_id = await db.scalar(alive)
    if user_id is None:
        raise HTTPException(401)
    request.state.user_id = user_id
    return user_id


CurrentUser = Annotated[UUID, Depends(current_user)]
TaskId = Annotated[int, Path(ge=1, le=2**53 - 1)]


async def find(db: AsyncSession, user_id: UUID, task_id: int) -> Task:
    task = await db.scalar(select(Task).where(Task.id == task_id, Task.user_id == user_id))
    if task is None:
        raise HTTPException(404)
    return task


@app.get("/tasks", response_model=list[TaskOut])
@limiter.limit(READS)
async def list_tasks(
    request: Request, db: Database, user_id: CurrentUser, limit: Annotated[int, Query(ge=1, le=1000)] = 1000
):
    newest_first = (Task.created_at.desc(), Task.id.desc())
    query = select(Task).where(Task.user_id == user_id).order_by(*newest_first).limit(limit)
    return (await db.scalars(query)).all()


@app.get("/tasks/{task_id}", response_model=TaskOut)
@limiter.limit(READS)
async def get_task(request: Request, db: Database, user_id: CurrentUser, task_id: TaskId):
    return await find(db, user_id, task_id)


@app.post("/tasks", response_model=TaskOut, status_code=201)
@limiter.limit(WRITES)
async def create_task(request: Request, db: Database, user_id: CurrentUser, body: TaskCreate):
    task = Task(user_id=user_id, **body.model_dump())
    db.add(task)
    await db.commit()
    return task


@app.patch("/tasks/{task_id}", response_model=TaskOut)
@limiter.limit(WRITES)
async def update_task(request: Request, db: Database, user_id: CurrentUser, task_id: TaskId, body: TaskUpdate):
    task = await find(db, user_id, task_id)
    for name, value in body.model_dump(exclude_unset=True).items():
        setattr(task, name, value)
    await db.commit()
    return task
