#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// The settings of an operator's text over the defaults.
fn settings(operator: &str) -> Result<Settings, SettingsError> {
    Layers::parse(DEFAULTS, operator).map(|layers| layers.settings().clone())
}

fn effective(layers: &Layers, key: &str) -> Option<(String, Origin)> {
    layers.effective().into_iter().find(|effective| effective.key == key).map(|found| (found.value, found.origin))
}

#[test]
fn the_defaults_are_complete_and_as_documented() {
    let settings = settings("").unwrap();
    assert_eq!(Layers::parse("", DEFAULTS).unwrap().settings(), &settings);
    assert_eq!(settings.api.to_string(), "0.0.0.0:3000");
    assert_eq!(settings.tenant_ports, (3001, 3999));
    assert_eq!(settings.limits, Limits { memory: 4 << 30, nano_cpus: 2_000_000_000, pids: 512 });
    assert_eq!(settings.disk, DiskLimits { tenant: 10 << 30, reserve: 1 << 30 });
    assert_eq!(settings.pool.to_string(), "10.213.0.0/16");
    assert_eq!(settings.engine, EngineSocket::Auto);
    assert_eq!(settings.update, UpdateSettings::default());
}

#[test]
fn the_operators_values_go_over_the_releases_and_those_over_the_programs() {
    let release = "[api]\nport = 90\n[tenants]\nmemory = \"1GiB\"\n[fresh]\nknob = 1\n[update]\nkeep = 3\n";
    let operator = "[api]\nport = 80\n[tenants]\ncpus = 1\n[fresh]\nknob = 2\n[engine]\nsocket = \"unix:///x.sock\"\n\
                    [update]\nhealthy_for = 0\n";
    let layers = Layers::parse(release, operator).unwrap();
    let settings = layers.settings();
    assert_eq!((settings.api.port(), settings.tenant_ports), (80, (3001, 3999)));
    assert_eq!((settings.limits.memory, settings.limits.nano_cpus), (1 << 30, 1_000_000_000));
    assert_eq!(settings.engine, EngineSocket::Unix("/x.sock".into()));
    assert_eq!((settings.update.keep, settings.update.healthy_for), (3, Duration::ZERO));
    let found = |key: &str| effective(&layers, key).unwrap();
    assert_eq!(found("api.port"), ("80".to_owned(), Origin::Operator));
    assert_eq!(found("tenants.memory"), ("\"1GiB\"".to_owned(), Origin::Release));
    assert_eq!(found("tenants.pids"), ("512".to_owned(), Origin::Default));
    assert_eq!(found("fresh.knob"), ("2".to_owned(), Origin::Operator));
}

#[test]
fn keys_that_the_release_does_not_have_are_named_and_have_no_effect() {
    let layers = Layers::parse(DEFAULTS, "loose = 1\n[api]\nprot = 80\nport = 80\n[fresh]\nknob = 2\n").unwrap();
    assert_eq!(layers.unknown(), ["api.prot", "fresh.knob", "loose"]);
    assert_eq!(effective(&layers, "api.prot"), None);
    assert_eq!(layers.settings().api.port(), 80);
}

