"""The reader: what it takes, what it fills in, and what it says about the rest."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from fuzz.profiles import PROFILES as VALID
from fuzz.profiles import mutated as mutated_profiles
from fuzz.profiles import times
from lvsdr.errors import ProfileError
from lvsdr.model.holder_kinds import HOLDER_KINDS
from lvsdr.model.ipvs import SETTING_FIELDS, RealServer, Service, VirtualServer
from lvsdr.model.ipvs_daemons import SyncDaemon, Timeout
from lvsdr.model.ipvs_tunnel import IPIP_TUNNEL, TUNNEL_CHECKSUMS, TUNNEL_TYPES
from lvsdr.model.objects import Sysctl
from lvsdr.model.printable import printable
from lvsdr.model.profile import DirectorProfile, LabelledVip, Profile, RealServerProfile
from lvsdr.model.scheduler_flags import SCHEDULER_FLAGS, SCHEDULERS
from lvsdr.profile import schema
from lvsdr.profile.reader import read, schema_check
from lvsdr.profile.reader.common_rules import DEEPEST
from lvsdr.profile.reader.director_fields import director_profile as director_of
from lvsdr.profile.reader.every_mistake import read_all
from lvsdr.profile.reader.quick_check import accepts
from lvsdr.profile.reader.refusal import Refusal
from lvsdr.profile.reader.schema_errors import EXPLANATIONS
from lvsdr.profile.reader.wording import LONGEST
from lvsdr.rules.profiles.crosscheck import disagreements
from lvsdr.rules.profiles.schedulers import scheduler_findings

PROFILES = Path(__file__).parent.parent / "profiles"
BAD = Path(__file__).parent / "bad_profiles"
BAD_NAMES = sorted(path.name for path in BAD.iterdir() if path.suffix != ".expected")

VIP, VIP6 = ip_address("192.168.1.2"), ip_address("2001:db8::2")
WEB = Service("tcp", VIP, 80)
DIRECTOR: dict[str, Any] = json.loads((PROFILES / "director.json").read_text())
REALSERVER: dict[str, Any] = json.loads((PROFILES / "realserver.json").read_text())

DIRECTOR_TOML = """
role = "director"
name = "web"
interface = "eth0"
vips = [{address = "192.168.1.2", label = "eth0:0"}]

