"""Bytes to records: text, bytes, JSON or CSV, with faults that name place and byte."""
