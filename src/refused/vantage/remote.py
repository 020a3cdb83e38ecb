"""Another host, a pod or a container: the probes go there through standard input.

The user's own ``ssh``, ``kubectl`` or ``docker`` opens the way, with the user's own settings: no host
key is trusted that was not, and nobody is asked for a password. The command that runs there is always
the same few words; sources, target and secrets come through standard input, so that no process list
shows them. No file is written there.

The module stays at home.
"""

from __future__ import annotations

import os
import subprocess
import sys

from refused.evidence.bundle import LARGEST_BYTES, BadBundle, Bundle
from refused.evidence.observations import Unseen
from refused.evidence.redaction import redact
from refused.probes.gather import side
from refused.probes.stopwatch import Deadline
from refused.vantage import FORMS, BadVantage, agent, envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

    from refused.evidence.bundle import Fact
    from refused.evidence.target import Parsed
    from refused.probes.gather import Wishes

# How long the way to the place may take, beside the time limit of the walk itself: logging in,
# starting Python, and carrying the sources there.
REACH_S = 20.0
CONNECT_S = 10
WHOLE_PATH = "the path"

# What Python runs there: it reads a length, so many bytes of source, and executes them. The texts
# hold neither quotation marks nor anything that a shell would expand inside them.
_BOOT = (
    "import sys;f=sys.stdin.buffer;n=int(f.readline());b=f.read(n);"
    "exec(b) if len(b)==n else sys.exit(3)"
)
_OLD_ENOUGH = "import sys; sys.exit(sys.version_info < (3, 8))"
_NO_PYTHON = "refused-agent: no Python 3.8 or newer"
# -I and -S keep whatever lies there out of the way, -B writes no byte code.
_FLAGS = ("-I", "-S", "-B", "-c")
_NAMES = "python3 python /usr/libexec/platform-python " + " ".join(
    f"python3.{minor}" for minor in range(14, 7, -1)
)
_SCRIPT = (
    f"for p in {_NAMES}; do "
    f'if "$p" -c "{_OLD_ENOUGH}" </dev/null >/dev/null 2>&1; '
    f'then exec "$p" {" ".join(_FLAGS)} "{_BOOT}"; fi; done; '
    f'echo "{_NO_PYTHON}" >&2; exit 127'
)
_MOST_STDERR = 65536

DEBUG_IMAGE = "docker.io/library/python:3.13-alpine"
_WORKLOADS = {
    "deployment": "deployment",
    "deploy": "deployment",
    "statefulset": "statefulset",
    "sts": "statefulset",
    "daemonset": "daemonset",
    "ds": "daemonset",
}


class CannotReach(Exception):
    """A place gave no evidence; what is said is why, and what would help.

    Attributes:
        how_to_see: What the user can do.
    """

    def __init__(self, why: str, how_to_see: str) -> None:
        super().__init__(why)
        self.how_to_see = how_to_see