[[virtual_servers]]
vip = "192.168.1.2"
protocol = "tcp"
port = 80
scheduler = "wlc"
persistence = 300
real_servers = [
  {rip = "192.168.1.11", weight = 1, forwarding_method = "dr"},
  {rip = "192.168.1.12"},
]
"""
REALSERVER_TOML = """
role = "realserver"
interface = "eth0"
holder = "dummy"
vips = ["192.168.1.2"]
"""


def written(folder: Path, content: Any, name: str = "profile.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def refused(path: Path, role: str | None = None) -> ProfileError:
    with pytest.raises(ProfileError) as caught:
        read(path, role)
    return caught.value


def spoken(error: ProfileError) -> str:
    return "".join([f"{error.message}\n", *(f"  hint: {hint}\n" for hint in error.hints)])


def director(**fields: Any) -> dict[str, Any]:
    return {"role": "director", "interface": "eth0", **fields}


def service(*real_servers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    web = {"vip": "192.168.1.2", "protocol": "tcp", "port": 80}
    return {**web, "real_servers": list(real_servers), **fields}


def marked(*rips: str, **fields: Any) -> dict[str, Any]:
    return {"fwmark": 7, "real_servers": [{"rip": rip, **fields} for rip in rips]}


# What it takes.


def test_the_shipped_director_profile_is_read_whole() -> None:
    profile = read(PROFILES / "director.json", "director")

    assert profile == DirectorProfile(
        name="web",
        interface="eth0",
        labelled_vips=(LabelledVip(VIP, "eth0:0"),),
        virtual_servers=(VirtualServer(WEB, "wlc", 300),),
        real_servers=tuple(
            RealServer(WEB, ip_address(rip), 80, weight=1, forwarding_method="dr")
            for rip in ("192.168.1.11", "192.168.1.12")
        ),
    )


def test_the_shipped_real_server_profile_is_read_whole() -> None:
    profile = read(PROFILES / "realserver.json", "realserver")

    assert profile == RealServerProfile("realserver", "eth0", "dummy", "lvsdr0", (VIP,))


@pytest.mark.parametrize(
    ("toml", "shipped"), [(DIRECTOR_TOML, "director.json"), (REALSERVER_TOML, "realserver.json")]
)
def test_toml_of_the_same_structure_means_the_same(tmp_path: Path, toml: str, shipped: str) -> None:
    path = written(tmp_path, toml, shipped.replace("json", "toml"))

    assert read(path) == read(PROFILES / shipped)


def test_a_mark_of_byte_order_and_a_suffix_in_capitals_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "web.JSON"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(REALSERVER).encode())

    assert read(path).name == "web"


def test_every_default_of_a_director_is_filled_in(tmp_path: Path) -> None:
    vips = [{"address": "192.168.1.2"}, {"address": "2001:db8::2"}, {"address": "192.168.1.3"}]
    path = written(tmp_path, director(vips=vips, virtual_servers=[service({"rip": "10.0.0.1"})]))

    profile = read(path)

    assert isinstance(profile, DirectorProfile)
    assert profile.name == "profile"
    assert [vip.label for vip in profile.labelled_vips] == ["eth0:0", None, "eth0:2"]
    assert profile.virtual_servers == (VirtualServer(WEB, "wlc", None),)
    assert profile.real_servers == (RealServer(WEB, ip_address("10.0.0.1"), 80, 1, "dr"),)


def test_every_default_of_a_real_server_is_filled_in(tmp_path: Path) -> None:
    content = {"role": "realserver", "interface": "eth0", "vips": ["192.168.1.2"]}
    path = written(tmp_path, content)

    assert read(path) == RealServerProfile(
        "profile", "eth0", "dummy", "lvsdr0", (VIP,), 1, 2, "all", guard=True
    )


@pytest.mark.parametrize(("holder", "link"), [("lo", "lo"), ("tunl0", "tunl0"), ("dummy", "vips")])
def test_each_holder_has_its_link(tmp_path: Path, holder: str, link: str) -> None:
    path = written(tmp_path, {**REALSERVER, "holder": holder, "holder_link": link})

    profile = read(path)

    assert isinstance(profile, RealServerProfile)
    assert profile.holder_link == link


def test_ipv6_is_taken_and_written_in_one_way(tmp_path: Path) -> None:
    web = service({"rip": "2001:db8::11"}, vip="2001:db8:0::2")
    path = written(tmp_path, director(vips=[{"address": "2001:DB8::2"}], virtual_servers=[web]))

    profile = read(path)

    assert profile.vips == (VIP6,)
    assert isinstance(profile, DirectorProfile)
    assert profile.virtual_servers[0].service == Service("tcp", VIP6, 80, family="inet6")


@pytest.mark.parametrize(
    ("rips", "family"),
    [(["10.0.0.1"], "inet"), (["2001:db8::11", "2001:db8::12"], "inet6"), ([], "inet")],
)
def test_a_firewall_mark_needs_no_vip_and_has_the_family_of_its_real_servers(
    tmp_path: Path, rips: list[str], family: str
) -> None:
    path = written(tmp_path, director(virtual_servers=[marked(*rips)]))

    profile = read(path)

    assert isinstance(profile, DirectorProfile)
    assert profile.virtual_servers[0].service == Service("fwmark", fwmark=7, family=family)
    assert all(server.port == 0 for server in profile.real_servers)


def test_one_mark_serves_both_families(tmp_path: Path) -> None:
    both = [marked("10.0.0.1"), marked("2001:db8::11")]

    profile = read(written(tmp_path, director(virtual_servers=both)))

    assert isinstance(profile, DirectorProfile)
    assert [each.service.family for each in profile.virtual_servers] == ["inet", "inet6"]


def test_masquerade_may_change_the_port_and_keeps_the_services_otherwise(tmp_path: Path) -> None:
    nat = {"rip": "10.0.0.1", "forwarding_method": "masquerade"}
    web = service(nat, {**nat, "port": 8080})
    path = written(tmp_path, director(vips=[{"address": "192.168.1.2"}], virtual_servers=[web]))

    profile = read(path)

    assert isinstance(profile, DirectorProfile)
    assert [server.port for server in profile.real_servers] == [80, 8080]


def test_port_0_stands_for_every_port_where_clients_persist(tmp_path: Path) -> None:
    web = service({"rip": "10.0.0.1"}, port=0, persistence=300)
    path = written(tmp_path, director(vips=[{"address": "192.168.1.2"}], virtual_servers=[web]))

    profile = read(path)

    assert isinstance(profile, DirectorProfile)
    assert profile.real_servers[0].port == 0


SPREAD: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"scheduler": "sh", "scheduler_flags": ["sh-port", "sh-fallback"]}, {"flags": 0x18}),
    ({"scheduler": "mh", "scheduler_flags": ["mh-port"]}, {"flags": 0x10}),
    ({"scheduler": "mh", "scheduler_flags": ["mh-fallback"]}, {"flags": 0x08}),
    ({"persistence": 9, "persistence_prefix": 24}, {"persistence_prefix": 24}),
    ({"persistence": 9, "persistence_prefix": 32}, {"persistence_prefix": None}),
    ({"one_packet": True, "protocol": "udp"}, {"one_packet": True}),
    ({"protocol": "udp", "persistence": 9, "persistence_engine": "sip"}, {"engine": "sip"}),
]


@pytest.mark.parametrize(("fields", "made"), SPREAD)
def test_how_a_virtual_server_spreads_is_what_its_fields_say(
    tmp_path: Path, fields: dict[str, Any], made: dict[str, Any]
) -> None:
    document = director(vips=[{"address": "192.168.1.2"}], virtual_servers=[service(**fields)])

    profile = read(written(tmp_path, document))

    assert isinstance(profile, DirectorProfile)
    (server,) = profile.virtual_servers
    assert {name: getattr(server, name) for name in made} == made


TAKEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"upper_threshold": 9}, {"upper_threshold": 9, "lower_threshold": 0}),
    ({"upper_threshold": 9, "lower_threshold": 9}, {"lower_threshold": 9}),
    ({"forwarding_method": "tunnel"}, {"tunnel": (0, 0, 0)}),
    (
        {"forwarding_method": "tunnel", "tunnel_type": "gue", "tunnel_port": 6080},
        {"tunnel": (1, 6080, 0)},
    ),
    (
        {
            "forwarding_method": "tunnel",
            "tunnel_type": "gue",
            "tunnel_port": 6080,
            "tunnel_checksum": "remcsum",
        },
        {"tunnel": (1, 6080, 2)},
    ),
    (
        {"forwarding_method": "tunnel", "tunnel_type": "gre", "tunnel_checksum": "csum"},
        {"tunnel": (2, 0, 1)},
    ),
    ({"forwarding_method": "tunnel", "rip": "2001:db8::11"}, {"rip": ip_address("2001:db8::11")}),
]


@pytest.mark.parametrize(("fields", "made"), TAKEN)
def test_what_a_real_server_takes_is_what_its_fields_say(
    tmp_path: Path, fields: dict[str, Any], made: dict[str, Any]
) -> None:
    web = service({"rip": "10.0.0.1", **fields})
    document = director(vips=[{"address": "192.168.1.2"}], virtual_servers=[web])

    profile = read(written(tmp_path, document))

    assert isinstance(profile, DirectorProfile)
    (server,) = profile.real_servers
    assert {name: getattr(server, name) for name in made} == made


def test_timeouts_sync_daemons_and_settings_are_filled_in(tmp_path: Path) -> None:
    document = director(
        timeouts={"udp": 30},
        sync_daemons=[{"state": "master"}, {"state": "backup", "group": "ff02::51", "ttl": 3}],
        sysctls={"sync_threshold": "03 50", "backup_only": 1},
    )

    profile = read(written(tmp_path, document))

    assert isinstance(profile, DirectorProfile)
    assert profile.timeouts == (Timeout("udp", 30),)
    assert profile.sync_daemons == (
        SyncDaemon("master", "eth0", 0, 1472, ip_address("224.0.0.81"), 8848, 1),
        SyncDaemon("backup", "eth0", 0, 1452, ip_address("ff02::51"), 8848, 3),
    )
    assert profile.sysctls == (
        Sysctl("net/ipv4/vs/sync_threshold", "3 50"),
        Sysctl("net/ipv4/vs/backup_only", "1"),
    )


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", ""),
        ("0", "0"),
        ("00-03", "0-3"),
        ("8,0-3", "0-3,8"),
        ("0,1,2,3,5", "0-3,5"),
        ("0-9,2-4,10", "0-10"),
    ],
)
def test_a_list_of_processors_is_as_the_kernel_writes_it(
    tmp_path: Path, text: str, made: str
) -> None:
    profile = read(written(tmp_path, director(sysctls={"est_cpulist": text})))

    assert isinstance(profile, DirectorProfile)
    assert profile.sysctls == (Sysctl("net/ipv4/vs/est_cpulist", made),)


def test_a_range_of_processors_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as refused:
        read(written(tmp_path, director(sysctls={"est_cpulist": "0,5-3"})))

    assert "/sysctls/est_cpulist: 5-3 ends before it begins" in refused.value.message
    assert refused.value.hints == ["write 3-5"]


def test_the_schema_knows_the_flags_and_the_tunnels_of_the_model() -> None:
    described = schema.document("director")["properties"]["virtual_servers"]["items"]["properties"]
    real_server = described["real_servers"]["items"]["properties"]

    assert tuple(described["scheduler_flags"]["items"]["enum"]) == tuple(SCHEDULER_FLAGS)
    assert tuple(real_server["tunnel_type"]["enum"]) == TUNNEL_TYPES
    assert tuple(real_server["tunnel_checksum"]["enum"]) == TUNNEL_CHECKSUMS


def test_a_whole_number_with_a_point_becomes_an_integer(tmp_path: Path) -> None:
    text = json.dumps(DIRECTOR).replace('"weight": 1', '"weight": 2.0')

    profile = read(written(tmp_path, text))

    assert isinstance(profile, DirectorProfile)
    assert repr(profile.real_servers[0].weight) == "2"


def test_many_vips_may_carry_no_label_but_the_name_of_the_link(tmp_path: Path) -> None:
    vips = [{"address": f"192.168.1.{n}", "label": "enp129s0f0.4094"} for n in (2, 3)]

    profile = read(written(tmp_path, director(interface="enp129s0f0.4094", vips=vips)))

    assert isinstance(profile, DirectorProfile)
    assert {vip.label for vip in profile.labelled_vips} == {"enp129s0f0.4094"}


# What it says about the rest.


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_bad_profile_gets_its_message_and_its_hints(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BAD)

    error = refused(Path(name))

    assert spoken(error) == Path(name).with_suffix(".expected").read_text()
    assert error.hints


def test_every_bad_profile_is_in_the_walk() -> None:
    expected = {path.stem for path in BAD.glob("*.expected")}

    assert expected == {Path(name).stem for name in BAD_NAMES}
    assert len(BAD_NAMES) == len(expected)


@pytest.mark.parametrize("role", ["director", "realserver"])
def test_a_profile_of_the_other_role_is_refused(role: str) -> None:
    other = "director" if role == "realserver" else "realserver"
    path = PROFILES / f"{other}.json"

    error = refused(path, role)

    assert error.message == f"{path}: /role: this is a {other} profile"
    assert error.hints == [f"this command needs a {role} profile; for this one: lvsdr {other}"]


def test_a_file_that_is_not_there_is_named_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "director.json"

    error = refused(path, "director")

    assert error.message == f"cannot read {path}: no such file (ENOENT)"
    assert error.hints == ["write this profile, or name another; its fields: lvsdr schema director"]
    assert error.exit_code == 2


@pytest.mark.parametrize("asked", ["director.json", "director", "director.yaml"])
def test_a_profile_beside_the_one_asked_for_is_pointed_out(tmp_path: Path, asked: str) -> None:
    there = written(tmp_path, DIRECTOR_TOML, "director.toml")

    error = refused(tmp_path / asked)

    assert error.hints == [f"did you mean {there}"]


def test_a_directory_is_no_profile(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    path.mkdir()

    assert refused(path).message == f"cannot read {path}: it is a directory (EISDIR)"


def test_a_file_taken_for_a_directory_is_no_profile(tmp_path: Path) -> None:
    path = written(tmp_path, REALSERVER) / "web.json"

    assert "a part of the path is a file (ENOTDIR)" in refused(path).message


def test_a_profile_that_may_not_be_read_gets_the_command_that_mends_it(tmp_path: Path) -> None:
    path = written(tmp_path, REALSERVER)
    path.chmod(0)
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)

    try:
        error = refused(path)
    finally:
        os.seteuid(mine)

    assert error.message == f"cannot read {path}: permission denied (EACCES)"
    assert error.hints == [f"run lvsdr as root, or: chmod a+r {path}"]


@pytest.mark.parametrize("name", ["-", "web.yaml", "web", ".", "/"])
def test_only_two_suffixes_are_known(name: str) -> None:
    error = refused(Path(name))

    assert error.message == f"cannot read {name}: its name ends neither in .json nor in .toml"
    assert error.hints == [
        "write the profile as JSON into a .json file, or as TOML into a .toml file"
    ]


def test_a_file_of_more_than_16_mib_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "web.json"
    with path.open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)

    assert refused(path).message == f"cannot read {path}: larger than 16 MiB"


def test_a_pipe_is_not_a_profile_and_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    os.mkfifo(path)

    error = refused(path)

    assert error.message == f"cannot read {path}: it is not a file"
    assert error.hints == ["name a regular file"]


def test_more_than_a_million_real_servers_are_refused_without_a_look_at_each() -> None:
    many = [{"rip": "10.0.0.1"}] * 400_000
    data = director(vips=[{"address": "192.168.1.2"}], virtual_servers=[service(*many)] * 3)

    with pytest.raises(Refusal) as caught:
        director_of(data, "web")

    assert caught.value.location == ": /virtual_servers"
    assert caught.value.message == "1200000 real servers: lvsdr takes 1000000 at the most"
    assert caught.value.hints == ("split it into profiles of different names",)


def test_the_file_names_the_profile_only_where_it_can(tmp_path: Path) -> None:
    path = written(tmp_path, REALSERVER, "my web\x1b.json")

    error = refused(path)

    assert "'my web\\x1b', from the file's name, is not a name for a profile" in error.message
    assert error.hints[0].startswith("add the field name: ")


def test_what_a_terminal_would_act_on_is_escaped() -> None:
    assert printable("a\x1b[2J\n\u202eb\ud800ü") == "a\\x1b[2J\\n\\u202eb\\ud800ü"


def test_however_deep_and_strange_a_place_is_its_pointer_stays_short(tmp_path: Path) -> None:
    data: Any = "\x1b[2J"
    for _ in range(DEEPEST):
        data = {"\x7f" * 100: data}

    refusal = refused(written(tmp_path, data))

    assert len(refusal.message) < DEEPEST * (LONGEST + 1) + 200


# The schemas.


def fields(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in part.get("properties", {}).items():
        yield name, field
        yield from fields(field)
        yield from fields(field.get("items", {}))


def keywords(part: Any) -> Iterator[str]:
    yield from part
    for key in ("items", "then", "else"):
        if key in part:
            yield from keywords(part[key])
    for field in part.get("properties", {}).values():
        yield from keywords(field)


@pytest.mark.parametrize("role", schema.ROLES)
def test_a_schema_is_draft_07_and_describes_every_field(role: str) -> None:
    document = schema.document(role)

    Draft7Validator.check_schema(document)

    for name, field in fields(document):
        assert field["title"], name
        assert field["description"].endswith("."), name
        assert {"default", "examples", "enum"} & field.keys(), name


@times(100, 5_000)
@given(mutated_profiles())
def test_the_schema_that_is_printed_takes_what_the_reader_takes(data: Any) -> None:
    """It refers to itself where the reader has what it refers to in its place."""
    printed = Draft7Validator(json.loads(schema.text(data["role"])))

    assert printed.is_valid(data) == Draft7Validator(schema.document(data["role"])).is_valid(data)


@pytest.mark.parametrize("role", schema.ROLES)
def test_a_schema_takes_no_unknown_field_anywhere(role: str) -> None:
    document = schema.document(role)
    objects = [document, *(each.get("items", {}) for _, each in fields(document))]

    assert all(each["additionalProperties"] is False for each in objects if "properties" in each)


@pytest.mark.parametrize("role", schema.ROLES)
def test_every_keyword_of_a_schema_has_its_words(role: str) -> None:
    # role_of has seen to the role before; the others refuse nothing by themselves.
    silent = {"const", "properties", "items", "if", "then", "else", "default", "examples"}
    silent |= {"$schema", "title", "description"}

    assert set(keywords(schema.document(role))) - silent <= EXPLANATIONS.keys()


@pytest.mark.parametrize("role", schema.ROLES)
def test_the_examples_and_defaults_of_a_schema_are_what_it_takes(role: str) -> None:
    for name, field in fields(schema.document(role)):
        values = [*field.get("examples", []), *([field["default"]] if "default" in field else [])]
        assert all(Draft7Validator(field).is_valid(value) for value in values), name


def test_the_schema_knows_the_holders_and_the_defaults_of_the_model() -> None:
    described = schema.document("realserver")["properties"]
    model = RealServerProfile("a", "eth0", "dummy", "lvsdr0", (VIP,))

    assert sorted(described["holder"]["enum"]) == sorted(HOLDER_KINDS)
    for name in ("arp_ignore", "arp_announce", "arp_scope", "silences", "guard"):
        assert described[name]["default"] == getattr(model, name)


def test_the_schema_and_the_model_have_the_same_defaults_for_servers() -> None:
    virtual = schema.document("director")["properties"]["virtual_servers"]["items"]["properties"]
    real = virtual["real_servers"]["items"]["properties"]

    for kind, described in ((VirtualServer, virtual), (RealServer, real)):
        for field in SETTING_FIELDS[kind]:
            if "default" in described.get(field.name, ()):
                assert described[field.name]["default"] == field.default, field.name


# Whatever comes.

SETTINGS = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
COIN: st.SearchStrategy[bool] = st.booleans()
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.ip_addresses().map(str)
    | st.sampled_from(
        [
            *("eth0", "lo", "tunl0", "dummy", "dr", "tunnel", "masquerade"),
            *("192.168.1.2", "192.168.1.2/24", "2001:db8::2", "fe80::1", "::ffff:1.2.3.4"),
            *(0, 1, 2, 3, 80, 65535, 65536, 1.0, 10**99),
        ]
    )
)
FIELDS = st.sampled_from(
    sorted({name for role in schema.ROLES for name, _ in fields(schema.document(role))})
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(FIELDS | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FULL_REALSERVER = {
    **REALSERVER,
    "name": "a",
    "holder_link": "v",
    "arp_ignore": 1,
    "guard": True,
    "rips": ["192.0.2.11"],
}
FULL_DIRECTOR = {
    **DIRECTOR,
    "vips": [*DIRECTOR["vips"], {"address": "2001:db8::2"}],
    "virtual_servers": [
        *DIRECTOR["virtual_servers"],
        service({"rip": "2001:db8::11", "port": 80}, vip="2001:db8::2"),
        marked("10.0.0.1", weight=0, forwarding_method="masquerade", port=8080),
    ],
}


def containers(data: Any) -> list[Any]:
    inner = data.values() if isinstance(data, dict) else data
    return [
        data,
        *(each for part in inner if isinstance(part, dict | list) for each in containers(part)),
    ]


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Return a good profile with up to three things in it changed, added or taken away."""
    data = copy.deepcopy(draw(st.sampled_from([FULL_DIRECTOR, FULL_REALSERVER])))
    for _ in range(draw(st.integers(0, 3))):
        part = draw(st.sampled_from(containers(data)))
        keys: list[Any] = list(part) if isinstance(part, dict) else list(range(len(part)))
        first, second = draw(COIN), draw(COIN)
        if isinstance(part, dict) and first:
            part[draw(FIELDS | st.text(max_size=8))] = draw(VALUES)
        elif keys and second:
            part[draw(st.sampled_from(keys))] = draw(VALUES)
        elif keys:
            del part[draw(st.sampled_from(keys))]
    return data


