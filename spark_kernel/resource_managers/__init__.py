"""Layer 2: where cores and memory come from: a master URL becomes a running Dask cluster.

`registry.resource_manager` is the way in; `interface` says what each manager offers; `scratch` is the application's
folder on a node. Managers that start a cluster run it in a supervisor process outside the driver:

    driver (kernel)                    a session of its own
    supervised.py   -- pipe -->  supervisor.py      hosts the cluster, ends with the driver
                                   local_nodes.py     Dask's scheduler and nannies, in it or in server_process.py
                                     workers            forked from a process that has its imports done (fork_server.py)
"""
