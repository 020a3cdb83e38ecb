"""The metrics that ``refused`` itself shows, by the names that rules may rely on.

Whoever shows them keeps to this table. Labels are bounded: targets, places and hops are few, and no
label ever holds an error's text.
"""

from __future__ import annotations

# Shape: (name, kind, labels, what it says).
OWN: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "refused_hop_ok",
        "gauge",
        ("target", "vantage", "hop"),
        "1 where the hop works, 0 where it was seen to fail; absent where it could not be looked at",
    ),
    (
        "refused_probes_total",
        "counter",
        ("target", "vantage", "outcome"),
        "walks of the path by outcome: ok, failed, or unknown, which counts neither way",
    ),
    (
        "refused_cause_probability",
        "gauge",
        ("target", "vantage", "cause"),
        "how probable each cause is that the last diagnosis named, 0 to 1",
    ),
    (
        "refused_certificate_expires_seconds",
        "gauge",
        ("target", "vantage"),
        "when the server's certificate ends, in seconds since 1970 UTC",
    ),
    (
        # OpenTelemetry's counter refused.client.events, as its Prometheus exporter writes it.
        "refused_client_events_total",
        "counter",
        ("event", "stage", "reason"),
        "what happened to the connections of applications that use refused.client",
    ),
)
