"""What becomes of requests on their way through a real server."""