def read_or_refused(path: Path) -> Profile | None:
    """Return the profile, or None where it is refused as a person would want it to be.

    Whoever asks for every mistake is told the same one first.
    """
    profile, mistakes = read_all(path)
    try:
        assert read(path) == profile
        return profile
    except ProfileError as error:
        assert (mistakes[0].message, mistakes[0].hints) == (error.message, error.hints)
        assert error.hints
        assert all(text.isprintable() and text for text in (error.message, *error.hints))
        assert len(error.message) < len(str(path)) + 400
        assert all(len(hint) < 200 for hint in error.hints)
        return None


@SETTINGS
@given(VALUES | mutated())
@example([[]])
@example({"role": {}})
@example({**REALSERVER, "vips": [{}]})
def test_whatever_json_holds_it_is_a_profile_or_a_clear_error(tmp_path: Path, data: Any) -> None:
    path = written(tmp_path, data)

    profile = read_or_refused(path)

    if profile is not None:
        assert Draft7Validator(schema.document(profile.role)).is_valid(data)


@SETTINGS
@given(mutated())
def test_the_reader_refuses_by_the_schema_what_jsonschema_refuses(data: Any) -> None:
    for role in schema.ROLES:
        document = schema.document(role)
        if not isinstance(data, dict) or data.get("role") != role:
            continue
        try:
            schema_check.refuse_mistakes(document, data, toml=False)
            accepted = True
        except Refusal:
            accepted = False
        assert accepted == Draft7Validator(document).is_valid(data)


