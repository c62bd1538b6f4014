"""HTTP, on the unix socket and on `admin.http`: the same routes on both.

It is h11 on Trio's streams, a few small modules. A framework was considered (starlette on
hypercorn): it brings anyio, h2, wsproto and an application server's own nursery, limits and
shutdown, 25 MB and 0.2 s at the first request, for twelve routes that are answered once a
connection. h11 is a dependency anyway, decides what is HTTP, and bounds what a client may send.
"""