class Remote:
    """A place that a program of the user's can run commands in."""

    def __init__(self, name: str) -> None:
        self.name = name

    def gather(self, parsed: Parsed, wishes: Wishes) -> Tuple[Fact, ...]:
        """Return what was seen there; a place that cannot be reached gives one ``Unseen``.

        Raises:
            BadCaFile: The CA file cannot be read.
        """
        key = os.urandom(envelope.KEY_BYTES)
        asked = agent.question(parsed, wishes, name=self.name, key=key, ca=_ca_text(wishes.ca_file))
        try:
            return self._ask(envelope.ask(asked), key, wishes)
        except CannotReach as gone:
            return (self._unseen(str(gone), gone.how_to_see),)
        except KeyboardInterrupt:
            return (self._unseen("you interrupted it", "let it run to its end"),)

    def _unseen(self, why: str, how_to_see: str) -> Unseen:
        return Unseen(
            vantage=self.name,
            what=f"{WHOLE_PATH} from {self.name}",
            why=redact(why)[:300],
            how_to_see=how_to_see,
        )

    def _ask(self, question: bytes, key: bytes, wishes: Wishes) -> Tuple[Fact, ...]:
        """Run the probes there.

        Raises:
            CannotReach: They did not run, or their answer is not to be trusted.
        """
        from refused.vantage.build import build

        source = build()
        given = b"%d\n" % len(source) + source + question
        wait_s = REACH_S + wishes.limit_s + wishes.hold_s
        done = _Done(1, b"", "")
        for command in self.commands(wishes):
            done = _run(command, given, wait_s)
            if not self.is_lacking(done):
                break
        else:
            raise CannotReach(_no_python(done), self.without_python())
        return self.read(done, key)

    def read(self, done: _Done, key: bytes) -> Tuple[Fact, ...]:
        """Return the facts of an answer, each under this place's name.

        Raises:
            CannotReach: There is no answer, or it is not the one that was sent.
        """
        from json import loads

        try:
            told = loads(envelope.open_answer(done.output, key))
            if isinstance(told, dict) and "error" in told:
                raise CannotReach(
                    f"the probes failed there: {told['error']}", "tell its developers"
                )
            bundle = Bundle.from_json(told)
        except envelope.BadAnswer as wrong:
            said = done.last_line()
            if done.is_late:
                raise CannotReach(f"{self.name} did not answer in time", self.by_hand()) from None
            if "no answer" in str(wrong) and said:
                raise CannotReach(said, self.by_hand()) from None
            code = f" (exit code {done.code})" if done.code else ""
            raise CannotReach(f"{wrong}{code}", self.by_hand()) from None
        except (ValueError, BadBundle) as wrong:
            raise CannotReach(f"the answer is no bundle: {wrong}", self.by_hand()) from None
        return tuple(
            fact.replace(vantage=self.name) for fact in bundle.facts if fact.vantage == self.name
        )

    # --- what differs from place to place -----------------------------------------------------------

    def commands(self, wishes: Wishes) -> Iterator[List[str]]:
        """Give the commands to try in order: the next one where there is no Python, or no shell."""
        raise NotImplementedError

    def is_lacking(self, done: _Done) -> bool:
        """Whether what was looked for there, a shell or a Python, is not there."""
        return done.code in (126, 127) or (
            done.code != 0 and "executable file not found" in done.said
        )

    def by_hand(self) -> str:
        """Say what has to work before this can."""
        raise NotImplementedError

    def without_python(self) -> str:
        """Say what to do where there is no Python."""
        return "install Python 3.8 or newer there, or look from a place beside it that has one"


class Ssh(Remote):
    """A host behind the user's ``ssh``, by ``[user@]host[:port]`` or a name of its configuration.

    Raises:
        BadVantage: That is none.
    """

    def __init__(self, where: str) -> None:
        user, separator, rest = where.rpartition("@")
        host, port = _host_and_port(rest)
        is_good = _is_word(host, ".-_:%") and (not separator or _is_word(user, ".-_+@\\"))
        if not is_good or (port is not None and not 0 < port < 65536):
            raise BadVantage("--from ssh: takes [user@]host[:port]")
        self._port = port
        self._destination = f"{user}@{host}" if user else host
        shown = f"[{host}]" if ":" in host else host
        super().__init__(
            f"ssh:{user + '@' if user else ''}{shown}{'' if port is None else f':{port}'}"
        )

    def commands(self, wishes: Wishes) -> Iterator[List[str]]:  # noqa: ARG002 - as others do
        """Give the one command: ssh hands it to the login shell there as one text."""
        # The shell of the user's account may be any, but all know words in single quotes.
        yield [*self._ssh(), f"exec sh -c '{_SCRIPT}'"]

    def _ssh(self) -> List[str]:
        # Each option takes away; the user's configuration stands otherwise, host keys above all.
        options = ["BatchMode=yes", f"ConnectTimeout={CONNECT_S}", "ClearAllForwardings=yes"]
        options += ["ForwardAgent=no", "ForwardX11=no", "ServerAliveInterval=5"]
        command = ["ssh", "-T", *(word for option in options for word in ("-o", option))]
        if self._port is not None:
            command += ["-p", str(self._port)]
        return [*command, "--", self._destination]

    def by_hand(self) -> str:
        """Say what has to work before this can."""
        port = "" if self._port is None else f" -p {self._port}"
        return f"make this work first: ssh -o BatchMode=yes{port} {self._destination} python3 -V"


