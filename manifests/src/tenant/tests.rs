#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use serde_json::{Value, json};

fn parsed(health: &Value, more: &Value) -> Result<Tenant, String> {
    let mut tenant = json!({"language": "c", "port": 80, "health": health});
    tenant.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(tenant).map_err(|error| error.to_string())
}

#[test]
fn a_health_check_is_a_path_tcp_or_a_command_and_is_written_as_it_was() {
    for (health, shown) in [
        (json!("/health?full=1"), "/health?full=1"),
        (json!("tcp"), "tcp"),
        (json!({"command": ["pg_isready", "-q"]}), "command [\"pg_isready\", \"-q\"]"),
    ] {
        let tenant = parsed(&health, &json!({})).unwrap();
        assert_eq!(tenant.health.to_string(), shown);
        assert_eq!(serde_json::to_value(&tenant).unwrap(), json!({"language": "c", "port": 80, "health": health}));
    }
    let many = vec!["x"; limits::COMMAND_WORDS + 1];
    for wrong in [
        json!("up"),
        json!("/a b"),
        json!("/a\r\nHost: x"),
        json!(format!("/{}", "a".repeat(limits::TEXT_BYTES))),
        json!({"command": []}),
        json!({"command": [""]}),
        json!({"command": ["a\0b"]}),
        json!({"command": many}),
        json!({"command": ["a"], "shell": true}),
        json!(["a"]),
        json!(1),
    ] {
        let error = parsed(&wrong, &json!({})).unwrap_err();
        assert!(error.contains("health"), "{wrong}: {error}");
    }
}

#[test]
fn needs_are_read_and_written() {
    let needs = json!({
        "startPeriod": 120, "capabilities": ["NET_BIND_SERVICE"], "memory": 1 << 30, "canary": true,
        "writable": [{"kind": "tmpfs", "path": "/var/cache", "size": 4096}, {"kind": "volume", "path": "/var/lib/x"}],
    });
    let tenant = parsed(&json!("tcp"), &needs).unwrap();
    tenant.check().unwrap();
    assert_eq!(tenant.start_period.duration().as_secs(), 120);
    let written = serde_json::to_value(&tenant).unwrap();
    assert!(needs.as_object().unwrap().iter().all(|(key, value)| written[key] == *value), "{written}");
    for wrong in [
        json!({"startPeriod": 0}),
        json!({"startPeriod": 601}),
        json!({"capabilities": ["NET_RAW"]}),
        json!({"capabilities": ["CAP_CHOWN"]}),
        json!({"writable": [{"kind": "volume", "path": "/a", "size": 1}]}),
        json!({"writable": [{"kind": "bind", "path": "/a"}]}),
        json!({"writable": [{"path": "/a"}]}),
    ] {
        assert!(parsed(&json!("tcp"), &wrong).is_err(), "{wrong}");
    }
}

#[test]
fn needs_that_no_container_can_have_are_told() {
    let tmpfs = |path: &str, size: u64| json!({"kind": "tmpfs", "path": path, "size": size});
    let many: Vec<Value> = (0..=limits::WRITABLE_PATHS).map(|n| tmpfs(&format!("/{n}"), 4096)).collect();
    for (needs, problem) in [
        (json!({"port": 0}), "port is 0"),
        (json!({"writable": many}), "more than 32"),
        (json!({"writable": [tmpfs("/a", 4096), {"kind": "volume", "path": "/a"}]}), "/a twice"),
        (json!({"writable": [tmpfs("/app/data/db", 4096)]}), "every tenant has a volume"),
        (json!({"writable": [tmpfs("/a", 4095)]}), "4 KiB"),
        (json!({"memory": 1}), "8 MiB"),
        (json!({"memory": (1_u64 << 40) + 1}), "1 TiB"),
    ] {
        let found = parsed(&json!("tcp"), &needs).unwrap().check().unwrap_err().to_string();
        assert!(found.contains(problem), "{needs}: {found}");
    }
    // In another one, or around one that every tenant has: engines mount the outer one first.
    let nested = json!({"writable": [tmpfs("/app", 4096), tmpfs("/a", 4096), {"kind": "volume", "path": "/a/b"}]});
    parsed(&json!("tcp"), &nested).unwrap().check().unwrap();
}

#[test]
fn only_absolute_paths_that_are_not_the_kernels_can_be_writable() {
    let long = format!("/{}", "a/".repeat(600));
    for wrong in [
        "", "/", "a", "a/b", "/a/", "//a", "/a//b", "/a/../b", "/..", "/./a", "/proc", "/proc/x", "/sys/fs",
        "/dev/shm", "/a\n", "/a\\b", "/a,b", "/a:b", "/a=b", &long,
    ] {
        assert!(wrong.parse::<WritablePath>().is_err(), "{wrong:?}");
    }
    for right in ["/a", "/var/lib/my app", "/process", "/device/x", "/.hidden", "/a..b"] {
        assert_eq!(right.parse::<WritablePath>().unwrap().as_str(), right);
    }
    let inside = |path: &str, other| path.parse::<WritablePath>().unwrap().is_inside(other);
    assert!(inside("/a/b", "/a") && !inside("/a", "/a") && !inside("/ab", "/a"));
}
