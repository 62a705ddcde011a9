"""Files of other programs: read, judged, written."""
