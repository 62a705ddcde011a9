"""keepalived.conf: read as keepalived reads it, judged, and written."""