class Pod(Remote):
    """A pod, one of its containers, or any pod of a workload, through the user's ``kubectl``.

    Raises:
        BadVantage: The text is no ``namespace/pod[/container]`` or ``namespace/deployment/name``.
    """

    def __init__(self, where: str) -> None:
        parts = where.split("/")
        kind = _WORKLOADS.get(parts[1].lower()) if 3 <= len(parts) <= 4 else None
        if not 2 <= len(parts) <= (4 if kind else 3) or not all(
            _is_word(part, ".-") for part in parts
        ):
            raise BadVantage(
                "--from k8s: takes namespace/pod[/container] or namespace/deployment/name[/container]"
            )
        self._namespace = parts[0]
        self._is_workload = kind is not None
        self._pod = f"{kind}/{parts[2]}" if kind else parts[1]
        rest = parts[3:] if kind else parts[2:]
        self._container = rest[0] if rest else None
        self._is_debugged = False
        super().__init__("k8s:" + where)

    def commands(self, wishes: Wishes) -> Iterator[List[str]]:
        """Give ``exec`` by a shell and without one, and with ``--deep`` a debug container."""
        self._is_debugged = False
        container = ["-c", self._container] if self._container else []
        into = ["kubectl", "exec", "-i", "-n", self._namespace, self._pod, *container, "--"]
        yield [*into, "sh", "-c", _SCRIPT]
        yield [*into, "python3", *_FLAGS, _BOOT]
        if wishes.deep:
            self._is_debugged = True
            image = wishes.environ.get("REFUSED_DEBUG_IMAGE") or DEBUG_IMAGE
            pod = self._some_pod()
            sys.stderr.write(
                f"refused: {self.name} has no Python; an ephemeral debug container ({image}) looks in its "
                f"stead, and stays listed in the pod {pod} until that ends\n"
            )
            # The profile that adds no right: the others give the container more than a look needs.
            within = ["-n", self._namespace, pod, f"--image={image}", "--profile=baseline"]
            within += [f"--target={self._container}"] if self._container else []
            yield ["kubectl", "debug", "-i", "-q", *within, "--", "python3", *_FLAGS, _BOOT]

    def _some_pod(self) -> str:
        """Return the pod's name, of a workload that of one of its pods.

        Raises:
            CannotReach: The workload has none that runs.
        """
        if not self._is_workload:
            return self._pod
        from json import loads

        where = ["kubectl", "get", "-n", self._namespace]
        told = _run([*where, self._pod, "-o", "json"], b"", REACH_S)
        try:
            labels = loads(told.output)["spec"]["selector"]["matchLabels"]
            wanted = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise CannotReach(
                told.last_line() or f"{self._pod} has no pods that one could name", self.by_hand()
            ) from None
        running = ["--field-selector=status.phase=Running", "-o", "name"]
        listed = _run([*where, "pods", "-l", wanted, *running], b"", REACH_S)
        for line in listed.output.decode("utf-8", "replace").splitlines():
            name = line.strip().rpartition("/")[2]
            if _is_word(name, ".-"):
                return name
        raise CannotReach(f"{self._pod} has no pod that runs", self.by_hand())

    def _ask(self, question: bytes, key: bytes, wishes: Wishes) -> Tuple[Fact, ...]:
        facts = super()._ask(question, key, wishes)
        if not self._is_debugged:
            return facts
        # The container beside it shares the pod's network and nothing else.
        why = "a debug container has the pod's network, not the application's environment and files"
        seen = tuple(
            fact
            for fact in facts
            if type(fact).__name__ not in ("ProxyVariables", "DescriptorUse", "Platform")
        )
        gaps = tuple(
            Unseen(vantage=self.name, what=what, why=why, how_to_see="put Python into the image")
            for what in ("ProxyVariables", "DescriptorUse", "Platform")
        )
        return seen + gaps

    def by_hand(self) -> str:
        """Say what has to work before this can."""
        container = f" -c {self._container}" if self._container else ""
        return f"make this work first: kubectl exec -n {self._namespace} {self._pod}{container} -- python3 -V"

    def without_python(self) -> str:
        """Say what to do where there is no Python."""
        return (
            "with --deep an ephemeral debug container looks in its stead (it stays listed in the pod "
            "until that ends)"
        )