@SETTINGS
@given(st.binary(max_size=60), st.integers(0), st.integers(0, 20))
def test_whatever_bytes_a_file_holds_it_is_a_profile_or_a_clear_error(
    tmp_path: Path, noise: bytes, where: int, cut: int
) -> None:
    for suffix, good in ((".json", json.dumps(DIRECTOR, indent=1)), (".toml", DIRECTOR_TOML)):
        raw = good.encode()
        start = where % len(raw)
        path = tmp_path / f"web{suffix}"
        path.write_bytes(raw[:start] + noise + raw[start + cut :])

        read_or_refused(path)


@times(200, 10_000)
@given(VALID)
def test_a_profile_that_is_valid_by_construction_is_taken(tmp_path: Path, data: Any) -> None:
    path = written(tmp_path, data)

    profile = read(path)

    assert profile.role == data["role"]
    assert Draft7Validator(schema.document(profile.role)).is_valid(data)


@times(300, 10_000)
@given(mutated_profiles())
def test_a_profile_near_to_a_valid_one_is_refused_by_the_schema_where_jsonschema_refuses(
    data: Any,
) -> None:
    document = schema.document(data["role"])
    try:
        schema_check.refuse_mistakes(document, data, toml=False)
        accepted = True
    except Refusal:
        accepted = False

    assert accepted == Draft7Validator(document).is_valid(data)


