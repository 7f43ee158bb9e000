"""The jobs of our baselines: RQ's own workers run them."""

from __future__ import annotations

import os


def nothing() -> None:
    """An empty job: what RQ itself costs."""


def reply(sender: str, text: str) -> None:
    """The tutorial's job: history from Redis, the model, Twilio, history to Redis. Clients made as the guides make them."""
    import redis
    from openai import OpenAI
    from twilio.rest import Client

    from workers.twilio_http import Transport  # only because Twilio's own client knows no other address

    store = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    history = [{"role": "user", "content": text}]
    said = store.lrange(f"tutorial:{sender}", -20, -1)
    history = [{"role": "user", "content": str(line)} for line in said] + history
    answer = OpenAI(api_key=os.environ["OPENAI_API_KEY"], base_url=os.environ["OPENAI_BASE_URL"])
    content = answer.responses.create(model="bench", input=history).output_text  # type: ignore[arg-type]
    client = Client(
        os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"],
        http_client=Transport(os.environ["TWILIO_API_BASE_URL"], 10, 4),
    )  # fmt: skip
    client.messages.create(to=sender, from_=os.environ["TWILIO_PHONE_NUMBER"], body=content)
    store.rpush(f"tutorial:{sender}", text, content)