class Container(Remote):
    """A container of the local engine, through the user's ``docker``.

    Raises:
        BadVantage: The text is no container's name.
    """

    def __init__(self, where: str) -> None:
        if not _is_word(where, ".-_"):
            raise BadVantage("--from docker: takes the name or id of a container")
        self._container = where
        super().__init__("docker:" + where)

    def commands(self, wishes: Wishes) -> Iterator[List[str]]:  # noqa: ARG002 - as others do
        """Give ``exec`` by a shell and without one."""
        into = ["docker", "exec", "-i", self._container]
        yield [*into, "sh", "-c", _SCRIPT]
        yield [*into, "python3", *_FLAGS, _BOOT]

    def by_hand(self) -> str:
        """Say what has to work before this can."""
        return f"make this work first: docker exec {self._container} python3 -V"

    def without_python(self) -> str:
        """Say what to do where there is no Python."""
        return (
            f"run the single file beside it: refused agent build -o agent.py; docker run --rm -i --network "
            f"container:{self._container} python:3-alpine python3 - TARGET < agent.py > bundle.json"
        )


def open_remote(text: str) -> Remote:
    """Return the place that ``ssh:…``, ``k8s:…`` or ``docker:…`` names.

    Raises:
        BadVantage: It names none.
    """
    kind, _, where = text.partition(":")
    makers: Dict[str, Callable[[str], Remote]] = {"ssh": Ssh, "k8s": Pod, "docker": Container}
    make = makers.get(kind.lower())
    if make is None:
        raise BadVantage(f"--from takes {FORMS}")
    return make(where[2:] if where.startswith("//") else where)


def _no_python(done: _Done) -> str:
    said = done.last_line()
    return "there is no Python 3.8 or newer" + ("" if _NO_PYTHON in said else f" ({said})")


def _is_word(text: str, more: str) -> bool:
    """Whether *text* is a name, and can be taken for neither an option nor anything of a shell."""
    return (
        0 < len(text) < 254
        and text.isascii()
        and text[0] not in "-."
        and all(letter.isalnum() or letter in more for letter in text)
    )


def _host_and_port(text: str) -> Tuple[str, int | None]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port[1:] if port.startswith(":") else port or ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        port = port or "-"
    else:
        host, port = text, ""
    if not port:
        return host, None
    return host, int(port) if port.isdigit() and len(port) < 6 else 0


def _ca_text(path: str | None) -> str | None:
    if path is None:
        return None
    from refused.probes.tls_trust import BadCaFile

    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(16 << 20)
    except OSError as gone:
        raise BadCaFile(f"the CA file {path} cannot be read: {gone.strerror}") from None


# --- running a program -----------------------------------------------------------------------------


class _Done:
    """What a program came to.

    Attributes:
        code: Its exit code; ``None`` where it was ended because the time was up.
        output: Its standard output.
        said: Its standard error, or why it did not start.
    """

    def __init__(self, code: int | None, output: bytes, said: str) -> None:
        self.code = code
        self.output = output
        self.said = said

    @property
    def is_late(self) -> bool:
        """Whether it was ended because the time was up."""
        return self.code is None

    def last_line(self) -> str:
        """Return the last line of standard error that says something."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        return "".join(letter for letter in lines[-1] if letter.isprintable()) if lines else ""


def _run(command: Sequence[str], given: bytes, wait_s: float) -> _Done:
    """Run one program of the user's, feed it, and keep what it says; never longer than *wait_s*."""
    try:
        program: Any = subprocess.Popen(  # noqa: S603 - the user asked for this very program
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    except OSError as gone:
        raise CannotReach(
            f"{command[0]} cannot be run: {gone.strerror}", f"install {command[0]} on this host"
        ) from None
    output, said = bytearray(), bytearray()
    deadline = Deadline(wait_s)
    try:
        jobs = [
            side(_feed, program.stdin, given),
            side(_drain, program.stdout, output, LARGEST_BYTES + 4096),
            side(_drain, program.stderr, said, _MOST_STDERR),
        ]
        try:
            code: int | None = program.wait(deadline.left())
        except subprocess.TimeoutExpired:
            code = None
    finally:
        if program.poll() is None:
            program.kill()
            program.wait()
    for job in jobs:
        # What it left running, such as a shared connection of ssh, may hold the pipes open.
        job.join(1.0)
    return _Done(code, bytes(output), said.decode("utf-8", "replace"))


def _feed(pipe: Any, given: bytes) -> None:
    rest = memoryview(given)
    with pipe:
        try:
            while rest:
                rest = rest[pipe.write(rest) :]
        except OSError:
            pass  # it has left; its exit code and last words say why


def _drain(pipe: Any, kept: bytearray, most: int) -> None:
    """Read to the end, and keep the first *most* bytes."""
    with pipe:
        while True:
            some = pipe.read(65536)
            if not some:
                return
            kept += some[: max(0, most - len(kept))]