#[test]
fn errors_name_the_setting_its_value_and_what_is_wanted() {
    let size = |least: &str| format!("a size{least}, such as \"512MiB\" or \"4GiB\"");
    let (port, memory, disk) = ("a whole number from 1 to 65535", size(" of at least 8MiB"), size(" of at least 1MiB"));
    let pool = "a private IPv4 range from /8 to /29 that begins at its first address, such as \"10.213.0.0/16\"";
    let canary = "the name of a tenant image, \"none\", or \"\" for the release's own choice";
    for (key, value, wanted) in [
        ("api.port", "0", port),
        ("api.port", "70000", port),
        ("api.port", "\"http\"", port),
        ("api.port", "1.5", port),
        ("api.port", "9223372036854775807", port),
        ("api.address", "\"localhost\"", "an IPv4 address, such as \"0.0.0.0\""),
        ("api.address", "10", "an IPv4 address, such as \"0.0.0.0\""),
        ("tenants.memory", "\"4GB\"", &memory),
        ("tenants.memory", "\"1MiB\"", &memory),
        ("tenants.memory", "true", &memory),
        ("tenants.cpus", "-1.0", "a number from 0.01 to 1024"),
        ("tenants.cpus", "\"two\"", "a number from 0.01 to 1024"),
        ("tenants.pids", "1", "a whole number from 8 to 4294967295"),
        ("tenants.disk", "\"1023KiB\"", &disk),
        ("tenants.disk_reserve", "\"-1GiB\"", &size("")),
        ("tenants.disk_reserve", "2026-01-01", &size("")),
        ("network.pool", "\"8.8.8.0/24\"", pool),
        ("network.pool", "10.5", pool),
        ("engine.socket", "\"tcp://1.2.3.4\"", "\"auto\" or \"unix:///path/of/a/socket\""),
        ("engine.socket", "\"unix://relative\"", "\"auto\" or \"unix:///path/of/a/socket\""),
        ("update.keep", "1", "a whole number from 2 to 10"),
        ("update.keep", "11", "a whole number from 2 to 10"),
        ("update.healthy_for", "601", "a whole number from 0 to 600"),
        ("update.patience", "0", "a whole number from 1 to 3600"),
        ("update.patience", "\"1m\"", "a whole number from 1 to 3600"),
        ("update.canary", "\"No Image\"", canary),
        ("update.canary", "false", canary),
    ] {
        let told = |text: &str| settings(text).unwrap_err().to_string();
        assert_eq!(told(&format!("{key} = {value}\n")), format!("{key} is {value}: it has to be {wanted}"));
        assert_eq!(told(&format!("{key} = [{value}]\n")), format!("{key} is a list: it has to be {wanted}"));
        assert_eq!(told(&format!("[{key}]\nx = {value}\n")), format!("{key} is a table: it has to be {wanted}"));
    }
    for (text, told) in [
        ("\n[api\n", "line 2: unclosed table, expected `]`"),
        ("api = 1\n", "api is 1: it has to be a section, which begins with the line [api]"),
        ("[[api]]\nport = 80\n", "api is a list: it has to be a section, which begins with the line [api]"),
    ] {
        assert_eq!(settings(text).unwrap_err().to_string(), told, "{text}");
    }
}

#[test]
fn a_release_is_tried_with_the_image_that_the_operator_names() {
    let canary = |value: &str| settings(&format!("[update]\ncanary = \"{value}\"")).unwrap().update.canary;
    assert_eq!(canary(""), CanaryChoice::Release);
    assert_eq!(canary("none"), CanaryChoice::None);
    assert_eq!(canary("node-express"), CanaryChoice::Image("node-express".parse().unwrap()));
}

#[test]
fn a_key_that_only_the_release_knows_keeps_its_type() {
    let release = "[fresh]\nknob = 1\n";
    let wrong = Layers::parse(release, "[fresh]\nknob = \"a\"\n").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "fresh.knob is \"a\": it has to be of TOML's type integer, as the release's value is"
    );
    assert!(matches!(Layers::parse("[api]\nport = 0", ""), Err(SettingsError::Release(_))));
}

#[test]
fn refuses_port_ranges_that_are_empty_or_contain_the_apis_port() {
    let empty = settings("[tenants]\nfirst_port = 10\nlast_port = 9");
    assert!(matches!(empty, Err(SettingsError::EmptyPortRange { first: 10, last: 9 })));
    let taken = settings("[api]\nport = 3001");
    assert!(matches!(taken, Err(SettingsError::ApiPortTaken(3001))));
}

#[test]
fn refuses_ranges_that_are_not_a_private_pool() {
    for text in [
        "",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/7",
        "10.0.0.0/30",
        "10.0.0.1/16",
        "8.8.0.0/16",
        "172.16.0.0/11",
        "192.168.0.0/15",
        "::/64",
        "10.0.0.0/16x",
        "10.0.0.0/016",
        "10.0.0.0/+16",
        "10.0.0.0/255",
    ] {
        assert!(text.parse::<PoolRange>().is_err(), "{text}");
    }
    for text in ["10.213.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.7.8/29"] {
        assert_eq!(text.parse::<PoolRange>().unwrap().to_string(), text);
    }
}