@times(100, 5_000)
@given(mutated_profiles())
def test_what_is_read_is_what_jsonschema_takes(tmp_path: Path, data: Any) -> None:
    path = written(tmp_path, data)

    profile = read_or_refused(path)

    if profile is not None:
        assert Draft7Validator(schema.document(profile.role)).is_valid(data)


# Several profiles.


def a_director(name: str = "web", method: str = "dr", *vips: str) -> DirectorProfile:
    addresses = [ip_address(vip) for vip in vips or ("192.168.1.2",)]
    services = [Service("tcp", vip, 80) for vip in addresses]
    return DirectorProfile(
        name,
        "eth0",
        tuple(LabelledVip(vip, "eth0") for vip in addresses),
        tuple(VirtualServer(each) for each in services),
        tuple(
            RealServer(each, ip_address("10.0.0.1"), 80, forwarding_method=method)
            for each in services
        ),
    )


def a_realserver(name: str = "rs1", holder: str = "dummy", *vips: str) -> RealServerProfile:
    addresses = tuple(ip_address(vip) for vip in vips or ("192.168.1.2",))
    return RealServerProfile(name, "eth0", holder, HOLDER_KINDS[holder].link, addresses)


def subjects(*profiles: Profile) -> list[tuple[str, str]]:
    return [(found.subject, found.message) for found in disagreements(profiles)]


