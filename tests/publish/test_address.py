"""A broker's address as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.publish.address import Address, Scheme, address_of

MQTT, MQTTS = Scheme(tls=False, websockets=False), Scheme(tls=True, websockets=False)
WS, WSS = Scheme(tls=False, websockets=True), Scheme(tls=True, websockets=True)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("broker.example", Address("broker.example")),
        ("bröker.example", Address("bröker.example")),
        ("192.0.2.7", Address("192.0.2.7")),
        ("my_broker", Address("my_broker")),
        ("embedded", Address("embedded")),
        ("broker.example:1884", Address("broker.example", 1884)),
        ("192.0.2.7:1884", Address("192.0.2.7", 1884)),
        ("::1", Address("::1")),
        ("[::1]", Address("::1")),
        ("[::1]:1884", Address("::1", 1884)),
        ("fe80::1%eth0", Address("fe80::1%eth0")),
        ("[2001:db8::7]:8883", Address("2001:db8::7", 8883)),
        ("mqtt://broker.example", Address("broker.example", scheme=MQTT)),
        ("MQTT://broker.example:1884/", Address("broker.example", 1884, scheme=MQTT)),
        ("tcp://broker.example:1884", Address("broker.example", 1884, scheme=MQTT)),
        ("mqtts://broker.example", Address("broker.example", scheme=MQTTS)),
        ("ssl://[::1]:8884", Address("::1", 8884, scheme=MQTTS)),
        ("ws://broker.example:9001", Address("broker.example", 9001, scheme=WS)),
        ("ws://broker.example/a/b", Address("broker.example", 0, "/a/b", WS)),
        ("wss://[2001:db8::7]:443/mqtt", Address("2001:db8::7", 443, "/mqtt", WSS)),
    ],
)
def test_an_address_is_understood_as_people_write_it(text, address):
    assert address_of(text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://broker.example", "write a name, or a URL"),
        ("://broker.example", "write a name, or a URL"),
        ("mqtt:/broker.example", "not the address"),
        ("mqtts://", "not the address"),
        ("broker.example:", "not the address"),
        ("broker.example:port", "not the address"),
        ("broker.example:70000", "not the address"),
        ("[::1", "not the address"),
        ("::1:1883:x", "not the address"),
        ("a b", "not the address"),
        ("broker.example/mqtt", "a path is allowed with"),
        ("mqtt://broker.example/mqtt", "a path is allowed with"),
        ("ws://broker.example/a\r\nHost:b", "not the address"),
        ("ws://broker.example/a:b", "the path of a web socket"),
        ("ws://broker.example/mqtt?token=hunter2", "the path of a web socket"),
        ("mqtt://stop-7:hunter2@broker.example", "mqtt.user and mqtt.password_file"),
        ("embedded:1884", "write embedded alone"),
        ("mqtt://embedded", "write embedded alone"),
    ],
)
def test_what_is_not_an_address_is_refused_with_the_fix_and_without_a_password_that_it_may_contain(text, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        address_of(text)
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=40) | st.from_regex(r"(mqtts?|wss?)://[\[\]:@/?#%a-f0-9. ]{0,30}", fullmatch=True))
def test_every_text_is_an_address_or_refused(text):
    try:
        address = address_of(text)
    except ValueError as error:
        assert str(error).isprintable()
        return
    assert address.host
    assert 0 <= address.port <= 65_535
    assert f"{address.host}{address.path}".isprintable()


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        ("embedded", True),
        ("localhost", True),
        ("127.0.0.1:1884", True),
        ("mqtts://[::1]", True),
        ("192.0.2.7", False),
        ("broker.example", False),
        ("localhost.example", False),
    ],
)
def test_a_broker_on_this_machine_is_told_from_one_on_the_network(text, is_loopback):
    assert address_of(text).is_loopback is is_loopback
