"""Probes for Kubernetes that ask the readiness application."""

from __future__ import annotations


def kubernetes(port: int = 8000, path: str = "/ready", *, alive_path: str = "/ready/alive") -> str:
    """Return the three probes of a container as YAML.

    Liveness never asks for a dependency: a restart mends no cache, and a thousand pods that restart
    at once break more. https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/

    Args:
        port: The container's port.
        path: Where the readiness application is mounted.
        alive_path: Where it, or the application itself, says that the process is alive.
    """
    return f"""\
startupProbe: # until it has succeeded, the other two are not asked
  httpGet: {{ path: {alive_path}, port: {port} }}
  periodSeconds: 2
  failureThreshold: 30
readinessProbe: # takes the pod out of the service, and puts it back
  httpGet: {{ path: {path}, port: {port} }}
  periodSeconds: 5
  timeoutSeconds: 1
  failureThreshold: 2
  successThreshold: 1
livenessProbe: # restarts the container: about the process alone, never about what it depends on
  httpGet: {{ path: {alive_path}, port: {port} }}
  periodSeconds: 10
  timeoutSeconds: 2
  failureThreshold: 3
"""