def test_the_shipped_profiles_agree() -> None:
    shipped = [read(PROFILES / "director.json"), read(PROFILES / "realserver.json")]

    assert disagreements(shipped) == []


def test_a_vip_that_no_director_has_is_found() -> None:
    held = a_realserver("rs1", "dummy", "192.168.1.2", "192.168.1.3")

    found = subjects(a_director(), held)

    assert found == [("realserver rs1", "realserver rs1 holds 192.168.1.3, which no director has")]


def test_a_vip_that_a_real_server_does_not_hold_is_found() -> None:
    both = a_director("web", "dr", "192.168.1.2", "192.168.1.3")

    found = subjects(both, a_realserver())

    assert found == [
        (
            "realserver rs1",
            "realserver rs1 does not hold 192.168.1.3, for which director web sends packets",
        )
    ]


def test_a_real_server_behind_masquerade_need_not_hold_the_vip() -> None:
    both = a_director("web", "masquerade", "192.168.1.2", "192.168.1.3")

    assert subjects(both, a_realserver()) == []


def test_real_servers_may_share_the_vips_between_them() -> None:
    one, two = a_director("web", "dr", "192.168.1.2"), a_director("mail", "dr", "192.168.1.3")
    other = RealServer(two.real_servers[0].service, ip_address("10.0.0.2"), 80)
    cluster = DirectorProfile(
        "all",
        "eth0",
        one.labelled_vips + two.labelled_vips,
        one.virtual_servers + two.virtual_servers,
        (*one.real_servers, other),
    )

    shares = [a_realserver("rs1"), a_realserver("rs2", "lo", "192.168.1.3")]

    assert subjects(cluster, *shares) == []


