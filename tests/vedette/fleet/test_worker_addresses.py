"""Which ports inference processes take."""

from itertools import islice

import pytest

from vedette.config.config import Config
from vedette.config.listen_settings import Address
from vedette.errors import ConfigError
from vedette.fleet.worker_addresses import worker_address, worker_addresses


def ports(inference: str, count: int, **others: str) -> list[int]:
    config = Config.model_validate({"listen": {"inference": inference, **others}})
    return [address.http.port for address in islice(worker_addresses(config), count)]


def test_further_inference_processes_listen_ten_ports_up_each() -> None:
    assert ports("127.0.0.1:8000", 3) == [8000, 8010, 8020]


def test_a_port_where_another_process_listens_is_left_out() -> None:
    assert ports("127.0.0.1:8070", 3) == [8070, 8100, 8110]
    assert ports("127.0.0.1:8000", 3, nats="127.0.0.1:8010", gateway="127.0.0.1:8020") == [8000, 8030, 8040]


def test_a_free_port_stays_a_free_port() -> None:
    assert ports("127.0.0.1:0", 3) == [0, 0, 0]


def test_when_no_port_is_left_the_key_to_change_is_said() -> None:
    assert ports("127.0.0.1:65530", 1) == [65530]
    with pytest.raises(ConfigError, match=r"listen\.inference: 127\.0\.0\.1:65530: .* choose a lower one"):
        ports("127.0.0.1:65530", 2)


def addresses(count: int, **listen: str) -> list[tuple[int, int]]:
    config = Config.model_validate({"listen": listen})
    return [(address.http.port, address.grpc.port) for address in islice(worker_addresses(config), count)]


def test_grpc_is_on_the_port_after_that_of_http_or_where_the_configuration_says() -> None:
    assert addresses(2) == [(8000, 8001), (8010, 8011)]
    assert addresses(2, grpc="127.0.0.1:9000") == [(8000, 9000), (8010, 9010)]
    assert addresses(2, inference="127.0.0.1:0") == [(0, 0), (0, 0)]


def test_no_process_has_a_port_of_another_for_its_grpc() -> None:
    assert addresses(2, nats="127.0.0.1:8011") == [(8000, 8001), (8020, 8021)]
    ports = [port for pair in addresses(4, grpc="127.0.0.1:8010") for port in pair]
    assert len(set(ports)) == 8


def test_grpc_that_is_given_no_port_is_beside_the_http_that_is_said() -> None:
    config = Config.model_validate({"listen": {"grpc": "127.0.0.1:9000"}})
    http = Address(host="127.0.0.1", port=8050)
    assert worker_address(config, http).grpc.port == 8051
    assert worker_address(config, http, Address(host="127.0.0.1", port=0)).grpc.port == 0
    with pytest.raises(ConfigError, match=r"listen\.grpc: there is no port after 127\.0\.0\.1:65535"):
        worker_address(config, Address(host="127.0.0.1", port=65535))
