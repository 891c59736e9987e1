"""From Spark-style settings to the options of fsspec's backends."""

from __future__ import annotations

import logging
import pickle

import pytest

from spark_kernel.common.errors import SettingsError
from spark_kernel.storage.options import StorageOptions


def s3(settings: dict[str, str]) -> dict[str, object]:
    return StorageOptions.from_settings({f"spark.hadoop.fs.s3a.{name}": value for name, value in settings.items()}).of(
        "s3"
    )


def test_hadoops_names_of_credentials_and_endpoint_are_understood() -> None:
    options = s3(
        {
            "access.key": "AKIA",
            "secret.key": "abc/def",
            "session.token": "t",
            "endpoint": "http://127.0.0.1:9000",
            "endpoint.region": "eu-west-1",
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
        }
    )
    assert (options["key"], options["secret"], options["token"]) == ("AKIA", "abc/def", "t")
    assert options["endpoint_url"] == "http://127.0.0.1:9000"
    assert options["client_kwargs"] == {"region_name": "eu-west-1"}
    assert options["config_kwargs"]["s3"] == {"addressing_style": "path"}  # type: ignore[index]
    assert options["use_ssl"] is False


@pytest.mark.parametrize(
    ("ssl", "endpoint"), [("true", "https://minio:9000"), ("false", "http://minio:9000"), (None, "https://minio:9000")]
)
def test_an_endpoint_without_a_scheme_gets_the_one_that_ssl_says(ssl: str | None, endpoint: str) -> None:
    settings = {"endpoint": "minio:9000"} | ({"connection.ssl.enabled": ssl} if ssl else {})
    assert s3(settings)["endpoint_url"] == endpoint


def test_durations_are_milliseconds_unless_they_carry_a_unit() -> None:
    options = s3({"connection.establish.timeout": "1500", "connection.timeout": "2m", "attempts.maximum": "7"})
    config = options["config_kwargs"]
    assert (config["connect_timeout"], config["read_timeout"]) == (1.5, 120.0)  # type: ignore[index]
    assert config["retries"]["total_max_attempts"] == 7  # type: ignore[index]


def test_the_anonymous_provider_means_no_credentials() -> None:
    provider = "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider"
    assert s3({"aws.credentials.provider": provider})["anon"] is True
    assert "anon" not in s3({"aws.credentials.provider": "com.amazonaws.auth.InstanceProfileCredentialsProvider"})


@pytest.mark.parametrize(
    ("name", "value"),
    [("path.style.access", "yes"), ("connection.timeout", "soon"), ("attempts.maximum", "many")],
)
def test_a_value_that_makes_no_sense_names_its_setting(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"spark\.hadoop\.fs\.s3a\.{name}='{value}'"):
        s3({name: value})


def test_any_option_of_any_protocol_can_be_given() -> None:
    options = StorageOptions.from_settings(
        {
            "spark.kernel.storage.s3.anon": "true",
            "spark.kernel.storage.s3.client_kwargs": '{"region_name": "eu-central-1"}',
            "spark.kernel.storage.sftp.port": "2222",
            "spark.kernel.storage.sftp.username": "ada",
            "spark.kernel.storage.abfs.account_name": "store",
            "spark.app.name": "not storage",
        }
    )
    assert options.of("s3")["anon"] is True
    assert options.of("s3")["client_kwargs"] == {"region_name": "eu-central-1"}
    assert options.of("sftp") == {"port": 2222, "username": "ada"}
    assert options.of("abfs") == {"account_name": "store"}
    assert options.of("memory") == {}


@pytest.mark.parametrize("option", ["key", "secret", "token", "password", "account_key", "sas_token"])
def test_a_secret_of_digits_stays_text(option: str) -> None:
    assert StorageOptions.from_settings({f"spark.kernel.storage.abfs.{option}": "0123"}).of("abfs") == {option: "0123"}


def test_the_generic_form_wins_over_hadoops() -> None:
    settings = {"spark.hadoop.fs.s3a.access.key": "hadoop", "spark.kernel.storage.s3a.key": "generic"}
    assert StorageOptions.from_settings(settings).of("s3n")["key"] == "generic"


def test_time_limits_stand_unless_they_are_given() -> None:
    given = StorageOptions.from_settings({"spark.kernel.storage.s3.config_kwargs": '{"connect_timeout": 1}'}).of("s3")
    assert given["config_kwargs"]["connect_timeout"] == 1
    assert given["config_kwargs"]["read_timeout"] == StorageOptions().of("s3")["config_kwargs"]["read_timeout"]


@pytest.mark.parametrize("name", ["spark.kernel.storage.s3", "spark.kernel.storage.s3.", "spark.kernel.storage..x"])
def test_a_name_without_an_option_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="names no option"):
        StorageOptions.from_settings({name: "1"})


def test_settings_without_effect_are_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        StorageOptions.from_settings(
            {
                "spark.hadoop.fs.gs.project.id": "p",
                "spark.hadoop.fs.s3a.fast.upload": "true",
                "spark.hadoop.fs.s3a.impl": "x",
            }
        )
    warned = {name for record in caplog.records for name in str(record.args).split("'") if "fs." in name}
    assert {"spark.hadoop.fs.gs.project.id", "spark.hadoop.fs.s3a.fast.upload"} == warned - {"spark.kernel.storage."}


def test_options_travel() -> None:
    options = StorageOptions.from_settings({"spark.hadoop.fs.s3a.access.key": "AKIA"})
    assert pickle.loads(pickle.dumps(options)) == options


def test_no_value_is_shown() -> None:
    options = StorageOptions.from_settings(
        {"spark.hadoop.fs.s3a.secret.key": "hunter2", "spark.kernel.storage.sftp.password": "hunter2"}
    )
    assert "hunter2" not in f"{options!r}{options}"
    assert "secret" in repr(options)


def test_what_is_handed_out_may_be_changed() -> None:
    options = StorageOptions.from_settings({"spark.kernel.storage.s3.client_kwargs": '{"a": 1}'})
    options.of("s3")["client_kwargs"]["a"] = 2
    options.of("s3")["config_kwargs"]["connect_timeout"] = 99
    assert options.of("s3")["client_kwargs"] == {"a": 1}
    assert options.of("s3")["config_kwargs"]["connect_timeout"] == 3
