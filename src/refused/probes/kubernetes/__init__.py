"""What a Kubernetes cluster, or the manifests that are meant for one, say of a client's way out.

The room stays at home and runs on the Python of the installed program.
"""
