"""The image and the rendered app on a real MySQL server, through TLS that is verified by host name."""

import containers
import events
import mysql
import rie

TEXTS = ["Hello", "こんにちは、世界", "👩🏽‍🚀🎉", "مرحبا بالعالم", "שלום עולם"]


def options(server: mysql.Server, url: str) -> list[str]:
    """The options of a container on the server's network, told of its database and its authority."""
    settings = ["--env", f"DATABASE_URL={url}", "--env", "DATABASE_CA=/ca.pem"]
    return ["--network", server.network, "--volume", f"{server.ca}:/ca.pem:ro", *settings]


def migrate(image: str, server: mysql.Server, url: str, *, check: bool = True) -> str:
    given = [*rie.AS_ON_LAMBDA, *options(server, url), "--entrypoint", "python"]
    return containers.run(image, ["-m", "kit", "migrate"], options=given, check=check)


def test_text_of_every_script_survives_in_mysql(image: str, mysql_server: mysql.Server) -> None:
    migrate(image, mysql_server, mysql_server.url_on_network())
    with rie.function(image, options=options(mysql_server, mysql_server.url_on_network())) as function:
        for text in TEXTS:
            assert function.invoke(events.form({"text": text}))["statusCode"] == 303
        page = events.content(function.invoke(events.http())).decode()
    places = [page.index(f'<p dir="auto">{text}</p>') for text in TEXTS]
    assert places == sorted(places, reverse=True), "newest first"


def test_a_migrated_database_may_be_migrated_again(image: str, mysql_server: mysql.Server) -> None:
    migrate(image, mysql_server, mysql_server.url_on_network())
    migrate(image, mysql_server, mysql_server.url_on_network())


def test_a_server_of_another_name_than_its_certificates_is_not_trusted(image: str, mysql_server: mysql.Server) -> None:
    told = migrate(image, mysql_server, mysql_server.url_on_network(mysql.ALIAS) + "?ssl=false", check=False)
    assert "Hostname mismatch" in told
    assert "Traceback" not in told


def test_a_wrong_password_is_an_error_that_does_not_repeat_it(image: str, mysql_server: mysql.Server) -> None:
    url = mysql_server.url_on_network().replace(mysql.PASSWORD, "not-the-password")
    told = migrate(image, mysql_server, url, check=False)
    assert "Access denied" in told
    assert "not-the-password" not in told
    assert "Traceback" not in told