def test_a_tunnel_that_ends_nowhere_is_found() -> None:
    found = subjects(a_director(method="tunnel"), a_realserver())

    assert found == [
        ("realserver rs1", "realserver rs1 has no tunl0, through which director web sends packets")
    ]
    assert subjects(a_director(method="tunnel"), a_realserver("rs1", "tunl0")) == []


TYPED = {
    "ipip": (IPIP_TUNNEL, "tunl0"),
    "gue": ((1, 5555, 0), "tunl0"),
    "gre": ((2, 0, 0), "gre0"),
}


@pytest.mark.parametrize("kind", TYPED)
def test_each_kind_of_tunnel_ends_at_its_own_link(kind: str) -> None:
    tunnel, link = TYPED[kind]
    (server,) = a_director(method="tunnel").real_servers
    to_it = replace(a_director(method="tunnel"), real_servers=(replace(server, tunnel=tunnel),))

    found = {holder: disagreements([to_it, a_realserver("rs1", holder)]) for holder in HOLDER_KINDS}
    closed = {holder for holder in found if any(each.rule == "NO-TUNNEL" for each in found[holder])}
    ports = [(each.hint, each.look, each.on) for each in found[link]]

    assert closed == set(HOLDER_KINDS) - {link}
    assert ports == (
        [("", "modprobe fou; ip fou add port 5555 gue", "that host")] if kind == "gue" else []
    )


def test_ipv6_comes_out_of_a_link_of_its_own() -> None:
    to_it = a_director("web", "tunnel", "fd00::2")
    service = Service("tcp", ip_address("fd00::2"), 80, family="inet6")
    to_it = replace(to_it, real_servers=(replace(to_it.real_servers[0], service=service),))
    six = replace(to_it.real_servers[0], rip=ip_address("fd00::1"))
    held = a_realserver("1", "lo", "fd00::2")

    within = disagreements([replace(to_it, real_servers=(six,)), held])
    over_ipv4 = disagreements([to_it, held])
    gre = replace(to_it, real_servers=(replace(to_it.real_servers[0], tunnel=(2, 0, 0)),))
    over_gre = disagreements([gre, held])

    assert [(each.rule, each.severity) for each in within] == [("NO-TUNNEL", "error")]
    # It unpacks IPv6, and as a holder it carries IPv4 only.
    assert [each.look for each in over_gre] == ["modprobe ip_gre; ip link set gre0 up"]
    assert "ip6tnl0" in within[0].look
    assert [(each.rule, each.severity) for each in over_ipv4] == [("NO-TUNNEL", "warning")]
    assert over_ipv4[0].look == "modprobe sit; ip link set sit0 up"
    assert over_ipv4[0].on == "that host"


def test_a_profile_that_says_its_rips_is_held_to_their_tunnels_only() -> None:
    to_it = a_director(method="tunnel")
    (server,) = to_it.real_servers
    other = replace(server, rip=ip_address("10.0.0.2"), tunnel=(2, 0, 0))
    both = replace(to_it, real_servers=(server, other))
    first = replace(a_realserver("rs1", "tunl0"), rips=(server.rip,))
    second = replace(a_realserver("rs2", "gre0"), rips=(other.rip,))

    fits = disagreements([both, first, second])
    swapped = disagreements([both, replace(first, rips=(other.rip,)), second])

    assert fits == []
    assert [each.rule for each in swapped if each.subject == "realserver rs1"] == ["NO-TUNNEL"]


