"""An agent that knows OpenTelemetry and nothing of us: one cycle, a decision, a state change, an exception.

Usage: agent_with_otlp.py http|grpc. Endpoint, headers and certificate come from OpenTelemetry's own variables.
"""

import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if sys.argv[1] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

provider = TracerProvider(resource=Resource.create({"service.name": "enchanted_swarm_v1"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("enchanted_swarm_v1")


def payload(value):
    return {"payload": json.dumps(value)}


with tracer.start_as_current_span("agent_execution_cycle") as cycle:
    cycle.set_attribute("agent.id", "Architect-GPT-4")
    cycle.set_attribute("task.description", "Refactor Auth Loop")
    cycle.set_attribute("state.start_hash", "git-commit-998877")
    cycle.add_event(
        "decision_made",
        payload(
            {
                "rationale": "Detected circular dependency in auth_module.",
                "options_considered": ["remove_import", "dependency_injection"],
                "selected_strategy": "dependency_injection",
                "confidence_score": 0.98,
            }
        ),
    )
    cycle.add_event(
        "state_change_applied",
        payload(
            {
                "file_modified": "src/auth/login.py",
                "lines_added": 15,
                "lines_removed": 4,
                "new_state_hash": "abc-123-xyz",
            }
        ),
    )
    with tracer.start_as_current_span("chat m-1") as chat:
        chat.set_attribute("gen_ai.operation.name", "chat")
        chat.set_attribute("gen_ai.system", "some-provider")
        chat.set_attribute("gen_ai.request.model", "m-1")
        chat.set_attribute("gen_ai.usage.prompt_tokens", 120)
        chat.set_attribute("gen_ai.usage.output_tokens", 8)
    with tracer.start_as_current_span("execute_tool grep") as tool:
        tool.set_attribute("gen_ai.operation.name", "execute_tool")
        tool.set_attribute("gen_ai.tool.name", "grep")
        tool.set_attribute("gen_ai.tool.call.arguments", json.dumps({"pattern": "login"}))
        tool.set_attribute("gen_ai.tool.call.result", "3 matches")
    try:
        raise ImportError("cycle between login and session")
    except ImportError as error:
        cycle.record_exception(error)
    print(format(cycle.get_span_context().trace_id, "032x"))

provider.shutdown()
