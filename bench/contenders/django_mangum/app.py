"""Django's ASGI app: its ORM with PyMySQL in place of mysqlclient, its own templates, a boto3 client for the queue."""

import os
import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

import boto3
import django
import pymysql
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import models
from django.shortcuts import render
from django.urls import path
from mangum import Mangum

pymysql.install_as_MySQLdb()
url = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for the bench",
    USE_TZ=True,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [Path(__file__).parent]}],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.mysql",
            "HOST": url.hostname,
            "PORT": url.port or 3306,
            "USER": url.username,
            "PASSWORD": unquote(url.password or ""),
            "NAME": url.path.strip("/"),
            # No CONN_MAX_AGE: Django's docs ask for it to be off under ASGI.
            "OPTIONS": {
                "charset": "utf8mb4",
                "ssl": ssl.create_default_context(cafile=os.environ.get("DATABASE_CA")),
            },
        }
    },
)
django.setup()
queue = boto3.client("sqs")


class Message(models.Model):
    id = models.BigAutoField(primary_key=True)
    text = models.CharField(max_length=280)
    posted_at = models.DateTimeField()

    class Meta:
        app_label = "wall"
        db_table = "messages"
        managed = False


def home(request):
    messages = Message.objects.only("id", "text", "posted_at").order_by("-id")[:10]
    return render(request, "page.html", {"messages": messages})


urlpatterns = [path("", home)]
handler = Mangum(get_asgi_application(), lifespan="off")