def test_a_rip_that_no_profile_is_for_is_found_where_every_profile_says() -> None:
    known, silent = (
        replace(a_realserver("rs1"), rips=(ip_address("10.0.0.9"),)),
        a_realserver("rs2"),
    )

    both = {found.rule: found.rip for found in disagreements([a_director(), known])}
    partly = {found.rule: found.severity for found in disagreements([a_director(), known, silent])}

    assert both == {
        "RIP-NOT-PROFILED": ip_address("10.0.0.1"),
        "RIP-NO-DIRECTOR": ip_address("10.0.0.9"),
    }
    assert partly == {"RIP-NO-DIRECTOR": "warning"}


def test_rips_that_fit_are_no_finding() -> None:
    held = replace(a_realserver(), rips=(ip_address("10.0.0.1"),))

    assert disagreements([a_director(), held], [ip_interface("10.0.0.254/24")]) == []


@pytest.mark.parametrize(
    ("method", "dip", "count"),
    [
        ("dr", "10.0.1.254/24", 1),
        ("dr", "10.0.0.254/16", 0),
        ("dr", "fd00::1/64", 0),
        ("tunnel", "10.0.1.254/24", 0),
    ],
)
def test_direct_routing_reaches_the_subnet_of_the_dip(method: str, dip: str, count: int) -> None:
    found = disagreements([a_director("web", method)], [ip_interface(dip)])

    assert [each.rule for each in found] == ["RIP-OFF-SUBNET"] * count


def test_a_director_on_two_segments_has_a_dip_on_each() -> None:
    clients, servers = ip_interface("192.168.1.10/24"), ip_interface("10.0.0.254/24")
    elsewhere = ip_interface("10.0.1.254/24")

    found = {
        dips: [(each.rule, each.severity) for each in disagreements([a_director()], dips)]
        for dips in ((clients,), (clients, servers), (clients, elsewhere), (elsewhere,))
    }

    assert found == {
        (clients,): [("RIP-OFF-SUBNET", "warning")],
        (clients, servers): [],
        (clients, elsewhere): [("RIP-OFF-SUBNET", "warning")],
        (elsewhere,): [("RIP-OFF-SUBNET", "error")],
    }


@pytest.mark.parametrize(
    ("scheduler", "severity", "look"),
    [
        ("round-robin", "error", "did you mean rr"),
        ("weighted_roundrobin", "error", "did you mean wrr"),
        ("leastconn", "error", "did you mean lc"),
        ("least-conns", "error", "did you mean lc"),
        ("source-hashing", "error", "did you mean sh"),
        ("maglev", "error", "did you mean mh"),
        ("wlcc", "warning", "did you mean wlc"),
        ("vip9000", "warning", "those of Linux: rr, "),
    ],
)
def test_a_scheduler_that_linux_lacks_is_found(scheduler: str, severity: str, look: str) -> None:
    director = a_director()
    (service,) = director.virtual_servers
    asked = replace(director, virtual_servers=(replace(service, scheduler=scheduler),) * 2)

    (found,) = scheduler_findings([asked, a_realserver()])

    assert (found.rule, found.severity) == ("SCHEDULER-UNKNOWN", severity)
    assert found.look.startswith(look)


def test_each_scheduler_of_linux_is_sound() -> None:
    service = a_director().virtual_servers[0]
    every = tuple(replace(service, scheduler=name) for name in SCHEDULERS)

    assert not [*scheduler_findings([replace(a_director(), virtual_servers=every)])]


def test_rips_keep_two_clusters_apart() -> None:
    one, two = a_director("web", "dr", "192.168.1.2"), a_director("mail", "dr", "192.168.1.3")
    (server,) = two.real_servers
    two = replace(two, real_servers=(replace(server, rip=ip_address("10.0.0.2")),))
    first = replace(a_realserver("rs1"), rips=(ip_address("10.0.0.1"),))
    second = replace(a_realserver("rs2", "lo", "192.168.1.3"), rips=(ip_address("10.0.0.2"),))

    apart = disagreements([one, two, first, second])
    swapped = disagreements([one, two, replace(first, rips=second.rips), second])

    assert apart == []
    assert ("VIP-NOT-HELD", "realserver rs1") in {(each.rule, each.subject) for each in swapped}


@times(300, 10_000)
@given(mutated_profiles())
def test_what_the_quick_way_takes_jsonschema_takes(data: Any) -> None:
    document = schema.document(data["role"])

    taken = accepts(document)(data)

    assert not taken or Draft7Validator(document).is_valid(data)


# The quick way takes no 1.0 for an integer.
NUMBERS = {"1.0": 1, "2.0": 2, "8.0": 8}


@SETTINGS
@given(VALID)
def test_a_valid_profile_goes_the_quick_way(data: Any) -> None:
    """Or a large one would cost a second: a schema whose words it does not know shows here."""
    whole = json.loads(json.dumps(data), parse_float=lambda text: NUMBERS.get(text, float(text)))

    assert accepts(schema.document(data["role"]))(whole)
