"""Why a cluster is slow or stands still, from what its workers say of themselves.

The decision is pure: from a `ClusterStatus` and a topology to findings, the most urgent first.
"""
