"""The page that shows a cluster: HTML, a style sheet and a script, served as they are."""
