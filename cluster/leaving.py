"""A worker process that goes when its task is done, and its result is safe.

Ray ends the process of a task by itself after `max_calls` calls: the result is stored, the lease is
given back, and nothing else is sent to the process. There is no public way to say so in the middle
of a task, so the count that Ray keeps is moved to one before its end.
"""

from __future__ import annotations

from ray._private import worker

MOST_CALLS = 1 << 30
"""`max_calls` of tasks whose process may have to leave; no process gets there by working."""


def leave_after_this_task() -> None:
    """End this process once the task that it does now, one of MOST_CALLS, has returned."""
    manager = worker.global_worker.function_actor_manager
    for function_id, info in manager._function_execution_info.items():
        if info.max_calls == MOST_CALLS:
            manager._num_task_executions[function_id] = MOST_CALLS - 1
