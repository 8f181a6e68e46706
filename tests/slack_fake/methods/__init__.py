"""The methods of the Web API: what each takes, and what it does."""

from tests.slack_fake.methods import chat, conversations, files, others, streams
from tests.slack_fake.methods.method import Arguments, Method

METHODS: dict[str, Method] = {
    method.name: method for module in (chat, streams, conversations, files, others) for method in module.METHODS
}

__all__ = ["METHODS", "Arguments", "Method"]
