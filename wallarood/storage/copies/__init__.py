"""Copies on another disk: of files, and what a damaged part is mended from."""
