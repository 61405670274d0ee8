"""Flask with Flask-SQLAlchemy and PyMySQL through a WSGI adapter, and a boto3 client for the queue."""

import os
import ssl
from datetime import datetime

import boto3
from apig_wsgi import make_lambda_handler
from flask import Flask, render_template
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import BigInteger, String, make_url, select
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


app = Flask(__name__, template_folder=".")
app.config["SQLALCHEMY_DATABASE_URI"] = make_url(os.environ["DATABASE_URL"]).set(drivername="mysql+pymysql")
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
    "connect_args": {"ssl": ssl.create_default_context(cafile=os.environ.get("DATABASE_CA"))},
    "pool_pre_ping": True,
    "pool_size": 1,
    "max_overflow": 0,
}
database = SQLAlchemy(app, model_class=Base)
queue = boto3.client("sqs")


class Message(database.Model):
    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    text: Mapped[str] = mapped_column(String(280))
    posted_at: Mapped[datetime] = mapped_column(DATETIME(fsp=6))


@app.get("/")
def home() -> str:
    messages = database.session.scalars(select(Message).order_by(Message.id.desc()).limit(10)).all()
    return render_template("page.html", messages=messages)


handler = make_lambda_handler(app)
