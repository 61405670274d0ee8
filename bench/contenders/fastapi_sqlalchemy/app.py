"""FastAPI as its tutorials have it: SQLAlchemy's async ORM, a session a request, a boto3 client for the queue."""

import os
import ssl
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import boto3
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from mangum import Mangum
from sqlalchemy import BigInteger, String, make_url, select
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="mysql+asyncmy"),
    connect_args={"ssl": ssl.create_default_context(cafile=os.environ.get("DATABASE_CA"))},
    pool_pre_ping=True,
    pool_size=1,
    max_overflow=0,
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
queue = boto3.client("sqs")
pages = Jinja2Templates(Path(__file__).parent)


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    text: Mapped[str] = mapped_column(String(280))
    posted_at: Mapped[datetime] = mapped_column(DATETIME(fsp=6))


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


app = FastAPI()


@app.get("/", response_class=HTMLResponse)
async def home(request: Request, database: Annotated[AsyncSession, Depends(session)]) -> Response:
    messages = (await database.scalars(select(Message).order_by(Message.id.desc()).limit(10))).all()
    return pages.TemplateResponse(request, "page.html", {"messages": messages})


handler = Mangum(app, lifespan="off")
