import sys
import time
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace.status import Status, StatusCode

# --- 1. TELEMETRY SETUP ( The "Black Box" Recorder) ---
def configure_telemetry(service_name="enchanted_swarm_v1", log_file="swarm_context.jsonl"):
    """
    Sets up the OTel provider. 
    Instead of printing to stdout, we write to a specific file handle.
    In production, you would replace ConsoleSpanExporter with OTLPSpanExporter 
    to send data to Jaeger, Honeycomb, or your Vector DB ingestor.
    """
    
    # Initialize the Tracer Provider (The engine)
    provider = TracerProvider()
    
    # Create a 'Side Channel' - a file dedicated to machine logs
    # We open this in append mode so we keep history
    telemetry_file = open(log_file, "a")
    
    # The Exporter formats the data. 
    # We use ConsoleSpanExporter here to dump JSON-like text to our file.
    exporter = ConsoleSpanExporter(out=telemetry_file)
    
    # The Processor batches events to improve performance (don't block the agent)
    processor = BatchSpanProcessor(exporter)
    
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    
    return trace.get_tracer(service_name)

# Initialize global tracer
tracer = configure_telemetry()

# --- 2. THE AGENT FUNCTION ---
def run_agent_task(agent_id, task_description, current_state_hash):
    """
    A simulated agent task.
    User sees: Progress bars and summaries.
    System sees: Deep context, reasoning, and state diffs.
    """
    
    print(f"🤖 {agent_id} is starting task...") # stdout (User View)

    # Start a SPAN. This wraps the entire unit of work.
    with tracer.start_as_current_span("agent_execution_cycle") as span:
        
        # A. CAPTURE INITIAL CONTEXT (Attributes)
        # These are searchable tags attached to the entire session
        span.set_attribute("agent.id", agent_id)
        span.set_attribute("task.description", task_description)
        span.set_attribute("state.start_hash", current_state_hash)
        span.set_attribute("infrastructure.node", "cli-worker-01")

        try:
            # --- Step 1: Reasoning (The "Decision") ---
            print("   ...analyzing codebase") # stdout
            time.sleep(0.5) # Simulate work
            
            # DECISION LOGGING:
            # We use 'add_event' for specific moments in time with deep payloads.
            decision_payload = {
                "rationale": "Detected circular dependency in auth_module.",
                "options_considered": ["remove_import", "dependency_injection"],
                "selected_strategy": "dependency_injection",
                "confidence_score": 0.98
            }
            # This event is timestamped automatically
            span.add_event("decision_made", attributes={"payload": json.dumps(decision_payload)})


            # --- Step 2: Action (The "State Change") ---
            print("   ...applying dependency injection fix") # stdout
            time.sleep(0.5) # Simulate work
            
            # STATE CHANGE LOGGING:
            # Log exactly what changed (or a link to the diff)
            state_change_payload = {
                "file_modified": "src/auth/login.py",
                "lines_added": 15,
                "lines_removed": 4,
                "new_state_hash": "abc-123-xyz"
            }
            span.add_event("state_change_applied", attributes={"payload": json.dumps(state_change_payload)})
            
            # Mark Span as OK
            span.set_status(Status(StatusCode.OK))
            print("✅ Task Complete.")

        except Exception as e:
            # AUTOMATIC ERROR CAPTURE
            # If the agent crashes, OTel captures the stack trace and error message
            print(f"❌ Error: {e}")
            span.record_exception(e)
            span.set_status(Status(StatusCode.ERROR, str(e)))
            raise

# --- 3. EXECUTION ---
if __name__ == "__main__":
    # Run the agent
    try:
        run_agent_task(
            agent_id="Architect-GPT-4", 
            task_description="Refactor Auth Loop", 
            current_state_hash="git-commit-998877"
        )
    except:
        pass
    
    # Ensure logs are flushed before exit
    trace.get_tracer_provider().force_flush()
