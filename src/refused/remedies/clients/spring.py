"""Spring Boot: Spring Data Redis on Lettuce.

Sources: https://docs.spring.io/spring-boot/appendix/application-properties/ (3.x), Lettuce's own.
"""

from __future__ import annotations

from refused.remedies.clients import figures, lettuce, notes
from refused.remedies.clients.advice import Advice, ClientConfig, File, Page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from refused.remedies.clients.wanted import Wanted

NAME = "Spring Boot"
ALIASES = ("spring", "spring-data-redis", "springboot", "spring data redis")
TITLE = "Spring Boot (Spring Data Redis on Lettuce)"
VERSIONS = "Boot 3.4 and later; Boot 2 has spring.redis instead of spring.data.redis"
_PROPERTIES = "https://docs.spring.io/spring-boot/appendix/application-properties/index.html"
_STARTER = (
    "https://learn.microsoft.com/azure/developer/java/spring-framework/spring-cloud-azure-overview"
)
_CUSTOMIZED = (
    "keepAlive",
    "tcpUserTimeout",
    "timeoutOptions",
    "disconnectedBehavior",
    "socketAddressResolver",
)


def settings(wanted: Wanted) -> Iterator[Advice]:
    """Yield what is advised: properties, and what only a bean can set."""
    prefix = "spring.data.redis."
    yield Advice(
        name=f"{prefix}connect-timeout",
        value=f"{figures.CONNECT_S}s",
        default="10 s (Lettuce)",
        why=figures.CONNECT_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name=f"{prefix}timeout",
        value=f"{figures.COMMAND_S}s",
        default="60 s (Lettuce)",
        why=figures.COMMAND_WHY,
        source=figures.connection_source(wanted),
    )
    yield Advice(
        name=f"{prefix}client-type",
        value="lettuce",
        default="whichever is on the class path",
        why="the bean below is for it",
        source=_PROPERTIES,
    )
    if wanted.tls:
        yield Advice(
            name=f"{prefix}ssl.enabled",
            value="true",
            default="false, whatever the port",
            why=figures.TLS_WHY,
            source=figures.tls_source(wanted),
        )
    if wanted.cluster:
        yield Advice(
            name=f"{prefix}lettuce.cluster.refresh.adaptive",
            value="true",
            default="false: a failover is never noticed",
            why="the topology is asked for at once after MOVED, ASK and lost connections",
            source=_PROPERTIES,
        )
        yield Advice(
            name=f"{prefix}lettuce.cluster.refresh.period",
            value=f"{lettuce.REFRESH_S}s",
            default="never",
            why="and every so often",
            source=lettuce.NOTES,
        )
        yield Advice(
            name=f"{prefix}lettuce.cluster.refresh.dynamic-refresh-sources",
            value="false",
            default="true",
            why="the name that always answers is asked, and not nodes that may be gone",
            source=lettuce.NOTES,
        )
    for each in lettuce.settings(wanted):
        if each.name in _CUSTOMIZED:
            yield each


def config(wanted: Wanted) -> ClientConfig:
    """Return what is advised, as data, as ``application.yml`` and as a bean."""
    advised = tuple(settings(wanted))
    head = notes.head(wanted, TITLE, VERSIONS)
    properties = Page([each for each in advised if each.name not in _CUSTOMIZED], "#")
    _yaml(wanted, properties)
    bean = Page([each for each in advised if each.name in _CUSTOMIZED], "//")
    _bean(wanted, bean)
    starter = (
        (
            (
                f"Entra ID: com.azure.spring:spring-cloud-azure-starter-data-redis-lettuce logs in with a token ({_STARTER}); "
                "the property spring.data.redis.azure.passwordless-enabled says so, and no password is set."
            ),
        )
        if wanted.auth == "entra"
        else ()
    )
    return ClientConfig(
        client=NAME,
        title=TITLE,
        versions=VERSIONS,
        install="org.springframework.boot:spring-boot-starter-data-redis, io.netty:netty-transport-native-epoll (Maven)",
        settings=advised,
        files=(
            File(name="application.yml", language="yaml", text=properties.text(head)),
            File(name="CacheSettings.java", language="java", text=bean.text(head)),
        ),
        notes=(
            *notes.common(wanted),
            *starter,
            wanted.connections_note(
                1, "All beans share one native connection, for each process and node"
            ),
            (
                "Set no lettuce.pool: the shared connection carries every command. A pool is for MULTI and blocking commands, "
                f"and there max-active is {wanted.pool()} at most ({wanted.pool_why()})."
            ),
            (
                "Boot 4 has the customizers in org.springframework.boot.data.redis.autoconfigure; Boot before 3.4 has "
                "LettuceClientConfigurationBuilderCustomizer.clientOptions() alone."
            ),
            (
                "Spring Session sends CONFIG at the start, which the service does not know: declare a bean "
                "ConfigureRedisAction.NO_OP."
            ),
        ),
        executed="the bean is parsed by tree-sitter and the properties as YAML; no Java library is run in our tests",
    )


