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
fn errors_name_the_line_and_the_cause() {
    for (text, line, cause) in [
        ("[api]\nport = 0", "line 2", "between 1 and 65535"),
        ("[api]\nport = 70000", "line 2", "70000"),
        ("[api]\naddress = \"localhost\"", "line 2", "IPv4"),
        ("[tenants]\nmemory = \"4GB\"", "line 2", "512MiB"),
        ("[tenants]\nmemory = \"1MiB\"", "line 2", "8MiB"),
        ("[tenants]\ncpus = -1.0", "line 2", "between 0.01"),
        ("[tenants]\ncpus = \"two\"", "line 2", "expected a number"),
        ("[tenants]\npids = 1", "line 2", "at least 8"),
        ("[tenants]\ndisk = \"1023KiB\"", "line 2", "less than 1MiB"),
        ("[tenants]\ndisk_reserve = \"-1GiB\"", "line 2", "512MiB"),
        ("[api]\nport = \"http\"", "line 2", "expected a whole number"),
        ("[network]\npool = \"8.8.8.0/24\"", "line 2", "private"),
        ("[engine]\nsocket = \"tcp://1.2.3.4\"", "line 2", "neither"),
        ("[engine]\nsocket = \"unix://relative\"", "line 2", "neither"),
        ("[update]\nkeep = 1", "line 2", "between 2 and 10"),
        ("[update]\nkeep = 11", "line 2", "between 2 and 10"),
        ("[update]\nhealthy_for = 601", "line 2", "between 0 and 600"),
        ("[update]\npatience = 0", "line 2", "between 1 and 3600"),
        ("[update]\npatience = \"1m\"", "line 2", "expected a whole number"),
        ("[update]\ncanary = \"No Image\"", "line 2", "image name"),
        ("[update]\ncanary = false", "line 2", "string"),
        ("[api\n", "line 1", ""),
        ("api = 1\n", "line 1", ""),
    ] {
        let message = settings(text).unwrap_err().to_string();
        assert!(message.contains(line) && message.contains(cause), "{text:?} gave {message}");
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
    assert_eq!(wrong.to_string(), "fresh.knob is \"a\" (string), and has to be integer");
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
        "10.0.0.0/255",
    ] {
        assert!(text.parse::<PoolRange>().is_err(), "{text}");
    }
    for text in ["10.213.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.7.8/29"] {
        assert_eq!(text.parse::<PoolRange>().unwrap().to_string(), text);
    }
}
