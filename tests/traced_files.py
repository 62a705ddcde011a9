"""The files whose tests `make unit` traces: to be traced costs a test half of its time again.

They alone run as many of the lines that have a bound as all files together. Where a line is missed
that a test runs, the test's file belongs here.
"""

TRACED = frozenset(
    f"test_{name}.py"
    for name in (
        *("adoption", "applied_profiles", "both_roles", "cli", "client_networks", "every_mistake"),
        *("extent", "folded_servers", "following", "giving_back", "health_fields"),
        *("import_command", "keepalived_hook", "planner", "reader", "record_book"),
        *("record_columns", "refused_changes", "services", "taken_apart", "workflow"),
    )
)
