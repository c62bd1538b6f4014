"""A stream processor in plain typed Python: `import wallarood as w`."""

__version__ = "0.1.0"
