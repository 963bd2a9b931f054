"""Pydantic models of Enchanted Swarm's Context Frames."""

from .frames import *  # noqa: F403
from .frames import PAYLOADS, ContextFrame, Payload

__all__ = ["PAYLOADS", "ContextFrame", "Payload", *(model.__name__ for model in PAYLOADS.values())]