def _yaml(wanted: Wanted, page: Page) -> None:
    prefix = "spring.data.redis."
    page.add("spring:\n  data:\n    redis:")
    if not wanted.cluster:
        page.add(f"      host: {wanted.host}\n      port: {wanted.port}")
        if wanted.db:
            page.add(f"      database: {wanted.db}")
    if wanted.auth == "key":
        if wanted.user:
            page.add(f"      username: ${{{notes.USER}}}")
        page.add(f"      password: ${{{notes.KEY}}}")
    elif wanted.auth == "entra":
        page.add("      azure:\n        passwordless-enabled: true")
    for name in ("client-type", "connect-timeout", "timeout"):
        page.set(f"      {name}: {{}}", prefix + name)
    if wanted.tls:
        page.add("      ssl:")
        page.set("        enabled: {}", f"{prefix}ssl.enabled")
    if wanted.cluster:
        page.add(f'      cluster:\n        nodes: "{wanted.address}"')
        page.add("      lettuce:\n        cluster:\n          refresh:")
        for name in ("adaptive", "period", "dynamic-refresh-sources"):
            page.set(f"            {name}: {{}}", f"{prefix}lettuce.cluster.refresh.{name}")


def _bean(wanted: Wanted, page: Page) -> None:
    imports = [
        "import io.lettuce.core.ClientOptions;",
        "import io.lettuce.core.SocketOptions;",
        "import io.lettuce.core.SocketOptions.KeepAliveOptions;",
        "import io.lettuce.core.SocketOptions.TcpUserTimeoutOptions;",
        "import io.lettuce.core.TimeoutOptions;",
    ]
    if wanted.cluster:
        imports += [
            "import io.lettuce.core.internal.HostAndPort;",
            "import io.lettuce.core.resource.DnsResolver;",
            "import io.lettuce.core.resource.MappingSocketAddressResolver;",
            "import org.springframework.boot.autoconfigure.data.redis.ClientResourcesBuilderCustomizer;",
        ]
    imports += [
        "import org.springframework.boot.autoconfigure.data.redis.LettuceClientOptionsBuilderCustomizer;",
        "import org.springframework.context.annotation.Bean;",
        "import org.springframework.context.annotation.Configuration;",
    ]
    page.add("\n".join(["import java.time.Duration;", *imports]) + "\n")
    page.add("@Configuration\npublic class CacheSettings {")
    page.remark("It is called after the properties were read, and keeps what they say.", "    ")
    page.add(
        "    @Bean\n    LettuceClientOptionsBuilderCustomizer patientClient() {\n"
        "        return options -> options\n"
        "            .socketOptions(SocketOptions.builder()\n"
        f"                .connectTimeout(Duration.ofSeconds({figures.CONNECT_S}))"
    )
    page.set("                .keepAlive({})", "keepAlive")
    page.set("                .tcpUserTimeout({})", "tcpUserTimeout")
    page.add("                .build())")
    page.set("            .timeoutOptions({})", "timeoutOptions")
    page.set("            .disconnectedBehavior({});", "disconnectedBehavior")
    page.add("    }")
    if wanted.cluster:
        page.add(
            "\n    @Bean\n    ClientResourcesBuilderCustomizer nodesByName() {\n        return resources -> resources"
        )
        page.set("            .socketAddressResolver({});", "socketAddressResolver")
        page.add("    }")
    page.add("}")
