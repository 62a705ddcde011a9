"""The page that shows a cluster, and the drawing in it."""
