"""The app's settings: in `.env` on a laptop; in the cloud in app/stages/<stage>.env, secrets by `make secret NAME=…`."""

from kit.settings import BaseSettings


class Settings(BaseSettings):
    """The variables that the app needs, for example:

    keep_days: int = setting("how long messages are kept", default=365)
    stripe_key: str = secret("the key of the payment provider's API")
    """


settings = Settings()
