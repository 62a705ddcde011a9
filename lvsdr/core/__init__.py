"""What has to change on a host, and the way back."""
