"""Judges each text of stdin's JSON list by the Pydantic models and by the JSON Schema: two verdicts a frame."""

import json
import sys

from enchanted_frames import ContextFrame
from jsonschema import Draft202012Validator
from pydantic import ValidationError

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)


def by_pydantic(frame):
    """Whether the models take the frame; one that they take must come out as it went in."""
    try:
        model = ContextFrame.model_validate(frame)
    except ValidationError:
        return "refused"
    payload = model.typed_payload()
    if json.loads(model.line()) != frame:
        return "the frame came out changed"
    if payload is not None and json.loads(payload.model_dump_json()) != frame.get("payload", {}):
        return "the payload came out changed"
    return "taken"


texts = json.load(sys.stdin)
frames = [json.loads(text) for text in texts]
json.dump([[by_pydantic(frame), "taken" if validator.is_valid(frame) else "refused"] for frame in frames], sys.stdout)
